//! The renewal of data keys: by age, and by the number of records that they have sealed.
//!
//! A group gets a new data key, made through its grant, and its records are sealed anew under it
//! in the background ([`crate::reseal`]); then the old one is retired.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pipeline::{OwnWork, Services};
use store::{Batch, CommitError, Key, Lane, Read, Snapshot, View};
use tracing::info;
use types::{Service, ServiceError as _, Timestamp};

use crate::backoff::Backoff;
use crate::key_records::{GROUP_KEYS, KEY_USES, KeyUses, RENEWALS, Renewal, WrappedKey};
use crate::lanes::{Attempt, is_conflict, stores_of};
use crate::maintenance::{Undone, until};
use crate::records::{GROUPS, GroupRecord, Status, number_row};
use crate::upkeep;
use crate::wrapping::Wrapping;
use crate::{Error, Runtime};

/// When a data key is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalLimits {
    /// How old it gets.
    pub age: Duration,
    /// How many records it seals, or a little more.
    pub records: u64,
}

impl Default for RenewalLimits {
    /// Ninety days, and 2^32 records. The cipher would bear far more (its random nonces have 192
    /// bits): the limits bound what one key that got out would open.
    fn default() -> Self {
        Self {
            age: Duration::from_hours(90 * 24),
            records: 1 << 32,
        }
    }
}

/// How many renewals one call begins.
const MOST: usize = 8;

/// How many failures one call goes on after.
const MOST_UNDONE: usize = 64;

/// How many counts one commit writes down.
const COUNTS: usize = 256;

/// Which group was looked at last, so that all have their turn, and which wait since they failed.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    last: Mutex<Option<Key>>,
    pub(crate) failed: Backoff<u64>,
}

/// Begins the renewal of data keys that are due, a bounded number and for a bounded time. Those that
/// fail take no other's place, and those under a KMS key in a custom key store are renewed apart.
pub(crate) async fn begin_due(services: &Arc<Services>, runtime: &Runtime) -> Vec<Undone> {
    let view = View::plain(services.store().snapshot());
    let (mut begun, mut undone, end) = (0, Vec::new(), until(services));
    for row in due_in_turn(services, runtime, view.snapshot()) {
        let late = services.clock().monotonic() >= end;
        if begun >= MOST || undone.len() >= MOST_UNDONE || late {
            break;
        }
        let Some(group) = view.snapshot().get(&GROUPS, &row).map(|row| row.record) else {
            continue;
        };
        // What the last look found is no permission; it only saves asking in vain. Of a group that
        // is moving it may be about a former key.
        let worth_asking = !group.former.is_empty() || runtime.upkeep.reason(group).is_none();
        if !worth_asking || upkeep::check(services, group).is_err() {
            runtime.renewals.pass(row);
            continue;
        }
        let what = format!("the data key of {}", group.arn);
        let stores = stores_of(&view, group);
        let work = try_to_renew(Arc::clone(services), row.clone(), group.number);
        let lanes = &runtime.lanes;
        let attempt = lanes.attempt(services, (stores, what.clone()), end, work);
        let attempt = attempt.await;
        if !matches!(attempt, Attempt::Waits) {
            runtime.renewals.pass(row);
        }
        match attempt {
            Attempt::UnderWay | Attempt::Waits => {}
            Attempt::Ended(Ok(())) => begun += 1,
            Attempt::Ended(Err(source)) if is_conflict(&source) => {}
            Attempt::Ended(Err(source)) => undone.push(Undone::new(what, source)),
        }
    }
    undone
}

/// The rows of the groups whose data keys are due and do not wait, behind the one that was last.
fn due_in_turn(services: &Services, runtime: &Runtime, snapshot: &Snapshot) -> Vec<Key> {
    let (now, monotonic) = (services.settled_time(), services.clock().monotonic());
    let everywhere = Key::of(&[]);
    let rows = snapshot.scan(&GROUPS, &everywhere);
    let due = rows.filter(|(_, row)| {
        is_due(snapshot, row.record, runtime.renewal, now)
            && !runtime.renewals.failed.waits(&row.record.number, monotonic)
    });
    let due = due.map(|(row, group)| (row.clone(), group.record.number));
    let mut due: Vec<(Key, u64)> = due.collect();
    let last = runtime.renewals.lock().clone();
    // What has failed least comes first, so that it takes no turn of what has not.
    due.sort_by_cached_key(|(row, number)| {
        let failed = runtime.renewals.failed.length(number);
        let passed = last.as_ref().is_some_and(|last| row <= last);
        (failed, passed, row.clone())
    });
    due.into_iter().map(|(row, _)| row).collect()
}

impl Renewals {
    fn pass(&self, row: Key) {
        *self.lock() = Some(row);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Key>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews the data key of one group, and notes whether that failed.
async fn try_to_renew(services: Arc<Services>, row: Key, number: u64) -> Result<(), Error> {
    let runtime: &Runtime = services.part()?;
    let failed = &runtime.renewals.failed;
    let outcome = renew(&services, &row).await;
    match &outcome {
        Ok(()) => failed.succeeded(&number),
        Err(source) if is_conflict(source) => {}
        Err(source) => {
            let now = services.clock().monotonic();
            failed.failed(number, source.public_message(), now);
        }
    }
    outcome
}

/// Whether the newest data key of `group` is due, and no renewal under way. One that is through and
/// has left records that cannot be sealed anew puts off no other.
fn is_due(snapshot: &Snapshot, group: &GroupRecord, limits: RenewalLimits, now: Timestamp) -> bool {
    let due = group.data_key_made.saturating_add(limits.age) <= now
        || sealed(snapshot, group) >= limits.records;
    let last = snapshot.get(&RENEWALS, &number_row(group.number));
    due && group.status == Status::Created && last.is_none_or(|row| row.record.again.is_some())
}

/// How many records the newest data key of `group` has sealed.
pub(crate) fn sealed(snapshot: &Snapshot, group: &GroupRecord) -> u64 {
    let since = group.schema.sealed.load(Ordering::Relaxed);
    kept(snapshot, group).saturating_add(since)
}

/// The same, as far as it is written down.
fn kept(snapshot: &Snapshot, group: &GroupRecord) -> u64 {
    let row = snapshot.get(&KEY_USES, &number_row(group.number));
    let row = row.filter(|row| row.record.data_key == group.data_key);
    row.map_or(0, |row| row.record.sealed)
}

/// Gives the group at `row` a new data key, through its grant and on one snapshot.
async fn renew(services: &Arc<Services>, row: &Key) -> Result<(), Error> {
    let Some(found) = services.store().snapshot().get_shared(&GROUPS, row) else {
        return Ok(());
    };
    let source = found.arn.clone();
    let work = OwnWork::changing(services, Service::SageMaker, &found.region, source);
    let Some(group) = work.view().get_shared(&GROUPS, row) else {
        return Ok(());
    };
    if let Some(key) = group.kms_key()
        && upkeep::check_key(&work, &group, key).is_err()
    {
        return Ok(());
    }
    let made = new_keys(&work, &group).await;
    let batch = match made {
        Ok(batch) => batch,
        Err(failed) => {
            work.give_up().await;
            return Err(failed);
        }
    };
    work.commit(batch).await.map_err(online::Error::Commit)?;
    info!(group = %group.arn, "a data key is renewed");
    Ok(())
}

/// The change that gives `group` a new data key, and its index key wrapped anew.
async fn new_keys(work: &OwnWork, group: &GroupRecord) -> Result<Batch, Error> {
    let wrapping = Wrapping::of(group);
    let mut keys = group.keys(work.view())?.clone();
    let wrapped = wrapping.new_key_own(work).await?;
    let index_key = (wrapping.key, &keys.index_key);
    keys.index_key = wrapping.anew_own(work, group, index_key).await?;
    let number = next_data_key(group)?;
    keys.data_keys.push(WrappedKey { number, wrapped });
    let mut changed = group.to_change();
    changed.begin_data_key(number, work.time());
    let place = number_row(group.number);
    let mut batch = Batch::new(Lane::Metadata);
    batch.put(&GROUPS, changed.row(), changed);
    batch.put(&GROUP_KEYS, place.clone(), keys);
    let renewal = Renewal::begun(group.arn.clone(), number, work.time());
    batch.put(&RENEWALS, place, renewal);
    Ok(batch)
}

/// The number of the group's next data key.
pub(crate) fn next_data_key(group: &GroupRecord) -> Result<u32, Error> {
    let next = group.data_key.checked_add(1);
    next.ok_or_else(|| Error::broken("the data keys of a group are used up"))
}

/// Writes down how many records data keys have sealed since the last time. What a crash loses
/// is at most what was sealed since.
pub async fn keep_counts(services: &Arc<Services>) -> Result<(), CommitError> {
    let snapshot = services.store().snapshot();
    let everywhere = Key::of(&[]);
    let rows = snapshot.scan(&GROUPS, &everywhere);
    let used: Vec<&GroupRecord> = rows
        .map(|(_, row)| row.record)
        .filter(|group| group.schema.sealed.load(Ordering::Relaxed) > 0)
        .collect();
    for groups in used.chunks(COUNTS) {
        let mut batch = Batch::new(Lane::Metadata);
        let mut taken = Vec::with_capacity(groups.len());
        for group in groups {
            let place = number_row(group.number);
            let since = group.schema.sealed.swap(0, Ordering::Relaxed);
            taken.push((*group, since));
            batch.require(Read::Row {
                table: &KEY_USES,
                key: place.clone(),
                revision: snapshot.row_revision(&KEY_USES, &place),
            });
            batch.require(Read::Row {
                table: &GROUPS,
                key: group.row(),
                revision: snapshot.row_revision(&GROUPS, &group.row()),
            });
            let count = KeyUses {
                data_key: group.data_key,
                sealed: kept(&snapshot, group).saturating_add(since),
            };
            batch.put(&KEY_USES, place, count);
        }
        if let Err(failed) = services.store().commit(batch).await {
            for (group, sealed) in taken {
                group.schema.sealed.fetch_add(sealed, Ordering::Relaxed);
            }
            if failed != CommitError::Conflict {
                return Err(failed);
            }
        }
    }
    Ok(())
}
