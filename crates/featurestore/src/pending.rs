//! What `UpdateFeatureGroup` has asked for, until the service has done it.

use serde::{Deserialize, Serialize};

use crate::records::{Definition, GroupRecord, Storage};
use crate::throughput::Throughput;
use crate::ttl::Ttl;

/// The last update of a group that is not simply done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    /// It is to be done.
    #[serde(rename = "pending")]
    Pending(PendingUpdate),
    /// It was not done, and why.
    #[serde(rename = "failed")]
    Failed(String),
}

/// A change that follows every rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// The features to add.
    pub features: Vec<Definition>,
    /// The time to live of the online store that is to be.
    pub ttl: Option<Ttl>,
    /// Its storage type that is to be; earlier builds have one for groups without an online store,
    /// too.
    pub storage: Option<Storage>,
    /// The throughput that is to be.
    #[serde(default, skip_serializing_if = "Throughput::is_default")]
    pub throughput: Throughput,
}

impl PendingUpdate {
    /// What makes `after` of `before`.
    pub(crate) fn between(before: &GroupRecord, after: &GroupRecord) -> Self {
        let added = after.definitions.get(before.definitions.len()..);
        Self {
            features: added.unwrap_or_default().to_vec(),
            ttl: after.ttl(),
            storage: after.storage(),
            throughput: after.throughput,
        }
    }

    /// Makes the change.
    pub(crate) fn apply(self, group: &mut GroupRecord) {
        group.definitions.extend(self.features);
        if let Some(online) = &mut group.online {
            online.ttl = self.ttl;
            online.storage = self.storage.unwrap_or(online.storage);
        }
        group.throughput = self.throughput;
    }
}
