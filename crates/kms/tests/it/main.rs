//! KMS through the pipeline, on the embedded engine: policies decide, calls are recorded.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

extern crate strongroom_kms as kms;

mod aliases;
mod asymmetric;
mod audit_records;
mod decryption;
mod deletion;
mod encryption;
mod external_keys;
mod grants;
mod harness;
mod imports;
mod key_policies;
mod key_stores;
mod key_usage;
mod keys;
mod macs;
mod managed_keys;
mod metadata;
mod model;
mod multi_region;
mod multi_region_model;
mod mutations;
mod nonces;
mod quotas;
mod re_encryption;
mod rotation;
mod second_material;
mod shred_kills;
mod states;
mod token_keys;
mod usage;
mod walk;
