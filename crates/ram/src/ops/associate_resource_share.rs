//! `AssociateResourceShare`: more resources for a share, or more principals.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::json;
use shapes::ram::{
    AssociateResourceShareRequest, AssociateResourceShareResponse, ResourceShareAssociation,
};
use store::{Batch, Lane};
use types::{Arn, Service};

use super::{put_policy, refuse_sources, request_keys};
use crate::actions::{ASSOCIATE_RESOURCE_SHARE, PUT_RESOURCE_POLICY};
use crate::event::Fields;
use crate::joining::Places;
use crate::records::{Participant, SHARES, ShareRecord};
use crate::shared::{Change, write_policies};
use crate::shares::{Parts, give_defaults};
use crate::tokens::Token;
use crate::{Error, associations, joining, resources};

/// Adds resources and principals to a share.
///
/// Every resource is shared with every principal of the share, so the caller needs
/// `sagemaker:PutResourcePolicy`, through RAM, on the resources that are added and, if principals
/// are, on all that the share has. Fails as `CreateResourceShare` does.
#[derive(Debug)]
pub(crate) struct AssociateResourceShare;

impl Operation for AssociateResourceShare {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "AssociateResourceShare";
    const ACTIONS: &'static [&'static Action] = &[&ASSOCIATE_RESOURCE_SHARE, &PUT_RESOURCE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = AssociateResourceShareRequest;
    type Output = AssociateResourceShareResponse;
    type Target = Parts;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Parts), Error> {
        let parts = Parts::read(
            ctx,
            &input.resource_share_arn,
            input.resource_arns.as_deref(),
            input.principals.as_deref(),
        )?;
        let keys = request_keys(&parts.resources, &parts.principals);
        let need = parts.named.need(&ASSOCIATE_RESOURCE_SHARE).with(keys);
        let mut needs = Needs::one(need);
        for resource in &parts.resources {
            needs.push(put_policy(resource));
        }
        if let Some(share) = parts.named.share.as_ref()
            && !parts.principals.is_empty()
        {
            let added: BTreeSet<&Arn> = parts.resources.iter().collect();
            let others = share.resources.keys();
            for resource in others.filter(|arn| !added.contains(arn)) {
                needs.push(put_policy(resource));
            }
        }
        Ok((needs, parts))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let parts = permit.target();
        let share = parts.named.share()?;
        refuse_sources(input.sources.as_deref())?;
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, share.owner, Self::NAME, token, &detail)?;
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            let of = |known: &Participant| associations::of_principal(ctx, share, known);
            return Ok(Reply::read(answer(share, parts, input.client_token, of)));
        }
        resources::check(ctx, share.owner, &parts.resources)?;
        let mut changed = ShareRecord::clone(share);
        for resource in &parts.resources {
            let known = changed.resources.entry(resource.clone());
            known.or_insert_with(|| ctx.time());
        }
        give_defaults(&mut changed);
        let mut batch = Batch::new(Lane::Metadata);
        joining::add_all(ctx, &mut batch, &mut changed, &parts.principals)?;
        joining::check(&changed)?;
        changed.updated = ctx.time();
        write_policies(
            &mut batch,
            ctx,
            Change::Put(&changed),
            changed.resources.keys(),
        )?;
        if let Some(token) = token {
            token.keep(ctx, changed.owner, &mut batch, &changed.id);
        }
        let of = |known: &Participant| associations::of_added(&changed, known);
        let output = answer(&changed, parts, input.client_token, of);
        batch.put(&SHARES, changed.row(), changed);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let made = output.and_then(|output| output.resource_share_associations.as_deref());
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("resourceArns", &input.resource_arns)
            .maybe("principals", &input.principals)
            .maybe("sources", &input.sources)
            .maybe("clientToken", &input.client_token)
            .answered(
                made.map(
                    |made| json!({ "resourceShareAssociations": associations::in_event(made) }),
                ),
            )
    }
}

/// What `share` has of `parts`, with principals as `of_principal` shows them.
fn answer(
    share: &ShareRecord,
    parts: &Parts,
    client_token: Option<String>,
    of_principal: impl Fn(&Participant) -> ResourceShareAssociation,
) -> AssociateResourceShareResponse {
    let mut made = Vec::new();
    let added: BTreeSet<&Arn> = parts.resources.iter().collect();
    for (arn, since) in &share.resources {
        if added.contains(arn) {
            made.push(associations::of_resource(share, arn, *since));
        }
    }
    let places = Places::in_share(share);
    for written in &parts.principals {
        let place = places.of(written);
        if let Some(known) = place.and_then(|place| share.principals.get(place)) {
            made.push(of_principal(known));
        }
    }
    AssociateResourceShareResponse {
        resource_share_associations: Some(made),
        client_token,
    }
}
