//! Strongroom: audit.
