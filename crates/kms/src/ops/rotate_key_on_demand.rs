//! `RotateKeyOnDemand`: new material for a key, now.

use std::time::Duration;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{RotateKeyOnDemandRequest, RotateKeyOnDemandResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::{KeyOrigin, KeyRecord, RotationKind};
use crate::rotation::{self, MOST_ON_DEMAND};
use crate::{Error, Keyring, actions, multi_region, state};

/// How near an automatic rotation may be.
const NEAR: Duration = Duration::from_mins(20);

/// Rotates a key, whether or not it is rotated automatically; the schedule stays. The next
/// request already encrypts under the new material: fresh, or imported for it before.
///
/// Fails with `LimitExceededException` beyond 25 times, with `ConflictException` within 20
/// minutes of an automatic rotation, with `KMSInvalidStateException` if no imported material
/// waits for it, and as `EnableKeyRotation` does over the key.
#[derive(Debug)]
pub struct RotateKeyOnDemand;

impl Operation for RotateKeyOnDemand {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "RotateKeyOnDemand";
    const ACTIONS: &'static [&'static Action] = &[&actions::ROTATE_KEY_ON_DEMAND];
    const KIND: Kind = Kind::Mutating;
    type Input = RotateKeyOnDemandRequest;
    type Output = RotateKeyOnDemandResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        Ok((
            Needs::one(target.need(&actions::ROTATE_KEY_ON_DEMAND)),
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
        let key_id = Some(key.id.to_string());
        key.check_not_replica()?;
        let (view, entropy, now) = (ctx.view(), ctx.entropy(), ctx.time());
        let mut effect = Batch::default();
        if key.origin == KeyOrigin::External {
            let waiting = key.pending_import().map(|import| import.id);
            let waiting = waiting.filter(|id| multi_region::is_everywhere(view, key, *id, now));
            let waiting = waiting.ok_or_else(|| Error::NoPendingMaterial {
                arn: key.arn.clone(),
            })?;
            check_limits(ctx, key)?;
            rotation::to_imported(view, (entropy, now), key, waiting, &mut effect)?;
        } else {
            check_limits(ctx, key)?;
            let how = (RotationKind::OnDemand, now);
            let shred = ctx.part::<Keyring>()?.shred();
            rotation::rotate(view, shred, entropy, key, how, &mut effect)?;
        }
        Ok(Reply::write(RotateKeyOnDemandResponse { key_id }, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}

fn check_limits(ctx: &Ctx, key: &KeyRecord) -> Result<(), Error> {
    if rotation::on_demand(key) >= MOST_ON_DEMAND {
        let text = format!(
            "The on-demand rotations limit has been reached for the given keyId. No more \
             on-demand rotations can be performed for this key: {}",
            key.arn
        );
        return Err(Error::LimitExceeded(text.into()));
    }
    let soon = ctx.time().saturating_add(NEAR);
    if key.rotation.is_some_and(|schedule| schedule.next <= soon) {
        let arn = key.arn.clone();
        return Err(Error::RotationDue { arn });
    }
    Ok(())
}
