//! Strongroom: online.
