//! Any sequence of requests leaves what a plain map would hold.

use std::collections::BTreeMap;

use online::Cells;
use online::Outcome;
use proptest::prelude::*;
use types::Timestamp;

use crate::world::{Action, Request, World};

/// Which write wins and what is read then, written down as naively as possible.
#[derive(Default)]
struct Model(BTreeMap<(u64, String), Stored>);

/// Event time, expiry, value; no value is a tombstone.
type Stored = (i64, Option<i64>, Option<u32>);

impl Model {
    fn expire(&mut self, now: i64) {
        self.0
            .retain(|_, (_, expires_at, _)| expires_at.is_none_or(|at| at > now));
    }

    fn apply(&mut self, request: &Request, now: i64) -> Outcome {
        self.expire(now);
        let key = (request.group, request.identifier.clone());
        let stored = self.0.get(&key).map(|(event_time, _, _)| *event_time);
        let newer = match (request.action, stored) {
            (_, None) => true,
            (Action::Put(_), Some(stored)) => request.event_time >= stored,
            (Action::SoftDelete | Action::HardDelete, Some(stored)) => request.event_time > stored,
        };
        if !newer {
            return Outcome::Stale;
        }
        let value = match request.action {
            Action::Put(value) => Some(value),
            Action::SoftDelete => None,
            Action::HardDelete => {
                self.0.remove(&key);
                return Outcome::Applied;
            }
        };
        self.0
            .insert(key, (request.event_time, request.expires_at, value));
        Outcome::Applied
    }

    fn get(&self, group: u64, identifier: &str) -> Option<u32> {
        self.0.get(&(group, identifier.to_owned()))?.2
    }
}

#[derive(Debug, Clone)]
enum Step {
    Request(Request),
    Wait(i64),
    Sweep(usize),
}

fn any_request() -> impl Strategy<Value = Request> {
    let action = prop_oneof![
        6 => any::<u32>().prop_map(Action::Put),
        1 => Just(Action::SoftDelete),
        1 => Just(Action::HardDelete),
    ];
    let expiry = proptest::option::of(0..20_000_i64);
    (1..3_u64, "[abc]", 0..8_i64, expiry, action).prop_map(
        |(group, identifier, event_time, expires_at, action)| Request {
            group,
            identifier,
            event_time,
            expires_at,
            action,
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_request().prop_map(Step::Request),
        1 => (1..4000_i64).prop_map(Step::Wait),
        1 => (1..5_usize).prop_map(Step::Sweep),
    ]
}

async fn run(steps: Vec<Step>) {
    let world = World::new().await;
    let mut model = Model::default();
    let mut now = 0;
    for step in steps {
        match step {
            Step::Request(request) => {
                let outcome = world.apply(&request, now).await;
                assert_eq!(outcome, model.apply(&request, now), "{request:?}");
            }
            Step::Wait(seconds) => now += seconds,
            Step::Sweep(limit) => {
                world
                    .cells
                    .sweep(Timestamp::new(now, 0), limit, &|_| true)
                    .await
                    .unwrap();
            }
        }
        model.expire(now);
        for (group, identifier) in [(1, "a"), (1, "b"), (1, "c"), (2, "a"), (2, "b"), (2, "c")] {
            let found = world.get(group, identifier, now).await;
            assert_eq!(found, model.get(group, identifier), "{group} {identifier}");
        }
    }
    // In the end sweeping leaves nothing that has expired.
    now += 100_000;
    while world
        .cells
        .sweep(Timestamp::new(now, 0), 10, &|_| true)
        .await
        .unwrap()
        .more
    {}
    model.expire(now);
    assert_eq!(world.store.count(online::CELLS), model.0.len());
    assert_eq!(world.store.count(online::EXPIRY), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_cells_hold_what_a_map_would(steps in proptest::collection::vec(any_step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}
