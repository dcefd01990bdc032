//! Policies that are made to take long, and calls that need very many decisions.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pipeline::{Caller, Origin};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::world::{Outcome, World, check_refused, day, group_arn, text};

/// What a caller says of itself so that a policy of its own takes long to compare with it.
fn origin() -> Origin {
    Origin {
        user_agent: Some("a".repeat(4_000)),
        ..Origin::default()
    }
}

/// Allows everything, and denies what some 2.8 million steps find not to be there: of the 4 million
/// that a decision has.
fn slow() -> Value {
    let pattern = format!("*{}b*", "a?".repeat(450));
    json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "*", "Resource": "*",
          "Condition": { "StringLike": { "aws:UserAgent": pattern } } },
    ])
}

/// The request for the policies of so many groups, none of which exists.
fn policies_of(count: usize) -> Value {
    let arns = (0..count).map(|number| group_arn(&format!("group-{number}")));
    json!({ "resourceArns": arns.collect::<Vec<_>>() })
}

fn call(world: &World, caller: &Caller, operation: &str, input: Value) -> Outcome {
    world.call_from(origin(), caller, operation, input)
}

/// A user with AWS's policies for much, and 5,000 characters of its own.
fn busy(world: &World) -> Caller {
    let groups: Vec<String> = (0..60).map(|n| group_arn(&format!("team-{n}-*"))).collect();
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["sagemaker:Get*", "kms:Decrypt"], "Resource": groups },
        { "Effect": "Deny", "Action": "*", "Resource": "*",
          "Condition": { "StringLike": { "aws:UserAgent": ["curl/*", "*bot*"] } } },
    ] });
    let input = json!({ "PolicyName": "own", "PolicyDocument": document.to_string() });
    let own = text(&world.ok("CreatePolicy", input)["Policy"]["Arn"]);
    let user = world.user(
        "busy",
        &json!([{ "Effect": "Allow", "Action": "ram:Get*", "Resource": "*" }]),
    );
    let attach = |arn: &str| {
        let input = json!({ "UserName": "busy", "PolicyArn": arn });
        world.ok("AttachUserPolicy", input);
    };
    attach(&own);
    for name in [
        "AmazonS3FullAccess",
        "AmazonSageMakerFeatureStoreAccess",
        "AmazonSageMakerFullAccess",
        "AmazonSageMakerReadOnly",
        "IAMReadOnlyAccess",
        "PowerUserAccess",
        "ReadOnlyAccess",
        "SecurityAudit",
    ] {
        attach(&format!("arn:aws:iam::aws:policy/{name}"));
    }
    user
}

#[test]
fn all_decisions_of_a_call_take_no_longer_than_one_may() {
    let world = World::new();
    let slow = world.user("slow", &slow());
    let one = call(&world, &slow, "ram:GetResourcePolicies", policies_of(0));
    one.unwrap();
    let many = call(&world, &slow, "ram:GetResourcePolicies", policies_of(20));
    check_refused(many, "AccessDeniedException", "explicit deny");
    // What says why is bounded, too, and says so.
    let record = &world.records_of("GetResourcePolicies")[0];
    let more = record.additional_event_data.as_ref().unwrap();
    let why = &more["authorization"][0]["decidedBy"];
    let expected = "not explained: the policies take too long to compare";
    assert_eq!(*why, json!([expected]));
    // What services ask on the way is of the same call.
    world.group("g");
    let read = json!({ "FeatureGroupName": "g", "RecordIdentifierValueAsString": "1" });
    let read = |_| {
        let read = read.clone();
        call(&world, &slow, "GetRecord", read)
    };
    // Another call has as many again.
    (0..3).map(read).for_each(|answer| drop(answer.unwrap()));
}

#[test]
fn what_a_service_is_refused_for_want_of_steps_is_recorded_so() {
    let world = World::new();
    let slow = world.user("slow", &slow());
    world.group_under("g", &world.key());
    let read = json!({ "FeatureGroupName": "g", "RecordIdentifierValueAsString": "1" });
    // The decision on the group takes most steps, and that on the key the rest; the explanation would
    // have its own, and find the call allowed.
    let refused = call(&world, &slow, "GetRecord", read);
    check_refused(refused, "AccessForbidden", "kms:Decrypt");
    let record = &world.records_of("Decrypt")[0];
    let more = record.additional_event_data.as_ref().unwrap();
    let expected = "not explained: the policies take too long to compare";
    assert_eq!(more["authorization"][0]["decidedBy"], json!([expected]));
}

#[test]
fn calls_with_very_many_needs_go_on_with_ordinary_policies() {
    let world = World::new();
    let busy = busy(&world);
    let found = call(&world, &busy, "ram:GetResourcePolicies", policies_of(4_999));
    check_refused(found, "ResourceArnNotFoundException", "group-0");
    let key = world.key();
    let mut identifiers = Vec::new();
    for number in 0..10 {
        let group = format!("g{number}");
        world.group_under(&group, &key);
        let id = number.to_string();
        world.put(&group, &[("id", &id), ("at", &day(1))]).unwrap();
        identifiers.push(json!({
            "FeatureGroupName": group,
            "RecordIdentifiersValueAsString": (0..10).map(|n| n.to_string()).collect::<Vec<_>>(),
        }));
    }
    let answer = call(
        &world,
        &busy,
        "BatchGetRecord",
        json!({ "Identifiers": identifiers }),
    );
    let answer = answer.unwrap();
    assert_eq!(answer["Errors"], json!([]));
    assert_eq!(answer["Records"].as_array().unwrap().len(), 10);
}

#[test]
fn others_have_their_turn_while_very_many_needs_are_decided() {
    let world = World::new();
    let polls = AtomicUsize::new(0);
    let input = policies_of(4_999);
    let answer = world.block_on(async {
        let mut running = pin!(world.begin(&world.administrator, "ram:GetResourcePolicies", input));
        poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            running.as_mut().poll(cx)
        })
        .await
    });
    check_refused(answer, "ResourceArnNotFoundException", "group-0");
    assert!(polls.into_inner() > 20);
}

/// Counts the lines about decisions that were not finished.
#[derive(Clone, Default)]
struct Unfinished(Arc<AtomicUsize>);

impl Visit for Unfinished {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" && format!("{value:?}").contains("take too long") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Subscriber for Unfinished {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn decisions_that_take_too_long_fill_no_log() {
    let world = World::new();
    let mut statements = slow();
    let agents = &mut statements[1]["Condition"]["StringLike"]["aws:UserAgent"];
    *agents = json!([agents.clone(), format!("*{}c*", "a?".repeat(450))]);
    let denied = world.user("denied", &statements);
    world.group("g");
    let lines = Unfinished::default();
    tracing::subscriber::with_default(lines.clone(), || {
        for _ in 0..15 {
            let read = json!({ "FeatureGroupName": "g", "RecordIdentifierValueAsString": "1" });
            let refused = call(&world, &denied, "GetRecord", read);
            check_refused(refused, "AccessForbidden", "explicit deny");
        }
    });
    assert_eq!(lines.0.load(Ordering::Relaxed), 10);
}
