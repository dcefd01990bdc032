//! The thread that looks after what no caller waits for: mark, memory, journals, old tables.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};

use super::shared::Shared;
use crate::Revision;

/// A quiet store into which less was written is left alone.
const QUIET_BYTES: u64 = 1024 * 1024;

/// For how many intervals nothing must have been committed for the store to be quiet.
const QUIET: u32 = 20;

/// How many intervals after that flush overwritten data is merged away.
const COMPACT: u32 = 4;

/// How many intervals after that flush the engine's old tables are let go: soon, and again
/// when longer compactions are through.
const TIDY: [u32; 5] = [8, 40, 240, 1200, 6000];

/// After how many intervals the mark is synced.
const SYNC: u32 = 4;

/// What the thread remembers between intervals.
#[derive(Default)]
struct Upkeep {
    ticks: u32,
    /// Intervals since the last commit.
    quiet: u32,
    seen: Revision,
    /// What had been written when the quiet store was last flushed.
    tidy_at: u64,
    /// How much that was.
    written: u64,
    /// Whether old tables may be left over since then.
    untidy: bool,
    /// Merges, while the mark is synced here.
    compaction: Option<JoinHandle<()>>,
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
    if let Some(compaction) = upkeep.compaction {
        // A panic in it was the engine's; the engine says so itself on the next write.
        let _ = compaction.join();
    }
}

impl Upkeep {
    fn interval(&mut self, shared: &Arc<Shared>) -> fjall::Result<()> {
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
            engine.prepare_segments()?;
        }
        if self.quiet == QUIET {
            let written = shared.written.load(Ordering::Relaxed);
            if engine.pins_journals() || written - self.tidy_at > QUIET_BYTES {
                self.untidy = true;
                self.written = written - self.tidy_at;
                self.tidy_at = written;
            }
            if self.untidy {
                return engine.flush_all();
            }
        }
        let since_flush = self.quiet.saturating_sub(QUIET);
        if self.untidy && since_flush == COMPACT {
            self.compact(shared);
        }
        if self.untidy && TIDY.contains(&since_flush) {
            // The engine lets a table go when something newer than its successor is flushed.
            shared.queue.tidy();
            self.tidied = true;
            self.untidy = TIDY.last() != Some(&since_flush);
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

    fn compact(&mut self, shared: &Arc<Shared>) {
        if self
            .compaction
            .as_ref()
            .is_some_and(|running| !running.is_finished())
        {
            return;
        }
        let (shared, written) = (Arc::clone(shared), self.written);
        let spawned = thread::Builder::new()
            .name("store-compaction".to_owned())
            .spawn(move || {
                if let Err(error) = shared.engine.compact(written) {
                    tracing::warn!(%error, "merging the store's tables failed");
                }
            });
        self.compaction = spawned.ok();
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
