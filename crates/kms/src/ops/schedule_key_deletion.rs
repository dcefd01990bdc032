//! `ScheduleKeyDeletion`: a key ends when its waiting period is over.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::{KeyRecord, KeyState, period};
use crate::{Error, actions, last_usage, metadata, state};

/// The shortest, usual and longest waiting period in days.
const DAYS: [i32; 3] = [7, 30, 30];

/// Schedules the end of a key, 7 to 30 days (default 30) from now. The next request already
/// finds it unusable; `CancelKeyDeletion` brings it back until the period is over. Then the
/// key, its material, aliases and grants are gone for good. The period of a multi-Region primary
/// key begins when its last replica is gone.
///
/// Fails with `ValidationException` for another period, with `NotFoundException` if the key
/// does not exist, and with `KMSInvalidStateException` if it is being deleted already.
#[derive(Debug)]
pub struct ScheduleKeyDeletion;

impl Operation for ScheduleKeyDeletion {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ScheduleKeyDeletion";
    const ACTIONS: &'static [&'static Action] = &[&actions::SCHEDULE_KEY_DELETION];
    const KIND: Kind = Kind::Mutating;
    type Input = ScheduleKeyDeletionRequest;
    type Output = ScheduleKeyDeletionResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let days = days(input)?;
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let name = "kms:schedulekeydeletionpendingwindowindays";
        let keys = KeySet::default().one(name, days.to_string());
        let keys = keys.and(last_usage::condition_keys(ctx, &target)?);
        let need = target.need(&actions::SCHEDULE_KEY_DELETION).with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let days = days(&input)?;
        let window = u16::try_from(days)
            .map_err(|source| Error::internal("a waiting period is out of bounds", source))?;
        let end = ctx.time().saturating_add(period(window));
        let record = if key.has_replicas() {
            KeyRecord {
                state: KeyState::PendingReplicaDeletion,
                window: Some(window),
                ..KeyRecord::clone(key)
            }
        } else {
            KeyRecord {
                state: KeyState::PendingDeletion,
                deletion: Some(end),
                ..KeyRecord::clone(key)
            }
        };
        let answer = ScheduleKeyDeletionResponse {
            key_id: Some(key.arn.to_string()),
            deletion_date: record.deletion,
            key_state: Some(metadata::state(record.state)),
            pending_window_in_days: Some(days),
        };
        let mut effect = Batch::default();
        record.replace(key, &mut effect);
        Ok(Reply::write(answer, effect))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let detail = Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("pendingWindowInDays", input.pending_window_in_days)
            .request();
        let Some(output) = output else {
            return detail;
        };
        let response = Fields::default()
            .maybe("keyId", output.key_id.clone())
            .maybe(
                "keyState",
                output.key_state.map(shapes::kms::KeyState::as_str),
            )
            .maybe(
                "deletionDate",
                output.deletion_date.map(audit::timestamp_text),
            )
            .maybe("pendingWindowInDays", output.pending_window_in_days)
            .value();
        EventDetail { response, ..detail }
    }
}

/// The waiting period. The service model admits up to a year; the service does not.
fn days(input: &ScheduleKeyDeletionRequest) -> Result<i32, Error> {
    let [least, usual, most] = DAYS;
    let days = input.pending_window_in_days.unwrap_or(usual);
    let rule =
        |bound: &str, days: i32| format!("Member must have value {bound} than or equal to {days}");
    let rule = if days < least {
        rule("greater", least)
    } else if days > most {
        rule("less", most)
    } else {
        return Ok(days);
    };
    Err(Error::constraint(
        &format!("'{days}'"),
        "pendingWindowInDays",
        &rule,
    ))
}
