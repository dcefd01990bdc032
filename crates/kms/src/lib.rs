//! Strongroom: kms.
