//! The memory of hot cells never shows anything but the newest commit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use online::{CELLS, CachedStore, Cells, EmbeddedCells};
use store::{Batch, Lane, Store};

use crate::memory::MemoryStore;
use crate::world::{Keys, World, put};

const MIB: usize = 1024 * 1024;

async fn cached(capacity: usize) -> (World, Arc<CachedStore>) {
    let memory = Arc::new(MemoryStore::new(&online::tables()));
    let cache = Arc::new(CachedStore::new(memory.clone(), capacity));
    let cells = EmbeddedCells::open(cache.clone()).await.unwrap();
    (World::over(memory, cells, Keys::generate()), cache)
}

fn engine_reads(world: &World) -> usize {
    world.store.cell_reads.load(Ordering::Relaxed)
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Stops commits before they are published.
fn close(world: &World) {
    let permits = u32::try_from(world.store.gate.available_permits()).unwrap_or(u32::MAX);
    world
        .store
        .gate
        .forget_permits(usize::try_from(permits).unwrap());
    while world.store.gate.available_permits() > 0 {
        world.store.gate.forget_permits(usize::MAX >> 3);
    }
}

fn open(world: &World) {
    world.store.gate.add_permits(1);
}

#[tokio::test]
async fn a_hot_cell_is_not_read_from_the_engine_again() {
    let (world, _) = cached(MIB).await;
    world.apply(&put("a", 1, 1), 0).await;
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    let reads = engine_reads(&world);
    for _ in 0..5 {
        assert_eq!(world.get(1, "a", 0).await, Some(1));
    }
    assert_eq!(engine_reads(&world), reads);
}

#[tokio::test]
async fn a_commit_is_seen_by_the_next_read() {
    let (world, _) = cached(MIB).await;
    for value in 1..50 {
        world.apply(&put("a", i64::from(value), value), 0).await;
        assert_eq!(world.get(1, "a", 0).await, Some(value));
    }
}

#[tokio::test]
async fn while_a_commit_is_under_way_readers_see_the_engine() {
    let (world, _) = cached(MIB).await;
    world.apply(&put("a", 1, 1), 0).await;
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    close(&world);
    let write = world.write(&put("a", 2, 2), 0);
    let mut commit = world.cells.write(Batch::new(Lane::Data), vec![write]);
    assert!(poll(commit.as_mut()).is_pending());
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    open(&world);
    assert!(poll(commit.as_mut()).is_ready());
    assert_eq!(world.get(1, "a", 0).await, Some(2));
}

#[tokio::test]
async fn a_commit_whose_caller_went_away_is_seen_once_it_is_done() {
    let (world, _) = cached(MIB).await;
    world.apply(&put("a", 1, 1), 0).await;
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    close(&world);
    let write = world.write(&put("a", 2, 2), 0);
    let mut commit = world.cells.write(Batch::new(Lane::Data), vec![write]);
    assert!(poll(commit.as_mut()).is_pending());
    drop(commit);
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    open(&world);
    // The next commit finds that the other one is done.
    world.apply(&put("b", 1, 1), 0).await;
    assert_eq!(world.get(1, "a", 0).await, Some(2));
    let reads = engine_reads(&world);
    assert_eq!(world.get(1, "a", 0).await, Some(2));
    assert_eq!(engine_reads(&world), reads);
}

#[tokio::test]
async fn a_commit_that_was_never_begun_holds_nothing_up() {
    let (world, _) = cached(MIB).await;
    world.apply(&put("a", 1, 1), 0).await;
    let write = world.write(&put("a", 2, 2), 0);
    drop(world.cells.write(Batch::new(Lane::Data), vec![write]));
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    let reads = engine_reads(&world);
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    assert_eq!(engine_reads(&world), reads);
}

#[tokio::test]
async fn removed_cells_are_forgotten() {
    let (world, cache) = cached(MIB).await;
    world.apply(&put("a", 1, 1).expiring(10), 0).await;
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    let now = types::Timestamp::new(7200, 0);
    assert_eq!(
        world.cells.sweep(now, 10, &|_| true).await.unwrap().removed,
        1
    );
    let key = world.key(1, "a");
    assert_eq!(cache.cell(CELLS, key.as_bytes()).unwrap(), None);
}

#[tokio::test]
async fn the_memory_is_bounded() {
    let capacity = 32 * 1024;
    let (world, cache) = cached(capacity).await;
    for number in 0..500 {
        let identifier = number.to_string();
        world.apply(&put(&identifier, 1, number), 0).await;
        assert_eq!(world.get(1, &identifier, 0).await, Some(number));
    }
    let bytes = usize::try_from(cache.cached_bytes()).unwrap();
    assert!((1..=capacity).contains(&bytes), "{bytes}");
}

/// Readers and writers on many threads: no read ever goes back behind a write that was done
/// before it began.
#[test]
fn concurrent_readers_never_see_an_older_version_than_was_committed() {
    use std::sync::atomic::AtomicU32;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (world, _) = runtime.block_on(cached(MIB));
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                loop {
                    let floor = done.load(Ordering::SeqCst);
                    let seen = runtime.block_on(world.get(1, "a", 0)).unwrap_or(0);
                    assert!(seen >= floor, "{seen} < {floor}");
                    if floor == 2000 {
                        return;
                    }
                }
            });
        }
        for value in 1..=2000 {
            runtime.block_on(world.apply(&put("a", i64::from(value), value), 0));
            done.store(value, Ordering::SeqCst);
        }
    });
}
