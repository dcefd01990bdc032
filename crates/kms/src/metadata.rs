//! `KeyMetadata`: a key as `CreateKey` and `DescribeKey` answer it and as records show it.

use serde_json::Value;
use shapes::kms::{
    CustomerMasterKeySpec, EncryptionAlgorithmSpec, KeyManagerType, KeyMetadata, KeyUsageType,
    OriginType,
};

use crate::event::Fields;
use crate::records::{KeyManager, KeyOrigin, KeyRecord, KeySpec, KeyState, KeyUsage};

/// The metadata of `key`, with the fields that its state, spec and origin call for.
pub(crate) fn of(key: &KeyRecord) -> KeyMetadata {
    let (spec, old_spec) = match key.spec {
        KeySpec::SymmetricDefault => (
            shapes::kms::KeySpec::SymmetricDefault,
            CustomerMasterKeySpec::SymmetricDefault,
        ),
    };
    let (usage, algorithms) = match key.usage {
        KeyUsage::EncryptDecrypt => (
            KeyUsageType::EncryptDecrypt,
            vec![EncryptionAlgorithmSpec::SymmetricDefault],
        ),
    };
    let origin = match key.origin {
        KeyOrigin::AwsKms => OriginType::AwsKms,
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
        key_usage: Some(usage),
        key_state: Some(state(key.state)),
        origin: Some(origin),
        key_manager: Some(manager),
        customer_master_key_spec: Some(old_spec),
        key_spec: Some(spec),
        encryption_algorithms: Some(algorithms),
        multi_region: Some(key.is_multi_region()),
        current_key_material_id: Some(key.material.to_string()),
        deletion_date: key
            .deletion
            .filter(|_| key.state == KeyState::PendingDeletion),
        ..KeyMetadata::default()
    }
}

/// The metadata as `responseElements` of `CreateKey` show it.
pub(crate) fn in_event(metadata: &KeyMetadata) -> Value {
    let algorithms = metadata.encryption_algorithms.iter().flatten();
    let algorithms: Vec<Value> = algorithms.map(|name| name.as_str().into()).collect();
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
        .with("encryptionAlgorithms", algorithms)
        .maybe("multiRegion", metadata.multi_region)
        .maybe(
            "currentKeyMaterialId",
            metadata.current_key_material_id.clone(),
        )
        .done()
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
