//! `EnableKeyRotation`: a key gets new material every so often.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::EnableKeyRotationRequest;
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::{KeyRecord, RotationSchedule, USUAL_DAYS};
use crate::{Error, actions, multi_region, rotation, state};

/// Has a key rotated every 90 to 2,560 days (default 365), for the first time one period from
/// now. Called again it changes the period.
///
/// Fails with `NotFoundException` if the key does not exist, with `DisabledException` or
/// `KMSInvalidStateException` over its state, and with `UnsupportedOperationException` for keys
/// whose material is not made here and for replicas: the primary is rotated, and they with it.
#[derive(Debug)]
pub struct EnableKeyRotation;

impl Operation for EnableKeyRotation {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "EnableKeyRotation";
    const ACTIONS: &'static [&'static Action] = &[&actions::ENABLE_KEY_ROTATION];
    const KIND: Kind = Kind::Mutating;
    type Input = EnableKeyRotationRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let days = days(input)?.to_string();
        let keys = KeySet::default().one("kms:rotationperiodindays", days);
        let need = target.need(&actions::ENABLE_KEY_ROTATION).with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        rotation::check_spec(key)?;
        key.check_not_replica()?;
        let days = days(&input)?;
        let record = KeyRecord {
            rotation: match key.rotation {
                // Asking for what is the case does not put the next rotation off.
                Some(same) if same.days == days => Some(same),
                _ => Some(RotationSchedule::every(days, ctx.time())),
            },
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
            .maybe("rotationPeriodInDays", input.rotation_period_in_days)
            .request()
    }
}

/// The period; the service model has its bounds.
fn days(input: &EnableKeyRotationRequest) -> Result<u16, Error> {
    let Some(days) = input.rotation_period_in_days else {
        return Ok(USUAL_DAYS);
    };
    u16::try_from(days).map_err(|source| Error::internal("a period is out of bounds", source))
}
