//! Strongroom: featurestore.
