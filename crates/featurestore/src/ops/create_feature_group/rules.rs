//! The rules of a new group that the service model does not express.

use shapes::sagemaker::{self, CreateFeatureGroupRequest, OnlineStoreConfig, StorageType};

use super::offline;
use crate::features::Known;
use crate::records::{OnlineStore, Storage};
use crate::ttl::Ttl;
use crate::{Error, Extensions, Runtime};

/// Checks the request, and returns the online store that it asks for, if it does, without its key.
pub(super) fn check(
    input: &CreateFeatureGroupRequest,
    runtime: &Runtime,
) -> Result<Option<OnlineStore>, Error> {
    let extensions = runtime.extensions;
    let online = input.online_store_config.as_ref();
    let enabled = online.and_then(|online| online.enable_online_store) == Some(true);
    if !enabled && input.offline_store_config.is_none() {
        return Err(Error::validation(
            "OnlineStore and OfflineStore cannot be both disabled. Please enable at least one of \
             them and retry the request.",
        ));
    }
    let in_memory = online.is_some_and(|online| online.storage_type == Some(StorageType::InMemory));
    if in_memory && input.offline_store_config.is_some() && !extensions.in_memory_offline {
        return Err(Error::validation(
            "a feature group with an online store of type InMemory cannot have an OfflineStore.",
        ));
    }
    offline::check(input)?;
    let store = online.filter(|_| enabled);
    let store = store.map(|online| online_store(online, extensions));
    let store = store.transpose()?;
    check_features(input, store.as_ref().map(|store| store.storage))?;
    let (features, limit) = (input.feature_definitions.len(), runtime.quotas.features);
    if features > limit {
        return Err(Error::FeatureLimit { limit });
    }
    Ok(store)
}

fn online_store(online: &OnlineStoreConfig, extensions: Extensions) -> Result<OnlineStore, Error> {
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
            Some(StorageType::InMemory) if key.is_some() && !extensions.in_memory_cmk => {
                return Err(Error::validation(
                    "an online store of type InMemory cannot have a customer managed key: \
                     KmsKeyId is not allowed.",
                ));
            }
            Some(StorageType::InMemory) => Storage::InMemory,
        },
    })
}

fn check_features(
    input: &CreateFeatureGroupRequest,
    storage: Option<Storage>,
) -> Result<(), Error> {
    Known::of(storage, &[]).add(&input.feature_definitions)?;
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
    if feature.collection_type.is_some() {
        return Err(Error::validation(format!(
            "{member} `{name}` must not be a collection."
        )));
    }
    if types.contains(&feature.feature_type) {
        return Ok(());
    }
    let types: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
    Err(Error::validation(format!(
        "{member} `{name}` must be of type {}.",
        types.join(" or ")
    )))
}
