//! `CancelKeyDeletion`: a key that waits for its end stays.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{CancelKeyDeletionRequest, CancelKeyDeletionResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::{KeyRecord, KeyState};
use crate::{Error, actions, state};

/// Takes the deletion of a key back. The key is disabled then, whatever it was before.
///
/// Fails with `NotFoundException` if the key does not exist or is gone already, and with
/// `KMSInvalidStateException` if it is not being deleted.
#[derive(Debug)]
pub struct CancelKeyDeletion;

impl Operation for CancelKeyDeletion {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CancelKeyDeletion";
    const ACTIONS: &'static [&'static Action] = &[&actions::CANCEL_KEY_DELETION];
    const KIND: Kind = Kind::Mutating;
    type Input = CancelKeyDeletionRequest;
    type Output = CancelKeyDeletionResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        Ok((
            Needs::one(target.need(&actions::CANCEL_KEY_DELETION)),
            target,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let record = KeyRecord {
            state: if key.lacks_material() {
                KeyState::PendingImport
            } else {
                KeyState::Disabled
            },
            deletion: None,
            window: None,
            ..KeyRecord::clone(key)
        };
        let mut effect = Batch::default();
        record.replace(key, &mut effect);
        let key_id = Some(key.arn.to_string());
        Ok(Reply::write(CancelKeyDeletionResponse { key_id }, effect))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let detail = Fields::default()
            .with("keyId", input.key_id.clone())
            .request();
        let key = output.and_then(|output| output.key_id.clone());
        EventDetail {
            response: Fields::default().maybe("keyId", key).value(),
            ..detail
        }
    }
}
