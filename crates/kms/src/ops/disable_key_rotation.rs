//! `DisableKeyRotation`: a key keeps its material.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::DisableKeyRotationRequest;
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyRecord;
use crate::{Error, actions, multi_region, rotation, state};

/// Ends automatic rotation. What was encrypted under older materials still decrypts.
///
/// Fails as `EnableKeyRotation` does over the key.
#[derive(Debug)]
pub struct DisableKeyRotation;

impl Operation for DisableKeyRotation {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DisableKeyRotation";
    const ACTIONS: &'static [&'static Action] = &[&actions::DISABLE_KEY_ROTATION];
    const KIND: Kind = Kind::Mutating;
    type Input = DisableKeyRotationRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        Ok((
            Needs::one(target.need(&actions::DISABLE_KEY_ROTATION)),
            target,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        rotation::check_spec(key)?;
        key.check_not_replica()?;
        let record = KeyRecord {
            rotation: None,
            ..KeyRecord::clone(key)
        };
        let mut effect = Batch::default();
        let how = (ctx.entropy(), ctx.time());
        multi_region::replace(ctx.view(), how, key, record, &mut effect)?;
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
