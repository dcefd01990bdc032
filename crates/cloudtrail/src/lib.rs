//! Strongroom: cloudtrail.
