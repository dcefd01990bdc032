//! `UpdateKeyDescription`: what a key is said to be for.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::UpdateKeyDescriptionRequest;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::{Error, actions, state};

/// Replaces a key's description.
///
/// Fails with `NotFoundException` if the key does not exist, and with
/// `KMSInvalidStateException` if it is being deleted.
#[derive(Debug)]
pub struct UpdateKeyDescription;

impl Operation for UpdateKeyDescription {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdateKeyDescription";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_KEY_DESCRIPTION];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateKeyDescriptionRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::UPDATE_KEY_DESCRIPTION);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let effect = key.changed(|key| key.description = input.description);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("description", input.description.clone())
            .request()
    }
}
