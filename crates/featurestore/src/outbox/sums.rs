//! The sums of what was appended in segments that are over, so that a start reads only the others.
//!
//! They are made of the log itself, in bounded steps, and go by the settled time: a sum is made once,
//! and believed.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use pipeline::Services;
use store::{Batch, Key, KeyBuilder, Lane, LogCursor, Snapshot, Store, Table};
use tracing::error;
use types::Timestamp;

use super::{Amount, OUTBOX, Outbox, PAGE, first_open_at, stream_of, unread};
use crate::Error;
use crate::maintenance::until;

/// The sums, by number of the group and of the segment.
pub(crate) static SUMS: Table<Amount> = Table::without_history("offline_outbox_sums");

/// How many sums one commit writes.
const CHUNK: usize = 256;

/// A sum that is being made.
#[derive(Debug)]
pub(super) struct Sum {
    segment: u64,
    stream: u32,
    /// What was counted in memory.
    counted: Amount,
    /// What was found in the log up to this entry.
    found: Amount,
    after: LogCursor,
}

impl Outbox {
    /// Shows how much waits, and sums up segments that are over, as many as there is time for.
    ///
    /// What was counted of them in memory gives way to what the log says.
    pub(crate) async fn close_segments(&self, services: &Services) -> Result<(), Error> {
        let clock = services.clock();
        show(self.total(), clock.now());
        let end = until(services);
        let late = || clock.monotonic() >= end;
        let now = services.settled_time();
        self.sum_up(&**services.store(), first_open_at(now), late)
            .await
    }

    /// Sums up segments before `open`, until it is `late`.
    async fn sum_up(
        &self,
        store: &dyn Store,
        open: u64,
        late: impl Fn() -> bool,
    ) -> Result<(), Error> {
        self.first_open.fetch_max(open, Ordering::Relaxed);
        loop {
            let due = self.due(open);
            if due.is_empty() {
                return Ok(());
            }
            let mut made = Vec::with_capacity(due.len());
            for begun in due {
                match self.make(store, begun, &late).await? {
                    Some(sum) => made.push(sum),
                    None => break,
                }
            }
            if made.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new(Lane::Metadata);
            for sum in made.iter().filter(|sum| sum.found.entries > 0) {
                batch.put(&SUMS, row(sum.stream, sum.segment), sum.found);
            }
            if !batch.is_empty() {
                let committed = store.commit(batch).await;
                committed.map_err(online::Error::Commit)?;
            }
            self.made(&made);
            if late() {
                return Ok(());
            }
        }
    }

    /// The first segments before `open` that have no sum, in the order in which they get one.
    ///
    /// INVARIANT: no segment of a stream gets one before those before it have: a start reads what
    /// is behind the last.
    fn due(&self, open: u64) -> Vec<Sum> {
        let state = self.lock();
        let due = state.unsummed.range(..(open, 0)).take(CHUNK);
        let begun = due.map(|(segment, stream)| {
            let segments = state.waiting.get(stream);
            let counted = segments.and_then(|segments| segments.get(segment));
            Sum::begun((*segment, *stream), counted.copied().unwrap_or_default())
        });
        begun.collect()
    }

    /// Makes a sum; `None` if it gets late before that is done.
    async fn make(
        &self,
        store: &dyn Store,
        begun: Sum,
        late: &impl Fn() -> bool,
    ) -> Result<Option<Sum>, Error> {
        let under_way = self.under_way().take();
        let same = |sum: &Sum| (sum.segment, sum.stream) == (begun.segment, begun.stream);
        let mut sum = under_way.filter(same).unwrap_or(begun);
        loop {
            if sum.step(store)? {
                return Ok(Some(sum));
            }
            if late() {
                *self.under_way() = Some(sum);
                return Ok(None);
            }
            pipeline::yield_once().await;
        }
    }

    /// Notes that these sums are written.
    fn made(&self, sums: &[Sum]) {
        let mut state = self.lock();
        for sum in sums {
            state.correct(sum.stream, sum.segment, sum.found);
        }
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, Option<Sum>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum {
    fn begun((segment, stream): (u64, u32), counted: Amount) -> Self {
        Self {
            segment,
            stream,
            counted,
            found: Amount::default(),
            // Commits are counted from 1.
            after: LogCursor {
                segment,
                revision: 0,
                index: 0,
            },
        }
    }

    /// Adds some more entries; says whether those were the last.
    ///
    /// What is damaged cannot be summed up: then what was counted is the sum.
    fn step(&mut self, store: &dyn Store) -> Result<bool, Error> {
        // What was counted is most likely right: nothing of the next segment is read in vain.
        let left = self.counted.entries.saturating_sub(self.found.entries);
        let left = usize::try_from(left).unwrap_or(PAGE).clamp(1, PAGE);
        let page = match store.log_oldest_first(&OUTBOX, self.stream, Some(self.after), left) {
            Ok(page) => page,
            Err(damaged @ store::Error::Damaged { .. }) => {
                let (stream, segment) = (self.stream, self.segment);
                error!(stream, segment, error = %damaged, "what waits for an offline store cannot be summed up");
                self.found = self.counted;
                return Ok(true);
            }
            Err(failed) => return Err(unread(failed)),
        };
        for entry in &page {
            if entry.cursor.segment != self.segment {
                return Ok(true);
            }
            self.found.add(Amount::of(entry));
            self.after = entry.cursor;
        }
        Ok(page.is_empty())
    }
}

/// The sums of a stream, by segment.
pub(super) fn of_stream(
    snapshot: &Snapshot,
    stream: u32,
) -> impl Iterator<Item = (u64, Amount)> + use<'_> {
    let of_stream = KeyBuilder::default().number(u64::from(stream)).build();
    let rows: Vec<_> = snapshot.scan(&SUMS, &of_stream).collect();
    rows.into_iter().filter_map(|(row, sum)| {
        let segment = row.parts().get(1)?.as_slice().try_into().ok()?;
        Some((u64::from_be_bytes(segment), *sum.record))
    })
}

/// Has `batch` remove the sums of what waited for the group of this number.
///
/// Fails for a number that no group has.
pub(crate) fn remove_sums(
    snapshot: &Snapshot,
    number: u64,
    batch: &mut Batch,
) -> Result<(), Error> {
    let stream = stream_of(number)?;
    for (segment, _sum) in of_stream(snapshot, stream) {
        batch.delete(&SUMS, row(stream, segment));
    }
    Ok(())
}

fn row(stream: u32, segment: u64) -> Key {
    let row = KeyBuilder::default().number(u64::from(stream));
    row.number(segment).build()
}

fn show(total: Amount, now: Timestamp) {
    // Numbers of metrics are floats: exact up to 2^53.
    let number = |count: u64| {
        f64::from(u32::try_from(count / 1024).unwrap_or(u32::MAX)) * 1024.0
            + f64::from(u32::try_from(count % 1024).unwrap_or_default())
    };
    let age = total
        .oldest
        .map_or(0, |oldest| now.seconds() - oldest.seconds());
    metrics::gauge!("strongroom_outbox_records").set(number(total.entries));
    metrics::gauge!("strongroom_outbox_bytes").set(number(total.bytes));
    let age = u64::try_from(age).unwrap_or_default();
    metrics::gauge!("strongroom_outbox_oldest_seconds").set(number(age));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crypto::{Key32, SystemEntropy};
    use store::embedded::Options;
    use store::{EmbeddedStore, LogAppend};
    use types::ManualClock;

    use super::*;
    use crate::drains::{DRAINS, DrainRecord};
    use crate::outbox::Budget;
    use crate::records::{GROUPS, number_row};

    const UNBOUNDED: Budget = Budget {
        all: u64::MAX,
        account: u64::MAX,
    };

    fn run<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    fn store(directory: &tempfile::TempDir) -> EmbeddedStore {
        let data_key = Key32::generate(&SystemEntropy);
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let entropy = Arc::new(SystemEntropy);
        let mut options = Options::new(directory.path(), &data_key, clock, entropy);
        options.tables = vec![&SUMS, &GROUPS, &DRAINS];
        options.logs = vec![&OUTBOX];
        EmbeddedStore::open(&options).unwrap()
    }

    /// Appends an entry to each of these streams.
    fn append(store: &EmbeddedStore, segment: u64, streams: impl Iterator<Item = u32>) {
        let mut batch = Batch::new(Lane::Data);
        for stream in streams {
            batch.append(LogAppend {
                log: &OUTBOX,
                segment,
                stream,
                payload: vec![7; 10],
            });
        }
        run(store.commit(batch)).unwrap();
    }

    fn counted(entries: u64) -> Amount {
        Amount {
            entries,
            bytes: 1000 * entries,
            oldest: None,
        }
    }

    fn sums(store: &EmbeddedStore) -> Vec<(Key, u64)> {
        let (snapshot, all) = (store.snapshot(), Key::of(&[]));
        let rows = snapshot.scan(&SUMS, &all);
        rows.map(|(row, sum)| (row.clone(), sum.record.entries))
            .collect()
    }

    #[test]
    fn more_streams_than_a_batch_holds_rows_are_summed_up() {
        const STREAMS: u32 = 8_300;
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let outbox = Outbox::open(&store, UNBOUNDED).unwrap();
        append(&store, 5, 0..STREAMS);
        for stream in 0..STREAMS {
            outbox.lock().wait(stream, 5, counted(1));
        }
        run(outbox.sum_up(&store, 5, || false)).unwrap();
        assert_eq!(sums(&store), [], "it is not over");
        run(outbox.sum_up(&store, 6, || false)).unwrap();
        assert_eq!(sums(&store).len(), usize::try_from(STREAMS).unwrap());
        assert_eq!(outbox.due(u64::MAX).len(), 0);
    }

    #[test]
    fn a_sum_is_that_of_the_log_and_not_what_was_counted() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let outbox = Outbox::open(&store, UNBOUNDED).unwrap();
        for segment in [4, 4, 5, 4] {
            append(&store, segment, std::iter::once(1));
        }
        // One that was not counted, and two that never were.
        outbox.lock().wait(1, 4, counted(2));
        outbox.lock().wait(1, 5, counted(1));
        outbox.lock().wait(2, 4, counted(2));
        outbox.lock().bytes = 5000;
        run(outbox.sum_up(&store, 5, || false)).unwrap();
        assert_eq!(sums(&store), [(row(1, 4), 3)]);
        let total = outbox.total();
        assert_eq!((total.entries, total.bytes), (4, 1000 + 3 * (10 + 96)));
        assert_eq!(outbox.lock().bytes, total.bytes);
    }

    #[test]
    fn a_deleted_group_that_still_has_cells_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let mut group = crate::testing::group_without_ttl();
        let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let offline = serde_json::json!({
            "only": false, "uri": "s3://b/p", "bucket": "b", "bucket_owner": "111122223333",
            "path": "p", "key": null, "used_key": key, "format": "Glue", "table_off": true,
            "role": "arn:aws:iam::111122223333:role/features", "table": null,
        });
        group.offline = Some(serde_json::from_value(offline).unwrap());
        let stream = u32::try_from(group.number).unwrap();
        append(&store, 4, std::iter::repeat_n(stream, 3));
        let mut batch = Batch::new(Lane::Metadata);
        let drain = DrainRecord {
            group: group.to_change(),
            keys: Vec::new(),
        };
        batch.put(&DRAINS, number_row(group.number), drain);
        batch.put(&GROUPS, group.row(), group);
        run(store.commit(batch)).unwrap();
        let outbox = Outbox::open(&store, UNBOUNDED).unwrap();
        let total = outbox.total();
        assert_eq!((total.entries, outbox.lock().bytes), (3, total.bytes));
    }

    #[test]
    fn what_waits_for_no_more_counts_nothing_and_has_no_sums() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let outbox = Outbox::open(&store, UNBOUNDED).unwrap();
        for segment in [4, 5, 6] {
            append(&store, segment, [1, 2].into_iter());
            for stream in [1, 2] {
                outbox.lock().wait(stream, segment, counted(1));
            }
        }
        outbox.lock().bytes = 6000;
        run(outbox.sum_up(&store, 6, || false)).unwrap();
        assert_eq!((sums(&store).len(), outbox.total().entries), (4, 6));
        let mut batch = Batch::new(Lane::Metadata);
        remove_sums(&store.snapshot(), 1, &mut batch).unwrap();
        run(store.commit(batch)).unwrap();
        outbox.forget(1);
        assert_eq!(sums(&store), [(row(2, 4), 1), (row(2, 5), 1)]);
        let (total, segments) = (outbox.total(), outbox.due(u64::MAX).len());
        assert_eq!(
            (total.entries, segments, outbox.of_group(1).entries),
            (3, 1, 0)
        );
        assert_eq!(outbox.lock().bytes, 1000 + 2 * (10 + 96));
    }

    #[test]
    fn a_large_sum_takes_more_than_one_call() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let outbox = Outbox::open(&store, UNBOUNDED).unwrap();
        append(&store, 4, std::iter::repeat_n(1, 3 * PAGE));
        outbox.lock().wait(1, 4, counted(300));
        let mut calls = 0;
        while sums(&store).is_empty() {
            run(outbox.sum_up(&store, 5, || true)).unwrap();
            calls += 1;
            assert!(calls < 10);
        }
        assert!(calls >= 3, "{calls}");
        assert_eq!(sums(&store), [(row(1, 4), 192)]);
    }

    #[test]
    fn nothing_is_appended_to_what_was_summed_up_though_the_clock_is_set_back() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let outbox = Outbox::open(&store, UNBOUNDED).unwrap();
        run(outbox.sum_up(&store, 7, || false)).unwrap();
        let (mut batch, group) = (Batch::new(Lane::Data), crate::testing::group_without_ttl());
        for seconds in [0, 7 * 6 * 3600, 9 * 6 * 3600] {
            let entry = (Timestamp::new(seconds, 0), vec![7; 10]);
            outbox.stage(&mut batch, &group, entry, false).unwrap();
        }
        let segments: Vec<u64> = batch.appends().iter().map(|it| it.segment).collect();
        assert_eq!(segments, [7, 7, 9]);
    }
}
