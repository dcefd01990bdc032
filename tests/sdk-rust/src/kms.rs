//! KMS: the life of a key, ciphertexts, signatures, MACs, grants, aliases, pages and errors.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Config;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId as _;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeyPairSpec, DataKeySpec, GrantOperation, KeySpec, KeyState, KeyUsageType,
    MacAlgorithmSpec, SigningAlgorithmSpec, Tag,
};

use crate::Access;

/// Everything about KMS.
pub(crate) async fn run(access: &Access) -> Result<()> {
    let config = Config::builder()
        .behavior_version_latest()
        .region(access.region.clone())
        .endpoint_url(&access.endpoint)
        .credentials_provider(access.credentials.clone())
        .http_client(access.http.clone())
        .build();
    let client = Client::from_conf(config);
    let key = life_of_a_key(&client).await?;
    ciphertexts(&client, &key).await?;
    data_keys(&client, &key).await?;
    signatures(&client).await?;
    macs(&client).await?;
    grants(&client, &key).await?;
    aliases(&client, &key).await?;
    pages(&client).await
}

/// Makes a key, switches it off and on, has it deleted and takes that back; its ARN.
async fn life_of_a_key(client: &Client) -> Result<String> {
    let tag = Tag::builder().tag_key("team").tag_value("ml").build()?;
    let made = client
        .create_key()
        .description("made by the SDK for Rust")
        .tags(tag)
        .send()
        .await?;
    let made = made.key_metadata.context("no metadata")?;
    let arn = made.arn.context("no ARN")?;
    ensure!(made.key_state == Some(KeyState::Enabled) && made.enabled);
    let tags = client.list_resource_tags().key_id(&arn).send().await?;
    ensure!(tags.tags().len() == 1 && tags.tags()[0].tag_value() == "ml");
    let policy = client
        .get_key_policy()
        .key_id(&arn)
        .policy_name("default")
        .send()
        .await?;
    ensure!(policy.policy().is_some_and(|text| text.contains("kms:*")));
    client.enable_key_rotation().key_id(&arn).send().await?;
    let rotation = client.get_key_rotation_status().key_id(&arn).send().await?;
    ensure!(rotation.key_rotation_enabled && rotation.rotation_period_in_days == Some(365));
    client.disable_key().key_id(&arn).send().await?;
    let refused = client
        .generate_data_key()
        .key_id(&arn)
        .key_spec(DataKeySpec::Aes256)
        .send()
        .await;
    let refused = refused.err().context("a disabled key was used")?;
    ensure!(refused.into_service_error().is_disabled_exception());
    let scheduled = client
        .schedule_key_deletion()
        .key_id(&arn)
        .pending_window_in_days(7)
        .send()
        .await?;
    ensure!(scheduled.key_state == Some(KeyState::PendingDeletion));
    ensure!(scheduled.deletion_date.is_some());
    client.cancel_key_deletion().key_id(&arn).send().await?;
    client.enable_key().key_id(&arn).send().await?;
    Ok(arn)
}

async fn ciphertexts(client: &Client, key: &str) -> Result<()> {
    let sealed = client
        .encrypt()
        .key_id(key)
        .plaintext(Blob::new("secret"))
        .encryption_context("team", "ml")
        .send()
        .await?;
    let blob = sealed.ciphertext_blob.context("no ciphertext")?;
    let open = |team: &str| {
        client
            .decrypt()
            .ciphertext_blob(blob.clone())
            .encryption_context("team", team)
            .send()
    };
    let opened = open("ml").await?;
    ensure!(opened.plaintext == Some(Blob::new("secret")) && opened.key_id.as_deref() == Some(key));
    let refused = open("web")
        .await
        .err()
        .context("another context opened it")?;
    ensure!(is_invalid_ciphertext(&refused), "{refused:?}");
    ensure!(refused.code() == Some("InvalidCiphertextException"));
    ensure!(refused.request_id().is_some(), "no request id");
    let moved = client
        .re_encrypt()
        .ciphertext_blob(blob.clone())
        .source_encryption_context("team", "ml")
        .destination_key_id(key)
        .send()
        .await?;
    let blob = moved.ciphertext_blob.context("no ciphertext")?;
    let opened = client.decrypt().ciphertext_blob(blob).send().await?;
    ensure!(opened.plaintext == Some(Blob::new("secret")));
    let dry = client.encrypt().key_id(key).plaintext(Blob::new("secret"));
    let dry = dry.dry_run(true).send().await;
    let dry = dry.err().context("a dry run encrypted")?;
    ensure!(dry.into_service_error().is_dry_run_operation_exception());
    let missing = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let refused = client.describe_key().key_id(missing).send().await;
    let refused = refused.err().context("a key that does not exist")?;
    ensure!(refused.into_service_error().is_not_found_exception());
    Ok(())
}

fn is_invalid_ciphertext<R>(refused: &SdkError<DecryptError, R>) -> bool {
    matches!(refused, SdkError::ServiceError(of) if of.err().is_invalid_ciphertext_exception())
}

async fn data_keys(client: &Client, key: &str) -> Result<()> {
    let data_key = client
        .generate_data_key()
        .key_id(key)
        .key_spec(DataKeySpec::Aes256)
        .send()
        .await?;
    let wrapped = data_key.ciphertext_blob.context("no data key")?;
    let unwrapped = client.decrypt().ciphertext_blob(wrapped).send().await?;
    ensure!(unwrapped.plaintext == data_key.plaintext);
    let drawn = client.generate_random().number_of_bytes(32).send().await?;
    ensure!(
        drawn
            .plaintext
            .is_some_and(|bytes| bytes.as_ref().len() == 32)
    );
    let pair = client
        .generate_data_key_pair()
        .key_id(key)
        .key_pair_spec(DataKeyPairSpec::EccNistP256)
        .send()
        .await?;
    let wrapped = pair.private_key_ciphertext_blob.context("no private key")?;
    let unwrapped = client.decrypt().ciphertext_blob(wrapped).send().await?;
    ensure!(unwrapped.plaintext == pair.private_key_plaintext);
    Ok(())
}

async fn signatures(client: &Client) -> Result<()> {
    let made = client
        .create_key()
        .key_spec(KeySpec::EccNistP256)
        .key_usage(KeyUsageType::SignVerify)
        .send()
        .await?;
    let id = made.key_metadata.context("no metadata")?.key_id;
    let message = || Blob::new("message");
    let signed = client
        .sign()
        .key_id(&id)
        .message(message())
        .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
        .send()
        .await?;
    let verify = |message: Blob| {
        client
            .verify()
            .key_id(&id)
            .message(message)
            .set_signature(signed.signature.clone())
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
    };
    ensure!(verify(message()).await?.signature_valid);
    let refused = verify(Blob::new("other")).await;
    let refused = refused.err().context("another message verified")?;
    ensure!(
        refused
            .into_service_error()
            .is_kms_invalid_signature_exception()
    );
    Ok(())
}

async fn macs(client: &Client) -> Result<()> {
    let message = || Blob::new("message");
    let made = client
        .create_key()
        .key_spec(KeySpec::Hmac256)
        .key_usage(KeyUsageType::GenerateVerifyMac)
        .send()
        .await?;
    let id = made.key_metadata.context("no metadata")?.key_id;
    let mac = client
        .generate_mac()
        .key_id(&id)
        .message(message())
        .mac_algorithm(MacAlgorithmSpec::HmacSha256)
        .send()
        .await?;
    let checked = client
        .verify_mac()
        .key_id(&id)
        .message(message())
        .set_mac(mac.mac)
        .mac_algorithm(MacAlgorithmSpec::HmacSha256)
        .send()
        .await?;
    ensure!(checked.mac_valid);
    let refused = client
        .verify_mac()
        .key_id(&id)
        .message(message())
        .mac(Blob::new([0; 32]))
        .mac_algorithm(MacAlgorithmSpec::HmacSha256)
        .send()
        .await;
    let refused = refused.err().context("another MAC was valid")?;
    ensure!(refused.into_service_error().is_kms_invalid_mac_exception());
    Ok(())
}

async fn grants(client: &Client, key: &str) -> Result<()> {
    let account = key.split(':').nth(4).context("no account")?;
    let made = client
        .create_grant()
        .key_id(key)
        .grantee_principal(format!("arn:aws:iam::{account}:root"))
        .operations(GrantOperation::Encrypt)
        .send()
        .await?;
    let id = made.grant_id.context("no grant")?;
    let listed = client.list_grants().key_id(key).send().await?;
    ensure!(
        listed
            .grants()
            .iter()
            .any(|grant| grant.grant_id() == Some(&*id))
    );
    client
        .revoke_grant()
        .key_id(key)
        .grant_id(id)
        .send()
        .await?;
    Ok(())
}

async fn aliases(client: &Client, key: &str) -> Result<()> {
    let alias = "alias/sdk-rust";
    client
        .create_alias()
        .alias_name(alias)
        .target_key_id(key)
        .send()
        .await?;
    let found = client.describe_key().key_id(alias).send().await?;
    ensure!(found.key_metadata.and_then(|it| it.arn).as_deref() == Some(key));
    client.delete_alias().alias_name(alias).send().await?;
    Ok(())
}

/// The SDK's own paginator, two keys at a time.
async fn pages(client: &Client) -> Result<()> {
    let mut pages = client.list_keys().limit(2).into_paginator().send();
    let (mut keys, mut number) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page?;
        ensure!(page.keys().len() <= 2);
        keys += page.keys().len();
        number += 1;
    }
    ensure!(keys >= 3 && number >= 2, "{keys} keys on {number} pages");
    Ok(())
}
