//! `EnableKey`: makes a disabled key usable again.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::EnableKeyRequest;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyState;
use crate::{Error, actions, switch};

/// Sets a key's state to `Enabled`; succeeds without effect if it is.
///
/// Fails with `NotFoundException` if the key does not exist and with
/// `KMSInvalidStateException` if it is being deleted or lacks its material.
#[derive(Debug)]
pub struct EnableKey;

impl Operation for EnableKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "EnableKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::ENABLE_KEY];
    const KIND: Kind = Kind::Mutating;
    type Input = EnableKeyRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        Ok((Needs::one(target.need(&actions::ENABLE_KEY)), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let effect = switch::to(Self::NAME, permit.target().key()?, KeyState::Enabled)?;
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
