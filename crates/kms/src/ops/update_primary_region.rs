//! `UpdatePrimaryRegion`: another key of a multi-Region set becomes its primary.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::UpdatePrimaryRegionRequest;
use store::Batch;
use types::{Region, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::multi_region;
use crate::records::key_arn;
use crate::{Error, actions, state};

/// Makes the replica in another region the primary key, and the primary a replica, in one
/// commit. Both are `Updating` for about a second, which hinders no cryptographic operation.
///
/// Fails with `UnsupportedOperationException` if the key is not a multi-Region primary key,
/// with `NotFoundException` if it has no replica in that region, with `ValidationException` if
/// it is in that region itself or the deployment does not answer for it, and with
/// `DisabledException` or `KMSInvalidStateException` if the state of either forbids it.
#[derive(Debug)]
pub struct UpdatePrimaryRegion;

/// The primary, and the region of the next.
#[derive(Debug)]
pub struct UpdatePrimaryRegionTarget {
    primary: KeyTarget,
    region: Region,
}

impl Operation for UpdatePrimaryRegion {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdatePrimaryRegion";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_PRIMARY_REGION];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdatePrimaryRegionRequest;
    type Output = Empty;
    type Target = UpdatePrimaryRegionTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let region = multi_region::region(ctx, &input.primary_region)?;
        let primary = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default().one("kms:primaryregion", region.as_str());
        let need = primary.need(&actions::UPDATE_PRIMARY_REGION).with(keys);
        Ok((
            Needs::one(need),
            UpdatePrimaryRegionTarget { primary, region },
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let UpdatePrimaryRegionTarget { primary, region } = permit.into_target();
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let primary = primary.key_of(account)?;
        state::check(primary, Self::NAME)?;
        let siblings = primary.primary_of()?;
        if region == primary.region {
            let text = format!("{} is the primary key in {region} already", primary.arn);
            return Err(Error::Validation(text.into()));
        }
        let arn = key_arn(account, &region, &primary.id);
        if !siblings.replicas.contains(&region) {
            return Err(Error::KeyNotFound { arn });
        }
        let there = UpdatePrimaryRegionRequest {
            key_id: arn.to_string(),
            ..input
        };
        let on_behalf = ctx.on_behalf_of(Service::Kms).in_region(region.clone());
        let become_primary = pipeline::call::<BecomePrimary>(on_behalf, there);
        Box::pin(become_primary)
            .await
            .map_err(multi_region::failed_elsewhere)?;
        let mut effect = Batch::default();
        let updating = [&primary.region, &region];
        let siblings = siblings.led_from(&region);
        multi_region::tell(ctx.view(), primary, &siblings, &updating, &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        detail(input)
    }
}

/// The part of `UpdatePrimaryRegion` in the region of the next primary: the right to it is
/// needed there too, and AWS records it there too. No caller can ask for it.
#[derive(Debug)]
struct BecomePrimary;

impl Operation for BecomePrimary {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdatePrimaryRegion";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_PRIMARY_REGION];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdatePrimaryRegionRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let replica = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default().one("kms:primaryregion", input.primary_region.as_str());
        let need = replica.need(&actions::UPDATE_PRIMARY_REGION).with(keys);
        Ok((Needs::one(need), replica))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        state::check(&permit.target().key()?.record, Self::NAME)?;
        // The other half of the change is the caller's: it concerns every key of the set.
        Ok(Reply::read(Empty {}))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        detail(input)
    }
}

fn detail(input: &UpdatePrimaryRegionRequest) -> EventDetail {
    Fields::default()
        .with("keyId", input.key_id.clone())
        .with("primaryRegion", input.primary_region.clone())
        .request()
}
