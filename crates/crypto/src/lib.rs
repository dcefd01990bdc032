//! Strongroom: crypto.
