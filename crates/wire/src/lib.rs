//! Strongroom: wire.
