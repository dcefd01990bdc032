//! Clear headers that were edited or moved behind the store's back.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use crypto::{Key32, SystemEntropy};
use fjall::{Database, KeyspaceCreateOptions};
use online::{CachedStore, CellKey, Cells, EmbeddedCells, Error, GroupNumber, Header, Outcome};
use store::embedded::Options;
use store::{Batch, CommitError, EmbeddedStore, Lane};
use tempfile::TempDir;
use types::{ManualClock, Timestamp};

use crate::world::{Action, Keys, Request, World, put, time};

const HOUR: i64 = 3600;

/// A store on disk.
struct Home {
    directory: TempDir,
    data_key: Key32,
    keys: Keys,
}

impl Home {
    async fn with(requests: &[Request]) -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
            data_key: Key32::generate(&SystemEntropy),
            keys: Keys::generate(),
        };
        let world = home.open().await;
        for request in requests {
            assert_eq!(world.apply(request, 0).await, Outcome::Applied);
        }
        world.store.close();
        drop(world);
        home
    }

    async fn open(&self) -> World<Arc<EmbeddedStore>> {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let path = self.directory.path();
        let mut options = Options::new(path, &self.data_key, clock, Arc::new(SystemEntropy));
        options.tables.extend(online::tables());
        options.spaces.extend(online::spaces());
        let engine = Arc::new(EmbeddedStore::open(&options).unwrap());
        let cached = Arc::new(CachedStore::new(engine.clone(), 1024 * 1024));
        let cells = EmbeddedCells::open(cached).await.unwrap();
        World::over(engine, cells, self.keys.clone())
    }

    /// Lets `edit` change the stored cell at `key`.
    fn edit(&self, key: &CellKey, edit: impl FnOnce(&mut Vec<u8>)) {
        self.edit_in("space.online_cells", Some(key.as_bytes()), edit);
    }

    /// Lets `edit` change a stored value of a keyspace, the first if no key is given.
    fn edit_in(&self, space: &str, key: Option<&[u8]>, edit: impl FnOnce(&mut Vec<u8>)) {
        let engine = self.directory.path().join("engine");
        let database = Database::builder(&engine).open().unwrap();
        let cells = database
            .keyspace(space, KeyspaceCreateOptions::default)
            .unwrap();
        let first = cells.first_key_value().map(|guard| guard.key().unwrap());
        let key = key.map_or_else(|| first.unwrap().to_vec(), <[u8]>::to_vec);
        let mut value = cells.get(&key).unwrap().unwrap().to_vec();
        edit(&mut value);
        cells.insert(&key, value).unwrap();
        cells.rotate_memtable_and_wait().unwrap();
        drop((cells, database));
        empty_journals(&engine);
    }
}

fn empty_journals(engine: &Path) {
    for entry in std::fs::read_dir(engine).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "jnl") {
            let journal = OpenOptions::new().write(true).open(path).unwrap();
            journal.set_len(0).unwrap();
        }
    }
}

fn set_header(value: &mut [u8], change: impl FnOnce(&mut Header)) {
    let mut header = Header::read(value).unwrap();
    change(&mut header);
    value
        .split_at_mut(Header::LENGTH)
        .0
        .copy_from_slice(&header.to_bytes());
}

fn refused<T: std::fmt::Debug>(result: &Result<T, Error>) {
    assert!(
        matches!(
            result,
            Err(Error::Store(store::Error::Damaged { .. })
                | Error::Commit(CommitError::Damaged { .. }))
        ),
        "{result:?}"
    );
}

/// Stores `request`, changes its header, and expects every reader to refuse it.
async fn check(request: Request, change: impl FnOnce(&mut Header)) {
    let home = Home::with(&[request]).await;
    let world = home.open().await;
    let key = world.key(1, "a");
    world.store.close();
    drop(world);
    home.edit(&key, |value| set_header(value, change));
    let world = home.open().await;
    for _ in 0..2 {
        refused(&world.cells.get(&key).await);
        refused(&world.cells.multi_get(&[key]).await);
    }
    refused(&world.cells.scan(GroupNumber(1), None, 10).await);
    for event_time in [1, 10, 1_000_000] {
        let write = world.write(&put("a", event_time, 2), HOUR);
        let batch = Batch::new(Lane::Data);
        refused(&world.cells.write(batch, vec![write]).await);
    }
    refused(&world.cells.get(&key).await);
    assert_eq!(world.apply(&put("b", 1, 3), 0).await, Outcome::Applied);
}

#[tokio::test]
async fn a_record_cannot_be_hidden_by_its_deleted_flag() {
    check(put("a", 10, 1), |header| header.deleted = true).await;
}

#[tokio::test]
async fn a_deleted_record_cannot_be_brought_back_by_its_flag() {
    let mut deleted = put("a", 10, 1);
    deleted.action = Action::SoftDelete;
    check(deleted, |header| header.deleted = false).await;
}

#[tokio::test]
async fn a_record_cannot_be_hidden_by_its_expiry() {
    check(put("a", 10, 1), |header| header.expires_at = Some(time(5))).await;
    let expiring = put("a", 10, 1).expiring(20);
    check(expiring, |header| header.expires_at = Some(time(0))).await;
}

#[tokio::test]
async fn a_record_cannot_be_kept_beyond_its_expiry() {
    let expiring = put("a", 10, 1).expiring(20);
    check(expiring, |header| header.expires_at = None).await;
}

#[tokio::test]
async fn a_record_cannot_be_frozen_by_its_version() {
    let far = time(200_000_000_000);
    check(put("a", 10, 1), |header| header.version.event_time = far).await;
    check(put("a", 10, 1), |header| header.version.sequence = u64::MAX).await;
    check(put("a", 10, 1), |header| {
        header.version.event_time = time(0);
    })
    .await;
}

#[tokio::test]
async fn a_record_cannot_be_given_another_data_key() {
    check(put("a", 10, 1), |header| header.data_key = 2).await;
}

#[tokio::test]
async fn a_cell_copied_from_another_record_is_refused() {
    let home = Home::with(&[put("a", 10, 1), put("b", 20, 2)]).await;
    let world = home.open().await;
    let (a, b) = (world.key(1, "a"), world.key(1, "b"));
    world.store.close();
    drop(world);
    let mut other = Vec::new();
    home.edit(&b, |value| {
        other.clone_from(value);
        value.push(0);
    });
    home.edit(&a, |value| value.clone_from(&other));
    let world = home.open().await;
    refused(&world.cells.get(&a).await);
    refused(&world.cells.get(&b).await);
}

#[tokio::test]
async fn sweeping_goes_on_behind_what_was_tampered_with() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let requests = names.map(|name| put(name, 10, 1).expiring(20));
    let home = Home::with(&requests).await;
    let world = home.open().await;
    let mut keys = names.map(|name| world.key(1, name)).to_vec();
    world.store.close();
    drop(world);
    // The first in the order of sweeping are the damaged ones.
    keys.sort_unstable();
    let (damaged, whole) = keys.split_at(4);
    for key in damaged {
        home.edit(key, |value| {
            set_header(value, |header| header.expires_at = Some(time(9 * HOUR)));
        });
    }
    let world = home.open().await;
    let now = Timestamp::new(2 * HOUR, 0);
    let mut steps = Vec::new();
    for _ in 0..4 {
        let swept = world.cells.sweep(now, 2, &|_| true).await.unwrap();
        steps.push((swept.removed, swept.damaged, swept.more));
    }
    let expected = [(0, 2, true), (0, 2, true), (2, 0, true), (0, 0, false)];
    assert_eq!(steps, expected);
    for key in whole {
        assert!(world.cells.get(key).await.unwrap().is_none());
    }
    for key in damaged {
        refused(&world.cells.get(key).await);
    }
    // What is passed over is tried again, and what comes in before it is not forgotten.
    let late = put("late", 10, 9).expiring(15);
    assert_eq!(world.apply(&late, 0).await, Outcome::Applied);
    let later = Timestamp::new(2 * HOUR + 60, 0);
    let swept = world.cells.sweep(later, 10, &|_| true).await.unwrap();
    assert_eq!((swept.removed, swept.damaged), (1, 4));
}

#[tokio::test]
async fn sweeping_needs_nothing_of_its_rows_but_their_keys() {
    let home = Home::with(&[put("a", 10, 1).expiring(20)]).await;
    home.edit_in("space.online_expiry", None, |value| value.push(1));
    let world = home.open().await;
    let now = Timestamp::new(2 * HOUR, 0);
    let swept = world.cells.sweep(now, 10, &|_| true).await.unwrap();
    assert_eq!((swept.removed, swept.damaged, swept.more), (1, 0, true));
    let key = world.key(1, "a");
    assert!(world.cells.get(&key).await.unwrap().is_none());
}

#[tokio::test]
async fn a_deleted_group_is_removed_with_what_was_tampered_with() {
    let requests = ["a", "b", "c"].map(|name| put(name, 10, 1).expiring(20));
    let home = Home::with(&requests).await;
    let world = home.open().await;
    let keys = ["a", "b", "c"].map(|name| world.key(1, name));
    world.store.close();
    drop(world);
    home.edit(&keys[1], |value| {
        set_header(value, |header| header.deleted = true);
    });
    let world = home.open().await;
    let purged = world.cells.purge(GroupNumber(1), 10).await.unwrap();
    assert_eq!((purged.removed, purged.more), (3, false));
    for key in keys {
        assert!(world.cells.get(&key).await.unwrap().is_none());
    }
    // The row of the damaged one is left, and leads to nothing.
    let now = Timestamp::new(2 * HOUR, 0);
    let swept = world.cells.sweep(now, 10, &|_| true).await.unwrap();
    assert_eq!((swept.removed, swept.damaged), (0, 0));
}
