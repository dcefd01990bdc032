//! Sequence numbers: larger for every accepted write, across restarts.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use store::{Batch, CommitError, Key, Lane, Read, Record, Store, Table};

use crate::{Error, OpenError};

/// How often the online store was opened.
pub(crate) static SEQUENCE: Table<Runs> = Table::without_history("online_sequence");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Runs {
    runs: u64,
}

impl Record for Runs {
    const VERSION: u16 = 1;
}

/// Numbers the writes of one run: the number of the run, then a count.
///
/// A million runs of seventeen trillion writes each fit.
#[derive(Debug)]
pub(crate) struct Sequencer {
    next: AtomicU64,
    end: u64,
}

const COUNT_BITS: u32 = 44;

impl Sequencer {
    /// Starts a new run: stores its number before the first write can carry it.
    pub(crate) async fn start(store: &dyn Store) -> Result<Self, OpenError> {
        let key = Key::of(&["runs"]);
        loop {
            let snapshot = store.snapshot();
            let run = snapshot
                .get(&SEQUENCE, &key)
                .map_or(0, |row| row.record.runs);
            let first = run
                .checked_shl(COUNT_BITS)
                .filter(|n| n >> COUNT_BITS == run);
            let end = first.and_then(|first| first.checked_add(1 << COUNT_BITS));
            let (Some(first), Some(end)) = (first, end) else {
                return Err(OpenError::Exhausted);
            };
            let mut batch = Batch::new(Lane::Metadata);
            batch.put(&SEQUENCE, key.clone(), Runs { runs: run + 1 });
            batch.require(Read::Row {
                table: &SEQUENCE,
                key: key.clone(),
                revision: snapshot.row_revision(&SEQUENCE, &key),
            });
            match store.commit(batch).await {
                Ok(_) => {
                    return Ok(Self {
                        next: AtomicU64::new(first),
                        end,
                    });
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(OpenError::Sequence(error)),
            }
        }
    }

    /// The number of the next write.
    ///
    /// Fails with [`Error::SequenceExhausted`] at the end of what this run may use.
    pub(crate) fn next(&self) -> Result<u64, Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number < self.end {
            Ok(number)
        } else {
            // Never to wrap around, however often it is asked.
            self.next.store(self.end, Ordering::Relaxed);
            Err(Error::SequenceExhausted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_end() {
        let sequencer = Sequencer {
            next: AtomicU64::new(6),
            end: 8,
        };
        assert_eq!(sequencer.next().unwrap(), 6);
        assert_eq!(sequencer.next().unwrap(), 7);
        for _ in 0..3 {
            assert!(matches!(sequencer.next(), Err(Error::SequenceExhausted)));
        }
    }
}
