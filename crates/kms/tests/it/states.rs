//! Every operation through every state of a key, as AWS's table says.

use kms::KeyState;
use pipeline::{Caller, Operation};
use shapes::kms as shape;

use crate::grants::grant;
use crate::harness::{REGIONS, World};
use crate::keys::{create, encrypt};

const TABLE: &str = include_str!("../../testdata/key-states.tsv");

const STATES: [KeyState; 8] = [
    KeyState::Enabled,
    KeyState::Disabled,
    KeyState::PendingDeletion,
    KeyState::PendingImport,
    KeyState::Unavailable,
    KeyState::Creating,
    KeyState::Updating,
    KeyState::PendingReplicaDeletion,
];

/// One key of the walk.
struct Walk<'a> {
    world: &'a World,
    admin: Caller,
    key: String,
    arn: String,
    blob: shapes::Blob,
}

impl Walk<'_> {
    async fn code<O: Operation>(&self, input: O::Input) -> String {
        match Box::pin(self.world.call::<O>(&self.admin, input)).await {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.code.into_owned(),
        }
    }

    /// The code with which the operation fails; `None` if it does not exist here.
    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    async fn call(&self, operation: &str) -> Option<String> {
        let key_id = self.key.clone();
        let me = self.admin.principal.arn().unwrap().to_string();
        let alias = format!("alias/{}", self.key);
        Some(match operation {
            "CancelKeyDeletion" => {
                self.code::<kms::CancelKeyDeletion>(shape::CancelKeyDeletionRequest { key_id })
                    .await
            }
            "CreateAlias" => {
                let input = shape::CreateAliasRequest {
                    alias_name: format!("{alias}-new"),
                    target_key_id: key_id,
                };
                self.code::<kms::CreateAlias>(input).await
            }
            "CreateGrant" => {
                let input = grant(&self.key, &me, &[shape::GrantOperation::Encrypt]);
                self.code::<kms::CreateGrant>(input).await
            }
            "Decrypt" => {
                let input = crate::decryption::decrypt(self.blob.clone(), None);
                self.code::<kms::Decrypt>(input).await
            }
            "DeleteAlias" => {
                let input = shape::DeleteAliasRequest { alias_name: alias };
                self.code::<kms::DeleteAlias>(input).await
            }
            "DescribeKey" => {
                self.code::<kms::DescribeKey>(crate::keys::describe(&self.key))
                    .await
            }
            "DisableKey" => {
                self.code::<kms::DisableKey>(shape::DisableKeyRequest { key_id })
                    .await
            }
            "DisableKeyRotation" => {
                let input = shape::DisableKeyRotationRequest { key_id };
                self.code::<kms::DisableKeyRotation>(input).await
            }
            "EnableKey" => {
                self.code::<kms::EnableKey>(shape::EnableKeyRequest { key_id })
                    .await
            }
            "EnableKeyRotation" => {
                let input = shape::EnableKeyRotationRequest {
                    key_id,
                    rotation_period_in_days: None,
                };
                self.code::<kms::EnableKeyRotation>(input).await
            }
            "Encrypt" => self.code::<kms::Encrypt>(encrypt(&self.key)).await,
            "GenerateDataKey" => {
                let input = shape::GenerateDataKeyRequest {
                    key_id,
                    number_of_bytes: Some(32),
                    ..Default::default()
                };
                self.code::<kms::GenerateDataKey>(input).await
            }
            "GenerateDataKeyWithoutPlaintext" => {
                let input = shape::GenerateDataKeyWithoutPlaintextRequest {
                    key_id,
                    number_of_bytes: Some(32),
                    ..Default::default()
                };
                self.code::<kms::GenerateDataKeyWithoutPlaintext>(input)
                    .await
            }
            "GetKeyPolicy" => {
                let input = shape::GetKeyPolicyRequest {
                    key_id,
                    ..Default::default()
                };
                self.code::<kms::GetKeyPolicy>(input).await
            }
            "GetKeyRotationStatus" => {
                let input = shape::GetKeyRotationStatusRequest { key_id };
                self.code::<kms::GetKeyRotationStatus>(input).await
            }
            "ListAliases" => {
                let input = shape::ListAliasesRequest {
                    key_id: Some(key_id),
                    ..Default::default()
                };
                self.code::<kms::ListAliases>(input).await
            }
            "ListGrants" => {
                let input = shape::ListGrantsRequest {
                    key_id,
                    ..Default::default()
                };
                self.code::<kms::ListGrants>(input).await
            }
            "ListKeyPolicies" => {
                let input = shape::ListKeyPoliciesRequest {
                    key_id,
                    ..Default::default()
                };
                self.code::<kms::ListKeyPolicies>(input).await
            }
            "ListResourceTags" => {
                let input = shape::ListResourceTagsRequest {
                    key_id,
                    ..Default::default()
                };
                self.code::<kms::ListResourceTags>(input).await
            }
            "PutKeyPolicy" => {
                let policy = format!(
                    r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
                        "Principal":{{"AWS":"{}"}},"Action":"kms:*","Resource":"*"}}]}}"#,
                    crate::harness::HOME
                );
                let input = shape::PutKeyPolicyRequest {
                    key_id,
                    policy,
                    ..Default::default()
                };
                self.code::<kms::PutKeyPolicy>(input).await
            }
            "ReEncrypt" => {
                let input = shape::ReEncryptRequest {
                    ciphertext_blob: Some(self.blob.clone()),
                    destination_key_id: key_id,
                    ..Default::default()
                };
                self.code::<kms::ReEncrypt>(input).await
            }
            "RetireGrant" | "RevokeGrant" => self.end_grant(operation).await,
            "ScheduleKeyDeletion" => {
                let input = shape::ScheduleKeyDeletionRequest {
                    key_id,
                    pending_window_in_days: None,
                };
                self.code::<kms::ScheduleKeyDeletion>(input).await
            }
            "TagResource" => {
                let tag = shape::Tag {
                    tag_key: "a".to_owned(),
                    tag_value: "b".to_owned(),
                };
                let input = shape::TagResourceRequest {
                    key_id,
                    tags: vec![tag],
                };
                self.code::<kms::TagResource>(input).await
            }
            "UntagResource" => {
                let input = shape::UntagResourceRequest {
                    key_id,
                    tag_keys: vec!["a".to_owned()],
                };
                self.code::<kms::UntagResource>(input).await
            }
            "UpdateAlias" => {
                let input = shape::UpdateAliasRequest {
                    alias_name: "alias/other".to_owned(),
                    target_key_id: key_id,
                };
                self.code::<kms::UpdateAlias>(input).await
            }
            "UpdateKeyDescription" => {
                let input = shape::UpdateKeyDescriptionRequest {
                    key_id,
                    description: String::new(),
                };
                self.code::<kms::UpdateKeyDescription>(input).await
            }
            "RotateKeyOnDemand" => {
                let input = shape::RotateKeyOnDemandRequest { key_id };
                self.code::<kms::RotateKeyOnDemand>(input).await
            }
            "ReplicateKey" => {
                let input = shape::ReplicateKeyRequest {
                    key_id,
                    replica_region: REGIONS[2].to_owned(),
                    ..Default::default()
                };
                self.code::<kms::ReplicateKey>(input).await
            }
            "UpdatePrimaryRegion" => {
                let input = shape::UpdatePrimaryRegionRequest {
                    key_id,
                    primary_region: REGIONS[1].to_owned(),
                };
                self.code::<kms::UpdatePrimaryRegion>(input).await
            }
            "GetKeyLastUsage" => {
                let input = shape::GetKeyLastUsageRequest { key_id };
                self.code::<kms::GetKeyLastUsage>(input).await
            }
            "ListKeyRotations" => {
                let input = shape::ListKeyRotationsRequest {
                    key_id,
                    ..Default::default()
                };
                self.code::<kms::ListKeyRotations>(input).await
            }
            _ => return None,
        })
    }

    /// Ends the grant that was made before the key came into its state.
    async fn end_grant(&self, operation: &str) -> String {
        let list = shape::ListGrantsRequest {
            key_id: self.key.clone(),
            ..Default::default()
        };
        let list = self
            .world
            .call::<kms::ListGrants>(&self.admin, list)
            .await
            .unwrap();
        let grant_id = list.grants.unwrap()[0].grant_id.clone();
        if operation == "RevokeGrant" {
            let input = shape::RevokeGrantRequest {
                key_id: self.key.clone(),
                grant_id: grant_id.unwrap(),
                dry_run: None,
            };
            return self.code::<kms::RevokeGrant>(input).await;
        }
        let input = shape::RetireGrantRequest {
            key_id: Some(self.arn.clone()),
            grant_id,
            ..Default::default()
        };
        self.code::<kms::RetireGrant>(input).await
    }
}

/// A multi-Region primary key with a replica, which every operation takes as it takes others.
async fn primary(world: &World, admin: &Caller) -> shape::KeyMetadata {
    let input = shape::CreateKeyRequest {
        multi_region: Some(true),
        ..Default::default()
    };
    let made = world.call::<kms::CreateKey>(admin, input).await.unwrap();
    let key = made.key_metadata.unwrap();
    let input = shape::ReplicateKeyRequest {
        key_id: key.key_id.clone(),
        replica_region: REGIONS[1].to_owned(),
        ..Default::default()
    };
    world.call::<kms::ReplicateKey>(admin, input).await.unwrap();
    world.maintain().await;
    key
}

async fn prepared(world: &World, state: KeyState) -> Walk<'_> {
    let admin = world.admin();
    let key = primary(world, &admin).await;
    let arn = key.arn.unwrap();
    let blob = world
        .call::<kms::Encrypt>(&admin, encrypt(&arn))
        .await
        .unwrap();
    let me = admin.principal.arn().unwrap().to_string();
    let input = grant(&arn, &me, &[shape::GrantOperation::Encrypt]);
    world.call::<kms::CreateGrant>(&admin, input).await.unwrap();
    let input = shape::CreateAliasRequest {
        alias_name: format!("alias/{}", key.key_id),
        target_key_id: arn.clone(),
    };
    world.call::<kms::CreateAlias>(&admin, input).await.unwrap();
    world.put_in_state(&arn, state).await;
    Walk {
        world,
        admin,
        key: key.key_id,
        arn,
        blob: blob.ciphertext_blob.unwrap(),
    }
}

fn expected(cell: &str) -> &str {
    let (plain, _) = cell.split_once('|').unwrap_or((cell, ""));
    match plain {
        "ok" if cell == "ok|STATE10" => "KMSInvalidStateException",
        "ok" | "ok12" | "noop" => "ok",
        "DISABLED" => "DisabledException",
        _ => "KMSInvalidStateException",
    }
}

#[tokio::test]
async fn every_operation_in_every_state_answers_as_the_table_says() {
    let world = World::new();
    let admin = world.admin();
    let other = create(&world, &admin).await.key_id;
    let input = shape::CreateAliasRequest {
        alias_name: "alias/other".to_owned(),
        target_key_id: other,
    };
    world.call::<kms::CreateAlias>(&admin, input).await.unwrap();
    let mut walked = 0;
    for line in TABLE.lines().skip(1).filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let operation = columns.next().unwrap();
        let mut cells: Vec<&str> = columns.collect();
        // The same column with a message of its own.
        cells.push(cells[2]);
        for (state, cell) in STATES.into_iter().zip(cells) {
            let walk = prepared(&world, state).await;
            let Some(code) = walk.call(operation).await else {
                break;
            };
            assert_eq!(code, expected(cell), "{operation} in {state}");
            walked += 1;
        }
    }
    assert_eq!(walked, 33 * STATES.len());
}
