//! The states between: what `CreateFeatureGroup`, `UpdateFeatureGroup` and `DeleteFeatureGroup` have
//! begun, and the service brings to its end: before the answer, or in the background, after a
//! failure or a crash.
//!
//! A group is made by one commit, with its keys and its grant, and is `Creating`. The service then
//! sees, in its own name, whether it may maintain it, and makes it `Created` or `CreateFailed`; of
//! the latter nothing is left but the name and the reason. An update is noted by one commit and
//! made by the next, likewise. A group is deleted by one commit that makes it `Deleting`: from then
//! on nothing is written to it. The next takes its keys and grants, and keeps of the keys what opens
//! records of it that wait for the offline store ([`crate::drains`]); it is `Deleting` until its cells
//! are gone, and it with them.

use std::sync::Arc;

use pipeline::{OwnWork, Services};
use store::{Batch, CommitError, Key, Lane, View};
use tracing::{info, warn};
use types::{Arn, Service, ServiceError as _};

use crate::drains::{self, DRAINS, DrainRecord};
use crate::key_records::GROUP_KEYS;
use crate::maintenance::{Undone, purge_group};
use crate::pending::Update;
use crate::records::{GROUPS, GroupRecord, PURGES, PurgeRecord, Status, number_row, row_at};
use crate::shape::MOST_REASON;
use crate::{Error, Runtime, grant, outbox, upkeep};

/// How many steps of removing cells an answer waits for.
const PATIENCE: usize = 16;

/// How many groups one call goes on with.
const MOST: usize = 64;

/// How often a step is tried again that lost to another commit.
const ATTEMPTS: usize = 8;

/// Goes on with the group at `arn` at once. What fails is tried again in the background.
pub(crate) async fn follow(services: &Arc<Services>, arn: &Arn) {
    if let Err(failed) = settle(services, arn).await {
        warn!(group = %arn, error = %failed, "a feature group will be settled later");
    }
}

async fn settle(services: &Arc<Services>, arn: &Arn) -> Result<(), Error> {
    let snapshot = services.store().snapshot();
    let Some(group) = row_at(arn).and_then(|row| snapshot.get_shared(&GROUPS, &row)) else {
        return Ok(());
    };
    match group.status {
        Status::Creating | Status::Created => advance(services, arn).await,
        Status::Deleting | Status::DeleteFailed => {
            let purge = PurgeRecord {
                number: group.number,
                arn: Some(arn.clone()),
            };
            let mut steps = PATIENCE;
            purge_group(services, services.part::<Runtime>()?, &purge, &mut steps).await
        }
        Status::CreateFailed => Ok(()),
    }
}

/// Goes on with the groups that a crash or a failure has left on their way.
pub(crate) async fn go_on(services: &Arc<Services>) -> Vec<Undone> {
    let snapshot = services.store().snapshot();
    let everywhere = Key::of(&[]);
    let rows = snapshot.scan(&GROUPS, &everywhere);
    let waiting = rows.filter(|(_, row)| is_waiting(row.record));
    let mut undone = Vec::new();
    for (_, row) in waiting.take(MOST) {
        let arn = &row.record.arn;
        if let Err(source) = advance(services, arn).await {
            undone.push(Undone::new(format!("the state of {arn}"), source));
        }
    }
    undone
}

/// Whether the service has to end the group's creation or an update.
fn is_waiting(group: &GroupRecord) -> bool {
    let updating = matches!(group.update, Some(Update::Pending(_)));
    group.status == Status::Creating || (group.status == Status::Created && updating)
}

/// Ends the creation of the group at `arn`, or its update, whichever way.
async fn advance(services: &Arc<Services>, arn: &Arn) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        match try_advance(services, arn).await {
            Err(Error::Online(online::Error::Commit(CommitError::Conflict))) => {}
            outcome => return outcome,
        }
    }
    Err(online::Error::Commit(CommitError::Conflict).into())
}

async fn try_advance(services: &Arc<Services>, arn: &Arn) -> Result<(), Error> {
    let (Some(row), Ok(region)) = (row_at(arn), arn.region().parse()) else {
        return Ok(());
    };
    let work = OwnWork::changing(services, Service::SageMaker, &region, arn.clone());
    let group = work.view().get_shared(&GROUPS, &row);
    let Some(group) = group.filter(|group| is_waiting(group)) else {
        return Ok(());
    };
    let checked = match group.kms_key() {
        Some(key) => upkeep::check_key(&work, &group, key),
        None => Ok(()),
    };
    let mut changed = group.to_change();
    let mut batch = Batch::new(Lane::Metadata);
    let reason = checked.as_ref().err().map(|stopped| {
        let reason = format!("the online store cannot be maintained: {}", stopped.reason);
        reason.chars().take(MOST_REASON).collect()
    });
    match (group.status, reason) {
        (Status::Creating, None) => changed.status = Status::Created,
        (Status::Creating, Some(reason)) => {
            changed.status = Status::CreateFailed;
            changed.failure = Some(reason);
            (changed.keys, changed.grant) = (None, None);
            // Nothing is left that could be used.
            batch.delete(&GROUP_KEYS, number_row(group.number));
            for key in group.kms_keys() {
                grant::retire(&work, &group, key).await;
            }
        }
        (_, None) => {
            if let Some(Update::Pending(pending)) = changed.update.take() {
                pending.apply(&mut changed);
            }
        }
        (_, Some(reason)) => changed.update = Some(Update::Failed(reason)),
    }
    batch.put(&GROUPS, row, changed);
    work.commit(batch).await.map_err(online::Error::Commit)?;
    if let Err(stopped) = checked {
        let reason = &stopped.reason;
        info!(group = %arn, reason, "a feature group could not be created or updated");
        stopped.record(services, &group).await;
    }
    Ok(())
}

/// Takes what opens the records of a group that is being deleted: its wrapped keys and its grants. Of
/// records of it that wait for the offline store, the data keys are taken over first, as far as the
/// grants still let the service do that.
///
/// Done once; what a crash keeps it from, the next call does.
pub(crate) async fn release(services: &Arc<Services>, purge: &PurgeRecord) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        match try_release(services, purge).await {
            Err(Error::Online(online::Error::Commit(CommitError::Conflict))) => {}
            outcome => return outcome,
        }
    }
    Err(online::Error::Commit(CommitError::Conflict).into())
}

async fn try_release(services: &Arc<Services>, purge: &PurgeRecord) -> Result<(), Error> {
    let snapshot = services.store().snapshot();
    let row = purge.arn.as_ref().and_then(row_at);
    let Some(found) = row.as_ref().and_then(|row| snapshot.get(&GROUPS, row)) else {
        return Ok(());
    };
    let place = number_row(purge.number);
    let done = snapshot.get(&DRAINS, &place).is_some()
        || (snapshot.get(&GROUP_KEYS, &place).is_none() && found.record.keys.is_none());
    if done || found.record.number != purge.number {
        return Ok(());
    }
    let group = found.record;
    let source = group.arn.clone();
    let work = OwnWork::changing(services, Service::SageMaker, &group.region, source);
    let group = work.view().get_shared(&GROUPS, &group.row());
    // INVARIANT: what this sees is the group as it is being deleted, and that is a precondition of
    // the commit. Nothing is written to it since, so what the log does not hold now it never will.
    let Some(group) = group.filter(|group| {
        group.number == purge.number
            && matches!(group.status, Status::Deleting | Status::DeleteFailed)
    }) else {
        return Ok(());
    };
    let (mut batch, more) = match released(&work, services, &group).await {
        Ok(released) => released,
        Err(failed) => {
            work.give_up().await;
            return Err(failed);
        }
    };
    if work.view().get(&GROUP_KEYS, &place).is_some() {
        batch.delete(&GROUP_KEYS, place);
    }
    if group.keys.is_some() {
        let mut changed = group.to_change();
        changed.keys = None;
        batch.put(&GROUPS, changed.row(), changed);
    }
    work.commit(batch.revoking())
        .await
        .map_err(online::Error::Commit)?;
    let now = services.store().snapshot();
    if let Some(drain) = now.get(&DRAINS, &number_row(purge.number))
        && !more
    {
        drains::tell(drain.record);
    }
    Ok(())
}

/// The change that keeps what opens records of `group` that wait for the offline store, if any do; the
/// grants of the group are retired with it, unless there is more to keep than one change does.
async fn released(
    work: &OwnWork,
    services: &Arc<Services>,
    group: &GroupRecord,
) -> Result<(Batch, bool), Error> {
    let (mut batch, mut more) = (Batch::new(Lane::Metadata), false);
    let oldest = match &group.offline {
        Some(_) => outbox::oldest_data_key(&**services.store(), group.number)?,
        None => None,
    };
    if let Some(oldest) = oldest {
        let mut drain = DrainRecord::new(group, group.keys(work.view())?, oldest);
        let settled = drains::settle(work, &mut drain).await?;
        drains::retire(work, group, settled).await;
        more = settled.more;
        batch.put(&DRAINS, number_row(group.number), drain);
    } else {
        for key in group.kms_keys() {
            grant::retire(work, group, key).await;
        }
    }
    Ok((batch, more))
}

/// The change that ends the deletion of a group whose cells are gone.
pub(crate) fn deleted(services: &Services, purge: &PurgeRecord) -> Batch {
    let mut batch = Batch::new(Lane::Metadata);
    if let Some((row, _)) = deleting(services, purge, &mut batch) {
        batch.delete(&GROUPS, row);
    }
    batch.delete(&PURGES, purge.row());
    let account = purge.arn.as_ref().and_then(Arn::account);
    batch.revoking().on_account_of(account)
}

/// The change that says why the deletion of a group does not come to its end, if that is new.
pub(crate) fn delete_failed(
    services: &Services,
    purge: &PurgeRecord,
    why: &Error,
) -> Option<Batch> {
    let mut batch = Batch::new(Lane::Metadata);
    let (row, group) = deleting(services, purge, &mut batch)?;
    let reason = format!("its records could not be removed: {}", why.public_message());
    if group.status == Status::DeleteFailed {
        return None;
    }
    let mut changed = group.to_change();
    changed.status = Status::DeleteFailed;
    changed.failure = Some(reason);
    batch.put(&GROUPS, row, changed);
    Some(batch)
}

/// The row of a group that is being deleted; that it still is, becomes a precondition of `batch`:
/// somebody else may end the deletion first, and the name be taken again.
fn deleting(
    services: &Services,
    purge: &PurgeRecord,
    batch: &mut Batch,
) -> Option<(Key, Arc<GroupRecord>)> {
    let view = View::recording(services.store().snapshot());
    let row = row_at(purge.arn.as_ref()?)?;
    let group = view.get_shared(&GROUPS, &row)?;
    // INVARIANT: a group of another number is a later one of the name.
    let group = Some(group).filter(|group| group.number == purge.number)?;
    batch.require_all(view.reads());
    Some((row, group))
}
