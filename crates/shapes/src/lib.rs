//! Strongroom: shapes.
