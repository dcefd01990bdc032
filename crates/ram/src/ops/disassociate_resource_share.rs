//! `DisassociateResourceShare`: fewer resources for a share, or fewer principals.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::json;
use shapes::ram::{DisassociateResourceShareRequest, DisassociateResourceShareResponse};
use store::{Batch, Lane};
use types::Service;

use super::{delete_policy, refuse_sources, request_keys};
use crate::actions::{DELETE_RESOURCE_POLICY, DISASSOCIATE_RESOURCE_SHARE};
use crate::event::Fields;
use crate::joining::Places;
use crate::principals::NamedPrincipal;
use crate::records::{SHARES, ShareRecord};
use crate::shared::{Change, write_policies};
use crate::shares::Parts;
use crate::tokens::Token;
use crate::{Error, associations, joining};

/// Takes resources and principals from a share: what they were allowed because of it, they are
/// not from the next request on.
///
/// An account that takes part may take itself, and its users and roles, from another's share.
/// Fails with `UnknownResourceException` for what is not in the share.
#[derive(Debug)]
pub(crate) struct DisassociateResourceShare;

impl Operation for DisassociateResourceShare {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "DisassociateResourceShare";
    const ACTIONS: &'static [&'static Action] =
        &[&DISASSOCIATE_RESOURCE_SHARE, &DELETE_RESOURCE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = DisassociateResourceShareRequest;
    type Output = DisassociateResourceShareResponse;
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
        let need = if leaves_alone(ctx, &parts) {
            parts.named.visible_need(ctx, &DISASSOCIATE_RESOURCE_SHARE)
        } else {
            parts.named.need(&DISASSOCIATE_RESOURCE_SHARE)
        };
        let mut needs = Needs::one(need.with(keys));
        for resource in &parts.resources {
            needs.push(delete_policy(resource));
        }
        Ok((needs, parts))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let parts = permit.target();
        refuse_sources(input.sources.as_deref())?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, account, Self::NAME, token, &detail)?;
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            return Ok(Reply::read(DisassociateResourceShareResponse {
                resource_share_associations: Some(Vec::new()),
                client_token: input.client_token,
            }));
        }
        let share = parts.named.share()?;
        let mut changed = ShareRecord::clone(share);
        let mut batch = Batch::new(Lane::Metadata);
        let mut ended = Vec::new();
        for arn in &parts.resources {
            let since = changed
                .resources
                .remove(arn)
                .ok_or_else(|| missing("Resource", arn))?;
            ended.push(associations::of_resource(share, arn, since));
        }
        let (places, mut leaving) = (Places::in_share(share), BTreeSet::new());
        for written in &parts.principals {
            let place = places.of(written).filter(|place| leaving.insert(*place));
            let known = place.and_then(|place| share.principals.get(place));
            let known = known.ok_or_else(|| missing("Principal", written.text()))?;
            joining::withdraw(&mut batch, &changed.region, known);
            ended.push(associations::of_principal(ctx, share, known));
        }
        let mut place = 0..;
        changed
            .principals
            .retain(|_| place.next().is_none_or(|place| !leaving.contains(&place)));
        changed.updated = ctx.time();
        write_policies(
            &mut batch,
            ctx,
            Change::Put(&changed),
            share.resources.keys(),
        )?;
        if let Some(token) = token {
            token.keep(ctx, account, &mut batch, &changed.id);
        }
        batch.put(&SHARES, changed.row(), changed);
        let ended = ended.into_iter();
        let output = DisassociateResourceShareResponse {
            resource_share_associations: Some(
                ended
                    .map(|it| associations::ended(it, ctx.time()))
                    .collect(),
            ),
            client_token: input.client_token,
        };
        Ok(Reply::write(output, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let ended = output.and_then(|output| output.resource_share_associations.as_deref());
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("resourceArns", &input.resource_arns)
            .maybe("principals", &input.principals)
            .maybe("sources", &input.sources)
            .maybe("clientToken", &input.client_token)
            .answered(
                ended.map(
                    |ended| json!({ "resourceShareAssociations": associations::in_event(ended) }),
                ),
            )
    }
}

/// Whether a call takes nobody from the share but the caller's account, its users and roles.
fn leaves_alone(ctx: &Ctx, parts: &Parts) -> bool {
    let own = |written: &NamedPrincipal| match written {
        NamedPrincipal::Account(account) | NamedPrincipal::Individual(_, account) => {
            ctx.account() == Some(*account)
        }
        NamedPrincipal::Organization(..) | NamedPrincipal::Unit(..) => false,
    };
    let principals = &parts.principals;
    parts.resources.is_empty() && !principals.is_empty() && principals.iter().all(own)
}

fn missing(kind: &str, what: impl std::fmt::Display) -> Error {
    Error::Unknown {
        what: format!("{kind} {what} of the resource share"),
    }
}
