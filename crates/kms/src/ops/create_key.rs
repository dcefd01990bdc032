//! `CreateKey`: a new customer managed key.

use std::collections::BTreeMap;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    CreateKeyRequest, CreateKeyResponse, CustomerMasterKeySpec, KeySpec, KeyUsageType, OriginType,
};
use store::Batch;
use types::{AccountId, KeyId, Region, Service};

use crate::event::Fields;
use crate::key_policy::KeyPolicy;
use crate::key_stores::{self, NewHeld};
use crate::new_key::{Blueprint, NewKey};
use crate::records::{KEYS, KeyManager, KeyOrigin, key_arn, region_prefix};
use crate::specs::KeyForm;
use crate::{Error, Keyring, ResourceQuotas, actions, linked_roles, lockout, metadata, tags};

/// Makes a key, with material of its own, waiting for an import, or in a custom key store, and
/// returns its metadata.
///
/// Fails with `ValidationException` if usage and spec do not go together, with
/// `UnsupportedOperationException` for what this deployment has no keys of, with
/// `TagException`, over a custom key store as `key_stores` says, with
/// `MalformedPolicyDocumentException` as `PutKeyPolicy` does, and with
/// `LimitExceededException` beyond the quota, which is
/// 100,000 keys at AWS.
#[derive(Debug)]
pub struct CreateKey;

/// Whose key it will be, and the id that it will have.
#[derive(Debug)]
pub struct CreateKeyTarget {
    account: AccountId,
    id: KeyId,
    tags: BTreeMap<String, String>,
    form: KeyForm,
}

impl Operation for CreateKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateKey";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::CREATE_KEY,
        &actions::TAG_RESOURCE,
        &actions::CREATE_SERVICE_LINKED_ROLE,
    ];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateKeyRequest;
    type Output = CreateKeyResponse;
    type Target = CreateKeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let form = KeyForm::of_request(input)?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let tags = tags::checked(input.tags.as_deref().unwrap_or_default())?;
        let id = if form.multi_region {
            KeyId::generate_multi_region(ctx.entropy())
        } else {
            KeyId::generate(ctx.entropy())
        };
        let tag_keys = KeySet::default().requested_tags(&tags);
        let bypass = input.bypass_policy_lockout_safety_check;
        let keys = tag_keys
            .clone()
            .one("kms:keyspec", form.spec.as_str())
            .one("kms:keyusage", form.usage.as_str())
            .one("kms:keyorigin", form.origin.as_str())
            .one("kms:multiregion", form.multi_region.to_string())
            .maybe(
                "kms:multiregionkeytype",
                form.multi_region.then_some("PRIMARY"),
            )
            .maybe(
                "kms:bypasspolicylockoutsafetycheck",
                bypass.map(|bypass| bypass.to_string()),
            );
        let mut needs = Needs::one(Need::anywhere(&actions::CREATE_KEY).with(keys));
        if !tags.is_empty() {
            let arn = key_arn(account, ctx.region(), &id);
            needs.push(Need::on(&actions::TAG_RESOURCE, arn).with(tag_keys));
        }
        if form.multi_region {
            needs.push(linked_roles::MULTI_REGION.need(account));
        }
        let target = CreateKeyTarget {
            account,
            id,
            tags,
            form,
        };
        Ok((needs, target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let CreateKeyTarget {
            account,
            id,
            tags,
            form,
        } = permit.into_target();
        check_quota(ctx, account, ctx.region())?;
        let policy = match &input.policy {
            Some(text) => KeyPolicy::accept(ctx, text)?,
            None => KeyPolicy::default_for(account)?,
        };
        let blueprint = Blueprint {
            account,
            region: ctx.region().clone(),
            id: id.clone(),
            description: input.description.unwrap_or_default(),
            manager: KeyManager::Customer,
            owned: false,
            tags,
            policy,
            form,
        };
        let material = match form.origin {
            // What an external key encrypts has been encrypted here before.
            KeyOrigin::AwsKms | KeyOrigin::ExternalKeyStore => Some(
                ctx.part::<Keyring>()?
                    .draw(Some(account), form.spec)
                    .await?,
            ),
            KeyOrigin::External | KeyOrigin::AwsCloudhsm => None,
        };
        let mut key = NewKey::with_material(blueprint, material, ctx.time());
        if input.policy.is_some() && input.bypass_policy_lockout_safety_check != Some(true) {
            lockout::check(ctx, &key.record)?;
        }
        let mut effect = Batch::default();
        if let Some(store) = &input.custom_key_store_id {
            let wanted = NewHeld {
                origin: form.origin,
                store,
                external: input.xks_key_id.as_deref(),
            };
            // Last of all that can fail, since a token's key is made here.
            let (held, cluster) = Box::pin(key_stores::hold(ctx, wanted, &id, &mut effect)).await?;
            key = key.held(held, cluster);
        }
        let shred = ctx.part::<Keyring>()?.shred();
        key.store(ctx.view(), shred, ctx.entropy(), &mut effect)?;
        // No key of a custom key store is one: nothing has been made outside that this could leave.
        if form.multi_region {
            linked_roles::MULTI_REGION.ensure(ctx).await?;
        }
        let key_metadata = Some(metadata::of(&key.record));
        let reply = Reply::write(CreateKeyResponse { key_metadata }, effect);
        Ok(match &key.record.held {
            Some(held) => key_stores::note_new(reply, held),
            None => reply,
        })
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let tags = input.tags.as_deref().map(tags::in_event);
        let spec = input.key_spec.unwrap_or(KeySpec::SymmetricDefault);
        let old_spec = input
            .customer_master_key_spec
            .map(CustomerMasterKeySpec::as_str);
        let usage = input.key_usage.unwrap_or(KeyUsageType::EncryptDecrypt);
        let bypass = input.bypass_policy_lockout_safety_check;
        let detail = Fields::default()
            .maybe("policy", input.policy.clone())
            .with("description", input.description.clone().unwrap_or_default())
            .with("keyUsage", usage.as_str())
            .with("keySpec", old_spec.unwrap_or(spec.as_str()))
            .with("customerMasterKeySpec", old_spec.unwrap_or(spec.as_str()))
            .with(
                "origin",
                input.origin.unwrap_or(OriginType::AwsKms).as_str(),
            )
            .with("bypassPolicyLockoutSafetyCheck", bypass.unwrap_or(false))
            .with("multiRegion", input.multi_region.unwrap_or(false))
            .maybe("tags", tags)
            .maybe("customKeyStoreId", input.custom_key_store_id.clone())
            .maybe("xksKeyId", input.xks_key_id.clone())
            .request();
        match output.and_then(|output| output.key_metadata.as_ref()) {
            Some(made) => metadata::created(detail, made),
            None => detail,
        }
    }
}

/// Fails with `LimitExceededException` if the account has as many keys in `region` as it may.
///
/// The read is not recorded, or every two new keys of an account would conflict. As many as are made
/// at once may so pass the quota together, which the request quota of `CreateKey` bounds.
pub(crate) fn check_quota(ctx: &Ctx, account: AccountId, region: &Region) -> Result<(), Error> {
    let most = ResourceQuotas::of(ctx)?.keys;
    let region = region_prefix(account, region);
    if ctx.view().snapshot().count(&KEYS, &region) < most {
        return Ok(());
    }
    let text = "the account has as many KMS keys in this region as it may have";
    Err(Error::LimitExceeded(text.into()))
}
