//! Strongroom: store.
