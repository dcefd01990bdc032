//! A mark that cannot be written and a disk that fills up.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use store::embedded::{Disk, DiskSpace, MarkFile, SystemDisk};
use store::{Batch, CommitError, CommitFuture, Committed, Key, Lane, Read, Store};
use types::{AccountId, Clock, SystemClock};

use crate::common::{Home, NOTES, cell, commit, note, put_note, read_note, wait};

/// A disk whose mark and room a test controls.
#[derive(Debug)]
struct FaultyDisk {
    fails: Arc<AtomicBool>,
    free: AtomicU64,
    /// How often it was asked for its room, and what holds its answers back.
    asked: AtomicU64,
    held: Mutex<()>,
}

#[derive(Debug)]
struct FaultyMark {
    mark: Box<dyn MarkFile>,
    fails: Arc<AtomicBool>,
}

const TOTAL: u64 = 1 << 40;

impl FaultyDisk {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            fails: Arc::default(),
            free: AtomicU64::new(TOTAL),
            asked: AtomicU64::new(0),
            held: Mutex::default(),
        })
    }
}

impl Disk for FaultyDisk {
    fn open_mark(&self, path: &Path) -> io::Result<Box<dyn MarkFile>> {
        Ok(Box::new(FaultyMark {
            mark: SystemDisk.open_mark(path)?,
            fails: Arc::clone(&self.fails),
        }))
    }

    fn space(&self, _path: &Path) -> io::Result<DiskSpace> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _told = self.held.lock();
        let free = self.free.load(Ordering::SeqCst);
        if free == u64::MAX {
            return Err(io::Error::other("unknown"));
        }
        Ok(DiskSpace { free, total: TOTAL })
    }
}

impl FaultyMark {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("broken"));
        }
        Ok(())
    }
}

impl MarkFile for FaultyMark {
    fn read(&self) -> io::Result<Vec<u8>> {
        self.mark.read()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.mark.write(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.check()?;
        self.mark.sync()
    }
}

fn home(disk: &Arc<FaultyDisk>) -> Home {
    let mut home = Home::new();
    home.disk = Arc::<FaultyDisk>::clone(disk);
    home
}

#[test]
fn a_mark_that_cannot_be_written_stops_the_store_but_not_its_readers() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    put_note(&store, "a", "one");
    disk.fails.store(true, Ordering::SeqCst);
    let put = |text| {
        commit(&store, Lane::Metadata, |batch| {
            batch.put(&NOTES, Key::of(&["b"]), note(text));
        })
    };
    // Durable, but nobody hears of it: the mark comes before the answer.
    let unmarked = put("two");
    assert!(
        matches!(unmarked, Err(CommitError::Unknown { .. })),
        "{unmarked:?}"
    );
    assert!(matches!(put("three"), Err(CommitError::NotWritable { .. })));
    assert!(!store.is_writable());
    assert_eq!(read_note(&store, "a").unwrap(), "one");
    assert_eq!(read_note(&store, "b"), None);
    drop(store);
    disk.fails.store(false, Ordering::SeqCst);
    let store = home.open();
    assert!(store.is_writable());
    assert_eq!(read_note(&store, "a").unwrap(), "one");
    assert_eq!(read_note(&store, "b").unwrap(), "two");
}

#[test]
fn a_store_whose_mark_cannot_be_written_does_not_open() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    disk.fails.store(true, Ordering::SeqCst);
    assert!(matches!(
        home.try_open(),
        Err(store::OpenError::Files { .. })
    ));
}

const LANES: [Lane; 7] = [
    Lane::Strangers,
    Lane::Data,
    Lane::Events,
    Lane::Metadata,
    Lane::Relief,
    Lane::Revocation,
    Lane::Emergency,
];

/// More than a batch of one of [`LANES`] writes.
const SMALL: u64 = 64 * 1024;

/// How many of [`LANES`] are refused with so much free: one only after those before it.
fn refused(disk: &FaultyDisk, store: &dyn Store, free: u64) -> usize {
    disk.free.store(free, Ordering::SeqCst);
    let refused = LANES.map(|lane| {
        let result = commit(store, lane, |batch| match lane {
            Lane::Metadata | Lane::Revocation | Lane::Emergency => {
                batch.put(&NOTES, Key::of(&["a"]), note("n"));
            }
            Lane::Relief => batch.cell(cell(b"k", None)),
            Lane::Strangers | Lane::Data | Lane::Events => batch.cell(cell(b"k", Some(b"v"))),
        });
        match result {
            Ok(_) => false,
            Err(CommitError::NotWritable { .. }) => true,
            Err(error) => panic!("{error}"),
        }
    });
    let first = refused.iter().take_while(|refused| **refused).count();
    assert!(!refused[first..].contains(&true), "{free}: {refused:?}");
    first
}

#[test]
fn strangers_are_refused_first_when_the_disk_fills_up_and_revocations_last() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    let refused = |free| refused(&disk, &store, free);
    let tuning = &home.tuning;
    assert_eq!(refused(TOTAL), 0);
    let reserves = [
        tuning.stranger_reserve_bytes,
        tuning.data_reserve_bytes,
        tuning.change_reserve_bytes,
        tuning.revocation_reserve_bytes,
        tuning.removal_reserve_bytes,
    ];
    for (number, reserve) in reserves.into_iter().enumerate() {
        assert_eq!(refused(reserve + SMALL), number, "{reserve}");
        assert_eq!(refused(reserve - 1), number + 1, "{reserve}");
    }
    assert_eq!(refused(tuning.full_bytes + (1 << 20)), 5);
    // Of nothing there is no share.
    assert_eq!(refused(tuning.full_bytes), LANES.len());
    assert_eq!(refused(tuning.full_bytes - 1), LANES.len());
    assert_eq!(refused(u64::MAX), LANES.len());
    // Nothing was damaged: writes go on when space returns.
    assert!(store.is_writable());
    assert_eq!(refused(TOTAL), 0);
}

#[test]
fn a_batch_that_changes_metadata_has_the_reserve_of_changes_whatever_it_was_made_for() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    disk.free.store(
        home.tuning.revocation_reserve_bytes + SMALL,
        Ordering::SeqCst,
    );
    let put = |lane| {
        commit(&store, lane, |batch| {
            batch.put(&NOTES, Key::of(&["a"]), note("kept"));
        })
    };
    for lane in [Lane::Events, Lane::Data, Lane::Strangers] {
        put(lane).unwrap();
    }
    // And no more than that.
    disk.free
        .store(home.tuning.revocation_reserve_bytes - 1, Ordering::SeqCst);
    for lane in [Lane::Events, Lane::Data, Lane::Relief, Lane::Metadata] {
        put(lane).unwrap_err();
    }
    put(Lane::Revocation).unwrap();
}

/// A revocation of so many bytes on account of `account`.
fn revocation(account: Option<AccountId>, bytes: usize) -> Batch {
    let mut batch = Batch::new(Lane::Revocation);
    batch.put(&NOTES, Key::of(&["a"]), note(&"x".repeat(bytes)));
    batch.on_account_of(account)
}

/// Commits one.
fn revoke(
    store: &dyn Store,
    account: Option<AccountId>,
    bytes: usize,
) -> Result<Committed, CommitError> {
    wait(store.commit(revocation(account, bytes)))
}

#[test]
fn revocations_of_one_account_leave_the_last_room_to_those_of_others() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    let (one, other) = ("111122223333".parse().ok(), "444455556666".parse().ok());
    // While other changes are accepted, too, nobody is held to a share.
    let roomy = home.tuning.revocation_reserve_bytes + (16 << 20);
    disk.free.store(roomy, Ordering::SeqCst);
    revoke(&store, one, 4 << 20).unwrap();
    disk.free
        .store(home.tuning.revocation_reserve_bytes - 1, Ordering::SeqCst);
    // One that is larger than a share is not for the last room.
    revoke(&store, one, 4 << 20).unwrap_err();
    let mut small = 0;
    while revoke(&store, one, 10_000).is_ok() {
        small += 1;
    }
    // Of the 60 MiB that are in shares a 64th, the history included.
    assert!((45..55).contains(&small), "{small}");
    for account in [other, None] {
        revoke(&store, account, 10_000).unwrap();
    }
    // Nothing is given back while the disk is full, however long that is.
    home.clock.advance(Duration::from_hours(100));
    revoke(&store, one, 10_000).unwrap_err();
    disk.free.store(TOTAL, Ordering::SeqCst);
    revoke(&store, one, 10_000).unwrap();
    home.clock.advance(Duration::from_hours(1));
    disk.free
        .store(home.tuning.revocation_reserve_bytes - 1, Ordering::SeqCst);
    revoke(&store, one, 10_000).unwrap();
    // It is no account's share that ends with the room of all.
    disk.free
        .store(home.tuning.full_bytes - 1, Ordering::SeqCst);
    revoke(&store, other, 10_000).unwrap_err();
    disk.free.store(TOTAL, Ordering::SeqCst);
    revoke(&store, one, 4 << 20).unwrap();
}

#[test]
fn a_revocation_that_was_not_made_takes_nothing_of_its_accounts_share() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    disk.free
        .store(home.tuning.revocation_reserve_bytes - 1, Ordering::SeqCst);
    let one = "111122223333".parse().ok();
    // Ten times the share.
    for _ in 0..500 {
        let mut outdated = revocation(one, 10_000);
        outdated.require(Read::Row {
            table: &NOTES,
            key: Key::of(&["missing"]),
            revision: Some(1),
        });
        let refused = wait(store.commit(outdated));
        assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    }
    revoke(&store, one, 10_000).unwrap();
}

/// Hands `batch` to the committer.
fn begin(store: &dyn Store, batch: Batch) -> CommitFuture<'_> {
    let mut commit = store.commit(batch);
    let polled = commit
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    commit
}

#[test]
fn what_one_account_takes_is_not_left_for_another_of_the_same_group() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    // Beyond what is in no share, and the share is more than each may have in any case.
    let free = home.tuning.full_bytes + (4 << 20) + 64 * 20_000;
    disk.free.store(free, Ordering::SeqCst);
    let mut accounts = (1..).map(|number: u64| format!("{number:012}").parse().ok());
    // The largest that is within the share of an account which comes first.
    let (mut fits, mut beyond) = (1_000, 40_000);
    while beyond - fits > 1 {
        let bytes = usize::midpoint(fits, beyond);
        if revoke(&store, accounts.next().unwrap(), bytes).is_ok() {
            fits = bytes;
        } else {
            beyond = bytes;
        }
    }
    assert!((5_000..20_000).contains(&fits), "{fits}");
    let held = disk.held.lock().unwrap();
    let asked = disk.asked.load(Ordering::SeqCst);
    let mut before = Batch::new(Lane::Revocation);
    before.delete(&NOTES, Key::of(&["a"]));
    let before = begin(&store, before);
    // The committer has taken that, and the others wait together.
    let clock = SystemClock::new();
    let deadline = clock.monotonic().0 + Duration::from_mins(1);
    while disk.asked.load(Ordering::SeqCst) == asked {
        assert!(clock.monotonic().0 < deadline, "nobody asks for room");
        std::thread::yield_now();
    }
    let first = begin(&store, revocation(accounts.next().unwrap(), fits));
    let second = begin(&store, revocation(accounts.next().unwrap(), fits));
    drop(held);
    wait(before).unwrap();
    wait(first).unwrap();
    let refused = wait(second);
    assert!(
        matches!(refused, Err(CommitError::NotWritable { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_batch_is_judged_by_what_it_leaves() {
    let disk = FaultyDisk::new();
    let home = home(&disk);
    let store = home.open();
    let one = "111122223333".parse().ok();
    let put = |bytes: usize| {
        commit(&store, Lane::Metadata, |batch| {
            batch.put(&NOTES, Key::of(&["a"]), note(&"x".repeat(bytes)));
        })
    };
    let last = home.tuning.revocation_reserve_bytes;
    disk.free.store(last + (1 << 20), Ordering::SeqCst);
    // Both would take of the room that is shared out.
    put(4 << 20).unwrap_err();
    revoke(&store, one, 4 << 20).unwrap_err();
    put(10_000).unwrap();
    revoke(&store, one, 10_000).unwrap();
    disk.free.store(last + (16 << 20), Ordering::SeqCst);
    put(4 << 20).unwrap();
    revoke(&store, one, 4 << 20).unwrap();
}
