//! Sealing records anew under their group's newest data key, in the background: after a renewal,
//! and when a group moves to another KMS key. What is left then of older keys and of grants on
//! former KMS keys is retired.
//!
//! What waits for the offline store is not sealed anew: the data keys that it is under stay, and come
//! under the KMS key that the group is under now.
//!
//! One round goes through all cells of a group, in bounded steps. Nothing is written under an older
//! key while it lasts: every write depends on the group's row, which names the newest. Where a
//! round has come to is stored, so that it goes on after a restart; a step that was made and not
//! noted changes nothing when it is made again. A group whose step fails waits ([`Backoff`]) while
//! the others go on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use online::{
    CellKey, DataKey, Error as Cells, GroupNumber, Header, Portion, Rule, SealedCell, Write,
};
use pipeline::{OwnWork, Services};
use store::{Batch, CellOutcome, CommitError, Key, Lane, Read, Revision, View};
use tracing::{info, warn};
use types::{Arn, Monotonic, Service, ServiceError as _};

use crate::backoff::Backoff;
use crate::key_records::{GROUP_KEYS, GroupKeys, RENEWALS, Renewal, WrappedKey};
use crate::lanes::{Attempt, KeyStores, is_conflict, stores_of};
use crate::maintenance::{Undone, until};
use crate::records::{GROUPS, GroupRecord, number_row, row_at};
use crate::wrapping::Wrapping;
use crate::{Error, Runtime, grant, outbox, upkeep};

/// How much one step looks at; a step is one commit, which others wait for.
const STEP: Portion = Portion {
    cells: 256,
    bytes: 2 << 20,
};

/// How many steps one call makes in all.
const STEPS: usize = 16;

/// How many of these one group gets, if others wait.
const SHARE: usize = 4;

/// When a round that could not seal all records anew is followed by another.
const AGAIN: Duration = Duration::from_hours(1);

/// Which group is next, so that all have their turn, and which wait since they failed.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    last: AtomicU64,
    pub(crate) failed: Backoff<u64>,
}

/// A group whose records are being sealed anew.
struct Task {
    number: u64,
    /// The custom key stores that its KMS keys are in.
    stores: KeyStores,
    /// The version of the row.
    revision: Revision,
    renewal: Renewal,
}

/// Goes on with the groups whose records are to be sealed anew, a bounded number of records and for
/// a bounded time. One that fails costs its share of the steps; one under a KMS key in a custom key
/// store goes on apart.
pub(crate) async fn go_on(services: &Arc<Services>, runtime: &Runtime) -> Vec<Undone> {
    let tasks = tasks(services, runtime);
    let share = if tasks.len() > 1 { SHARE } else { STEPS };
    let (mut left, mut undone, end) = (STEPS, Vec::new(), until(services));
    for task in tasks {
        if left == 0 || services.clock().monotonic() >= end {
            break;
        }
        let (number, most) = (task.number, share.min(left));
        let (what, stores) = (
            format!("the records of {}", task.renewal.arn),
            task.stores.clone(),
        );
        let work = try_to_advance(Arc::clone(services), task, (most, end));
        let lanes = &runtime.lanes;
        let attempt = lanes.attempt(services, (stores, what.clone()), end, work);
        let attempt = attempt.await;
        if !matches!(attempt, Attempt::Waits) {
            runtime.turn.last.store(number, Ordering::Relaxed);
        }
        match attempt {
            Attempt::UnderWay | Attempt::Waits => {}
            Attempt::Ended(Ok(steps)) => left = left.saturating_sub(steps),
            Attempt::Ended(Err(source)) => {
                left = left.saturating_sub(most);
                if !is_conflict(&source) {
                    undone.push(Undone::new(what, source));
                }
            }
        }
    }
    undone
}

/// Makes steps of one group, and notes whether that failed.
async fn try_to_advance(
    services: Arc<Services>,
    task: Task,
    bounds: (usize, Monotonic),
) -> Result<usize, Error> {
    let runtime: &Runtime = services.part()?;
    let (number, failed) = (task.number, &runtime.turn.failed);
    let outcome = advance(&services, runtime, task, bounds).await;
    match &outcome {
        Ok(_) => failed.succeeded(&number),
        Err(source) if is_conflict(source) => {}
        Err(source) => {
            let now = services.clock().monotonic();
            failed.failed(number, source.public_message(), now);
        }
    }
    outcome
}

/// The groups in turn, behind the one that was last.
fn tasks(services: &Services, runtime: &Runtime) -> Vec<Task> {
    let view = View::plain(services.store().snapshot());
    let (snapshot, now) = (view.snapshot(), services.clock().now());
    let everywhere = Key::of(&[]);
    let rows = snapshot.scan(&RENEWALS, &everywhere);
    let due = rows.filter(|(_, row)| row.record.again.is_none_or(|again| again <= now));
    let mut tasks: Vec<Task> = due
        .filter_map(|(_, row)| {
            let group = find(snapshot, &row.record.arn)?;
            Some(Task {
                number: group.number,
                stores: stores_of(&view, group),
                revision: row.revision,
                renewal: row.record.clone(),
            })
        })
        .collect();
    metrics::gauge!("strongroom_groups_resealing")
        .set(f64::from(u32::try_from(tasks.len()).unwrap_or(u32::MAX)));
    let monotonic = services.clock().monotonic();
    tasks.retain(|task| !runtime.turn.failed.waits(&task.number, monotonic));
    let last = runtime.turn.last.load(Ordering::Relaxed);
    // What has failed least comes first, so that it takes no turn of what has not.
    let failed = &runtime.turn.failed;
    tasks.sort_by_cached_key(|task| {
        let number = task.number;
        (failed.length(&number), number <= last, number)
    });
    tasks
}

fn find<'a>(snapshot: &'a store::Snapshot, arn: &Arn) -> Option<&'a GroupRecord> {
    let row = row_at(arn)?;
    snapshot.get(&GROUPS, &row).map(|row| row.record)
}

/// Makes up to `most` steps of one group, none of them after `end`, and notes where they have come
/// to; returns how many.
async fn advance(
    services: &Arc<Services>,
    runtime: &Runtime,
    task: Task,
    (most, end): (usize, Monotonic),
) -> Result<usize, Error> {
    let (place, before) = (number_row(task.number), task.renewal);
    let mut renewal = before.clone();
    if renewal.again.take().is_some() {
        (renewal.after, renewal.lost) = (None, 0);
    }
    let (mut steps, mut more, mut failed, mut portion) = (0, true, None, STEP);
    while more && steps < most && (steps == 0 || services.clock().monotonic() < end) {
        let Some(step) = Step::begin(services, &before, (task.number, task.revision)) else {
            break;
        };
        // Stopped: the look at the groups has said so, and what helps.
        if !step.may_go_on() {
            break;
        }
        steps += 1;
        match step.run(runtime, &mut renewal, portion).await {
            Ok(next) => more = next,
            // Smaller ones will do.
            Err(Error::Online(Cells::Commit(CommitError::TooLarge))) if portion.cells > 1 => {
                portion.cells = portion.cells.div_ceil(2);
            }
            Err(source) => {
                failed = Some(source);
                break;
            }
        }
        // A step that finds nothing to seal waits for nothing.
        pipeline::yield_once().await;
    }
    if !more {
        let Some(step) = Step::begin(services, &before, (task.number, task.revision)) else {
            return Ok(steps);
        };
        if renewal.lost > 0 {
            let (group, lost) = (&renewal.arn, renewal.lost);
            warn!(%group, lost, "records cannot be sealed anew: their key is gone, or they were tampered with");
            renewal.again = Some(services.clock().now().saturating_add(AGAIN));
        } else if step.may_go_on() {
            match step.finish(place.clone()).await {
                Ok(()) => return Ok(steps),
                // The next call finds no cell behind the last, and tries again.
                Err(source) => failed = Some(source),
            }
        }
    }
    if renewal != before {
        let mut batch = Batch::new(Lane::Metadata);
        batch.require(Read::Row {
            table: &RENEWALS,
            key: place.clone(),
            revision: Some(task.revision),
        });
        batch.put(&RENEWALS, place, renewal);
        let noted = services.store().commit(batch).await;
        noted.map_err(Cells::Commit)?;
    }
    failed.map_or(Ok(steps), Err)
}

/// One step, on one snapshot, whose every read is a precondition of its commit.
struct Step {
    work: OwnWork,
    group: Arc<GroupRecord>,
    /// The data keys that it has unwrapped, by number.
    keys: HashMap<u32, Arc<DataKey>>,
}

impl Step {
    /// `None` if the group is no more, or if this is not its round any more: the row of the round
    /// must be of this version, and the group's newest data key the one that the round is for.
    ///
    /// INVARIANT: whatever makes another data key the newest writes that row in the same commit.
    /// Both are preconditions of whatever the step commits, so that a round which was overtaken
    /// moves nothing more and retires no key.
    fn begin(
        services: &Arc<Services>,
        round: &Renewal,
        (number, revision): (u64, Revision),
    ) -> Option<Self> {
        let arn = round.arn.clone();
        let region = arn.region().parse().ok()?;
        let row = row_at(&arn)?;
        let work = OwnWork::changing(services, Service::SageMaker, &region, arn);
        let group = work.view().get_shared(&GROUPS, &row);
        let group = group.filter(|group| group.number == number)?;
        let row = work.view().get(&RENEWALS, &number_row(number))?.revision;
        if row != revision || group.data_key != round.target {
            return None;
        }
        Some(Self {
            work,
            group,
            keys: HashMap::new(),
        })
    }

    /// Whether the service may use every KMS key that is needed and there still is.
    fn may_go_on(&self) -> bool {
        let current = self.group.kms_key();
        let mut keys = self.group.kms_keys();
        keys.all(|key| {
            let lost = current != Some(key) && upkeep::is_gone(&self.work, key);
            lost || upkeep::check_key(&self.work, &self.group, key).is_ok()
        })
    }

    /// Seals the next cells anew, so many as `portion` has room for; says whether there are more.
    async fn run(
        mut self,
        runtime: &Runtime,
        renewal: &mut Renewal,
        portion: Portion,
    ) -> Result<bool, Error> {
        let number = GroupNumber(self.group.number);
        let after = renewal.after.as_deref().and_then(cell_key);
        let surveyed = runtime.cells.survey(number, after, portion).await?;
        let (cells, more) = (surveyed.cells, surveyed.more);
        let last = cells.last().map(|(key, _)| *key);
        let mut batch = Batch::new(Lane::Data);
        let mut unreadable = 0;
        for (key, cell) in cells {
            match cell {
                Some(cell) if cell.header().data_key >= self.group.data_key => {}
                Some(cell) => match self.sealed_anew(runtime, &key, cell).await {
                    Ok(Some(write)) => runtime.cells.stage(&mut batch, write),
                    Ok(None) | Err(Error::Online(Cells::Damaged)) => unreadable += 1,
                    Err(failed) => {
                        self.work.give_up().await;
                        return Err(failed);
                    }
                },
                None => unreadable += 1,
            }
        }
        if batch.cells().is_empty() {
            self.work.give_up().await;
        } else {
            let committed = self.work.commit(batch).await.map_err(Cells::Commit)?;
            let applied = committed.cells.iter();
            let applied = applied.filter(|outcome| **outcome == CellOutcome::Applied);
            let applied = u64::try_from(applied.count()).unwrap_or(u64::MAX);
            renewal.moved = renewal.moved.saturating_add(applied);
            metrics::counter!("strongroom_records_resealed_total").increment(applied);
        }
        renewal.lost = renewal.lost.saturating_add(unreadable);
        if let Some(last) = last {
            renewal.after = Some(hex::encode(last.as_bytes()));
        }
        Ok(more)
    }

    /// The write of the same record under the newest data key; `None` if the KMS key is gone that
    /// its own is under.
    async fn sealed_anew(
        &mut self,
        runtime: &Runtime,
        key: &CellKey,
        cell: SealedCell,
    ) -> Result<Option<Write>, Error> {
        let (work, group) = (&self.work, &self.group);
        let header = *cell.header();
        let former = group.former_of(header.data_key);
        let former = former.and_then(|place| group.former.get(place));
        let kms_key = match former {
            Some(former) => former.key.as_ref(),
            None => group.kms_key(),
        };
        if former.is_some() && kms_key.is_some_and(|key| upkeep::is_gone(work, key)) {
            return Ok(None);
        }
        let current = (group.kms_key(), group.data_key);
        for (kms_key, number) in [(kms_key, header.data_key), current] {
            if let Entry::Vacant(slot) = self.keys.entry(number) {
                let wanted = (kms_key, number);
                slot.insert(runtime.keys.for_service(work, group, wanted).await?);
            }
        }
        let [from, to] = [header.data_key, group.data_key].map(|number| self.keys.get(&number));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Error::broken("a data key was not unwrapped"));
        };
        let payload = cell.open(from, key)?;
        let fresh = Header {
            data_key: group.data_key,
            ..header
        };
        let sealed = SealedCell::seal(work.entropy(), to, key, fresh, &payload)?;
        Ok(Some(Write {
            key: *key,
            version: header.version,
            cell: Some(sealed),
            rule: Rule::IfHeader(header),
            now: work.time(),
        }))
    }

    /// Retires the older data keys that nothing is under, wraps those anew under the group's KMS key
    /// that something waits for the offline store under, and retires the grants on former KMS keys.
    async fn finish(self, place: Key) -> Result<(), Error> {
        let Self { work, group, .. } = self;
        let keys = match kept_keys(&work, &group).await {
            Ok(keys) => keys,
            Err(failed) => {
                work.give_up().await;
                return Err(failed);
            }
        };
        for key in group
            .kms_keys()
            .skip(usize::from(group.kms_key().is_some()))
        {
            grant::retire(&work, &group, key).await;
        }
        let kept = keys.data_keys.len().saturating_sub(1);
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&GROUP_KEYS, place.clone(), keys);
        batch.delete(&RENEWALS, place);
        if !group.former.is_empty() {
            let mut changed = group.to_change();
            changed.former.clear();
            batch.put(&GROUPS, changed.row(), changed);
        }
        work.commit(batch).await.map_err(Cells::Commit)?;
        info!(group = %group.arn, kept, "the older data keys of a feature group are retired");
        Ok(())
    }
}

/// The keys that `group` needs after a round: its newest data key, and the older ones from the first
/// on that something waits under, all of them wrapped under its KMS key. Those go whose KMS key is
/// gone: nobody can unwrap them.
async fn kept_keys(work: &OwnWork, group: &GroupRecord) -> Result<GroupKeys, Error> {
    // INVARIANT: a whole round for the newest data key found no cell under an older one. And since
    // that key was made nothing was committed under an older one: what waits under one is in the log.
    let oldest = match &group.offline {
        Some(_) => outbox::oldest_data_key(&**work.services().store(), group.number)?,
        None => None,
    };
    let oldest = oldest.unwrap_or(group.data_key);
    let keys = group.keys(work.view())?;
    let wrapping = Wrapping::of(group);
    let mut data_keys = Vec::new();
    for key in keys.data_keys.iter().filter(|key| key.number >= oldest) {
        let former = group.former_of(key.number);
        let former = former.and_then(|place| group.former.get(place));
        let from = former.map_or(wrapping.key, |former| former.key.as_ref());
        if from == wrapping.key {
            data_keys.push(key.clone());
            continue;
        }
        if from.is_some_and(|key| upkeep::is_gone(work, key)) {
            let (group, key) = (&group.arn, key.number);
            warn!(%group, key, "what waits for the offline store cannot be read any more: its KMS key was deleted");
            continue;
        }
        let wrapped = wrapping.anew_own(work, group, (from, &key.wrapped));
        data_keys.push(WrappedKey {
            number: key.number,
            wrapped: wrapped.await?,
        });
    }
    Ok(GroupKeys {
        data_keys,
        index_key: keys.index_key.clone(),
    })
}

/// The cell key that a row of [`RENEWALS`] holds.
pub(crate) fn cell_key(digits: &str) -> Option<CellKey> {
    hex::decode(digits)
        .ok()
        .and_then(|bytes| CellKey::from_bytes(&bytes))
}
