//! The thread that looks after what no caller waits for: mark, memory, journals.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use super::shared::Shared;

/// Unflushed bytes above which a quiet store is flushed.
const QUIET_FLUSH_BYTES: u64 = 1024 * 1024;

/// For how many intervals nothing must have been committed for the store to be quiet.
const QUIET_INTERVALS: u32 = 20;

/// After how many intervals the mark is synced.
const SYNC_INTERVALS: u32 = 4;

/// Runs until the other end of `stop` is dropped.
pub(super) fn run(shared: &Arc<Shared>, stop: &Receiver<()>) {
    let mut quiet = 0;
    let mut seen = 0;
    let mut ticks: u32 = 0;
    while stop.recv_timeout(shared.tuning.upkeep_interval) == Err(RecvTimeoutError::Timeout) {
        ticks = ticks.wrapping_add(1);
        let revision = shared.published.load().revision();
        quiet = if revision == seen { quiet + 1 } else { 0 };
        seen = revision;
        if ticks.is_multiple_of(SYNC_INTERVALS) {
            sync(shared);
        }
        let pinned = shared.engine.pins_journals();
        let flushed = if quiet == QUIET_INTERVALS
            && (pinned || shared.engine.unflushed_bytes() > QUIET_FLUSH_BYTES)
        {
            shared.engine.flush_all()
        } else if pinned && ticks.is_multiple_of(SYNC_INTERVALS) {
            // A keyspace that is rarely written would keep whole journals alive.
            shared.engine.flush_small()
        } else {
            Ok(())
        };
        if let Err(error) = flushed {
            tracing::warn!(%error, "flushing the store's memory failed");
        }
    }
}

/// Makes the mark durable and notices an engine that gave up in the background.
fn sync(shared: &Shared) {
    if let Err(error) = shared.mark.sync() {
        shared.stop(&format!("syncing commit.mark failed: {error}"));
    }
    if let Err(error) = shared.engine.check() {
        shared.stop(&format!("the engine has stopped: {error}"));
    }
}
