//! How an embedded store is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crypto::secret::Key32;
use types::{Clock, Entropy};

use super::disk::{Disk, SystemDisk};
use crate::history::{DATES, HISTORY};
use crate::{AnyTable, Log, Space};

const MIB: u64 = 1024 * 1024;

/// All that [`super::EmbeddedStore::open`] needs.
#[derive(Debug)]
pub struct Options<'a> {
    /// Where the store's files are; created if missing. Nobody else writes there.
    pub directory: PathBuf,
    /// The data key; the store derives a key of its own from it for each purpose.
    pub data_key: &'a Key32,
    /// The metadata tables. A store that holds rows of another table does not open.
    pub tables: Vec<&'static dyn AnyTable>,
    /// The cell spaces.
    pub spaces: Vec<Space>,
    /// The logs.
    pub logs: Vec<&'static Log>,
    /// The time, kept with every version of a metadata row.
    pub clock: Arc<dyn Clock>,
    /// Where nonces come from.
    pub entropy: Arc<dyn Entropy>,
    /// The file system for what the store writes itself.
    pub disk: Arc<dyn Disk>,
    /// Sizes and limits.
    pub tuning: Tuning,
}

impl<'a> Options<'a> {
    /// Options for a store in `directory` with default tuning and no tables yet.
    pub fn new(
        directory: impl Into<PathBuf>,
        data_key: &'a Key32,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            directory: directory.into(),
            data_key,
            tables: Vec::new(),
            spaces: Vec::new(),
            logs: Vec::new(),
            clock,
            entropy,
            disk: Arc::new(SystemDisk),
            tuning: Tuning::default(),
        }
    }

    /// The tables, and the store's own.
    pub(super) fn all_tables(&self) -> Vec<&'static dyn AnyTable> {
        let own: [&'static dyn AnyTable; 2] = [&HISTORY, &DATES];
        self.tables.iter().copied().chain(own).collect()
    }
}

/// Sizes and limits; the defaults suit a server that idles below 64 MiB.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The engine's cache of blocks read from disk.
    pub cache_bytes: u64,
    /// Sealed journals beyond this are freed by flushing what pins them; at least 64 MiB.
    pub journal_bytes: u64,
    /// How large a cell space or log segment grows in memory before it is flushed. Fixed when
    /// it is created.
    pub data_memtable_bytes: u64,
    /// The same for metadata.
    pub small_memtable_bytes: u64,
    /// Engine threads that flush and compact.
    pub workers: usize,
    /// A group of commits is closed at this size…
    pub group_bytes: usize,
    /// …or at this number of writes.
    pub group_writes: usize,
    /// The largest batch that a caller may commit, as it is written: more than any operation
    /// makes, which have limits of their own. The history of its rows counts.
    pub batch_bytes: usize,
    /// The most writes in one batch.
    pub batch_writes: usize,
    /// How many batches may wait in each lane.
    pub lane_batches: usize,
    /// How many bytes may wait in each lane; revocations are taken beyond it.
    pub lane_bytes: usize,
    /// How long a data batch waits for an engine that is behind before its caller hears
    /// [`crate::CommitError::Busy`].
    pub data_patience: Duration,
    /// Below this much free disk events of strangers and counts are refused (at most six
    /// sixteenths of the disk).
    pub stranger_reserve_bytes: u64,
    /// Below this much data batches are refused as well (at most four sixteenths).
    pub data_reserve_bytes: u64,
    /// Below this much the events of calls that changed nothing are, too: the rest is for changes
    /// (at most three sixteenths).
    pub change_reserve_bytes: u64,
    /// Below this much only what takes rights away or removes is accepted (at most two
    /// sixteenths).
    pub revocation_reserve_bytes: u64,
    /// Below this much only what takes rights away is (at most three thirty-seconds): removals give
    /// space back later than they take it.
    pub removal_reserve_bytes: u64,
    /// Below this much every batch is refused (at most a sixteenth).
    pub full_bytes: u64,
    /// How often memory and journals are looked after; every fourth time the mark is synced.
    pub upkeep_interval: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            cache_bytes: 16 * MIB,
            journal_bytes: 128 * MIB,
            data_memtable_bytes: 24 * MIB,
            small_memtable_bytes: 4 * MIB,
            workers: 3,
            group_bytes: 4 << 20,
            group_writes: 512,
            batch_bytes: 32 << 20,
            batch_writes: 65_536,
            lane_batches: 8192,
            lane_bytes: 64 << 20,
            data_patience: Duration::from_secs(2),
            stranger_reserve_bytes: 1024 * MIB,
            data_reserve_bytes: 256 * MIB,
            change_reserve_bytes: 192 * MIB,
            revocation_reserve_bytes: 128 * MIB,
            removal_reserve_bytes: 96 * MIB,
            full_bytes: 64 * MIB,
            upkeep_interval: Duration::from_millis(250),
        }
    }
}
