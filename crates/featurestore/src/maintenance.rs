//! What the server does in the background: sweeping, removing deleted groups, wiping keys.

use std::sync::Arc;

use pipeline::Services;
use store::{Batch, Key, Lane};
use tracing::error;

use crate::records::PURGES;
use crate::upkeep::Gate;
use crate::{Error, Runtime};

/// How many cells one step removes; a step is one commit.
const STEP: usize = 256;

/// How many steps one call makes of each duty, so that a call ends.
const STEPS: usize = 16;

/// How many of these steps a deleted group gets, if others wait.
const SHARE: usize = 4;

/// How many failures one call goes on after.
const MOST_UNDONE: usize = 64;

/// Removes expired records, removes the cells of deleted groups, and wipes unwrapped keys
/// whose time is over or whose KMS key has changed.
///
/// A group under a customer's key is touched only if its grant lets the service use that key:
/// if not, its expired records stay where they are, invisible, and the log, the audit trail
/// and `DescribeFeatureGroup` say so. What is left of a deleted group is removed without:
/// its grant went with it, and nothing can read it.
///
/// The server calls it every second or so. Returns what could not be done, which holds up
/// nothing else: that, and what a restart interrupted, the next call finds and goes on with.
pub async fn maintain(services: &Arc<Services>) -> Vec<Undone> {
    let runtime: &Runtime = match services.part() {
        Ok(runtime) => runtime,
        Err(missing) => return vec![Undone::new("the feature store", missing.into())],
    };
    runtime
        .keys
        .wipe(&services.store().snapshot(), services.clock().monotonic());
    runtime.upkeep.look(services).await;
    let mut undone = Vec::new();
    if let Err(source) = sweep(services, runtime).await {
        undone.push(Undone::new("expired records", source));
    }
    undone.extend(purge(services, runtime).await);
    undone
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

async fn sweep(services: &Arc<Services>, runtime: &Runtime) -> Result<(), Error> {
    let mut damaged = 0;
    for _ in 0..STEPS {
        let (gate, now) = (Gate::new(services), services.clock().now());
        let open = |group: online::GroupNumber| gate.is_open(group.0);
        let swept = runtime.cells.sweep(now, STEP, &open).await?;
        damaged += swept.damaged;
        if !swept.more {
            break;
        }
    }
    if damaged > 0 {
        error!(
            damaged,
            "expired records were tampered with and cannot be removed"
        );
    }
    Ok(())
}

/// Removes what is left of deleted groups, a share of the steps each: one that cannot be removed
/// holds up no other.
async fn purge(services: &Services, runtime: &Runtime) -> Vec<Undone> {
    let snapshot = services.store().snapshot();
    let all = Key::of(&[]);
    let (mut steps, mut undone) = (STEPS, Vec::new());
    for (row, purge) in snapshot.scan(&PURGES, &all) {
        let group = online::GroupNumber(purge.record.number);
        match purge_group(services, runtime, (row, group), &mut steps).await {
            Ok(()) => {}
            Err(source) => {
                let what = format!("the records of deleted group {}", group.0);
                undone.push(Undone::new(what, source));
            }
        }
        if steps == 0 || undone.len() >= MOST_UNDONE {
            break;
        }
    }
    undone
}

async fn purge_group(
    services: &Services,
    runtime: &Runtime,
    (row, group): (&Key, online::GroupNumber),
    steps: &mut usize,
) -> Result<(), Error> {
    // INVARIANT: nothing is written to a group after its deletion, because every write
    // depends on the group's row; once its cells are gone none come back.
    let mut own = SHARE;
    while runtime.cells.purge(group, STEP).await?.more {
        *steps = steps.saturating_sub(1);
        own = own.saturating_sub(1);
        if *steps == 0 || own == 0 {
            return Ok(());
        }
    }
    let mut batch = Batch::new(Lane::Metadata);
    batch.delete(&PURGES, row.clone());
    let committed = services.store().commit(batch).await;
    committed.map_err(online::Error::Commit)?;
    Ok(())
}
