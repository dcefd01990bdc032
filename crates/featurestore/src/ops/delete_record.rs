//! `DeleteRecord`: hides or removes one record.

use online::{CellKey, EventTime, GroupNumber, Rule};
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{DeleteRecordRequest, DeletionMode};
use types::Service;

use crate::actions::{DECRYPT, DELETE_RECORD};
use crate::answer::Written;
use crate::data_keys::{DataKeys, Keys};
use crate::input::Shared;
use crate::name::Found;
use crate::put::{NewVersion, check_target_stores, event_time_of, identifier_of, stage, tombstone};
use crate::{Error, Runtime, RuntimeError, event};

/// Deletes a record from the online store.
///
/// `SoftDelete`, the default, sets every feature but identifier and event time to null: the
/// record is not returned any more, and only versions as new as the deletion count. It does
/// nothing, and succeeds, if the stored event time is not earlier. `HardDelete` leaves nothing
/// behind, and fails with `ValidationError` if the stored event time is not earlier. Deleting
/// a record that does not exist succeeds, and softly leaves the deletion's event time.
#[derive(Debug)]
pub struct DeleteRecord;

impl Operation for DeleteRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "DeleteRecord";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = Shared<DeleteRecordRequest>;
    type Output = Written;
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
    ) -> Result<Reply<Written>, RuntimeError> {
        let name = &input.feature_group_name;
        let group = permit
            .into_target()
            .group
            .ok_or_else(|| Error::not_found_undeclared(name))?;
        check_target_stores(input.target_stores.as_deref())?;
        let identifier = identifier_of(&group, &input.record_identifier_value_as_string)?;
        let event_time = event_time_of(&group, &input.event_time)?;
        let access = DataKeys::check(ctx, &group).await?;
        let runtime: &Runtime = ctx.part()?;
        let mut keys = Keys::new(ctx, runtime);
        let hard = input.deletion_mode == Some(DeletionMode::HardDelete);
        if hard {
            let index = keys.index(&group, &access).await?;
            let key = CellKey::new(GroupNumber(group.number), &index, &identifier);
            check_later(ctx, runtime, &key, event_time).await?;
        }
        let version = NewVersion {
            identifier: &identifier,
            event_time,
            payload: (!hard).then(|| tombstone(&group, &identifier, &input.event_time)),
            deleted: true,
            // What a deletion leaves lives as long as what it deletes would have.
            expires_at: (group.online.ttl).map(|ttl| event_time.saturating_add(ttl.duration())),
            rule: Rule::Delete,
        };
        let batch = stage(ctx, runtime, &mut keys, (&group, &access), version).await?;
        Ok(Reply::write(Written::new(keys.into_fresh()), batch))
    }

    fn event(input: &Self::Input, _output: Option<&Written>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}

/// Fails if what is stored is as new as the deletion.
///
/// A newer version that is written between this look and the commit survives the deletion,
/// as if it had been written after it.
async fn check_later(
    ctx: &Ctx,
    runtime: &Runtime,
    key: &CellKey,
    event_time: EventTime,
) -> Result<(), Error> {
    let stored = runtime.cells.get(key).await?;
    let later = stored.is_none_or(|cell| {
        let header = cell.header();
        header.is_expired(ctx.time()) || event_time > header.version.event_time
    });
    if later {
        Ok(())
    } else {
        Err(Error::validation(
            "the EventTime of a HardDelete must be later than the event time of the stored record.",
        ))
    }
}
