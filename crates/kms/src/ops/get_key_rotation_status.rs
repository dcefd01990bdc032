//! `GetKeyRotationStatus`: whether and when a key is rotated.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GetKeyRotationStatusRequest, GetKeyRotationStatusResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyState;
use crate::{Error, actions, state};

/// Says whether a key is rotated automatically, how often and when next. A key that is being
/// deleted is not. A replica is rotated with its primary.
///
/// Fails with `NotFoundException` if the key does not exist, and with
/// `UnsupportedOperationException` for keys whose material is not made here.
#[derive(Debug)]
pub struct GetKeyRotationStatus;

impl Operation for GetKeyRotationStatus {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetKeyRotationStatus";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_KEY_ROTATION_STATUS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetKeyRotationStatusRequest;
    type Output = GetKeyRotationStatusResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::GET_KEY_ROTATION_STATUS);
        Ok((Needs::one(need.across_accounts()), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let ends = [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion];
        let schedule = key.rotation.filter(|_| !ends.contains(&key.state));
        Ok(Reply::read(GetKeyRotationStatusResponse {
            key_rotation_enabled: Some(schedule.is_some()),
            key_id: Some(key.id.to_string()),
            rotation_period_in_days: schedule.map(|schedule| schedule.days.into()),
            next_rotation_date: schedule.map(|schedule| schedule.next),
            // A rotation on demand is over when it is answered.
            on_demand_rotation_start_date: None,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
