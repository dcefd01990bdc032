//! `UpdateResourceShare`: another name, or other principals that it allows.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{UpdateResourceShareRequest, UpdateResourceShareResponse};
use store::{Batch, Lane};
use types::Service;

use crate::actions::UPDATE_RESOURCE_SHARE;
use crate::event::{self, Fields};
use crate::records::{SHARES, ShareRecord, Standing};
use crate::shared::{Change, write_policies};
use crate::shares::{Named, check_name};
use crate::tokens::Token;
use crate::{Error, joining, shape};

/// Changes the name of a share, and whether it allows principals outside the organization.
///
/// Fails with `MissingRequiredParameterException` if neither is given, and with
/// `OperationNotPermittedException` where external principals are to be forbidden but are there.
#[derive(Debug)]
pub(crate) struct UpdateResourceShare;

impl Operation for UpdateResourceShare {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "UpdateResourceShare";
    const ACTIONS: &'static [&'static Action] = &[&UPDATE_RESOURCE_SHARE];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateResourceShareRequest;
    type Output = UpdateResourceShareResponse;
    type Target = Named;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Named), Error> {
        let named = Named::find(ctx, &input.resource_share_arn)?;
        let external = input.allow_external_principals.map(|it| it.to_string());
        let keys = KeySet::default().maybe("ram:requestedallowsexternalprincipals", external);
        let need = named.need(&UPDATE_RESOURCE_SHARE).with(keys);
        Ok((Needs::one(need), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let share = permit.target().share()?;
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, share.owner, Self::NAME, token, &detail)?;
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            return Ok(Reply::read(answer(share, input.client_token)));
        }
        if input.name.is_none() && input.allow_external_principals.is_none() {
            return Err(Error::MissingParameter(
                "nothing is given that is to be changed",
            ));
        }
        let mut changed = ShareRecord::clone(share);
        if let Some(name) = input.name {
            check_name(&name)?;
            changed.name = name;
        }
        if let Some(allows) = input.allow_external_principals {
            if !allows {
                forbid_external(ctx, &mut changed)?;
            }
            changed.allows_external = allows;
        }
        changed.updated = ctx.time();
        let mut batch = Batch::new(Lane::Metadata);
        // A name is in no policy.
        if input.allow_external_principals.is_some() {
            write_policies(
                &mut batch,
                ctx,
                Change::Put(&changed),
                changed.resources.keys(),
            )?;
        }
        if let Some(token) = token {
            token.keep(ctx, changed.owner, &mut batch, &changed.id);
        }
        let output = answer(&changed, input.client_token);
        batch.put(&SHARES, changed.row(), changed);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let share = output.and_then(|output| output.resource_share.as_ref());
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("name", &input.name)
            .maybe("allowExternalPrincipals", input.allow_external_principals)
            .maybe("clientToken", &input.client_token)
            .answered(share.map(event::share))
    }
}

/// Makes belonging to the owner's organization a condition for everybody who takes part.
fn forbid_external(ctx: &Ctx, share: &mut ShareRecord) -> Result<(), Error> {
    if share.outlasts_organization || share.principals.iter().any(|known| known.external) {
        return Err(Error::not_permitted(
            "the resource share has external principals, or lets accounts take them along that \
             leave the organization",
        ));
    }
    share.allows_external = false;
    let own = joining::condition(ctx.view(), share)?;
    for known in &mut share.principals {
        if let Standing::Joined { organization } = &mut known.standing
            && organization.is_none()
        {
            organization.clone_from(&own);
        }
    }
    Ok(())
}

fn answer(share: &ShareRecord, client_token: Option<String>) -> UpdateResourceShareResponse {
    UpdateResourceShareResponse {
        resource_share: Some(shape::share(share, true)),
        client_token,
    }
}
