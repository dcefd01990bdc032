//! From the record of a group to what answers show of it.

use shapes::sagemaker::{
    FeatureGroupStatus, LastUpdateStatus, LastUpdateStatusValue, OnlineStoreConfig,
    OnlineStoreSecurityConfig, StorageType,
};

use types::AccountId;

use crate::Runtime;
use crate::pending::Update;
use crate::records::{GroupRecord, OnlineStore, Status, Storage};
use crate::ttl::Ttl;

/// Why something has failed or does not go on, which may be about the keys of a group's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reasons {
    /// Whoever asks is of another account than the group, and learns that it is so, but not why.
    Hidden,
    /// Whoever asks is of the group's account: also why background work is stopped, if it is.
    Shown(Option<String>),
}

impl Reasons {
    /// What `asks` may know of `group`.
    pub(crate) fn of(runtime: &Runtime, group: &GroupRecord, asks: Option<AccountId>) -> Self {
        if asks == Some(group.account) {
            Self::Shown(runtime.upkeep.reason(group))
        } else {
            Self::Hidden
        }
    }
}

/// How the last update has ended, if there was one.
pub(crate) fn last_update(group: &GroupRecord, reasons: &Reasons) -> Option<LastUpdateStatus> {
    let (status, failure_reason) = match (&group.update, group.updated) {
        (Some(Update::Pending(_)), _) => (LastUpdateStatusValue::InProgress, None),
        (Some(Update::Failed(why)), _) => {
            let why = (*reasons != Reasons::Hidden).then(|| why.clone());
            (LastUpdateStatusValue::Failed, why)
        }
        (None, Some(_at)) => (LastUpdateStatusValue::Successful, None),
        (None, None) => return None,
    };
    Some(LastUpdateStatus {
        status,
        failure_reason,
    })
}

/// The most characters that a `FailureReason` has.
pub(crate) const MOST_REASON: usize = 1024;

/// Why the group could not be made or deleted, or else why its store is not maintained.
pub(crate) fn failure(group: &GroupRecord, reasons: &Reasons) -> Option<String> {
    let Reasons::Shown(stopped) = reasons else {
        return None;
    };
    let failed = group.failure.clone();
    failed.or_else(|| stopped.as_deref().map(failure_reason))
}

/// In at most 1,024 characters.
fn failure_reason(stopped: &str) -> String {
    let text = format!("the online store is not maintained: {stopped}");
    text.chars().take(MOST_REASON).collect()
}

/// The status as AWS shows it.
pub(crate) fn status(group: &GroupRecord) -> FeatureGroupStatus {
    match group.status {
        Status::Creating => FeatureGroupStatus::Creating,
        Status::Created => FeatureGroupStatus::Created,
        Status::CreateFailed => FeatureGroupStatus::CreateFailed,
        Status::Deleting => FeatureGroupStatus::Deleting,
        Status::DeleteFailed => FeatureGroupStatus::DeleteFailed,
    }
}

/// The online store as AWS shows it.
pub(crate) fn online_store(online: &OnlineStore) -> OnlineStoreConfig {
    OnlineStoreConfig {
        security_config: online.key.as_ref().map(|key| OnlineStoreSecurityConfig {
            kms_key_id: Some(key.to_string()),
        }),
        enable_online_store: Some(true),
        ttl_duration: online.ttl.map(Ttl::shape),
        storage_type: Some(storage(online.storage)),
    }
}

/// The storage type as AWS shows it.
pub(crate) fn storage(storage: Storage) -> StorageType {
    match storage {
        Storage::Standard => StorageType::Standard,
        Storage::StandardV2 => StorageType::StandardV2,
        Storage::InMemory => StorageType::InMemory,
    }
}
