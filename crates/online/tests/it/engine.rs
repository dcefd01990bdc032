//! The same on the embedded engine, closed and opened again.

use std::sync::Arc;

use crypto::{Key32, SystemEntropy};
use online::{CachedStore, Cells, EmbeddedCells, Outcome};
use store::EmbeddedStore;
use store::embedded::Options;
use types::{ManualClock, Timestamp};

use crate::world::{Keys, World, put};

/// Cells in an embedded store, behind a cache.
async fn open(directory: &std::path::Path, data_key: &Key32) -> EmbeddedCells {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let mut options = Options::new(directory, data_key, clock, Arc::new(SystemEntropy));
    options.tables.extend(online::tables());
    options.spaces.extend(online::spaces());
    let engine = Arc::new(EmbeddedStore::open(&options).unwrap());
    let cached = Arc::new(CachedStore::new(engine, 1024 * 1024));
    EmbeddedCells::open(cached).await.unwrap()
}

#[tokio::test]
async fn order_and_expiry_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let data_key = Key32::generate(&SystemEntropy);
    let keys = Keys::generate();
    let world = World::over((), open(directory.path(), &data_key).await, keys.clone());
    assert_eq!(world.apply(&put("a", 10, 1), 0).await, Outcome::Applied);
    assert_eq!(world.apply(&put("a", 9, 2), 0).await, Outcome::Stale);
    world.apply(&put("b", 10, 3).expiring(20), 0).await;
    drop(world);

    let world = World::over((), open(directory.path(), &data_key).await, keys);
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    assert_eq!(world.apply(&put("a", 9, 4), 0).await, Outcome::Stale);
    assert_eq!(world.apply(&put("a", 10, 5), 0).await, Outcome::Applied);
    assert_eq!(world.get(1, "a", 0).await, Some(5));
    assert_eq!(world.get(1, "b", 20).await, None);
    let swept = world
        .cells
        .sweep(Timestamp::new(7200, 0), 10, &|_| true)
        .await
        .unwrap();
    assert_eq!((swept.removed, swept.more), (1, true));
}

#[tokio::test]
async fn overwriting_leaves_no_expiry_rows_in_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    let data_key = Key32::generate(&SystemEntropy);
    let cells = open(directory.path(), &data_key).await;
    let world = World::over((), cells, Keys::generate());
    for hour in 1..=3 {
        world
            .apply(&put("a", hour, 1).expiring(hour * 3600), 0)
            .await;
    }
    // Nothing is left in the buckets of the first three hours.
    let now = Timestamp::new(3 * 3600, 0);
    let swept = world.cells.sweep(now, 1, &|_| true).await.unwrap();
    assert_eq!((swept.removed, swept.more), (0, false));
    let swept = world
        .cells
        .sweep(Timestamp::new(5 * 3600, 0), 2, &|_| true)
        .await;
    assert_eq!(swept.unwrap().removed, 1);
}
