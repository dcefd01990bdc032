//! A store in memory that can be stopped before it publishes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use store::{
    AnyTable, Batch, CellOutcome, Cells, CommitError, CommitFuture, Committed, ErasedRecord, Error,
    Key, Lane, Log, LogCursor, LogEntry, Revision, Snapshot, SnapshotBuilder, Space, Store,
};
use tokio::sync::Semaphore;

type CellMap = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

#[derive(Debug)]
pub(crate) struct MemoryStore {
    state: Mutex<(Arc<Snapshot>, CellMap)>,
    /// Commits wait here between being submitted and being published.
    pub(crate) gate: Semaphore,
    pub(crate) cell_reads: AtomicUsize,
    /// The lanes of all commits so far.
    pub(crate) lanes: Mutex<Vec<Lane>>,
}

impl MemoryStore {
    pub(crate) fn new(tables: &[&'static dyn AnyTable]) -> Self {
        let snapshot = Arc::new(SnapshotBuilder::new(tables).build(0));
        Self {
            state: Mutex::new((snapshot, CellMap::new())),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            cell_reads: AtomicUsize::new(0),
            lanes: Mutex::default(),
        }
    }

    pub(crate) fn count(&self, space: Space) -> usize {
        let state = self.state.lock().unwrap();
        state
            .1
            .keys()
            .filter(|(name, _)| *name == space.name)
            .count()
    }

    fn publish(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.lanes.lock().unwrap().push(batch.lane());
        let mut state = self.state.lock().unwrap();
        let (snapshot, cells) = &mut *state;
        if !batch
            .preconditions()
            .iter()
            .all(|read| read.holds_in(snapshot))
        {
            return Err(CommitError::Conflict);
        }
        let revision = snapshot.revision() + 1;
        *snapshot = Arc::new(snapshot.with(revision, batch.metadata()));
        let (_, writes, _) = batch.into_changes();
        let mut outcomes = Vec::new();
        for write in writes {
            let key = (write.space.name, write.key);
            if let Some(rule) = write.rule {
                let stored = cells.get(&key).cloned();
                if !rule.replaces(stored.as_deref()) {
                    outcomes.push(CellOutcome::Kept);
                    continue;
                }
                for beside in rule.beside(stored.as_deref()) {
                    let key = (beside.space.name, beside.key);
                    match beside.value {
                        Some(value) => cells.insert(key, value),
                        None => cells.remove(&key),
                    };
                }
                outcomes.push(CellOutcome::Applied);
            }
            match write.value {
                Some(value) => cells.insert(key, value),
                None => cells.remove(&key),
            };
        }
        Ok(Committed {
            revision,
            cells: outcomes,
            metadata_bytes: 0,
        })
    }
}

impl Store for MemoryStore {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.state.lock().unwrap().0)
    }

    fn commit(&self, batch: Batch) -> CommitFuture<'_> {
        Box::pin(async move {
            let permit = self.gate.acquire().await.unwrap();
            drop(permit);
            self.publish(batch)
        })
    }

    fn cell(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.cell_reads.fetch_add(1, Ordering::Relaxed);
        let state = self.state.lock().unwrap();
        Ok(state.1.get(&(space.name, key.to_vec())).cloned())
    }

    fn cells(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Cells, Error> {
        let state = self.state.lock().unwrap();
        let above = |key: &[u8]| match from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        let below = |key: &[u8]| match to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        let cells = state.1.iter();
        Ok(cells
            .filter(|((name, key), _)| *name == space.name && above(key) && below(key))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .take(limit)
            .collect())
    }

    fn log_newest_first(
        &self,
        _: &'static Log,
        _: u32,
        _: Option<LogCursor>,
        _: u64,
        _: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        Ok(Vec::new())
    }

    fn log_oldest_first(
        &self,
        _: &'static Log,
        _: u32,
        _: Option<LogCursor>,
        _: usize,
    ) -> Result<Vec<LogEntry>, Error> {
        Ok(Vec::new())
    }

    fn drop_log_segments(&self, _: &'static Log, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn history(
        &self,
        _: &'static dyn AnyTable,
        _: &Key,
    ) -> Result<Vec<(Revision, Option<ErasedRecord>)>, Error> {
        Ok(Vec::new())
    }

    fn is_writable(&self) -> bool {
        true
    }
}
