//! `KeyMetadata`: a key as `CreateKey` and `DescribeKey` answer it and as records show it.

use std::fmt::Display;

use pipeline::EventDetail;
use serde_json::Value;
use shapes::kms::{
    CustomerMasterKeySpec, ExpirationModelType, KeyManagerType, KeyMetadata, KeyUsageType,
    MultiRegionConfiguration, MultiRegionKey, MultiRegionKeyType, OriginType,
    XksKeyConfigurationType,
};

use crate::event::Fields;
use crate::key_stores::{Backing, Held};
use crate::records::{KeyManager, KeyOrigin, KeyRecord, KeyState};
use crate::specs::{Algorithms, Family};

/// The metadata of `key`, with the fields that its state, spec and origin call for.
pub(crate) fn of(key: &KeyRecord) -> KeyMetadata {
    let (spec, old_spec) = key.spec.on_wire();
    let algorithms = Algorithms::of(key.spec, key.usage);
    let current = key
        .shown_material()
        .filter(|_| key.spec.family() == Family::Symmetric);
    let ends = key.own_imports().filter_map(|import| import.valid_to);
    let (valid_to, expiration_model) = match ends.min() {
        _ if key.origin != KeyOrigin::External || key.lacks_material() => (None, None),
        None => (None, Some(ExpirationModelType::KeyMaterialDoesNotExpire)),
        end => (end, Some(ExpirationModelType::KeyMaterialExpires)),
    };
    let manager = match key.manager {
        KeyManager::Aws => KeyManagerType::Aws,
        KeyManager::Customer => KeyManagerType::Customer,
    };
    KeyMetadata {
        aws_account_id: Some(key.account.to_string()),
        key_id: key.id.to_string(),
        arn: Some(key.arn.to_string()),
        creation_date: Some(key.created),
        enabled: Some(key.state == KeyState::Enabled),
        description: Some(key.description.clone()),
        key_usage: Some(key.usage.on_wire()),
        key_state: Some(state(key.state)),
        origin: Some(origin(key.origin)),
        valid_to,
        expiration_model,
        key_manager: Some(manager),
        customer_master_key_spec: old_spec,
        key_spec: spec,
        encryption_algorithms: algorithms.encryption,
        signing_algorithms: algorithms.signing,
        mac_algorithms: algorithms.mac,
        key_agreement_algorithms: algorithms.agreement,
        encapsulation_algorithms: algorithms.encapsulation,
        multi_region: Some(key.is_multi_region()),
        current_key_material_id: current.map(|id| id.to_string()),
        deletion_date: key
            .deletion
            .filter(|_| key.state == KeyState::PendingDeletion),
        multi_region_configuration: key.multi_region_configuration(),
        pending_deletion_window_in_days: key
            .window
            .filter(|_| key.state == KeyState::PendingReplicaDeletion)
            .map(i32::from),
        custom_key_store_id: key.held.as_ref().map(|held| held.store.to_string()),
        cloud_hsm_cluster_id: key.seen.as_ref().and_then(|seen| seen.cluster.clone()),
        xks_key_configuration: key.held.as_ref().and_then(external_key),
    }
}

fn external_key(held: &Held) -> Option<XksKeyConfigurationType> {
    match &held.backing {
        Backing::Token { .. } => None,
        Backing::Proxy { id } => Some(XksKeyConfigurationType {
            id: Some(id.clone()),
        }),
    }
}

/// The metadata as `responseElements` of `CreateKey` and `ReplicateKey` show it.
pub(crate) fn in_event(metadata: &KeyMetadata) -> Value {
    let created = metadata.creation_date.map(audit::timestamp_text);
    Fields::default()
        .maybe("aWSAccountId", metadata.aws_account_id.clone())
        .with("keyId", metadata.key_id.clone())
        .maybe("arn", metadata.arn.clone())
        .maybe("creationDate", created)
        .maybe("enabled", metadata.enabled)
        .maybe("description", metadata.description.clone())
        .maybe("keyUsage", metadata.key_usage.map(KeyUsageType::as_str))
        .maybe(
            "keyState",
            metadata.key_state.map(shapes::kms::KeyState::as_str),
        )
        .maybe("origin", metadata.origin.map(OriginType::as_str))
        .maybe(
            "keyManager",
            metadata.key_manager.map(KeyManagerType::as_str),
        )
        .maybe(
            "keySpec",
            metadata.key_spec.map(shapes::kms::KeySpec::as_str),
        )
        .maybe(
            "customerMasterKeySpec",
            metadata
                .customer_master_key_spec
                .map(CustomerMasterKeySpec::as_str),
        )
        .maybe(
            "encryptionAlgorithms",
            names(metadata.encryption_algorithms.as_ref()),
        )
        .maybe(
            "signingAlgorithms",
            names(metadata.signing_algorithms.as_ref()),
        )
        .maybe("macAlgorithms", names(metadata.mac_algorithms.as_ref()))
        .maybe(
            "keyAgreementAlgorithms",
            names(metadata.key_agreement_algorithms.as_ref()),
        )
        .maybe(
            "encapsulationAlgorithms",
            names(metadata.encapsulation_algorithms.as_ref()),
        )
        .maybe("multiRegion", metadata.multi_region)
        .maybe("customKeyStoreId", metadata.custom_key_store_id.clone())
        .maybe("cloudHsmClusterId", metadata.cloud_hsm_cluster_id.clone())
        .maybe(
            "xksKeyConfiguration",
            metadata
                .xks_key_configuration
                .as_ref()
                .map(|key| Fields::default().maybe("id", key.id.clone()).value()),
        )
        .maybe(
            "multiRegionConfiguration",
            metadata
                .multi_region_configuration
                .as_ref()
                .map(set_in_event),
        )
        .maybe(
            "currentKeyMaterialId",
            metadata.current_key_material_id.clone(),
        )
        .value()
}

/// What kind of key was made, as `requestParameters` of `CreateKey` show it.
pub(crate) fn form_in_event(metadata: &KeyMetadata) -> Fields {
    let spec = metadata.key_spec.map(shapes::kms::KeySpec::as_str);
    Fields::default()
        .maybe("keyUsage", metadata.key_usage.map(KeyUsageType::as_str))
        .maybe("keySpec", spec)
        .maybe("customerMasterKeySpec", spec)
        .maybe("origin", metadata.origin.map(OriginType::as_str))
}

/// The record of a call that made the key of `metadata`.
pub(crate) fn created(detail: EventDetail, metadata: &KeyMetadata) -> EventDetail {
    let response = Fields::default()
        .with("keyMetadata", in_event(metadata))
        .value();
    let detail = EventDetail { response, ..detail };
    let arn = metadata.arn.as_ref().and_then(|arn| arn.parse().ok());
    match arn {
        Some(arn) => detail.resource(&arn, "AWS::KMS::Key"),
        None => detail,
    }
}

fn set_in_event(set: &MultiRegionConfiguration) -> Value {
    let key = |key: &MultiRegionKey| {
        Fields::default()
            .maybe("arn", key.arn.clone())
            .maybe("region", key.region.clone())
            .value()
    };
    let replicas = set.replica_keys.iter().flatten();
    Fields::default()
        .maybe(
            "multiRegionKeyType",
            set.multi_region_key_type.map(MultiRegionKeyType::as_str),
        )
        .maybe("primaryKey", set.primary_key.as_ref().map(key))
        .with("replicaKeys", replicas.map(key).collect::<Vec<_>>())
        .value()
}

/// The origin as answers show it.
pub(crate) fn origin(origin: KeyOrigin) -> OriginType {
    match origin {
        KeyOrigin::AwsKms => OriginType::AwsKms,
        KeyOrigin::External => OriginType::External,
        KeyOrigin::AwsCloudhsm => OriginType::AwsCloudhsm,
        KeyOrigin::ExternalKeyStore => OriginType::ExternalKeyStore,
    }
}

/// The names of algorithms, as records show them.
fn names<T: Display>(algorithms: Option<&Vec<T>>) -> Option<Vec<Value>> {
    algorithms.map(|list| list.iter().map(|name| name.to_string().into()).collect())
}

/// The state as callers see it.
pub(crate) fn state(state: KeyState) -> shapes::kms::KeyState {
    match state {
        KeyState::Enabled => shapes::kms::KeyState::Enabled,
        KeyState::Disabled => shapes::kms::KeyState::Disabled,
        KeyState::PendingDeletion => shapes::kms::KeyState::PendingDeletion,
        KeyState::PendingReplicaDeletion => shapes::kms::KeyState::PendingReplicaDeletion,
        KeyState::PendingImport => shapes::kms::KeyState::PendingImport,
        KeyState::Unavailable => shapes::kms::KeyState::Unavailable,
        KeyState::Creating => shapes::kms::KeyState::Creating,
        KeyState::Updating => shapes::kms::KeyState::Updating,
    }
}
