//! Key Management Service: symmetric, asymmetric and HMAC keys, multi-Region keys, imported material, custom
//! key stores (tokens and external key managers); key policies, grants, aliases, rotation, usage.
//!
//! Layer 2a. Knows nothing of feature stores. Customer managed keys, AWS managed keys and
//! AWS owned keys are the same object with different owners and policies. Key material is
//! wrapped under a shred key of its account, apart from the metadata and without history;
//! [`maintain`] rotates keys and carries out deletions when their time has come;
//! [`Keyring`] unwraps it for a bounded time. Ciphertexts commit to their key and are bound
//! to their encryption context. Keys in custom key stores are used where they are
//! ([`Outside`]). Every operation is one file of `ops`.
//!
//! Other services use [`resolve_key_arn`], [`usable`], [`create_grant_need`] and [`encryption_context_keys`] to work
//! with the keys of customers, and [`Keyring::encrypt_owned`] for what belongs to none.

pub mod actions;
mod aliases;
mod beside;
mod ciphertext;
mod condition_keys;
mod context;
mod data_key_pair;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod grants;
mod hold;
mod identifiers;
mod import_token;
mod imports;
mod key_policies;
mod key_policy;
mod key_stores;
mod keyring;
mod last_usage;
mod linked_roles;
mod lockout;
mod maintenance;
mod material;
mod metadata;
mod multi_region;
mod new_key;
mod ops;
mod paging;
mod prices;
mod records;
mod request_quotas;
mod resource_quotas;
mod revival;
mod rotation;
mod round;
mod service_events;
mod service_grants;
mod shred;
mod signatures;
mod source;
mod specs;
mod state;
mod stored;
mod switch;
mod symmetric;
mod tags;
mod usage;
mod uses;

pub use condition_keys::CONDITION_KEYS;
pub use context::{EncryptionContext, encryption_context_keys};
pub use error::Error;
pub use hold::{Held, claim_token_keys, held, held_since, hold, release};
pub use identifiers::resolve_key_arn;
pub use imports::expire as expire_imports;
pub use key_policies::KeyPolicies;
pub use key_stores::{
    Cluster, Fault as ProxyFault, HealthChange, KeyStoreError, NoAnswer, Outside, Proxy, ProxyCall,
    ProxyClient, Sent, Tending, tend as tend_key_stores, trust_anchor_of,
    watch as watch_key_stores,
};
pub use keyring::Keyring;
pub use last_usage::LastUsage;
pub use maintenance::maintain;
pub use multi_region::Regions;
pub use ops::cancel_key_deletion::CancelKeyDeletion;
pub use ops::connect_custom_key_store::ConnectCustomKeyStore;
pub use ops::create_alias::CreateAlias;
pub use ops::create_custom_key_store::CreateCustomKeyStore;
pub use ops::create_grant::{CreateGrant, create_grant_need};
pub use ops::create_key::CreateKey;
pub use ops::decapsulate::Decapsulate;
pub use ops::decrypt::Decrypt;
pub use ops::delete_alias::DeleteAlias;
pub use ops::delete_custom_key_store::DeleteCustomKeyStore;
pub use ops::delete_imported_key_material::DeleteImportedKeyMaterial;
pub use ops::derive_shared_secret::DeriveSharedSecret;
pub use ops::describe_custom_key_stores::DescribeCustomKeyStores;
pub use ops::describe_key::DescribeKey;
pub use ops::disable_key::DisableKey;
pub use ops::disable_key_rotation::DisableKeyRotation;
pub use ops::disconnect_custom_key_store::DisconnectCustomKeyStore;
pub use ops::enable_key::EnableKey;
pub use ops::enable_key_rotation::EnableKeyRotation;
pub use ops::encapsulate::Encapsulate;
pub use ops::encrypt::Encrypt;
pub use ops::generate_data_key::GenerateDataKey;
pub use ops::generate_data_key_pair::GenerateDataKeyPair;
pub use ops::generate_data_key_pair_without_plaintext::GenerateDataKeyPairWithoutPlaintext;
pub use ops::generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
pub use ops::generate_mac::GenerateMac;
pub use ops::generate_random::GenerateRandom;
pub use ops::get_key_last_usage::GetKeyLastUsage;
pub use ops::get_key_policy::GetKeyPolicy;
pub use ops::get_key_rotation_status::GetKeyRotationStatus;
pub use ops::get_key_usage::GetKeyUsage;
pub use ops::get_parameters_for_import::GetParametersForImport;
pub use ops::get_public_key::GetPublicKey;
pub use ops::import_key_material::ImportKeyMaterial;
pub use ops::list_aliases::ListAliases;
pub use ops::list_grants::ListGrants;
pub use ops::list_key_policies::ListKeyPolicies;
pub use ops::list_key_rotations::ListKeyRotations;
pub use ops::list_keys::ListKeys;
pub use ops::list_resource_tags::ListResourceTags;
pub use ops::list_retirable_grants::ListRetirableGrants;
pub use ops::put_key_policy::PutKeyPolicy;
pub use ops::re_encrypt::ReEncrypt;
pub use ops::replicate_key::ReplicateKey;
pub use ops::retire_grant::RetireGrant;
pub use ops::revoke_grant::RevokeGrant;
pub use ops::rotate_key_on_demand::RotateKeyOnDemand;
pub use ops::schedule_key_deletion::ScheduleKeyDeletion;
pub use ops::sign::Sign;
pub use ops::tag_resource::TagResource;
pub use ops::untag_resource::UntagResource;
pub use ops::update_alias::UpdateAlias;
pub use ops::update_custom_key_store::UpdateCustomKeyStore;
pub use ops::update_key_description::UpdateKeyDescription;
pub use ops::update_primary_region::UpdatePrimaryRegion;
pub use ops::verify::Verify;
pub use ops::verify_mac::VerifyMac;
pub use prices::{Money, PriceError, Prices};
pub use records::{KeyManager, KeyOrigin, KeySpec, KeyState, KeyUsage, tables};
pub use request_quotas::{QuotaError, RequestQuotas};
pub use resource_quotas::ResourceQuotas;
pub use revival::{
    DeletedKey, NotADeletedKey, delete_now, deleted_keys, forget_waiting, has_customer_keys,
};
pub use round::Undone;
pub use service_grants::{need_by_grant, standing_grants};
pub use shred::{ShredError, ShredKeys};
pub use symmetric::{
    is_held_outside, is_made_here, key_revision, rights_changed, store_of, usable,
};
pub use usage::keep_usage;

/// Adds every operation of KMS that exists here.
pub fn register(registry: &mut impl pipeline::Registry) {
    registry.add::<CancelKeyDeletion>();
    registry.add::<ConnectCustomKeyStore>();
    registry.add::<CreateAlias>();
    registry.add::<CreateCustomKeyStore>();
    registry.add::<CreateGrant>();
    registry.add::<CreateKey>();
    registry.add::<Decapsulate>();
    registry.add::<Decrypt>();
    registry.add::<DeleteAlias>();
    registry.add::<DeleteCustomKeyStore>();
    registry.add::<DeleteImportedKeyMaterial>();
    registry.add::<DeriveSharedSecret>();
    registry.add::<DescribeCustomKeyStores>();
    registry.add::<DescribeKey>();
    registry.add::<DisableKey>();
    registry.add::<DisableKeyRotation>();
    registry.add::<DisconnectCustomKeyStore>();
    registry.add::<EnableKey>();
    registry.add::<EnableKeyRotation>();
    registry.add::<Encapsulate>();
    registry.add::<Encrypt>();
    registry.add::<GenerateDataKey>();
    registry.add::<GenerateDataKeyPair>();
    registry.add::<GenerateDataKeyPairWithoutPlaintext>();
    registry.add::<GenerateDataKeyWithoutPlaintext>();
    registry.add::<GenerateMac>();
    registry.add::<GenerateRandom>();
    registry.add::<GetKeyLastUsage>();
    registry.add::<GetKeyPolicy>();
    registry.add::<GetKeyRotationStatus>();
    registry.add::<GetKeyUsage>();
    registry.add::<GetParametersForImport>();
    registry.add::<GetPublicKey>();
    registry.add::<ImportKeyMaterial>();
    registry.add::<ListAliases>();
    registry.add::<ListGrants>();
    registry.add::<ListKeyPolicies>();
    registry.add::<ListKeyRotations>();
    registry.add::<ListKeys>();
    registry.add::<ListResourceTags>();
    registry.add::<ListRetirableGrants>();
    registry.add::<PutKeyPolicy>();
    registry.add::<ReEncrypt>();
    registry.add::<ReplicateKey>();
    registry.add::<RetireGrant>();
    registry.add::<RevokeGrant>();
    registry.add::<RotateKeyOnDemand>();
    registry.add::<ScheduleKeyDeletion>();
    registry.add::<Sign>();
    registry.add::<TagResource>();
    registry.add::<UntagResource>();
    registry.add::<UpdateAlias>();
    registry.add::<UpdateCustomKeyStore>();
    registry.add::<UpdateKeyDescription>();
    registry.add::<UpdatePrimaryRegion>();
    registry.add::<Verify>();
    registry.add::<VerifyMac>();
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod testing;
