//! What the committer, the upkeep thread and readers share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use types::Clock;

use super::disk::Disk;
use super::engine::Engine;
use super::entry::Heads;
use super::group::ChangedHeads;
use super::mark::MarkKeeper;
use super::options::Tuning;
use super::queue::Queue;
use super::seal::Sealer;
use crate::{AnyTable, Lane, Snapshot};

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
}

/// What the free disk still allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Everything.
    Enough,
    /// All but data.
    NoData,
    /// Changes of metadata and removals: neither data nor events of what changed nothing.
    ChangesOnly,
    /// Nothing.
    None,
}

impl Shared {
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

    /// What the free disk allows.
    ///
    /// A file system that does not tell is taken as full: nothing is written blindly.
    pub(super) fn room(&self) -> Room {
        match self.disk.space(&self.directory) {
            Ok(space) => {
                let metadata = self.tuning.metadata_reserve_bytes.min(space.total / 16);
                let events = self.tuning.event_reserve_bytes.min(space.total / 8);
                let data = self.tuning.data_reserve_bytes.min(space.total / 4);
                if space.free < metadata {
                    Room::None
                } else if space.free < events {
                    Room::ChangesOnly
                } else if space.free < data {
                    Room::NoData
                } else {
                    Room::Enough
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the free disk space cannot be told");
                Room::None
            }
        }
    }
}

impl Room {
    /// Whether a batch of `lane` may be written.
    pub(super) fn admits(self, lane: Lane) -> bool {
        match self {
            Self::Enough => true,
            Self::NoData => lane != Lane::Data,
            Self::ChangesOnly => matches!(lane, Lane::Metadata | Lane::Relief),
            Self::None => false,
        }
    }
}
