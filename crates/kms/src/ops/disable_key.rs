//! `DisableKey`: nothing can be encrypted or decrypted under a key until it is enabled.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::DisableKeyRequest;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyState;
use crate::{Error, actions, last_usage, switch};

/// Sets a key's state to `Disabled`; succeeds without effect if it is. The next request
/// already finds it so, and no unwrapped material of the key is used any more.
///
/// Fails with `NotFoundException` if the key does not exist and with
/// `KMSInvalidStateException` if it is being deleted or lacks its material.
#[derive(Debug)]
pub struct DisableKey;

impl Operation for DisableKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DisableKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::DISABLE_KEY];
    const KIND: Kind = Kind::Mutating;
    type Input = DisableKeyRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::DISABLE_KEY);
        let need = need.with(last_usage::condition_keys(ctx, &target)?);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let effect = switch::to(Self::NAME, permit.target().key()?, KeyState::Disabled)?;
        Ok(Reply::write(Empty {}, effect))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
