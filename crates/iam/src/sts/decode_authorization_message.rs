//! `DecodeAuthorizationMessage`: why a call was denied.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse};
use types::Service;

use super::actions;
use super::authorization_message::AuthorizationMessages;
use super::error::Error;
use crate::lookup;

/// Opens the encoded message of a denied call of the caller's account: who was denied what,
/// and what decided.
///
/// Fails with `InvalidAuthorizationMessageException` for a message that was not made here, for
/// another account, or more than a day ago.
#[derive(Debug)]
pub(crate) struct DecodeAuthorizationMessage;

impl Operation for DecodeAuthorizationMessage {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "DecodeAuthorizationMessage";
    const ACTIONS: &'static [&'static Action] = &[&actions::DECODE_AUTHORIZATION_MESSAGE];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = DecodeAuthorizationMessageRequest;
    type Output = DecodeAuthorizationMessageResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        lookup::account(ctx)?;
        let need = Need::anywhere(&actions::DECODE_AUTHORIZATION_MESSAGE);
        Ok((Needs::one(need), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = lookup::account(ctx)?;
        let messages = ctx.part::<AuthorizationMessages>()?;
        let decoded = messages.open(account, ctx.time(), &input.encoded_message);
        Ok(Reply::read(DecodeAuthorizationMessageResponse {
            decoded_message: Some(decoded.ok_or(Error::InvalidMessage)?),
        }))
    }

    /// The message may say more than readers of the trail may know.
    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
