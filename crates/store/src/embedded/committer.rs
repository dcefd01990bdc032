//! The one thread that commits: it groups what waits, makes it durable, publishes, answers.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fjall::Keyspace;

use super::chain::Head;
use super::codec::length_of;
use super::engine::keeps_up;
use super::entry::Heads;
use super::group::{Decided, Group};
use super::mark::Mark;
use super::queue::{Answer, DropSegments, Linger, Request, answer};
use super::reserve::Reserve;
use super::shared::{Room, Shared};
use super::writes::write_batch;
use crate::{CommitError, Committed, Lane, OpenError, Snapshot};

/// The committer's own state; everything that readers see is in [`Shared`].
pub(super) struct Committer {
    shared: Arc<Shared>,
    head: Head,
    heads: Heads,
    /// Keyspaces written recently, with the link that wrote them last.
    recent: HashMap<u64, (Keyspace, u64)>,
    /// What the free disk allowed the last time.
    room: Room,
    /// What accounts have taken of the last of it.
    reserve: Reserve,
    linger: Linger,
}

/// How the write of a group failed.
enum WriteError {
    /// The engine had stopped before; nothing was written.
    Refused(fjall::Error),
    /// Something may have reached the disk.
    Unknown(fjall::Error),
    /// The group is durable, but not in the mark.
    Mark(io::Error),
}

/// For how many links a keyspace counts as recently written.
const RECENT: u64 = 64;

impl Committer {
    /// A committer that continues the chain at `head`, and the logs at `heads`.
    pub(super) fn new(shared: Arc<Shared>, head: Head, heads: Heads) -> Self {
        Self {
            shared,
            head,
            heads,
            recent: HashMap::new(),
            room: Room::Enough,
            reserve: Reserve::default(),
            linger: Linger::default(),
        }
    }

    /// Writes an empty group: every opening leaves a batch (see [`super::engine`]), and a store
    /// that cannot be written is noticed before it serves.
    pub(super) fn begin(&mut self) -> Result<(), OpenError> {
        self.commit(Vec::new());
        if self.shared.writable.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(OpenError::Files {
            source: io::Error::other("the first write failed"),
        })
    }

    /// Commits until the queue is closed and empty; returns the end of the chain.
    pub(super) fn run(mut self) -> Head {
        let shared = Arc::clone(&self.shared);
        let clock = Arc::clone(&shared.clock);
        let mut stopped = StopOnPanic(Some(&shared));
        while let Some(requests) =
            shared
                .queue
                .take(self.linger, || self.engine_keeps_up(), || clock.monotonic())
        {
            let drops = shared.queue.drops();
            let (batches, begun) = (requests.len(), clock.monotonic());
            if drops.is_empty() || !requests.is_empty() {
                self.commit(requests);
            }
            for request in drops {
                self.drop_segments(&request);
            }
            let took = clock.monotonic().0.saturating_sub(begun.0);
            self.linger = linger_after(self.linger, batches, took);
        }
        stopped.0 = None;
        self.head
    }

    fn engine_keeps_up(&self) -> bool {
        self.recent.values().all(|(keyspace, _)| keeps_up(keyspace))
    }

    /// Drops segments: first their heads, then their files, before anything else is written.
    fn drop_segments(&mut self, request: &DropSegments) {
        let shared = Arc::clone(&self.shared);
        let mut group = self.group(&shared, Snapshot::clone(&shared.published.load()));
        group.drop_heads(request.log, request.oldest);
        let decided = group.decide();
        self.write(decided);
        let dropped = if shared.writable.load(Ordering::Acquire) {
            shared.engine.drop_segments(request.log, request.oldest)
        } else {
            Err(fjall::Error::Poisoned)
        };
        // A caller that went away is not an error.
        let _ = request.answer.send(dropped);
    }

    fn group<'a>(&'a self, shared: &'a Shared, snapshot: Snapshot) -> Group<'a> {
        Group::new(
            &shared.engine,
            &shared.sealer,
            shared.clock.now(),
            self.head,
            snapshot,
            &self.heads,
        )
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let shared = Arc::clone(&self.shared);
        let snapshot = Snapshot::clone(&shared.published.load());
        let tidies = requests.is_empty();
        let (space, tuning) = (shared.space(), &shared.tuning);
        let room = tuning.room(space, 0);
        if room != self.room {
            self.room = room;
            tell(room);
        }
        let mut reserve = std::mem::take(&mut self.reserve);
        reserve.note(room >= Room::RemovalsOnly, shared.clock.monotonic());
        let mut group = self.group(&shared, snapshot);
        let mut ahead: u64 = 0;
        for request in requests {
            let (lane, account) = (request.prepared.lane, request.prepared.account);
            let bytes = u64::try_from(request.bytes).unwrap_or(u64::MAX);
            // Each is judged by what it and those before it in the group leave.
            let room = tuning.room(space, ahead.saturating_add(bytes));
            let last = tuning.last_room(space, ahead);
            let shared_out = room >= Room::RemovalsOnly && lane == Lane::Revocation;
            let refused = if !room.admits(lane) {
                "the disk is nearly full"
            } else if shared_out && !reserve.admits(account, bytes, last) {
                "the disk is nearly full, and this is more than the account's share of the rest"
            } else {
                if group.admit(request) {
                    ahead = ahead.saturating_add(bytes);
                    if shared_out {
                        reserve.take(account, bytes);
                    }
                }
                continue;
            };
            let reason = refused.to_owned();
            answer(request.answer, Err(CommitError::NotWritable { reason }));
        }
        let decided = (tidies || !group.is_empty()).then(|| group.decide());
        self.reserve = reserve;
        if let Some(decided) = decided {
            self.write(decided);
        }
    }

    fn write(&mut self, decided: Decided) {
        let shared = Arc::clone(&self.shared);
        let (link, hash) = decided.link.encode(&shared.sealer);
        let sequence = decided.link.sequence;
        let mut bytes = 0;
        for item in &decided.items {
            bytes += length_of(&item.key) + length_of(item.value.as_deref().unwrap_or_default());
            let keyspace = (item.keyspace.clone(), sequence);
            self.recent.insert(item.keyspace.id(), keyspace);
        }
        let (items, begun) = (decided.items.len(), shared.clock.monotonic());
        let written = write_batch(&shared.engine, decided.items, sequence, link);
        if let Err(error) = written.map_err(WriteError::from) {
            fail(&shared, decided.answers, &error);
            return;
        }
        shared.syncs.fetch_add(1, Ordering::Relaxed);
        shared.written.fetch_add(bytes, Ordering::Relaxed);
        self.head = decided.link.head(hash);
        // INVARIANT: nobody hears of a commit that the mark does not hold, and nobody sees its
        // metadata, so that its loss is noticed even if this process is killed right after. Its
        // cells and log entries show to readers a moment earlier, once they are durable.
        let marked = shared.mark.write(&Mark::from(&self.head), &shared.sealer);
        if let Err(error) = marked.map_err(WriteError::Mark) {
            fail(&shared, decided.answers, &error);
            return;
        }
        shared.publish_heads(&decided.heads);
        for (place, head) in decided.heads {
            match head {
                Some(head) => self.heads.insert(place, head),
                None => self.heads.remove(&place),
            };
        }
        shared.published.store(Arc::new(decided.snapshot));
        let took = shared.clock.monotonic().0.saturating_sub(begun.0);
        let commits = decided.answers.len();
        for (caller, committed) in decided.answers {
            answer(caller, Ok(committed));
        }
        measure(commits, items, took);
        let oldest = self.head.sequence.saturating_sub(RECENT);
        self.recent.retain(|_, (_, written)| *written >= oldest);
    }
}

fn fail(shared: &Shared, answers: Vec<(Answer, Committed)>, error: &WriteError) {
    let (reason, result) = match error {
        WriteError::Refused(source) => {
            let reason = format!("the engine has stopped: {source}");
            (reason.clone(), CommitError::NotWritable { reason })
        }
        WriteError::Unknown(source) => {
            let reason = format!("writing or syncing a commit failed: {source}");
            (reason.clone(), CommitError::Unknown { reason })
        }
        WriteError::Mark(source) => {
            let reason = format!("writing commit.mark failed: {source}");
            (reason.clone(), CommitError::Unknown { reason })
        }
    };
    shared.stop(&reason);
    for (caller, _) in answers {
        answer(caller, Err(result.clone()));
    }
}

/// How the next group may wait for company.
///
/// Callers that were just answered often come back at once; taking those that came meanwhile
/// without them would split the callers into two halves, each waiting out the other's sync.
/// The wait is short beside a sync, and there is none where few call at a time.
fn linger_after(before: Linger, batches: usize, took: Duration) -> Linger {
    const LONGEST: Duration = Duration::from_millis(1);
    const FEW: usize = 4;
    let wanted = batches.max(before.wanted - before.wanted / 4);
    let patience = if wanted < FEW {
        Duration::ZERO
    } else {
        (took / 4).min(LONGEST)
    };
    Linger { wanted, patience }
}

impl From<fjall::Error> for WriteError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Poisoned => Self::Refused(error),
            other => Self::Unknown(other),
        }
    }
}

/// Counts a durable group; how many there were, each with one sync, is the count of each.
fn measure(commits: usize, writes: usize, took: Duration) {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    metrics::histogram!("strongroom_store_batch_commits").record(number(commits));
    metrics::histogram!("strongroom_store_batch_writes").record(number(writes));
    metrics::histogram!("strongroom_store_batch_seconds").record(took);
}

/// Stops the store if the committer dies, so that callers do not wait for nobody.
struct StopOnPanic<'a>(Option<&'a Shared>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.stop("the committer failed");
        }
    }
}

fn tell(room: Room) {
    match room {
        Room::Enough => tracing::info!("disk space returned; all writes are accepted"),
        Room::NoStrangers => {
            tracing::warn!("the disk is filling up; nothing is recorded of strangers");
        }
        Room::NoData => tracing::error!("the disk is filling up; data writes are refused"),
        Room::ChangesOnly => tracing::error!(
            "the disk is nearly full; only changes of metadata and removals are accepted"
        ),
        Room::RemovalsOnly => tracing::error!(
            "the disk is nearly full; only what takes rights away or removes is accepted"
        ),
        Room::RevocationsOnly => {
            tracing::error!("the disk is nearly full; only what takes rights away is accepted");
        }
        Room::None => tracing::error!("the disk is full; all writes are refused"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use metrics::{
        Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString,
        Unit, with_local_recorder,
    };

    use super::*;

    /// What was recorded, by name.
    #[derive(Debug, Default)]
    struct Recorded(Arc<Mutex<Vec<(String, f64)>>>);

    struct Named(String, Arc<Mutex<Vec<(String, f64)>>>);

    impl HistogramFn for Named {
        fn record(&self, value: f64) {
            self.1.lock().unwrap().push((self.0.clone(), value));
        }
    }

    impl Recorder for Recorded {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            let named = Named(key.name().to_owned(), Arc::clone(&self.0));
            Histogram::from_arc(Arc::new(named))
        }
    }

    #[test]
    fn a_durable_group_is_measured() {
        let recorded = Recorded::default();
        with_local_recorder(&recorded, || measure(3, 7, Duration::from_millis(500)));
        let expected = [("commits", 3.0), ("writes", 7.0), ("seconds", 0.5)]
            .map(|(name, value)| (format!("strongroom_store_batch_{name}"), value));
        assert_eq!(*recorded.0.lock().unwrap(), expected);
    }
}
