//! The thread that looks after what no caller waits for: mark, memory, journals, old tables.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use super::shared::Shared;
use crate::Revision;

/// Unflushed bytes above which a quiet store is flushed.
const QUIET_FLUSH_BYTES: u64 = 1024 * 1024;

/// For how many intervals nothing must have been committed for the store to be quiet.
const QUIET: u32 = 20;

/// How many intervals after that flush the engine's old tables are let go: soon, and again
/// when longer compactions are through.
const TIDY: [u32; 3] = [8, 40, 240];

/// After how many intervals the mark is synced.
const SYNC: u32 = 4;

/// What the thread remembers between intervals.
#[derive(Default)]
struct Upkeep {
    ticks: u32,
    /// Intervals since the last commit.
    quiet: u32,
    seen: Revision,
    /// Whether the quiet store was flushed, so that old tables will be left over.
    flushed: bool,
    /// Whether an empty group was asked for in the last interval.
    tidied: bool,
}

/// Runs until the other end of `stop` is dropped.
pub(super) fn run(shared: &Arc<Shared>, stop: &Receiver<()>) {
    let mut upkeep = Upkeep::default();
    while stop.recv_timeout(shared.tuning.upkeep_interval) == Err(RecvTimeoutError::Timeout) {
        if let Err(error) = upkeep.interval(shared) {
            tracing::warn!(%error, "flushing the store's memory failed");
        }
    }
}

impl Upkeep {
    fn interval(&mut self, shared: &Shared) -> fjall::Result<()> {
        let engine = &shared.engine;
        let revision = shared.published.load().revision();
        self.quiet = if revision == self.seen {
            self.quiet.saturating_add(1)
        } else {
            0
        };
        self.seen = revision;
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(SYNC) {
            sync(shared);
        }
        if self.quiet == QUIET {
            self.flushed = engine.pins_journals() || engine.unflushed_bytes() > QUIET_FLUSH_BYTES;
            if self.flushed {
                return engine.flush_all();
            }
        } else if self.flushed
            && self
                .quiet
                .checked_sub(QUIET)
                .is_some_and(|n| TIDY.contains(&n))
        {
            // The engine lets a table go when something newer than its successor is flushed.
            shared.queue.tidy();
            self.tidied = true;
            return Ok(());
        }
        if std::mem::take(&mut self.tidied) {
            return engine.flush_chain();
        }
        if self.ticks.is_multiple_of(SYNC) && engine.pins_journals() {
            // A keyspace that is rarely written would keep whole journals alive.
            return engine.flush_small();
        }
        Ok(())
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
