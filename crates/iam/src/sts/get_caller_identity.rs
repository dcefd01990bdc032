//! `GetCallerIdentity`: who the caller is.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};
use types::{Principal, Service};

use crate::{Error, lookup};

/// Returns the account, the ARN and the unique id behind the credentials of the request.
///
/// Needs no permission, and no policy can deny it. Fails for a service that acts for itself,
/// which has no account.
#[derive(Debug)]
pub(crate) struct GetCallerIdentity;

impl Operation for GetCallerIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetCallerIdentity";
    const ACTIONS: &'static [&'static Action] = &[];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = GetCallerIdentityRequest;
    type Output = GetCallerIdentityResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::nothing(), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = lookup::account(ctx)?;
        let principal = &ctx.caller().principal;
        Ok(Reply::read(GetCallerIdentityResponse {
            user_id: user_id(principal),
            account: Some(account.to_string()),
            arn: principal.arn().map(String::from),
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}

/// The same as `aws:userid`.
fn user_id(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Root { account } => Some(account.to_string()),
        Principal::User { id, .. } => Some(id.to_string()),
        Principal::AssumedRole {
            role_id, session, ..
        } => Some(format!("{role_id}:{session}")),
        Principal::FederatedUser { account, name } => Some(format!("{account}:{name}")),
        Principal::Service { .. } => None,
    }
}
