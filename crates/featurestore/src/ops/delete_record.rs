//! `DeleteRecord`: hides or removes one record.

use online::{EventTime, Header, Rule};
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{DeleteRecordRequest, DeletionMode};
use store::{Batch, Lane};
use types::{Service, Timestamp};

use crate::actions::{DECRYPT, DELETE_RECORD};
use crate::answer::NoBody;
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::Side;
use crate::name::Found;
use crate::opened::Opened;
use crate::put::{NewVersion, Stores, event_time_of, identifier_of, tombstone};
use crate::records::GroupRecord;
use crate::{Error, Runtime, RuntimeError, event};

/// Deletes a record from the online store.
///
/// `SoftDelete`, the default, sets every feature but identifier and event time to null: the
/// record is not returned any more, and only versions as new as the deletion count. It does
/// nothing, and succeeds, if the stored event time is not earlier. `HardDelete` leaves nothing
/// behind, and fails with `ValidationError` if the stored event time is not earlier. Deleting
/// a record that does not exist succeeds, and softly leaves the deletion's event time. A newer
/// version that is written between the look and the commit of a `HardDelete` survives it, as if
/// it had been written after it. Fails with `ThrottlingException` beyond the group's provisioned
/// throughput. The offline store gets a marker of every deletion that succeeds, and
/// keeps what it has.
#[derive(Debug)]
pub struct DeleteRecord;

impl Operation for DeleteRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "DeleteRecord";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<DeleteRecordRequest>;
    type Output = NoBody;
    type Target = Found;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), RuntimeError> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        Ok((super::record_needs(&DELETE_RECORD, &found), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<NoBody>, RuntimeError> {
        let runtime: &Runtime = ctx.part()?;
        runtime.calls.admit(ctx, Counted::DeleteRecord)?;
        let name = &input.feature_group_name;
        let group = permit
            .into_target()
            .group
            .ok_or_else(|| Error::not_found_undeclared(name))?;
        let mut stores = Stores::of(&group, input.target_stores.as_deref())?;
        let identifier = identifier_of(&group, &input.record_identifier_value_as_string)?;
        let event_time = event_time_of(&group, &input.event_time)?;
        let meters = &runtime.meters;
        meters.admit(ctx, &group, (Side::Write, Self::NAME), 0)?;
        let mut keys = Keys::new(ctx, runtime);
        let mut opened = Opened::new(ctx, runtime, &mut keys, &group).await?;
        let hard = input.deletion_mode == Some(DeletionMode::HardDelete);
        let key = opened.place(&identifier).await?;
        let tombstone = tombstone(&group, &identifier, &input.event_time);
        meters.write(ctx, &group, tombstone.size()).follows(ctx);
        let there = runtime.cells.get(&key).await.map_err(Error::from)?;
        let there = there.map(|cell| *cell.header());
        let there = there.filter(|header| stores.online && !header.is_expired(ctx.time()));
        if there.is_some_and(|header| event_time <= header.version.event_time) {
            if hard {
                return Err(not_later().into());
            }
            // Nothing changes online; the marker goes offline all the same.
            stores.online = false;
        }
        if !stores.online && !stores.offline {
            let nothing = Batch::new(Lane::Data);
            return Ok(Reply::write(NoBody::new(keys.into_fresh()), nothing));
        }
        let version = NewVersion {
            identifier: &identifier,
            event_time,
            stores,
            payload: &tombstone,
            removed: hard,
            deleted: true,
            expires_at: tombstone_expiry(&group, event_time, ctx.time(), there.as_ref()),
            rule: if hard { Rule::Delete } else { Rule::SoftDelete },
        };
        let batch = opened.stage(version).await?;
        runtime.outbox.count(ctx, &batch);
        let reply = Reply::write(NoBody::new(keys.into_fresh()), batch);
        // Whoever has written the record meanwhile: that may live longer.
        Ok(if hard { reply } else { reply.or_again() })
    }

    fn event(input: &Self::Input, _output: Option<&NoBody>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}

/// When what a deletion leaves expires: not before what it deletes would have, and not before
/// the group's time to live has passed since, so that whoever delivers the record once more
/// does not bring it back. Without a time to live, or of a record without one, never.
fn tombstone_expiry(
    group: &GroupRecord,
    event_time: EventTime,
    now: Timestamp,
    stored: Option<&Header>,
) -> Option<EventTime> {
    let ttl = group.ttl()?.duration();
    let since = EventTime::new(now).map_or(event_time, |now| now.max(event_time));
    let own = since.saturating_add(ttl);
    match stored {
        Some(stored) => Some(stored.expires_at?.max(own)),
        None => Some(own),
    }
}

fn not_later() -> Error {
    Error::validation(
        "the EventTime of a HardDelete must be later than the event time of the stored record.",
    )
}
