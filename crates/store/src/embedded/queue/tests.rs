//! Which requests the committer takes, and what the others hear.

use std::cell::Cell;

use super::*;

const LIMITS: Limits = Limits {
    lane_batches: 4,
    lane_bytes: 1000,
    group_bytes: 100,
    group_writes: 3,
    data_patience: Duration::from_secs(2),
};

type Answered = oneshot::Receiver<Result<Committed, CommitError>>;

fn request(lane: Lane, bytes: usize) -> (Request, Answered) {
    let prepared = Prepared {
        lane,
        ..Prepared::default()
    };
    let (answer, answered) = oneshot::channel();
    let request = Request {
        prepared,
        bytes,
        writes: 1,
        since: Monotonic(Duration::ZERO),
        answer,
    };
    (request, answered)
}

fn push(queue: &Queue, lane: Lane, bytes: usize) -> Result<Answered, CommitError> {
    let (request, answered) = request(lane, bytes);
    queue.push(request).map(|()| answered)
}

fn start() -> Monotonic {
    Monotonic(Duration::ZERO)
}

/// The sizes of the next group, metadata negative.
fn taken(queue: &Queue, admits_data: bool) -> Vec<i64> {
    let group = queue
        .take(Linger::default(), || admits_data, start)
        .unwrap();
    let size = |request: &Request| {
        let bytes = i64::try_from(request.bytes).unwrap();
        match request.prepared.lane {
            Lane::Metadata | Lane::Revocation | Lane::Emergency | Lane::Events => -bytes,
            Lane::Data | Lane::Relief | Lane::Strangers => bytes,
        }
    };
    group.iter().map(size).collect()
}

#[test]
fn metadata_goes_first_and_data_fills_the_group() {
    let queue = Queue::new(LIMITS);
    for (lane, bytes) in [
        (Lane::Data, 1),
        (Lane::Metadata, 2),
        (Lane::Data, 3),
        (Lane::Data, 4),
    ] {
        push(&queue, lane, bytes).unwrap();
    }
    assert_eq!(taken(&queue, true), [-2, 1, 3]);
    assert_eq!(taken(&queue, true), [4]);
}

#[test]
fn a_group_is_closed_at_its_size() {
    let queue = Queue::new(LIMITS);
    for bytes in [60, 50, 1] {
        push(&queue, Lane::Data, bytes).unwrap();
    }
    assert_eq!(taken(&queue, true), [60, 50]);
    assert_eq!(taken(&queue, true), [1]);
}

#[test]
fn data_is_not_starved_by_metadata() {
    let queue = Queue::new(LIMITS);
    for _ in 0..4 {
        push(&queue, Lane::Metadata, 1).unwrap();
    }
    push(&queue, Lane::Data, 7).unwrap();
    assert_eq!(taken(&queue, true), [-1, -1, -1, 7]);
}

#[test]
fn metadata_leaves_a_quarter_of_a_group_to_data_that_waits() {
    let queue = Queue::new(Limits {
        lane_batches: 99,
        group_writes: 8,
        ..LIMITS
    });
    for _ in 0..20 {
        push(&queue, Lane::Metadata, 1).unwrap();
    }
    assert_eq!(taken(&queue, true), [-1; 8]);
    push(&queue, Lane::Data, 7).unwrap();
    assert_eq!(taken(&queue, false), [-1; 8]);
    for bytes in [8, 9, 10] {
        push(&queue, Lane::Data, bytes).unwrap();
    }
    for _ in 0..20 {
        push(&queue, Lane::Metadata, 1).unwrap();
    }
    assert_eq!(taken(&queue, true), [-1, -1, -1, -1, -1, -1, 7, 8]);
    assert_eq!(taken(&queue, true), [-1, -1, -1, -1, -1, -1, 9, 10]);
}

#[test]
fn what_takes_rights_away_goes_before_everything_else() {
    let queue = Queue::new(LIMITS);
    for (lane, bytes) in [
        (Lane::Metadata, 1),
        (Lane::Revocation, 2),
        (Lane::Events, 3),
        (Lane::Revocation, 4),
    ] {
        push(&queue, lane, bytes).unwrap();
    }
    assert_eq!(taken(&queue, true), [-2, -4, -1]);
    assert_eq!(taken(&queue, true), [-3]);
}

#[test]
fn metadata_does_not_wait_behind_data_that_is_held_back() {
    let queue = Queue::new(LIMITS);
    push(&queue, Lane::Data, 1).unwrap();
    push(&queue, Lane::Metadata, 2).unwrap();
    assert_eq!(taken(&queue, false), [-2]);
    assert_eq!(taken(&queue, true), [1]);
}

#[test]
fn data_that_is_held_back_too_long_hears_busy() {
    let queue = Queue::new(LIMITS);
    let mut late = push(&queue, Lane::Data, 1).unwrap();
    let looks = Cell::new(0);
    let now = || {
        looks.set(looks.get() + 1);
        Monotonic(Duration::from_secs(looks.get()))
    };
    queue.close();
    // At one and two seconds it waits on; beyond that it is told, and the queue is empty.
    assert!(queue.take(Linger::default(), || false, now).is_none());
    assert_eq!(looks.get(), 3);
    assert_eq!(late.try_recv().unwrap(), Err(CommitError::Busy));
}

#[test]
fn full_lanes_are_busy() {
    let queue = Queue::new(LIMITS);
    for lane in [Lane::Data, Lane::Metadata] {
        for _ in 0..4 {
            push(&queue, lane, 1).unwrap();
        }
        assert_eq!(push(&queue, lane, 1).unwrap_err(), CommitError::Busy);
    }
    let queue = Queue::new(LIMITS);
    push(&queue, Lane::Data, 900).unwrap();
    assert_eq!(
        push(&queue, Lane::Data, 101).unwrap_err(),
        CommitError::Busy
    );
    assert_eq!(taken(&queue, true), [900]);
    push(&queue, Lane::Data, 101).unwrap();
}

#[test]
fn a_closed_queue_is_emptied_and_then_over() {
    let queue = Queue::new(LIMITS);
    push(&queue, Lane::Data, 1).unwrap();
    queue.close();
    assert_eq!(
        push(&queue, Lane::Data, 1).unwrap_err(),
        CommitError::ShuttingDown
    );
    assert_eq!(taken(&queue, true), [1]);
    assert!(queue.take(Linger::default(), || true, start).is_none());
}

#[test]
fn a_failed_queue_answers_all_that_wait() {
    let queue = Queue::new(LIMITS);
    let mut waiting = [Lane::Data, Lane::Metadata].map(|lane| push(&queue, lane, 1).unwrap());
    queue.fail("broken");
    let expected = CommitError::NotWritable {
        reason: "broken".to_owned(),
    };
    for answered in &mut waiting {
        assert_eq!(answered.try_recv().unwrap(), Err(expected.clone()));
    }
    assert_eq!(push(&queue, Lane::Data, 1).unwrap_err(), expected);
}

#[test]
fn the_committer_waits_for_company_only_as_long_as_it_may() {
    let queue = Queue::new(LIMITS);
    let linger = Linger {
        wanted: 3,
        patience: Duration::from_millis(1),
    };
    push(&queue, Lane::Data, 1).unwrap();
    assert_eq!(queue.take(linger, || true, start).unwrap().len(), 1);
    // Enough company, or metadata: no wait however long it may be.
    let linger = Linger {
        patience: Duration::from_hours(1),
        ..linger
    };
    for _ in 0..3 {
        push(&queue, Lane::Data, 1).unwrap();
    }
    assert_eq!(queue.take(linger, || true, start).unwrap().len(), 3);
    push(&queue, Lane::Data, 1).unwrap();
    push(&queue, Lane::Metadata, 1).unwrap();
    assert_eq!(queue.take(linger, || true, start).unwrap().len(), 2);
    // Company that comes while it waits.
    push(&queue, Lane::Data, 1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2).try_for_each(|_| push(&queue, Lane::Data, 1).map(drop)));
        assert_eq!(queue.take(linger, || true, start).unwrap().len(), 3);
    });
}

#[test]
fn revocations_are_taken_though_changes_have_used_up_the_bytes_of_their_lane() {
    let queue = Queue::new(LIMITS);
    let _waiting = push(&queue, Lane::Metadata, 900).unwrap();
    assert_eq!(
        push(&queue, Lane::Metadata, 200).unwrap_err(),
        CommitError::Busy
    );
    assert_eq!(
        push(&queue, Lane::Events, 200).unwrap_err(),
        CommitError::Busy
    );
    let _revocation = push(&queue, Lane::Revocation, 200).unwrap();
    assert_eq!(taken(&queue, true), [-200]);
    assert_eq!(taken(&queue, true), [-900]);
    // What was taken makes room.
    let _next = push(&queue, Lane::Metadata, 700).unwrap();
    // One that would itself use up memory waits for room like any other change.
    let large = push(&queue, Lane::Revocation, SMALL_REVOCATION + 1);
    assert_eq!(large.unwrap_err(), CommitError::Busy);
    let _small = push(&queue, Lane::Revocation, SMALL_REVOCATION).unwrap();
}

#[test]
fn an_emergency_waits_for_no_place_and_comes_before_changes() {
    let queue = Queue::new(LIMITS);
    for _ in 0..LIMITS.lane_batches {
        push(&queue, Lane::Metadata, 1).unwrap();
    }
    let busy = push(&queue, Lane::Revocation, 2).unwrap_err();
    assert_eq!(busy, CommitError::Busy);
    push(&queue, Lane::Emergency, 3).unwrap();
    assert_eq!(taken(&queue, true), [-3, -1, -1]);
}
