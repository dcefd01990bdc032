//! The rules of a new group that the service model does not express.

use std::collections::HashSet;

use shapes::sagemaker::{
    self, CreateFeatureGroupRequest, OnlineStoreConfig, StorageType, ThroughputConfig,
    ThroughputMode,
};

use crate::records::{OnlineStore, Storage};
use crate::ttl::Ttl;
use crate::{Error, features};

/// Checks the request, and returns the online store that it asks for, without its key.
pub(super) fn check(input: &CreateFeatureGroupRequest) -> Result<OnlineStore, Error> {
    let online = input.online_store_config.as_ref();
    let enabled = online.and_then(|online| online.enable_online_store) == Some(true);
    if !enabled && input.offline_store_config.is_none() {
        return Err(Error::validation(
            "OnlineStore and OfflineStore cannot be both disabled. Please enable at least one of \
             them and retry the request.",
        ));
    }
    if input.offline_store_config.is_some() {
        return Err(Error::Unsupported("offline stores are"));
    }
    let online =
        online.ok_or_else(|| Error::broken("an enabled online store has no configuration"))?;
    check_features(input)?;
    check_throughput(input.throughput_config.as_ref())?;
    online_store(online)
}

fn online_store(online: &OnlineStoreConfig) -> Result<OnlineStore, Error> {
    let key = online
        .security_config
        .as_ref()
        .and_then(|config| config.kms_key_id.as_deref());
    if key == Some("") {
        return Err(Error::validation("KmsKeyId must not be empty."));
    }
    Ok(OnlineStore {
        ttl: online
            .ttl_duration
            .as_ref()
            .map(Ttl::of_group)
            .transpose()?,
        key: None,
        storage: match online.storage_type {
            None | Some(StorageType::Standard) => Storage::Standard,
            Some(StorageType::StandardV2) => Storage::StandardV2,
            Some(StorageType::InMemory) => {
                return Err(Error::Unsupported("online stores of type InMemory are"));
            }
        },
    })
}

fn check_throughput(config: Option<&ThroughputConfig>) -> Result<(), Error> {
    let Some(config) = config else {
        return Ok(());
    };
    match config.throughput_mode {
        ThroughputMode::Provisioned => Err(Error::Unsupported("provisioned throughput is")),
        ThroughputMode::OnDemand
            if config.provisioned_read_capacity_units.is_some()
                || config.provisioned_write_capacity_units.is_some() =>
        {
            Err(Error::validation(
                "capacity units need the ThroughputMode Provisioned.",
            ))
        }
        ThroughputMode::OnDemand => Ok(()),
    }
}

fn check_features(input: &CreateFeatureGroupRequest) -> Result<(), Error> {
    features::check(&input.feature_definitions, &mut HashSet::new())?;
    check_role(
        input,
        "RecordIdentifierFeatureName",
        &input.record_identifier_feature_name,
        &[
            sagemaker::FeatureType::String,
            sagemaker::FeatureType::Integral,
        ],
    )?;
    check_role(
        input,
        "EventTimeFeatureName",
        &input.event_time_feature_name,
        &[
            sagemaker::FeatureType::String,
            sagemaker::FeatureType::Fractional,
        ],
    )
}

/// Checks that a feature with a part to play is defined and has one of the types for it.
fn check_role(
    input: &CreateFeatureGroupRequest,
    member: &str,
    name: &str,
    types: &[sagemaker::FeatureType],
) -> Result<(), Error> {
    let feature = input
        .feature_definitions
        .iter()
        .find(|feature| feature.feature_name == name);
    let Some(feature) = feature else {
        return Err(Error::validation(format!(
            "{member} `{name}` is not among the FeatureDefinitions."
        )));
    };
    if types.contains(&feature.feature_type) {
        return Ok(());
    }
    let types: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
    Err(Error::validation(format!(
        "{member} `{name}` must be of type {}.",
        types.join(" or ")
    )))
}
