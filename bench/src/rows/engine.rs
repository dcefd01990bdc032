//! The engine without a server: one writer, batches of a given size, one `fdatasync` each.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use fjall::config::CompressionPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::clock::tick;
use crate::numbers::float;
use crate::stage::HOT_RECORDS;
use crate::world::{CELL_KEY, Draw, sealed_length};

/// An open database with one keyspace, as the server keeps its cells.
pub(super) struct Engine {
    database: Database,
    cells: Keyspace,
}

impl Engine {
    /// Opens it in an empty directory, with the server's settings.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let database = Database::builder(directory)
            .manual_journal_persist(true)
            .worker_threads(2)
            .open()
            .context("opening the engine failed")?;
        let cells = database.keyspace("cells", || {
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(CompressionPolicy::disabled())
        })?;
        Ok(Self { database, cells })
    }

    /// Overwrites cells of a hot set for `time`; writes a second.
    pub(super) fn puts_per_second(&self, batch_size: u64, time: Duration) -> anyhow::Result<f64> {
        let value = vec![7_u8; sealed_length()];
        let mut draw = Draw::new(HOT_RECORDS, 5);
        let started = tick();
        let mut written = 0;
        while tick().saturating_sub(started) < time {
            let mut batch = self
                .database
                .batch()
                .durability(Some(PersistMode::SyncData));
            for number in draw.by_ref().take(usize::try_from(batch_size)?) {
                let mut key = [0; CELL_KEY];
                if let Some(end) = key.last_chunk_mut() {
                    *end = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
                }
                batch.insert(&self.cells, key, value.as_slice());
            }
            batch.commit()?;
            written += batch_size;
        }
        Ok(float(written) / tick().saturating_sub(started).as_secs_f64())
    }
}
