//! The committer's two lanes: bounded queues that callers push into and one thread empties.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use types::Monotonic;

use super::prepare::Prepared;
use crate::{CommitError, Committed, Lane, Log};

/// Where a caller waits for its answer; callers that went away are ignored.
pub(super) type Answer = oneshot::Sender<Result<Committed, CommitError>>;

/// A batch on its way to the committer.
pub(super) struct Request {
    pub(super) prepared: Prepared,
    pub(super) bytes: usize,
    pub(super) writes: usize,
    pub(super) since: Monotonic,
    pub(super) answer: Answer,
}

/// Segments of a log that are to be dropped, and who waits for it.
pub(super) struct DropSegments {
    pub(super) log: &'static Log,
    /// Segments below this one go.
    pub(super) oldest: u64,
    pub(super) answer: Sender<fjall::Result<()>>,
}

/// What the committer may take at once, and how long data waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) lane_batches: usize,
    pub(super) lane_bytes: usize,
    pub(super) group_bytes: usize,
    pub(super) group_writes: usize,
    pub(super) data_patience: Duration,
}

/// The two lanes.
#[derive(Debug)]
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    work: Condvar,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Lanes {
    metadata: VecDeque<Request>,
    data: VecDeque<Request>,
    metadata_bytes: usize,
    data_bytes: usize,
    /// The committer lingers until this many data batches wait.
    wanted: usize,
    /// Whether the committer waits and nobody has woken it yet: a needless wake is a system
    /// call for every batch.
    asleep: bool,
    /// Log segments to drop.
    drops: Vec<DropSegments>,
    /// An empty group is due.
    tidy: bool,
    closing: bool,
    failed: Option<String>,
}

/// How long the committer may wait for company before it takes data, and for how much.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Linger {
    /// Batches that make a full group.
    pub(super) wanted: usize,
    /// The longest wait.
    pub(super) patience: Duration,
}

/// Metadata leaves one part in so many of a group to data that waits.
const DATA_SHARE: usize = 4;

/// Revocations up to this size are taken beyond the bytes that may wait.
const SMALL_REVOCATION: usize = 64 * 1024;

/// How long the committer waits before it looks again whether the engine has caught up.
const STALL_POLL: Duration = Duration::from_millis(5);

impl Lanes {
    fn accepts(&self) -> Result<(), CommitError> {
        match &self.failed {
            Some(reason) => Err(CommitError::NotWritable {
                reason: reason.clone(),
            }),
            None if self.closing => Err(CommitError::ShuttingDown),
            None => Ok(()),
        }
    }

    /// Adds a request at the end, or behind the last revocation if it is one: what takes rights
    /// away does not wait until everything else is decided that came before it.
    fn push_metadata(&mut self, request: Request) {
        let revokes =
            |request: &Request| matches!(request.prepared.lane, Lane::Revocation | Lane::Emergency);
        let place = if revokes(&request) {
            self.metadata.partition_point(revokes)
        } else {
            self.metadata.len()
        };
        self.metadata_bytes += request.bytes;
        self.metadata.insert(place, request);
    }
}

impl Queue {
    /// Empty lanes.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            lanes: Mutex::default(),
            work: Condvar::new(),
            limits,
        }
    }

    /// Adds a request, or says why the store will not take it.
    pub(super) fn push(&self, request: Request) -> Result<(), CommitError> {
        let mut lanes = self.lock();
        lanes.accepts()?;
        match request.prepared.lane {
            Lane::Emergency => lanes.push_metadata(request),
            // What takes rights away does not wait for room that others use up, unless it would
            // itself use it up.
            Lane::Revocation
                if lanes.metadata.len() < self.limits.lane_batches
                    && request.bytes <= SMALL_REVOCATION =>
            {
                lanes.push_metadata(request);
            }
            Lane::Metadata | Lane::Revocation | Lane::Events
                if lanes.metadata.len() < self.limits.lane_batches
                    && lanes.metadata_bytes + request.bytes <= self.limits.lane_bytes =>
            {
                lanes.push_metadata(request);
            }
            Lane::Data | Lane::Relief | Lane::Strangers
                if lanes.data.len() < self.limits.lane_batches
                    && lanes.data_bytes + request.bytes <= self.limits.lane_bytes =>
            {
                lanes.data_bytes += request.bytes;
                lanes.data.push_back(request);
            }
            Lane::Metadata
            | Lane::Revocation
            | Lane::Events
            | Lane::Data
            | Lane::Relief
            | Lane::Strangers => {
                return Err(CommitError::Busy);
            }
        }
        let enough = !lanes.metadata.is_empty() || lanes.data.len() >= lanes.wanted;
        let wakes = enough && std::mem::take(&mut lanes.asleep);
        drop(lanes);
        if wakes {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Waits for work and takes one group: metadata first, of it what takes rights away, then as
    /// much data as fits, which is at least a [share](DATA_SHARE) of it.
    ///
    /// `admits_data` says whether the engine keeps up; while it does not, data waits and
    /// beyond the patience is answered [`CommitError::Busy`]. Data alone may be left waiting
    /// for company once, as `linger` says. The group is empty if [`Self::tidy`] asked for one,
    /// or if only [`Self::drops`] are waiting.
    /// Returns `None` when the queue is closed and empty.
    pub(super) fn take(
        &self,
        mut linger: Linger,
        admits_data: impl Fn() -> bool,
        now: impl Fn() -> Monotonic,
    ) -> Option<Vec<Request>> {
        let mut lanes = self.lock();
        loop {
            let admits = lanes.data.is_empty() || admits_data();
            if !admits {
                self.expire(&mut lanes, now());
            }
            let lingers = lanes.metadata.is_empty()
                && (1..linger.wanted).contains(&lanes.data.len())
                && !linger.patience.is_zero()
                && !lanes.closing;
            if admits && lingers {
                lanes.wanted = linger.wanted;
                lanes = self.sleep(lanes, Some(linger.patience));
                lanes.wanted = 0;
                linger = Linger::default();
                continue;
            }
            if !lanes.metadata.is_empty() || (admits && !lanes.data.is_empty()) {
                return Some(self.group(&mut lanes, admits));
            }
            if std::mem::take(&mut lanes.tidy) || !lanes.drops.is_empty() {
                return Some(Vec::new());
            }
            if lanes.closing && lanes.data.is_empty() {
                return None;
            }
            let patience = (!lanes.data.is_empty()).then_some(STALL_POLL);
            lanes = self.sleep(lanes, patience);
        }
    }

    /// Waits until woken, or for `patience`.
    fn sleep<'a>(
        &self,
        mut lanes: MutexGuard<'a, Lanes>,
        patience: Option<Duration>,
    ) -> MutexGuard<'a, Lanes> {
        lanes.asleep = true;
        let mut lanes = match patience {
            None => self
                .work
                .wait(lanes)
                .unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let woken = self.work.wait_timeout(lanes, patience);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        lanes.asleep = false;
        lanes
    }

    /// Adds segments to drop, or says why the store will not drop any.
    pub(super) fn push_drop(&self, request: DropSegments) -> Result<(), CommitError> {
        let mut lanes = self.lock();
        lanes.accepts()?;
        lanes.drops.push(request);
        drop(lanes);
        self.work.notify_one();
        Ok(())
    }

    /// The segments that wait to be dropped.
    pub(super) fn drops(&self) -> Vec<DropSegments> {
        std::mem::take(&mut self.lock().drops)
    }

    /// Lets the committer write an empty group when nothing else waits.
    pub(super) fn tidy(&self) {
        self.lock().tidy = true;
        self.work.notify_one();
    }

    /// Refuses new requests; the committer empties the lanes and stops.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_all();
    }

    /// Refuses everything from now on and answers all that wait.
    pub(super) fn fail(&self, reason: &str) {
        let mut lanes = self.lock();
        lanes.failed.get_or_insert_with(|| reason.to_owned());
        (lanes.metadata_bytes, lanes.data_bytes) = (0, 0);
        lanes.drops.clear();
        let waiting: Vec<Request> = {
            let lanes = &mut *lanes;
            lanes
                .metadata
                .drain(..)
                .chain(lanes.data.drain(..))
                .collect()
        };
        drop(lanes);
        for request in waiting {
            let reason = reason.to_owned();
            answer(request.answer, Err(CommitError::NotWritable { reason }));
        }
    }

    fn group(&self, lanes: &mut Lanes, admits_data: bool) -> Vec<Request> {
        let mut group = Vec::new();
        let (mut bytes, mut writes) = (0, 0);
        let fits = |bytes: usize, writes: usize| {
            bytes < self.limits.group_bytes && writes < self.limits.group_writes
        };
        // What one tenant has decided again and again leaves room for the data of all others.
        let share = |most: usize, waiting: usize| {
            let share = if admits_data { most / DATA_SHARE } else { 0 };
            share.min(waiting)
        };
        let (data_bytes, data_writes) = (
            share(self.limits.group_bytes, lanes.data_bytes),
            share(self.limits.group_writes, lanes.data.len()),
        );
        while fits(bytes + data_bytes, writes + data_writes)
            && let Some(request) = lanes.metadata.pop_front()
        {
            lanes.metadata_bytes = lanes.metadata_bytes.saturating_sub(request.bytes);
            bytes += request.bytes;
            writes += request.writes;
            group.push(request);
        }
        // One data batch goes along in any case, so that none starves.
        let mut first = true;
        while admits_data
            && (first || fits(bytes, writes))
            && let Some(request) = lanes.data.pop_front()
        {
            first = false;
            lanes.data_bytes = lanes.data_bytes.saturating_sub(request.bytes);
            bytes += request.bytes;
            writes += request.writes;
            group.push(request);
        }
        group
    }

    fn expire(&self, lanes: &mut Lanes, now: Monotonic) {
        while let Some(oldest) = lanes.data.front()
            && now.0.saturating_sub(oldest.since.0) > self.limits.data_patience
            && let Some(request) = lanes.data.pop_front()
        {
            lanes.data_bytes = lanes.data_bytes.saturating_sub(request.bytes);
            answer(request.answer, Err(CommitError::Busy));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a caller, if it still waits.
pub(super) fn answer(to: Answer, result: Result<Committed, CommitError>) {
    // A caller that went away is not an error; its batch was decided all the same.
    let _ = to.send(result);
}

impl fmt::Debug for DropSegments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DropSegments({}, {})", self.log.name, self.oldest)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?}, {} bytes)", self.prepared.lane, self.bytes)
    }
}

#[cfg(test)]
mod tests;
