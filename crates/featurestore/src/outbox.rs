//! The outbox: what was written to groups with an offline store, until it is there.
//!
//! An entry is committed with the online cell that it belongs to, and holds the same sealed
//! bytes: it opens with the group's data key, and so in the background through the group's
//! grant. Groups without an online store have their data keys under the AWS owned key. Entries
//! are appended to a log in segments of time, one stream for each group, and never changed.
//!
//! How much waits is counted in memory, for the budget and to be shown. Whether something waits for
//! a group, and under which data keys, the log itself says ([`oldest_data_key`]): on that it depends
//! whether keys may go. Segments that are over are summed up ([`sums`]).

mod budget;
mod sums;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use online::{CellKey, SealedCell};
use pipeline::{Ctx, OwnWork};
use serde::{Deserialize, Serialize};
use store::{Batch, Key, Log, LogAppend, LogCursor, LogEntry, Record, Snapshot, Store};
use tracing::{error, info, warn};
use types::{AccountId, Timestamp};

use crate::Error;
use crate::drains::DRAINS;
use crate::records::{GROUPS, GroupRecord};
pub(crate) use budget::Budget;
use budget::{Full, Taken};
pub(crate) use sums::{SUMS, remove_sums};

/// The entries.
pub static OUTBOX: Log = Log {
    name: "offline_outbox",
};

/// The length of a segment, and for how long after its end something may still be appended.
const SEGMENT_SECONDS: i64 = 6 * 60 * 60;
const GRACE: Duration = Duration::from_hours(1);

/// What an entry takes on the disk beside its payload, about.
const OVERHEAD: u64 = 96;

/// How many entries are read at once.
const PAGE: usize = 64;

/// The format of an entry: this byte, the time of the call, the cell's key, the sealed cell; see
/// docs/storage-formats.md.
const FORMAT: u8 = 1;
const TIME_LENGTH: usize = 12;

/// Some entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    /// How many.
    pub(crate) entries: u64,
    /// What they take on the disk, about.
    pub(crate) bytes: u64,
    /// When the oldest was appended.
    pub(crate) oldest: Option<Timestamp>,
}

impl Record for Amount {
    const VERSION: u16 = 1;
}

impl Amount {
    /// What the entry of the log is.
    fn of(entry: &LogEntry) -> Self {
        Self {
            entries: 1,
            bytes: size_of(&entry.payload),
            oldest: Entry::read(&entry.payload).ok().map(|entry| entry.called),
        }
    }

    fn add(&mut self, other: Self) {
        self.entries = self.entries.saturating_add(other.entries);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.oldest = match (self.oldest, other.oldest) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
    }
}

/// An entry: what was written, when it was called for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When the service received the call.
    pub(crate) called: Timestamp,
    /// Which record, as its cell is found.
    pub(crate) key: CellKey,
    /// The record, or the marker of its deletion.
    pub(crate) cell: SealedCell,
}

impl Entry {
    /// The payload of the log entry for `cell`.
    pub(crate) fn payload(called: Timestamp, key: &CellKey, cell: &SealedCell) -> Vec<u8> {
        let sealed = cell.as_stored();
        let mut payload = Vec::with_capacity(1 + TIME_LENGTH + CellKey::LENGTH + sealed.len());
        payload.push(FORMAT);
        payload.extend_from_slice(&called.seconds().to_be_bytes());
        payload.extend_from_slice(&called.nanos().to_be_bytes());
        payload.extend_from_slice(key.as_bytes());
        payload.extend_from_slice(sealed);
        payload
    }

    /// Reads what [`Self::payload`] wrote.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Error> {
        let broken = || Error::broken("an entry of the outbox is none");
        let (format, rest) = payload.split_first_chunk::<1>().ok_or_else(broken)?;
        let (seconds, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
        let (nanos, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let (key, sealed) = rest.split_at_checked(CellKey::LENGTH).ok_or_else(broken)?;
        if *format != [FORMAT] {
            return Err(broken());
        }
        let called = Timestamp::new(i64::from_be_bytes(*seconds), u32::from_be_bytes(*nanos));
        Ok(Self {
            called,
            key: CellKey::from_bytes(key).ok_or_else(broken)?,
            cell: SealedCell::from_stored(sealed.to_vec())?,
        })
    }
}

/// What waits for the offline stores, and how much may.
#[derive(Debug)]
pub(crate) struct Outbox {
    budget: Budget,
    /// The first segment that is appended to.
    ///
    /// INVARIANT: what a sum was made of changes no more. Clocks are set back; what is called for in
    /// a segment before this one is appended to this one.
    first_open: AtomicU64,
    state: Mutex<State>,
    /// The sum that the last call did not come to the end of.
    under_way: Mutex<Option<sums::Sum>>,
}

#[derive(Debug, Default)]
struct State {
    /// What waits and what is about to, in bytes.
    bytes: u64,
    /// The same of each account that has any.
    accounts: HashMap<AccountId, u64>,
    /// Whose each stream is.
    owners: HashMap<u32, AccountId>,
    /// The accounts of which a call was refused: said once of each.
    full_accounts: HashSet<AccountId>,
    /// What waits for all groups together.
    total: Amount,
    /// What waits, by stream and segment.
    waiting: BTreeMap<u32, BTreeMap<u64, Amount>>,
    /// The segments that have no sum yet, and the streams.
    unsummed: BTreeSet<(u64, u32)>,
    /// Whether a call was refused because of what waits for all: said once.
    full: bool,
}

impl Outbox {
    /// Counts what waits in `store`, of which there may be so much.
    pub(crate) fn open(store: &dyn Store, budget: Budget) -> Result<Self, store::Error> {
        let snapshot = store.snapshot();
        let (mut state, mut first_open) = (State::default(), 0);
        for (stream, account) in streams(&snapshot) {
            state.owners.insert(stream, account);
            for (segment, sum) in sums::of_stream(&snapshot, stream) {
                state.wait(stream, segment, sum);
                state.unsummed.remove(&(segment, stream));
                first_open = first_open.max(segment.saturating_add(1));
            }
            let summed = state.waiting.get(&stream);
            let summed = summed.and_then(|segments| segments.keys().next_back());
            let mut after = summed.map(|segment| end_of(*segment));
            loop {
                let page = store.log_oldest_first(&OUTBOX, stream, after, PAGE)?;
                let Some(last) = page.last() else {
                    break;
                };
                after = Some(last.cursor);
                for entry in &page {
                    state.wait(stream, entry.cursor.segment, Amount::of(entry));
                }
            }
        }
        let waiting = state.waiting.iter().map(|(stream, segments)| {
            let bytes = segments.values().map(|amount| amount.bytes).sum();
            (*stream, bytes)
        });
        for (stream, bytes) in waiting.collect::<Vec<(u32, u64)>>() {
            state.takes(stream, bytes);
        }
        state.bytes = state.total.bytes;
        Ok(Self {
            budget,
            first_open: AtomicU64::new(first_open),
            state: Mutex::new(state),
            under_way: Mutex::default(),
        })
    }

    /// Adds an entry to `batch`; only if the batch's last cell is written, if it goes `with_cell`.
    ///
    /// Fails with `ServiceUnavailable` if the outbox is full: nothing is written then, neither
    /// online nor offline.
    pub(crate) fn stage(
        &self,
        batch: &mut Batch,
        group: &GroupRecord,
        (called, payload): (Timestamp, Vec<u8>),
        with_cell: bool,
    ) -> Result<(), Error> {
        self.check(group, size_of(&payload))?;
        let append = LogAppend {
            log: &OUTBOX,
            segment: segment_of(called).max(self.first_open.load(Ordering::Relaxed)),
            stream: stream_of(group.number)?,
            payload,
        };
        if with_cell {
            batch.append_with_cell(append);
        } else {
            batch.append(append);
        }
        Ok(())
    }

    fn check(&self, group: &GroupRecord, bytes: u64) -> Result<(), Error> {
        let mut state = self.lock();
        state.owners.insert(stream_of(group.number)?, group.account);
        let taken = state.taken(group.account);
        let found = self.budget.check(taken, bytes);
        state.tell(&self.budget, group.account, taken, found);
        drop(state);
        found.map_err(|_full| {
            metrics::counter!("strongroom_outbox_refused_total").increment(1);
            Error::OutboxFull { bytes: taken.own }
        })
    }

    /// Counts the entries of `batch`, with which the call of `ctx` succeeds: at once against the
    /// budget, and as waiting once they are durable, or may be.
    pub(crate) fn count(self: &Arc<Self>, ctx: &Ctx, batch: &Batch) {
        if let Some(admission) = self.admit(ctx.time(), batch) {
            ctx.afterwards_or_in_doubt(move || admission.keep());
        }
    }

    /// Counts the entries of `batch` against the budget.
    fn admit(self: &Arc<Self>, now: Timestamp, batch: &Batch) -> Option<Admission> {
        let appends = batch.appends().iter();
        let mut entries = Vec::new();
        for append in appends.filter(|append| *append.log == OUTBOX) {
            let amount = Amount {
                entries: 1,
                bytes: size_of(&append.payload),
                oldest: Some(now),
            };
            entries.push((append.stream, append.segment, amount));
        }
        if entries.is_empty() {
            return None;
        }
        let bytes = entries.iter().map(|(_, _, amount)| amount.bytes).sum();
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_add(bytes);
        for (stream, _, amount) in &entries {
            state.takes(*stream, amount.bytes);
        }
        drop(state);
        Some(Admission {
            outbox: Arc::clone(self),
            entries,
            bytes,
        })
    }

    /// The same for the batch that the service's own `work` commits.
    pub(crate) fn count_own(self: &Arc<Self>, work: &OwnWork, batch: &Batch) {
        if let Some(admission) = self.admit(work.time(), batch) {
            work.afterwards_or_in_doubt(move || admission.keep());
        }
    }

    /// What waits for the group of this number.
    pub(crate) fn of_group(&self, number: u64) -> Amount {
        let mut all = Amount::default();
        let state = self.lock();
        let stream = stream_of(number).ok();
        let segments = stream.and_then(|stream| state.waiting.get(&stream));
        for amount in segments.into_iter().flat_map(BTreeMap::values) {
            all.add(*amount);
        }
        all
    }

    /// Counts nothing any more for the group of this number, for which nothing waits.
    pub(crate) fn forget(&self, number: u64) {
        let Ok(stream) = stream_of(number) else {
            return;
        };
        let mut state = self.lock();
        let counted = state.waiting.get(&stream).into_iter().flatten();
        for segment in counted.map(|(segment, _)| *segment).collect::<Vec<_>>() {
            state.correct(stream, segment, Amount::default());
        }
        state.waiting.remove(&stream);
        state.owners.remove(&stream);
    }

    /// What waits for all groups together.
    pub(crate) fn total(&self) -> Amount {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What waits, as the next entry of `account` finds it.
    fn taken(&self, account: AccountId) -> Taken {
        let own = self.accounts.get(&account).copied();
        let accounts = self.accounts.len() + usize::from(own.is_none());
        Taken {
            all: self.bytes,
            own: own.unwrap_or_default(),
            accounts: u64::try_from(accounts).unwrap_or(u64::MAX),
        }
    }

    /// Logs that the outbox, or an account's part of it, is full: once, until a tenth is free
    /// again, so that neither small writes that still fit nor large ones fill the log.
    fn tell(&mut self, budget: &Budget, account: AccountId, taken: Taken, found: Result<(), Full>) {
        let roomy = |waiting: u64, budget: u64| waiting <= budget - budget / 10;
        let (all_full, own_full) = (found == Err(Full::All), found == Err(Full::Account));
        let Taken { all, own, .. } = taken;
        if all_full && !std::mem::replace(&mut self.full, true) {
            let budget = budget.all;
            error!(
                waiting = all,
                budget,
                "the outbox of the offline stores is full: writes to them are refused, but for \
                 accounts that have little in it"
            );
        } else if self.full && !all_full && roomy(all, budget.open()) {
            self.full = false;
            info!(
                waiting = all,
                "the outbox of the offline stores takes writes again"
            );
        }
        if own_full && self.full_accounts.insert(account) {
            let budget = budget.account;
            warn!(
                %account, waiting = own, budget,
                "an account's part of the outbox is full: writes to its offline stores are refused"
            );
        } else if !own_full && roomy(own, budget.account) && self.full_accounts.remove(&account) {
            info!(%account, waiting = own, "an account's part of the outbox takes writes again");
        }
    }

    /// Counts bytes that wait in a stream, or are about to, for the account that it belongs to.
    fn takes(&mut self, stream: u32, bytes: u64) {
        if let Some(account) = self.owners.get(&stream) {
            let taken = self.accounts.entry(*account).or_default();
            *taken = taken.saturating_add(bytes);
        }
    }

    /// Takes back what [`Self::takes`] has counted.
    fn gives_back(&mut self, stream: u32, bytes: u64) {
        let Some(account) = self.owners.get(&stream) else {
            return;
        };
        if let Some(taken) = self.accounts.get_mut(account) {
            *taken = taken.saturating_sub(bytes);
            if *taken == 0 {
                self.accounts.remove(account);
            }
        }
    }

    /// Counts what waits in a segment of a stream.
    fn wait(&mut self, stream: u32, segment: u64, amount: Amount) {
        let segments = self.waiting.entry(stream).or_default();
        let known = segments.entry(segment).or_insert_with(|| {
            self.unsummed.insert((segment, stream));
            Amount::default()
        });
        known.add(amount);
        self.total.add(amount);
    }

    /// Has the log's own sum of a segment take the place of what was counted.
    fn correct(&mut self, stream: u32, segment: u64, sum: Amount) {
        self.unsummed.remove(&(segment, stream));
        let segments = self.waiting.entry(stream).or_default();
        let counted = segments.insert(segment, sum).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(counted.bytes);
        self.bytes = self.bytes.saturating_add(sum.bytes);
        self.gives_back(stream, counted.bytes);
        self.takes(stream, sum.bytes);
        self.total.entries = self.total.entries.saturating_sub(counted.entries);
        self.total.bytes = self.total.bytes.saturating_sub(counted.bytes);
        self.total.add(sum);
    }
}

/// Entries that are about to be committed. Dropped without being kept, they never were.
struct Admission {
    outbox: Arc<Outbox>,
    entries: Vec<(u32, u64, Amount)>,
    bytes: u64,
}

impl Admission {
    fn keep(mut self) {
        let mut state = self.outbox.lock();
        for (stream, segment, amount) in self.entries.drain(..) {
            state.wait(stream, segment, amount);
        }
        drop(state);
        self.bytes = 0;
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.outbox.lock();
        state.bytes = state.bytes.saturating_sub(self.bytes);
        for (stream, _, amount) in self.entries.drain(..) {
            state.gives_back(stream, amount.bytes);
        }
    }
}

/// The lowest number of the data keys that what waits for the group of this number is under; none
/// if nothing waits. The log says so, which holds whatever was committed before, counted or not.
///
/// Fails if the log cannot be read.
pub(crate) fn oldest_data_key(store: &dyn Store, number: u64) -> Result<Option<u32>, Error> {
    // What is damaged tells nothing, and keeps every key.
    const ALL: Option<u32> = Some(0);
    let (stream, mut after, mut oldest) = (stream_of(number)?, None, None);
    // INVARIANT: the entries of a segment stand in the order of their commits, and each was
    // committed while its data key was the group's newest: of a segment, the first says enough.
    loop {
        let mut first = match store.log_oldest_first(&OUTBOX, stream, after, 1) {
            Ok(first) => first,
            Err(store::Error::Damaged { .. }) => return Ok(ALL),
            Err(failed) => return Err(unread(failed)),
        };
        let Some(first) = first.pop() else {
            return Ok(oldest);
        };
        let Ok(entry) = Entry::read(&first.payload) else {
            return Ok(ALL);
        };
        let data_key = entry.cell.header().data_key;
        oldest = Some(oldest.unwrap_or(data_key).min(data_key));
        after = Some(end_of(first.cursor.segment));
    }
}

/// Whether nothing waits for the group of this number, as the log says.
///
/// Fails if the log cannot be read.
pub(crate) fn is_empty(store: &dyn Store, number: u64) -> Result<bool, Error> {
    match store.log_oldest_first(&OUTBOX, stream_of(number)?, None, 1) {
        Ok(first) => Ok(first.is_empty()),
        Err(store::Error::Damaged { .. }) => Ok(false),
        Err(failed) => Err(unread(failed)),
    }
}

/// Behind everything in the segment.
fn end_of(segment: u64) -> LogCursor {
    LogCursor {
        segment,
        revision: u64::MAX,
        index: u32::MAX,
    }
}

fn unread(failed: store::Error) -> Error {
    Error::internal("the outbox of the offline stores cannot be read", failed)
}

/// The streams that may have entries, and whose they are: of groups with an offline store, and of
/// deleted ones whose entries wait, some of which still have cells and so are groups, too.
fn streams(snapshot: &Snapshot) -> BTreeMap<u32, AccountId> {
    let all = Key::of(&[]);
    let groups = snapshot.scan(&GROUPS, &all);
    let groups = groups.filter(|(_, row)| row.record.offline.is_some());
    let groups = groups.map(|(_, row)| row.record);
    let drains = snapshot.scan(&DRAINS, &all);
    let drains = drains.map(|(_, row)| &row.record.group);
    let owned = groups.chain(drains);
    owned
        .filter_map(|group| Some((stream_of(group.number).ok()?, group.account)))
        .collect()
}

fn size_of(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).map_or(u64::MAX, |length| length.saturating_add(OVERHEAD))
}

fn segment_of(at: Timestamp) -> u64 {
    u64::try_from(at.seconds() / SEGMENT_SECONDS).unwrap_or_default()
}

/// The first segment that something may still be appended to.
fn first_open_at(now: Timestamp) -> u64 {
    segment_of(now.saturating_sub(GRACE))
}

/// The stream of a group's entries.
fn stream_of(number: u64) -> Result<u32, Error> {
    u32::try_from(number).map_err(|source| Error::internal("a group's number is too high", source))
}

#[cfg(test)]
mod tests {
    use crypto::{Key32, SystemEntropy};
    use online::{DataKey, EventTime, GroupNumber, Header, IndexKey, PayloadWriter, Version};

    use super::*;

    fn entry(called: Timestamp) -> (Entry, DataKey) {
        entry_under(called, &Key32::generate(&SystemEntropy))
    }

    fn entry_under(called: Timestamp, key: &Key32) -> (Entry, DataKey) {
        let cell_key = CellKey::new(GroupNumber(7), &IndexKey::new(key), "a");
        let data_key = DataKey::new(1, key);
        let header = Header {
            data_key: 1,
            version: Version {
                event_time: EventTime::new(called).unwrap(),
                sequence: 3,
            },
            expires_at: None,
            deleted: true,
        };
        let payload = PayloadWriter::new("a", 0).finish();
        let entropy = &SystemEntropy;
        let cell = SealedCell::seal(entropy, &data_key, &cell_key, header, &payload).unwrap();
        let entry = Entry {
            called,
            key: cell_key,
            cell,
        };
        (entry, data_key)
    }

    #[test]
    fn an_entry_reads_back_and_opens_as_its_cell_does() {
        for called in [
            Timestamp::EPOCH,
            Timestamp::new(-5, 7),
            Timestamp::new(1 << 33, 9),
        ] {
            let (written, data_key) = entry(called);
            let payload = Entry::payload(called, &written.key, &written.cell);
            let read = Entry::read(&payload).unwrap();
            assert_eq!(read, written);
            let opened = read.cell.open(&data_key, &read.key).unwrap();
            assert_eq!(opened.record().unwrap().identifier(), b"a");
        }
    }

    #[test]
    fn the_fixture_of_an_entry_opens() {
        let payload = include_str!("../testdata/outbox-entry-1.txt");
        let read = Entry::read(&hex::decode(payload.trim()).unwrap()).unwrap();
        let called = Timestamp::new(1_700_000_000, 9);
        let key = Key32::try_from([7; 32].as_slice()).unwrap();
        let (again, data_key) = entry_under(called, &key);
        assert_eq!((read.called, &read.key), (called, &again.key));
        assert_eq!(read.cell.header(), again.cell.header());
        let opened = read.cell.open(&data_key, &read.key).unwrap();
        assert_eq!(opened.record().unwrap().identifier(), b"a");
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let (written, _) = entry(Timestamp::EPOCH);
        let payload = Entry::payload(Timestamp::EPOCH, &written.key, &written.cell);
        for length in [0, 1, 9, 13, 52, 53, 80] {
            assert!(Entry::read(&payload[..length]).is_err(), "{length}");
        }
        let mut newer = payload;
        newer[0] = 2;
        assert!(Entry::read(&newer).is_err());
    }

    #[test]
    fn a_segment_is_over_an_hour_after_its_end() {
        let segment = segment_of(Timestamp::new(6 * 3600 * 10 + 5, 0));
        assert_eq!(segment, 10);
        let end = 6 * 3600 * 11;
        assert_eq!(first_open_at(Timestamp::new(end + 3599, 0)), 10);
        assert_eq!(first_open_at(Timestamp::new(end + 3600, 0)), 11);
    }
}
