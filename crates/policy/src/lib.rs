//! Strongroom: policy.
