//! `GetSessionToken`: temporary credentials of the caller itself.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{GetSessionTokenRequest, GetSessionTokenResponse};
use types::Service;

use super::error::Error;
use super::issue::{self, NewSession};
use super::token::{Bounds, Holder};
use crate::event::{self, Fields};
use crate::lookup;

/// Returns temporary credentials of the user or root user that calls with long-term ones.
///
/// Needs no permission, and no policy can deny it. Such a session calls nothing of IAM, and of
/// STS only `AssumeRole` and `GetCallerIdentity`. For the root user it lasts an hour at most.
/// Fails with `AccessDenied` for sessions, and if the request names a device: there are none.
#[derive(Debug)]
pub(crate) struct GetSessionToken;

impl Operation for GetSessionToken {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetSessionToken";
    const ACTIONS: &'static [&'static Action] = &[];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = GetSessionTokenRequest;
    type Output = GetSessionTokenResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::nothing(), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let owner = issue::long_term(ctx)?;
        if input.serial_number.is_some() || input.token_code.is_some() {
            return Err(Error::NoDevice);
        }
        let issued = issue::issue(
            ctx,
            NewSession {
                account: lookup::account(ctx)?,
                duration: issue::duration(&owner, input.duration_seconds),
                holder: Holder::Itself(owner),
                bounds: Bounds::default(),
                source_identity: None,
                provider: None,
                shortest: input.minimum_session_token_size,
            },
        )?;
        Ok(Reply::read(GetSessionTokenResponse {
            credentials: Some(issued.credentials),
            session_token_utilization: issued.token_share,
            session_token_size: issued.token_size,
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .maybe("durationSeconds", input.duration_seconds)
            .maybe("serialNumber", input.serial_number.as_deref());
        let credentials = output.and_then(|output| output.credentials.as_ref());
        let response = Fields::default().maybe("credentials", issue::shown(credentials));
        EventDetail {
            response: response.value(),
            ..event::request(request)
        }
    }
}
