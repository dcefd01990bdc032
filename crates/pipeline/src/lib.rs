//! Strongroom: pipeline.
