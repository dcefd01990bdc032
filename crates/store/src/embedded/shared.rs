//! What the committer, the upkeep thread and readers share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;
use types::Clock;

use super::disk::{Disk, Space};
use super::engine::Engine;
use super::entry::Heads;
use super::group::ChangedHeads;
use super::mark::MarkKeeper;
use super::options::Tuning;
use super::prepare::Prepared;
use super::prune::Pruning;
use super::queue::{Queue, Request};
use super::reserve::LastRoom;
use super::seal::Sealer;
use crate::{AnyTable, CommitError, Committed, Lane, Snapshot};

/// The parts of an open store.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) engine: Engine,
    pub(super) sealer: Sealer,
    pub(super) tables: Vec<&'static dyn AnyTable>,
    pub(super) published: ArcSwap<Snapshot>,
    /// The ends of the logs' segments, as of the newest durable group.
    pub(super) heads: Mutex<Heads>,
    pub(super) queue: Queue,
    pub(super) mark: MarkKeeper,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) tuning: Tuning,
    pub(super) writable: AtomicBool,
    pub(super) syncs: AtomicU64,
    /// Bytes of keys and values written since the store was opened.
    pub(super) written: AtomicU64,
    /// How far the history was looked through for what is not kept.
    pub(super) pruning: Mutex<Pruning>,
}

/// What the free disk still allows; each allows less than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Room {
    /// Everything.
    Enough,
    /// All but events of strangers, and counts.
    NoStrangers,
    /// No data either.
    NoData,
    /// Changes of metadata and removals: no events of what changed nothing either.
    ChangesOnly,
    /// What takes rights away or removes.
    RemovalsOnly,
    /// What takes rights away.
    RevocationsOnly,
    /// Nothing.
    None,
}

impl Shared {
    /// Hands a prepared batch to the committer; returns where its answer will be.
    pub(super) fn submit(
        &self,
        prepared: Prepared,
    ) -> Result<oneshot::Receiver<Result<Committed, CommitError>>, CommitError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Request {
            bytes: prepared.bytes(),
            writes: prepared.writes(),
            prepared,
            since: self.clock.monotonic(),
            answer,
        })?;
        Ok(answered)
    }

    /// Stops writing until the store is opened again; reads go on.
    pub(super) fn stop(&self, reason: &str) {
        if self.writable.swap(false, Ordering::AcqRel) {
            tracing::error!(reason, "the store stops writing; restart the server");
        }
        self.queue.fail(reason);
    }

    /// Takes over the heads that a durable group changed.
    pub(super) fn publish_heads(&self, changed: &ChangedHeads) {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, head) in changed {
            match head {
                Some(head) => heads.insert(*place, *head),
                None => heads.remove(place),
            };
        }
    }

    /// How much room the disk has; `None` if the file system does not tell.
    pub(super) fn space(&self) -> Option<Space> {
        let space = self.disk.space(&self.directory);
        space
            .inspect_err(|error| tracing::warn!(%error, "the free disk space cannot be told"))
            .ok()
    }
}

/// The committer went away without an answer.
pub(super) fn unanswered() -> CommitError {
    CommitError::Unknown {
        reason: "the committer failed".to_owned(),
    }
}

impl Tuning {
    /// What `space` allows once so many `bytes` more are written: no reserve is more than its share
    /// of a small disk. One that is not known allows nothing: nothing is written blindly.
    pub(super) fn room(&self, space: Option<Space>, bytes: u64) -> Room {
        let Some(space) = space else {
            return Room::None;
        };
        let free = space.free.saturating_sub(bytes);
        let part = space.total / 32;
        let steps = [
            (self.full_bytes, 2, Room::None),
            (self.removal_reserve_bytes, 3, Room::RevocationsOnly),
            (self.revocation_reserve_bytes, 4, Room::RemovalsOnly),
            (self.change_reserve_bytes, 6, Room::ChangesOnly),
            (self.data_reserve_bytes, 8, Room::NoData),
            (self.stranger_reserve_bytes, 12, Room::NoStrangers),
        ];
        let mut below = steps
            .into_iter()
            .filter(|(reserve, parts, _)| free < (*reserve).min(part.saturating_mul(*parts)));
        below.next().map_or(Room::Enough, |(_, _, room)| room)
    }

    /// The room of `space` in which accounts have shares, once so many `bytes` more are written.
    pub(super) fn last_room(&self, space: Option<Space>, bytes: u64) -> LastRoom {
        let (free, total) = space.map_or((0, 0), |space| (space.free, space.total));
        let full = self.full_bytes.min(total / 16);
        let begin = self.revocation_reserve_bytes.min(total / 8);
        LastRoom {
            left: free.saturating_sub(full).saturating_sub(bytes),
            whole: begin.saturating_sub(full),
        }
    }
}

impl Room {
    /// Whether a batch of `lane` may be written.
    pub(super) fn admits(self, lane: Lane) -> bool {
        let last = match lane {
            Lane::Strangers => Self::Enough,
            Lane::Data => Self::NoStrangers,
            Lane::Events => Self::NoData,
            Lane::Metadata => Self::ChangesOnly,
            Lane::Relief => Self::RemovalsOnly,
            Lane::Revocation | Lane::Emergency => Self::RevocationsOnly,
        };
        self <= last
    }
}
