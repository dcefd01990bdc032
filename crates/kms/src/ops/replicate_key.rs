//! `ReplicateKey`: a multi-Region key in another region.

use std::collections::BTreeMap;

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ReplicateKeyRequest, ReplicateKeyResponse, Tag};
use store::Batch;
use types::{Arn, Region, Service};

use super::create_key::check_quota;
use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::imports::ImportedMaterial;
use crate::key_policy::KeyPolicy;
use crate::multi_region::{self, Siblings};
use crate::records::{KeyRecord, KeyRow, KeyState, key_arn};
use crate::{Error, Keyring, actions, lockout, metadata, state, tags};

/// Makes a replica of a multi-Region primary key in another region of the deployment: the
/// same id and materials, with a policy, description and tags of its own. What either
/// encrypts, the other decrypts. The replica is `Creating` for about a second.
///
/// Fails with `UnsupportedOperationException` if the key is not a multi-Region primary key,
/// with `ValidationException` for a region that the deployment does not answer for, with
/// `AlreadyExistsException` if there is a replica, with `DisabledException` or
/// `KMSInvalidStateException` over the primary's state, and as `CreateKey` does over policy,
/// tags and the number of keys.
#[derive(Debug)]
pub struct ReplicateKey;

/// The primary, and where the replica is to be.
#[derive(Debug)]
pub struct ReplicateKeyTarget {
    primary: KeyTarget,
    region: Region,
}

impl Operation for ReplicateKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ReplicateKey";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::REPLICATE_KEY,
        &actions::CREATE_KEY,
        &actions::TAG_RESOURCE,
    ];
    const KIND: Kind = Kind::Mutating;
    type Input = ReplicateKeyRequest;
    type Output = ReplicateKeyResponse;
    type Target = ReplicateKeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let region = multi_region::region(ctx, &input.replica_region)?;
        let primary = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default().one("kms:replicaregion", region.as_str());
        let needs = Needs::one(primary.need(&actions::REPLICATE_KEY).with(keys));
        Ok((needs, ReplicateKeyTarget { primary, region }))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let ReplicateKeyTarget { primary, region } = permit.into_target();
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let primary = primary.key_of(account)?;
        state::check(primary, Self::NAME)?;
        let siblings = primary.primary_of()?.with(&region);
        multi_region::check_vacant(ctx.view(), primary, &region)?;
        let there = ReplicateKeyRequest {
            key_id: primary.arn.to_string(),
            ..input
        };
        let on_behalf = ctx.on_behalf_of(Service::Kms).in_region(region);
        let made = Box::pin(pipeline::call::<CreateReplica>(on_behalf, there)).await;
        let answer = made.map_err(multi_region::failed_elsewhere)?;
        let mut effect = Batch::default();
        multi_region::tell(ctx.view(), primary, &siblings, &[], &mut effect);
        Ok(Reply::write(answer, effect))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let bypass = input.bypass_policy_lockout_safety_check;
        let detail = Fields::default()
            .with("keyId", input.key_id.clone())
            .with("replicaRegion", input.replica_region.clone())
            .with("bypassPolicyLockoutSafetyCheck", bypass.unwrap_or(false))
            .with("description", input.description.clone().unwrap_or_default())
            .maybe("policy", input.policy.clone())
            .maybe("tags", input.tags.as_deref().map(tags::in_event))
            .request();
        let made = output.and_then(|output| output.replica_key_metadata.as_ref());
        let Some(made) = made else {
            return detail;
        };
        let policy = output.and_then(|output| output.replica_policy.clone());
        let response = Fields::default()
            .with("replicaKeyMetadata", metadata::in_event(made))
            .maybe("replicaPolicy", policy)
            .value();
        EventDetail { response, ..detail }
    }
}

/// The part of `ReplicateKey` in the replica's region, which AWS records there as `CreateKey`.
/// No caller can ask for it. `KeyId` is the primary's ARN.
#[derive(Debug)]
struct CreateReplica;

/// The primary as the caller of this has checked it, and the replica's tags.
#[derive(Debug)]
struct CreateReplicaTarget {
    primary: KeyRow,
    tags: BTreeMap<String, String>,
}

impl Operation for CreateReplica {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_KEY, &actions::TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = ReplicateKeyRequest;
    type Output = ReplicateKeyResponse;
    type Target = CreateReplicaTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let tags = tags::checked(input.tags.as_deref().unwrap_or_default())?;
        let primary = input.key_id.parse::<Arn>().ok();
        let primary = primary.and_then(|arn| KeyRow::at(ctx.view(), &arn));
        let primary = primary.ok_or_else(|| Error::broken("a primary key is gone"))?;
        let record = &primary.record;
        let tag_keys = KeySet::default().requested_tags(&tags);
        let bypass = input.bypass_policy_lockout_safety_check;
        let keys = tag_keys
            .clone()
            .one("kms:keyspec", record.spec.as_str())
            .one("kms:keyusage", record.usage.as_str())
            .one("kms:keyorigin", record.origin.as_str())
            .one("kms:multiregion", "true")
            .one("kms:multiregionkeytype", "REPLICA")
            .maybe(
                "kms:bypasspolicylockoutsafetycheck",
                bypass.map(|bypass| bypass.to_string()),
            );
        let mut needs = Needs::one(Need::anywhere(&actions::CREATE_KEY).with(keys));
        if !tags.is_empty() {
            let arn = key_arn(record.account, ctx.region(), &record.id);
            needs.push(Need::on(&actions::TAG_RESOURCE, arn).with(tag_keys));
        }
        Ok((needs, CreateReplicaTarget { primary, tags }))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let CreateReplicaTarget { primary, tags } = permit.into_target();
        let primary = &*primary.record;
        let (view, principals) = (ctx.view(), ctx.part::<Principals>()?);
        check_quota(ctx, primary.account, ctx.region())?;
        let policy = match &input.policy {
            Some(text) => KeyPolicy::accept(ctx, text)?,
            None => KeyPolicy::default_for(primary.account)?,
        };
        let replica = KeyRecord {
            description: input.description.unwrap_or_default(),
            tags,
            policy,
            ..replica_of(primary, primary.primary_of()?, ctx)
        };
        if input.policy.is_some() && input.bypass_policy_lockout_safety_check != Some(true) {
            lockout::check(ctx, &replica)?;
        }
        let mut effect = Batch::default();
        let with = (&**ctx.part::<Keyring>()?.shred(), ctx.entropy());
        multi_region::copy_materials(view, with, primary, &replica, &mut effect)?;
        let answer = ReplicateKeyResponse {
            replica_key_metadata: Some(metadata::of(&replica)),
            replica_policy: Some(replica.policy.shown(view, principals)?),
            replica_tags: Some(shown(&replica)),
        };
        replica.insert(&mut effect);
        Ok(Reply::write(answer, effect))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let bypass = input.bypass_policy_lockout_safety_check;
        let made = output.and_then(|output| output.replica_key_metadata.as_ref());
        let detail = Fields::default()
            .maybe("policy", input.policy.clone())
            .with("description", input.description.clone().unwrap_or_default())
            .and(made.map(metadata::form_in_event).unwrap_or_default())
            .with("bypassPolicyLockoutSafetyCheck", bypass.unwrap_or(false))
            .with("multiRegion", true)
            .maybe("tags", input.tags.as_deref().map(tags::in_event))
            .request();
        match made {
            Some(made) => metadata::created(detail, made),
            None => detail,
        }
    }
}

/// What a replica in the region that is called has from its primary.
fn replica_of(primary: &KeyRecord, siblings: &Siblings, ctx: &Ctx) -> KeyRecord {
    KeyRecord {
        region: ctx.region().clone(),
        arn: key_arn(primary.account, ctx.region(), &primary.id),
        state: KeyState::Creating,
        imports: primary
            .imports
            .iter()
            .map(ImportedMaterial::absent)
            .collect(),
        siblings: Some(siblings.with(ctx.region())),
        created: ctx.time(),
        ..primary.clone()
    }
}

fn shown(key: &KeyRecord) -> Vec<Tag> {
    let tag = |(name, value): (&String, &String)| Tag {
        tag_key: name.clone(),
        tag_value: value.clone(),
    };
    key.tags.iter().map(tag).collect()
}
