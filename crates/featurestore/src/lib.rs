//! SageMaker Feature Store: feature groups, their records in the online store, and what waits for
//! the offline store.
//!
//! Layer 2c. [`ops`] has one file for each operation of the control plane and of the runtime.
//! A group is a [`GroupRecord`] in the metadata; its records are sealed cells of `online`
//! under data keys that KMS wraps: under the group's own key, which then every caller needs
//! `kms:Decrypt` on, or under an AWS owned key. [`Runtime`] is the part that operations
//! share, [`maintain`] what the server does in the background.

mod actions;
mod answer;
mod backoff;
mod batch;
mod calls;
mod chosen_key;
mod collections;
mod condition_keys;
mod data_keys;
mod drains;
mod error;
mod event;
mod expiry;
mod features;
mod grant;
mod health;
mod input;
mod key_records;
mod lanes;
mod lifecycle;
mod maintenance;
mod meter;
mod name;
mod offline;
mod opened;
pub mod ops;
mod outbox;
mod paging;
mod pending;
mod put;
mod rates;
mod records;
mod renewal;
mod reseal;
mod runtime;
mod schema;
mod search;
mod sent;
mod shape;
mod sizes;
mod source;
mod tags;
#[cfg(test)]
mod testing;
mod throughput;
mod ttl;
mod upkeep;
mod values;
mod wrapping;

pub use condition_keys::CONDITION_KEYS;
pub use drains::{DRAINS, DrainKey, DrainRecord};
pub use error::{Error, RuntimeError};
pub use key_records::{GroupKeys, Wrapped, WrappedKey};
pub use maintenance::{Undone, end, maintain, wipe};
pub use offline::OfflineStore;
pub use outbox::OUTBOX;
pub use pending::{PendingUpdate, Update};
pub use records::{GroupRecord, tables};
pub use renewal::{RenewalLimits, keep_counts};
pub use runtime::{Extensions, OpenError, Options, Quotas, Runtime};
pub use source::FeatureGroups;

use pipeline::Registry;

/// Adds every operation of this crate.
pub fn register(registry: &mut impl Registry) {
    registry.add::<ops::AddTags>();
    registry.add::<ops::CreateFeatureGroup>();
    registry.add::<ops::DeleteFeatureGroup>();
    registry.add::<ops::DeleteTags>();
    registry.add::<ops::DescribeFeatureGroup>();
    registry.add::<ops::DescribeFeatureGroupKeys>();
    registry.add::<ops::DescribeFeatureMetadata>();
    registry.add::<ops::DiagnoseFeatureGroups>();
    registry.add::<ops::GetSearchSuggestions>();
    registry.add::<ops::ListFeatureGroups>();
    registry.add::<ops::ListResourceCatalogs>();
    registry.add::<ops::ListTags>();
    registry.add::<ops::RekeyFeatureGroup>();
    registry.add::<ops::Search>();
    registry.add::<ops::UpdateFeatureGroup>();
    registry.add::<ops::UpdateFeatureMetadata>();
    registry.add::<ops::BatchGetRecord>();
    registry.add::<ops::BatchWriteRecord>();
    registry.add::<ops::DeleteRecord>();
    registry.add::<ops::GetRecord>();
    registry.add::<ops::ListRecords>();
    registry.add::<ops::PutRecord>();
    registry.add::<ops::UpdateRecord>();
}
