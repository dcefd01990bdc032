//! `DeleteResourceShare`: the end of a share.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{DeleteResourceShareRequest, DeleteResourceShareResponse};
use store::{Batch, Lane};
use types::Service;

use super::delete_policy;
use crate::actions::{DELETE_RESOURCE_POLICY, DELETE_RESOURCE_SHARE};
use crate::event::Fields;
use crate::records::SHARES;
use crate::shared::{Change, write_policies};
use crate::shares::Named;
use crate::tokens::Token;
use crate::{Error, joining};

/// Deletes a share: nobody may use its resources because of it any more, from the next request
/// on. The resources themselves stay.
///
/// Fails with `UnknownResourceException` if there is no such share.
#[derive(Debug)]
pub(crate) struct DeleteResourceShare;

impl Operation for DeleteResourceShare {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "DeleteResourceShare";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_RESOURCE_SHARE, &DELETE_RESOURCE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteResourceShareRequest;
    type Output = DeleteResourceShareResponse;
    type Target = Named;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Named), Error> {
        let named = Named::find(ctx, &input.resource_share_arn)?;
        let mut needs = Needs::one(named.need(&DELETE_RESOURCE_SHARE));
        let share = named.share.as_ref();
        for resource in share.iter().flat_map(|share| share.resources.keys()) {
            needs.push(delete_policy(resource));
        }
        Ok((needs, named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, account, Self::NAME, token, &detail)?;
        let output = DeleteResourceShareResponse {
            return_value: Some(true),
            client_token: input.client_token,
        };
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            return Ok(Reply::read(output));
        }
        let share = permit.target().share()?;
        let mut batch = Batch::new(Lane::Metadata);
        write_policies(
            &mut batch,
            ctx,
            Change::Delete(share),
            share.resources.keys(),
        )?;
        for known in &share.principals {
            joining::withdraw(&mut batch, &share.region, known);
        }
        if let Some(token) = token {
            token.keep(ctx, account, &mut batch, &share.id);
        }
        batch.delete(&SHARES, share.row());
        Ok(Reply::write(output, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("clientToken", &input.client_token)
            .done(output.and_then(|output| output.return_value))
    }
}
