//! What the server does in the background: sweeping, removing deleted groups, renewing data keys,
//! sealing records anew, wiping unwrapped keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use online::{CellKey, SealedCell};
use pipeline::Services;
use store::{Batch, CommitError, Key, View};
use tracing::error;
use types::{ErrorKind, Monotonic, ServiceError as _};

use crate::lanes::Attempt;
use crate::records::{GroupRecord, PURGES, PurgeRecord};
use crate::upkeep::Gate;
use crate::{Error, Runtime, drains, expiry, lanes, lifecycle, renewal, reseal, sizes};

/// How many cells one step removes; a step is one commit.
const STEP: usize = 256;

/// How many steps one call makes of each duty at most, so that a call ends.
const STEPS: usize = 256;

/// For how long a call makes steps of one duty: so many as the backlog asks for and this lets it,
/// beside the requests.
const PATIENCE: Duration = Duration::from_millis(250);

/// How many of these steps a deleted group gets, if others wait.
const SHARE: usize = 64;

/// How many failures one call goes on after.
const MOST_UNDONE: usize = 64;

/// Counts what waits for the offline stores, measures groups in memory, removes expired records and
/// the cells of deleted groups, takes over what opens their records that wait, renews data keys, and
/// seals records anew under newer ones.
///
/// What expires of a group with an offline store leaves a marker there, as a deletion does.
///
/// A group under a customer's key is touched only if its grant lets the service use that key:
/// if not, its expired records stay where they are, invisible, and the log, the audit trail
/// and `DescribeFeatureGroup` say so. What is left of a deleted group is removed without:
/// nobody can read it.
///
/// What needs KMS keys in custom key stores is done apart and may go on when this has ended: of that,
/// the next call says what could not be done.
///
/// The server calls it every second or so. Returns what could not be done, which holds up
/// nothing else: that, and what a restart interrupted, the next call finds and goes on with.
pub async fn maintain(services: &Arc<Services>) -> Vec<Undone> {
    let runtime: &Runtime = match services.part() {
        Ok(runtime) => runtime,
        Err(missing) => return vec![Undone::new("the feature store", missing.into())],
    };
    runtime.upkeep.look(services).await;
    let mut undone = runtime.lanes.undone();
    if let Err(source) = runtime.outbox.close_segments(services).await {
        undone.push(Undone::new("what waits for the offline stores", source));
    }
    undone.extend(sweep(services, runtime).await);
    if let Err(source) = sizes::measure(services, runtime).await {
        undone.push(Undone::new("the sizes of groups in memory", source));
    }
    undone.extend(purge(services, runtime).await);
    undone.extend(drains::go_on(services, runtime).await);
    undone.extend(lifecycle::go_on(services).await);
    undone.extend(renewal::begin_due(services, runtime).await);
    undone.extend(reseal::go_on(services, runtime).await);
    runtime.tell_failing(services.clock().monotonic());
    undone
}

/// Wipes unwrapped keys of groups whose time is over or whose KMS key has changed. The server calls it
/// every second or so, whatever [`maintain`] is at.
pub fn wipe(services: &Services) {
    if let Ok(runtime) = services.part::<Runtime>() {
        let (snapshot, now) = (services.store().snapshot(), services.clock().monotonic());
        runtime.keys.wipe(&snapshot, now);
    }
}

/// Ends what [`maintain`] has left under way for custom key stores, wherever it is; nothing of it
/// begins after that. For a server that stops or is sealed.
pub async fn end(services: &Services) {
    if let Ok(runtime) = services.part::<Runtime>() {
        runtime.lanes.end().await;
    }
}

/// Something that could not be done, and is tried again.
#[derive(Debug)]
pub struct Undone {
    /// What it was for.
    pub what: String,
    /// Why.
    pub source: Error,
}

impl Undone {
    pub(crate) fn new(what: impl Into<String>, source: Error) -> Self {
        Self {
            what: what.into(),
            source,
        }
    }
}

/// When a duty that begins now ends at the latest.
pub(crate) fn until(services: &Services) -> Monotonic {
    let now = services.clock().monotonic();
    Monotonic(now.0.saturating_add(PATIENCE))
}

/// Removes what has expired: of groups with an offline store group by group, with markers.
async fn sweep(services: &Arc<Services>, runtime: &Runtime) -> Vec<Undone> {
    let (mut damaged, mut undone, end) = (0, Vec::new(), until(services));
    for _ in 0..STEPS {
        let (gate, now) = (Gate::new(services, &runtime.lanes), services.settled_time());
        let open = |group: online::GroupNumber| gate.is_open(group.0);
        let marked = |group: online::GroupNumber| gate.with_offline(group.0).is_some();
        let swept = match runtime
            .cells
            .sweep_or_report(now, STEP, (&open, &marked))
            .await
        {
            Ok(swept) => swept,
            Err(source) => {
                undone.push(Undone::new("expired records", source.into()));
                break;
            }
        };
        damaged += swept.damaged;
        let mut groups: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for (key, cell) in swept.expired {
            let of_group = groups.entry(key.group().0).or_default();
            of_group.push((key, cell));
        }
        for (number, expired) in groups {
            let Some(group) = gate.with_offline(number) else {
                continue;
            };
            let what = format!("the expired records of {}", group.arn);
            match remove(services, runtime, (group, expired), end).await {
                Attempt::UnderWay | Attempt::Waits => {}
                Attempt::Ended(Ok(stay)) => damaged += stay,
                Attempt::Ended(Err(source)) => undone.push(Undone::new(what, source)),
            }
        }
        let late = services.clock().monotonic() >= end;
        if !swept.more || late || undone.len() >= MOST_UNDONE {
            break;
        }
        // A step that only passes over closed groups waits for nothing.
        pipeline::yield_once().await;
    }
    if damaged > 0 {
        error!(
            damaged,
            "expired records were tampered with and cannot be removed"
        );
    }
    undone
}

/// Removes expired records of a group, with markers; apart, if its keys are in custom key stores.
async fn remove(
    services: &Arc<Services>,
    runtime: &Runtime,
    (group, expired): (&Arc<GroupRecord>, Vec<(CellKey, SealedCell)>),
    end: Monotonic,
) -> Attempt<usize> {
    let what = format!("the expired records of {}", group.arn);
    let view = View::plain(services.store().snapshot());
    let stores = lanes::stores_of(&view, group);
    let (group, of) = (Arc::clone(group), Arc::clone(services));
    let work = async move { expiry::remove(&of, of.part()?, &group, expired).await };
    let lanes = &runtime.lanes;
    lanes.attempt(services, (stores, what), end, work).await
}

/// Removes what is left of deleted groups, a share of the steps each: one that cannot be removed
/// holds up no other.
async fn purge(services: &Arc<Services>, runtime: &Runtime) -> Vec<Undone> {
    let snapshot = services.store().snapshot();
    let all = Key::of(&[]);
    let (mut steps, mut undone, end) = (STEPS, Vec::new(), until(services));
    for (_, purge) in snapshot.scan(&PURGES, &all) {
        let purge = purge.record;
        if let Err(source) = purge_group(services, runtime, purge, &mut steps).await {
            let what = format!("the records of deleted group {}", purge.number);
            undone.push(Undone::new(what, source));
        }
        let late = services.clock().monotonic() >= end;
        if late || steps == 0 || undone.len() >= MOST_UNDONE {
            break;
        }
    }
    undone
}

/// Takes the keys and grants of a deleted group, then its cells, so many steps at most and for a
/// bounded time, and the group with the last.
///
/// A store that takes no writes now is no failure of the deletion.
pub(crate) async fn purge_group(
    services: &Arc<Services>,
    runtime: &Runtime,
    purge: &PurgeRecord,
    steps: &mut usize,
) -> Result<(), Error> {
    runtime
        .keys
        .forget(purge.number, services.clock().monotonic());
    if let Err(failed) = lifecycle::release(services, purge).await {
        return stuck(services, purge, failed).await;
    }
    let group = online::GroupNumber(purge.number);
    // INVARIANT: nothing is written to a group after its deletion, because every write
    // depends on the group's row; once its cells are gone none come back.
    let (mut own, end) = (SHARE, until(services));
    loop {
        match runtime.cells.purge(group, STEP).await {
            Ok(purged) if !purged.more => break,
            Ok(_more) => {}
            Err(failed) => return stuck(services, purge, failed.into()).await,
        }
        *steps = steps.saturating_sub(1);
        own = own.saturating_sub(1);
        let late = services.clock().monotonic() >= end;
        if *steps == 0 || own == 0 || late {
            return Ok(());
        }
    }
    runtime.meters.forget(purge.number);
    commit(services, lifecycle::deleted(services, purge)).await
}

/// Has the group say that its deletion has `failed`, and says so.
async fn stuck(services: &Services, purge: &PurgeRecord, failed: Error) -> Result<(), Error> {
    if failed.kind() == ErrorKind::Internal
        && let Some(batch) = lifecycle::delete_failed(services, purge, &failed)
    {
        commit(services, batch).await?;
    }
    Err(failed)
}

async fn commit(services: &Services, batch: Batch) -> Result<(), Error> {
    match services.store().commit(batch).await {
        // Somebody else was first.
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(failed) => Err(online::Error::Commit(failed).into()),
    }
}
