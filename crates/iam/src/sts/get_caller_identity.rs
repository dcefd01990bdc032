//! `GetCallerIdentity`: who the caller is.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};
use types::Service;

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
            user_id: principal.user_id(),
            account: Some(account.to_string()),
            arn: principal.arn().map(String::from),
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
