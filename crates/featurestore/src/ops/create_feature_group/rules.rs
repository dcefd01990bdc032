//! The rules of a new group that the service model does not express.

use std::collections::{BTreeMap, HashSet};

use shapes::sagemaker::{
    self, CreateFeatureGroupRequest, FeatureDefinition, OnlineStoreConfig, StorageType, Tag,
    ThroughputConfig, ThroughputMode,
};

use crate::Error;
use crate::records::{Definition, OnlineStore, Storage};
use crate::ttl::Ttl;
use crate::values::FeatureType;

/// Names that the offline store gives to columns of its own.
const RESERVED_FEATURES: [&str; 3] = ["is_deleted", "write_time", "api_invocation_time"];

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
    let mut names = HashSet::new();
    for feature in &input.feature_definitions {
        let name = &feature.feature_name;
        let lower = name.to_lowercase();
        if RESERVED_FEATURES.contains(&lower.as_str()) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is reserved."
            )));
        }
        if feature.collection_type.is_some() || feature.collection_config.is_some() {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is a collection; collections need an online store of type \
                 InMemory."
            )));
        }
        if !names.insert(lower) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is defined more than once; names differ in more than case."
            )));
        }
    }
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

/// The definitions as they are stored.
pub(super) fn definitions(features: &[FeatureDefinition]) -> Vec<Definition> {
    features
        .iter()
        .map(|feature| Definition {
            name: feature.feature_name.clone(),
            kind: match feature.feature_type {
                sagemaker::FeatureType::Integral => FeatureType::Integral,
                sagemaker::FeatureType::Fractional => FeatureType::Fractional,
                sagemaker::FeatureType::String => FeatureType::String,
            },
        })
        .collect()
}

/// The tags, each key once.
pub(super) fn tags(tags: Option<&[Tag]>) -> Result<BTreeMap<String, String>, Error> {
    let mut map = BTreeMap::new();
    for tag in tags.unwrap_or_default() {
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(Error::validation(
                "tag keys that begin with aws: are reserved.",
            ));
        }
        if map.insert(tag.key.clone(), tag.value.clone()).is_some() {
            return Err(Error::validation(format!(
                "tag key `{}` appears more than once.",
                tag.key
            )));
        }
    }
    Ok(map)
}
