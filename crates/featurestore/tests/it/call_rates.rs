//! How often an account may call each operation on records.

use std::time::Duration;

use serde_json::{Value, json};
use store::CommitError;

use crate::world::{Outcome, World, check_refused, day, delete, read, record};

/// A world with the group `g`, where an account makes three calls a second of each operation, and two of
/// `BatchGetRecord`.
fn world() -> World {
    let world = World::with(featurestore::Options {
        quotas: featurestore::Quotas {
            calls_per_second: 3,
            batch_gets_per_second: 2,
            ..featurestore::Quotas::default()
        },
        ..featurestore::Options::default()
    });
    world.group("g");
    world
}

fn put() -> Value {
    let record = record(&[("id", "a"), ("at", &day(1))]);
    json!({ "FeatureGroupName": "g", "Record": record })
}

/// Every operation on records, with a call of it.
fn all() -> [(&'static str, Value); 7] {
    let identifiers = [json!({ "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["a"] })];
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "a",
        "Features": record(&[("note", "x"), ("at", &day(1))]),
    });
    [
        ("PutRecord", put()),
        ("GetRecord", read("g", "a")),
        ("UpdateRecord", update),
        ("ListRecords", json!({ "FeatureGroupName": "g" })),
        ("BatchWriteRecord", json!({ "Entries": [put()] })),
        ("BatchGetRecord", json!({ "Identifiers": identifiers })),
        ("DeleteRecord", delete("g", "a", &day(2), None)),
    ]
}

fn check_throttled(outcome: Outcome) {
    let refused = outcome.unwrap_err();
    let seen = (
        refused.code.as_str(),
        refused.status,
        refused.message.as_str(),
    );
    assert_eq!(seen, ("ThrottlingException", Some(429), "Rate exceeded"));
}

#[test]
fn each_operation_has_a_rate_of_its_own_and_a_second_gives_it_back() {
    let world = world();
    for _ in 0..2 {
        for (operation, call) in all() {
            let rate = if operation == "BatchGetRecord" { 2 } else { 3 };
            for _ in 0..rate {
                // What fails for another reason counts as well.
                let outcome = world.call(operation, call.clone());
                let code = outcome.err().map(|refused| refused.code);
                assert_ne!(code.as_deref(), Some("ThrottlingException"), "{operation}");
            }
            check_throttled(world.call(operation, call));
        }
        world.wait(1);
    }
}

#[test]
fn a_third_of_a_second_gives_back_one_of_three() {
    let world = world();
    let get = || world.call("GetRecord", read("g", "a"));
    for _ in 0..3 {
        get().unwrap();
    }
    check_throttled(get());
    world.clock.advance(Duration::from_millis(334));
    get().unwrap();
    check_throttled(get());
}

#[test]
fn callers_of_an_account_share_and_those_who_may_nothing_take_nothing() {
    let world = world();
    let allowed = json!({ "Effect": "Allow", "Action": "sagemaker:GetRecord", "Resource": "*" });
    let reader = world.user("reader", &allowed);
    let stranger = world.user(
        "stranger",
        &json!({
            "Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*",
        }),
    );
    let get = |caller| world.call_as(caller, "GetRecord", read("g", "a"));
    for _ in 0..10 {
        check_refused(get(&stranger), "AccessForbidden", "");
    }
    for caller in [&reader, &world.administrator, &reader] {
        get(caller).unwrap();
    }
    check_throttled(get(&world.administrator));
    // Nor is a throttled caller told more than a denied one.
    check_refused(get(&stranger), "AccessForbidden", "");
}

#[test]
fn a_call_that_is_tried_again_counts_once() {
    let world = world();
    for _ in 0..3 {
        world.faults.add(CommitError::Conflict);
        world.faults.add(CommitError::Conflict);
        world.ok("PutRecord", put());
    }
    check_throttled(world.call("PutRecord", put()));
}
