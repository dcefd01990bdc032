//! Strongroom: iam.
