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

/// Removes expired records, removes the cells of deleted groups, and wipes unwrapped keys
/// whose time is over or whose KMS key has changed.
///
/// A group under a customer's key is touched only if its grant lets the service use that key:
/// if not, its expired records stay where they are, invisible, and the log, the audit trail
/// and `DescribeFeatureGroup` say so. What is left of a deleted group is removed without:
/// its grant went with it, and nothing can read it.
///
/// The server calls it every second or so. What is left undone, by a failure or a restart,
/// the next call finds and goes on with.
pub async fn maintain(services: &Arc<Services>) -> Result<(), Error> {
    let runtime: &Runtime = services.part()?;
    runtime
        .keys
        .wipe(&services.store().snapshot(), services.clock().monotonic());
    runtime.upkeep.look(services).await;
    sweep(services, runtime).await?;
    purge(services, runtime).await
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

async fn purge(services: &Services, runtime: &Runtime) -> Result<(), Error> {
    let snapshot = services.store().snapshot();
    let all = Key::of(&[]);
    let mut steps = STEPS;
    for (row, purge) in snapshot.scan(&PURGES, &all) {
        let group = online::GroupNumber(purge.record.number);
        // INVARIANT: nothing is written to a group after its deletion, because every write
        // depends on the group's row; once its cells are gone none come back.
        while runtime.cells.purge(group, STEP).await?.more {
            steps = steps.saturating_sub(1);
            if steps == 0 {
                return Ok(());
            }
        }
        let mut batch = Batch::new(Lane::Metadata);
        batch.delete(&PURGES, row.clone());
        services
            .store()
            .commit(batch)
            .await
            .map_err(online::Error::Commit)?;
    }
    Ok(())
}
