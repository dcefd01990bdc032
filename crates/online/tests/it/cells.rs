//! Event-time order, sweeping, purging, scanning.

use online::{CELLS, Cells, EXPIRY, EmbeddedCells, GroupNumber, Outcome, Portion, Rule, Swept};
use store::{Batch, Lane};
use types::Timestamp;

use crate::world::{Action, World, put};

const HOUR: i64 = 3600;

#[tokio::test]
async fn a_newer_event_time_replaces_and_an_older_one_does_not() {
    let world = World::new().await;
    assert_eq!(world.apply(&put("a", 10, 1), 0).await, Outcome::Applied);
    assert_eq!(world.apply(&put("a", 9, 2), 0).await, Outcome::Stale);
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    assert_eq!(world.apply(&put("a", 10, 3), 0).await, Outcome::Applied);
    assert_eq!(world.apply(&put("a", 11, 4), 0).await, Outcome::Applied);
    assert_eq!(world.get(1, "a", 0).await, Some(4));
    assert_eq!(world.get(1, "b", 0).await, None);
}

#[tokio::test]
async fn replaying_a_write_changes_nothing() {
    let world = World::new().await;
    let write = world.write(&put("a", 10, 1), 0);
    let replay = online::Write {
        cell: write.cell.clone(),
        ..world.write(&put("a", 10, 1), 0)
    };
    let replay = online::Write {
        version: write.version,
        ..replay
    };
    let first = world.cells.write(Batch::new(Lane::Data), vec![write]).await;
    assert_eq!(first.unwrap(), [Outcome::Applied]);
    world.apply(&put("a", 10, 2), 0).await;
    let second = world
        .cells
        .write(Batch::new(Lane::Data), vec![replay])
        .await;
    assert_eq!(second.unwrap(), [Outcome::Stale]);
    assert_eq!(world.get(1, "a", 0).await, Some(2));
}

#[tokio::test]
async fn a_tombstone_hides_the_record_and_keeps_its_event_time() {
    let world = World::new().await;
    world.apply(&put("a", 10, 1), 0).await;
    let mut delete = put("a", 10, 0);
    delete.action = Action::SoftDelete;
    assert_eq!(world.apply(&delete, 0).await, Outcome::Stale);
    delete.event_time = 12;
    assert_eq!(world.apply(&delete, 0).await, Outcome::Applied);
    assert_eq!(world.get(1, "a", 0).await, None);
    assert_eq!(world.apply(&put("a", 11, 2), 0).await, Outcome::Stale);
    assert_eq!(world.apply(&put("a", 12, 3), 0).await, Outcome::Applied);
    assert_eq!(world.get(1, "a", 0).await, Some(3));
}

#[tokio::test]
async fn after_a_hard_delete_any_event_time_is_new() {
    let world = World::new().await;
    world.apply(&put("a", 10, 1), 0).await;
    let mut delete = put("a", 11, 0);
    delete.action = Action::HardDelete;
    assert_eq!(world.apply(&delete, 0).await, Outcome::Applied);
    assert_eq!(world.store.count(CELLS), 0);
    assert_eq!(world.apply(&put("a", 1, 2), 0).await, Outcome::Applied);
    assert_eq!(world.get(1, "a", 0).await, Some(2));
}

#[tokio::test]
async fn a_write_that_expects_another_version_is_a_conflict() {
    let world = World::new().await;
    world.apply(&put("a", 10, 1), 0).await;
    let mut write = world.write(&put("a", 11, 2), 0);
    write.rule = Rule::IfVersion(None);
    let outcome = world.cells.write(Batch::new(Lane::Data), vec![write]).await;
    assert_eq!(outcome.unwrap(), [Outcome::Conflict]);
    let stored = world.cells.get(&world.key(1, "a")).await.unwrap().unwrap();
    let mut write = world.write(&put("a", 5, 3), 0);
    write.rule = Rule::IfVersion(Some(stored.header().version));
    let outcome = world.cells.write(Batch::new(Lane::Data), vec![write]).await;
    assert_eq!(outcome.unwrap(), [Outcome::Applied]);
}

#[tokio::test]
async fn outcomes_are_those_of_the_writes_and_not_of_the_rest_of_the_batch() {
    let world = World::new().await;
    world.apply(&put("a", 10, 1), 0).await;
    let mut batch = Batch::new(Lane::Data);
    world
        .cells
        .stage(&mut batch, world.write(&put("c", 1, 1), 0));
    let writes = vec![
        world.write(&put("a", 9, 2), 0),
        world.write(&put("b", 9, 2), 0),
    ];
    let outcomes = world.cells.write(batch, writes).await.unwrap();
    assert_eq!(outcomes, [Outcome::Stale, Outcome::Applied]);
    assert_eq!(world.get(1, "c", 0).await, Some(1));
}

#[tokio::test]
async fn an_expired_record_is_gone_before_it_is_swept() {
    let world = World::new().await;
    world.apply(&put("a", 10, 1).expiring(20), 0).await;
    assert_eq!(world.get(1, "a", 19).await, Some(1));
    assert_eq!(world.get(1, "a", 20).await, None);
    assert_eq!(world.store.count(CELLS), 1);
    assert_eq!(world.apply(&put("a", 5, 2), 20).await, Outcome::Applied);
}

async fn sweep(world: &World, now: i64) -> Swept {
    world
        .cells
        .sweep(Timestamp::new(now, 0), 100, &|_| true)
        .await
        .unwrap()
}

#[tokio::test]
async fn sweeping_removes_what_expired_in_past_hours_and_its_bucket_rows() {
    let world = World::new().await;
    world.apply(&put("a", 1, 1).expiring(10), 0).await;
    world.apply(&put("b", 1, 1).expiring(HOUR + 10), 0).await;
    world.apply(&put("c", 1, 1), 0).await;
    assert_eq!(sweep(&world, 20).await.removed, 0);
    assert_eq!(sweep(&world, HOUR).await.removed, 1);
    assert_eq!(
        (world.store.count(CELLS), world.store.count(EXPIRY)),
        (2, 1)
    );
    assert_eq!(sweep(&world, 2 * HOUR).await.removed, 1);
    assert_eq!(
        (world.store.count(CELLS), world.store.count(EXPIRY)),
        (1, 0)
    );
}

#[tokio::test]
async fn a_newer_version_survives_the_sweep_of_an_older_one() {
    let world = World::new().await;
    world.apply(&put("a", 1, 1).expiring(10), 0).await;
    world.apply(&put("a", 2, 2).expiring(5 * HOUR), 0).await;
    world.apply(&put("b", 1, 1).expiring(10), 0).await;
    world.apply(&put("b", 2, 2), 0).await;
    assert_eq!(sweep(&world, HOUR).await.removed, 0);
    assert_eq!(world.get(1, "a", HOUR).await, Some(2));
    assert_eq!(world.get(1, "b", HOUR).await, Some(2));
    assert_eq!(world.store.count(EXPIRY), 1);
    assert_eq!(sweep(&world, 6 * HOUR).await.removed, 1);
    assert_eq!(world.get(1, "b", 6 * HOUR).await, Some(2));
}

#[tokio::test]
async fn sweeping_goes_on_in_steps() {
    let world = World::new().await;
    for identifier in ["a", "b", "c"] {
        world.apply(&put(identifier, 1, 1).expiring(10), 0).await;
    }
    let now = Timestamp::new(HOUR, 0);
    let first = world.cells.sweep(now, 2, &|_| true).await.unwrap();
    assert_eq!((first.removed, first.more), (2, true));
    let second = world.cells.sweep(now, 2, &|_| true).await.unwrap();
    // More may have come in before what was swept: one more look begins at the beginning.
    assert_eq!((second.removed, second.more), (1, true));
    world.apply(&put("d", 1, 1).expiring(9), 0).await;
    let third = world.cells.sweep(now, 2, &|_| true).await.unwrap();
    assert_eq!((third.removed, third.more), (1, true));
    let last = world.cells.sweep(now, 2, &|_| true).await.unwrap();
    assert_eq!((last.removed, last.more), (0, false));
}

/// What one closed group is, a thousand are too: an open one behind them does not wait.
#[tokio::test]
async fn many_closed_groups_do_not_delay_an_open_one() {
    let world = World::new().await;
    for group in 1..=1_000 {
        world
            .apply(&put("a", 1, 1).expiring(10).of_group(group), 0)
            .await;
    }
    let open = GroupNumber(1_001);
    let mut request = put("a", 1, 1).expiring(10);
    request.group = open.0;
    world.apply(&request, 0).await;
    let now = Timestamp::new(HOUR, 0);
    let swept = world.cells.sweep(now, 256, &|group| group == open).await;
    let swept = swept.unwrap();
    assert_eq!((swept.removed, swept.closed), (1, 1_000));
    assert_eq!(world.store.count(CELLS), 1_000);
}

#[tokio::test]
async fn closed_and_open_groups_in_turn_are_told_apart() {
    let world = World::new().await;
    for (group, name) in (1..=20).flat_map(|group| [(group, "a"), (group, "b"), (group, "c")]) {
        let request = put(name, 1, 1).expiring(10).of_group(group);
        world.apply(&request, 0).await;
    }
    let (now, mut removed) = (Timestamp::new(HOUR, 0), 0);
    for _ in 0..40 {
        let odd = |group: GroupNumber| group.0 % 2 == 1;
        removed += world.cells.sweep(now, 2, &odd).await.unwrap().removed;
    }
    assert_eq!(removed, 30);
    for group in 1..=20 {
        let left = world.cells.scan(GroupNumber(group), None, 9).await.unwrap();
        assert_eq!(left.len(), if group % 2 == 0 { 3 } else { 0 }, "{group}");
    }
}

/// Records of some groups are not removed but told, so that something can be written with them.
#[tokio::test]
async fn expired_records_of_reported_groups_are_told_and_stay() {
    let world = World::new().await;
    for group in [1, 2] {
        let request = put("a", 1, 1).expiring(10).of_group(group);
        world.apply(&request, 0).await;
        // One that lives longer, and one that was written anew.
        let request = put("b", 1, 1).expiring(9 * HOUR).of_group(group);
        world.apply(&request, 0).await;
        world
            .apply(&put("c", 1, 1).expiring(10).of_group(group), 0)
            .await;
        world.apply(&put("c", 2, 2).of_group(group), 0).await;
    }
    let now = Timestamp::new(HOUR, 0);
    let second = |group: GroupNumber| group.0 == 2;
    let swept = world
        .cells
        .sweep_or_report(now, 100, (&|_| true, &second))
        .await;
    let swept = swept.unwrap();
    assert_eq!(swept.removed, 1);
    let told: Vec<_> = swept.expired.iter().map(|(key, _)| key.group().0).collect();
    assert_eq!(told, [2]);
    assert_eq!(world.store.count(CELLS), 5);
    // They are told again after a minute, and not before.
    let again = |at: i64| {
        world
            .cells
            .sweep_or_report(Timestamp::new(at, 0), 100, (&|_| true, &second))
    };
    assert_eq!(again(HOUR + 1).await.unwrap().expired, []);
    assert_eq!(again(HOUR + 61).await.unwrap().expired.len(), 1);
}

#[tokio::test]
async fn purging_removes_one_group_and_its_bucket_rows() {
    let world = World::new().await;
    for group in [1, 2, 3] {
        world
            .apply(&put("a", 1, 1).expiring(10).of_group(group), 0)
            .await;
        world.apply(&put("b", 1, 1).of_group(group), 0).await;
    }
    let purged = world.cells.purge(GroupNumber(2), 1).await.unwrap();
    assert_eq!((purged.removed, purged.more), (1, true));
    let purged = world.cells.purge(GroupNumber(2), 10).await.unwrap();
    assert_eq!((purged.removed, purged.more), (1, false));
    assert_eq!(
        (world.store.count(CELLS), world.store.count(EXPIRY)),
        (4, 2)
    );
    assert_eq!(world.get(1, "a", 0).await, Some(1));
    assert_eq!(world.get(3, "b", 0).await, Some(1));
}

#[tokio::test]
async fn what_frees_space_is_accepted_as_long_as_metadata_is() {
    let world = World::new().await;
    world.apply(&put("a", 1, 1).expiring(10), 0).await;
    world.apply(&put("b", 1, 1).of_group(2), 0).await;
    world.store.lanes.lock().unwrap().clear();
    assert_eq!(sweep(&world, HOUR).await.removed, 1);
    world.cells.purge(GroupNumber(2), 10).await.unwrap();
    assert_eq!(*world.store.lanes.lock().unwrap(), [Lane::Relief; 2]);
}

#[tokio::test]
async fn the_last_group_number_has_cells_too() {
    let world = World::new().await;
    world.apply(&put("a", 1, 1).of_group(u64::MAX), 0).await;
    let group = GroupNumber(u64::MAX);
    assert_eq!(world.cells.scan(group, None, 10).await.unwrap().len(), 1);
    assert_eq!(world.cells.purge(group, 10).await.unwrap().removed, 1);
}

#[tokio::test]
async fn scanning_pages_through_one_group() {
    let world = World::new().await;
    for identifier in ["a", "b", "c"] {
        world.apply(&put(identifier, 1, 1), 0).await;
    }
    world.apply(&put("d", 1, 1).of_group(2), 0).await;
    let first = world.cells.scan(GroupNumber(1), None, 2).await.unwrap();
    let (last, _) = first.last().unwrap();
    let second = world
        .cells
        .scan(GroupNumber(1), Some(*last), 2)
        .await
        .unwrap();
    let mut found: Vec<_> = first.iter().chain(&second).map(|(key, _)| *key).collect();
    let mut expected: Vec<_> = ["a", "b", "c"].map(|name| world.key(1, name)).to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn several_cells_are_read_in_the_order_asked() {
    let world = World::new().await;
    world.apply(&put("a", 1, 7), 0).await;
    world.apply(&put("b", 1, 8), 0).await;
    let keys = ["b", "x", "a"].map(|name| world.key(1, name));
    let found = world.cells.multi_get(&keys).await.unwrap();
    let present: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(present, [true, false, true]);
}

#[tokio::test]
async fn sequence_numbers_grow_across_restarts() {
    let world = World::new().await;
    let before = world.cells.next_sequence().unwrap();
    let again = EmbeddedCells::open(world.store.clone()).await.unwrap();
    let after = again.next_sequence().unwrap();
    assert!(after > before + 1_000_000_000);
    assert!(again.next_sequence().unwrap() > after);
}

#[tokio::test]
async fn a_cell_has_at_most_one_expiry_row_however_often_it_is_written() {
    let world = World::new().await;
    let rows = || world.store.count(EXPIRY);
    for hour in 1..20 {
        let request = put("a", hour, 1).expiring(hour * HOUR);
        assert_eq!(world.apply(&request, 0).await, Outcome::Applied);
        assert_eq!(rows(), 1);
        world.apply(&request, 0).await;
        assert_eq!(rows(), 1);
        let stale = put("a", 0, 1).expiring(100 * HOUR);
        assert_eq!(world.apply(&stale, 0).await, Outcome::Stale);
        assert_eq!(rows(), 1);
    }
    world.apply(&put("a", 50, 1), 0).await;
    assert_eq!(rows(), 0);
    world.apply(&put("a", 51, 1).expiring(HOUR), 0).await;
    assert_eq!(rows(), 1);
    let mut delete = put("a", 52, 0);
    delete.action = Action::HardDelete;
    world.apply(&delete, 0).await;
    assert_eq!((rows(), world.store.count(CELLS)), (0, 0));
}

#[tokio::test]
async fn a_survey_ends_with_the_cell_that_reaches_either_bound() {
    let world = World::new().await;
    for number in 0..40 {
        world.apply(&put(&format!("r{number:02}"), 10, 1), 0).await;
    }
    let (group, mut after, mut sizes) = (GroupNumber(1), None, Vec::new());
    let one = world.cells.survey(group, None, portion(1, usize::MAX));
    let one = one.await.unwrap().cells[0]
        .1
        .as_ref()
        .unwrap()
        .as_stored()
        .len();
    loop {
        let surveyed = world.cells.survey(group, after, portion(25, 10 * one - 1));
        let surveyed = surveyed.await.unwrap();
        after = surveyed.cells.last().map(|(key, _)| *key).or(after);
        sizes.push(surveyed.cells.len());
        if !surveyed.more {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 10, 10, 0]);
    let surveyed = world.cells.survey(group, None, portion(25, usize::MAX));
    let surveyed = surveyed.await.unwrap();
    assert_eq!((surveyed.cells.len(), surveyed.more), (25, true));
    let surveyed = world.cells.survey(group, None, portion(41, usize::MAX));
    let surveyed = surveyed.await.unwrap();
    assert_eq!((surveyed.cells.len(), surveyed.more), (40, false));
    // One cell is taken whatever its size.
    let surveyed = world.cells.survey(group, None, portion(25, 1));
    assert_eq!(surveyed.await.unwrap().cells.len(), 1);
}

fn portion(cells: usize, bytes: usize) -> Portion {
    Portion { cells, bytes }
}
