//! Moving groups to other KMS keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pipeline::Caller;
use serde_json::{Value, json};
use store::CommitError;

use crate::renewal::keys;
use crate::world::{
    World, check_refused, data_keys, day, delete, fill, group_under, read, record, text,
};

fn move_to(world: &World, group: &str, key: &str) {
    world.ok("RekeyFeatureGroup", to(group, key));
}

fn to(group: &str, key: &str) -> Value {
    json!({ "FeatureGroupName": group, "KmsKeyId": key })
}

fn grants(world: &World, key: &str) -> Vec<Value> {
    let listed = world.ok("ListGrants", json!({ "KeyId": key }));
    listed["Grants"].as_array().unwrap().clone()
}

/// Everything with groups, and decrypting with these keys.
fn rights(keys: &[&str]) -> Value {
    json!([
        { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" },
        { "Effect": "Allow", "Action": "kms:Decrypt", "Resource": keys },
    ])
}

/// A user who has these [`rights`].
fn reader(world: &World, name: &str, keys: &[&str]) -> Caller {
    world.user(name, &rights(keys))
}

/// A group of three records under the first of two keys, on its way to the second.
fn moving() -> (World, [String; 2]) {
    let world = World::new();
    let keys = [world.key(), world.key()];
    let mut request = group_under("g", &keys[0]);
    request["OnlineStoreConfig"]["StorageType"] = "Standard_V2".into();
    world.ok("CreateFeatureGroup", request);
    fill(&world, "g", 3);
    move_to(&world, "g", &keys[1]);
    (world, keys)
}

fn get(world: &World, caller: &Caller, identifier: &str) -> Result<bool, String> {
    let answer = world.call_as(caller, "GetRecord", read("g", identifier));
    match answer {
        Ok(answer) => Ok(answer.get("Record").is_some()),
        Err(refused) => {
            assert_eq!(refused.code, "AccessForbidden", "{refused:?}");
            Err(refused.message)
        }
    }
}

#[test]
fn a_group_is_under_the_new_key_at_once_and_moved_to_its_last_record() {
    let (world, [old, new]) = moving();
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    let shown = &described["OnlineStoreConfig"]["SecurityConfig"]["KmsKeyId"];
    assert_eq!(*shown, json!(new));
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["State"], &seen["KmsKeyArn"]),
        (&json!("Moving"), &json!(new))
    );
    assert_eq!(seen["FormerKeys"], json!([{ "KmsKeyArn": old }]));
    assert_eq!(
        (grants(&world, &old).len(), grants(&world, &new).len()),
        (1, 1)
    );
    assert_eq!(data_keys(&world), [1]);
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["State"], &seen["FormerKeys"]),
        (&json!("Settled"), &json!([]))
    );
    assert_eq!(data_keys(&world), [2]);
    // The old grant is gone, and the old key is needed for nothing.
    assert_eq!(
        (grants(&world, &old).len(), grants(&world, &new).len()),
        (0, 1)
    );
    world.ok("DisableKey", json!({ "KeyId": old }));
    for number in 0..3 {
        assert!(world.get("g", &number.to_string()).is_some());
    }
    let world = world.restarted();
    assert!(world.get("g", "1").is_some());
    world.ok("DisableKey", json!({ "KeyId": new }));
    let refused = world.call("GetRecord", read("g", "1")).unwrap_err();
    assert!(refused.message.contains(&new), "{refused:?}");
}

#[test]
fn a_record_that_has_not_moved_needs_both_keys_and_every_other_the_new_one() {
    let (world, [old, new]) = moving();
    let both = reader(&world, "both", &[&old, &new]);
    let only_new = reader(&world, "new", &[&new]);
    let only_old = reader(&world, "old", &[&old]);
    for _ in 0..2 {
        assert_eq!(get(&world, &both, "0"), Ok(true));
        let refused = get(&world, &only_new, "0").unwrap_err();
        assert!(
            refused.contains("kms:Decrypt") && refused.contains(&old),
            "{refused}"
        );
        let refused = get(&world, &only_old, "0").unwrap_err();
        assert!(
            refused.contains("kms:Decrypt") && refused.contains(&new),
            "{refused}"
        );
    }
    // What was unwrapped for a caller is of no use when the right is gone.
    world.put_policy("both", &rights(&[&new]));
    let refused = get(&world, &both, "0").unwrap_err();
    assert!(refused.contains(&old), "{refused}");
    world.put_policy("both", &rights(&[&old, &new]));
    assert_eq!(get(&world, &both, "0"), Ok(true));
    // Writing reads nothing, and what is written is under the new key.
    let item = record(&[("id", "0"), ("at", &day(2))]);
    let put = json!({ "FeatureGroupName": "g", "Record": item });
    world.call_as(&only_new, "PutRecord", put.clone()).unwrap();
    let refused = world.call_as(&only_old, "PutRecord", put);
    check_refused(refused, "AccessForbidden", "kms:Decrypt");
    assert_eq!(get(&world, &only_new, "0"), Ok(true));
    assert_eq!(get(&world, &only_new, "absent"), Ok(false));
    // In a batch only the record that has not moved is refused; changing one is reading it.
    let batch = json!({ "Identifiers": [{
        "FeatureGroupName": "g", "RecordIdentifiersValueAsString": ["0", "1", "absent"],
    }] });
    let answer = world.call_as(&only_new, "BatchGetRecord", batch).unwrap();
    assert_eq!(answer["Records"].as_array().unwrap().len(), 1, "{answer}");
    let errors = answer["Errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer}");
    assert_eq!(errors[0]["RecordIdentifierValueAsString"], "1");
    assert_eq!(errors[0]["ErrorCode"], "AccessForbidden");
    let update = json!({
        "FeatureGroupName": "g", "RecordIdentifierValueAsString": "1",
        "Features": [{ "FeatureName": "note", "ValueAsString": "x" }],
    });
    let refused = world.call_as(&only_new, "UpdateRecord", update.clone());
    check_refused(refused, "AccessForbidden", &old);
    let list = json!({ "FeatureGroupName": "g" });
    let refused = world.call_as(&only_new, "ListRecords", list.clone());
    check_refused(refused, "AccessForbidden", &old);
    world
        .call_as(&only_new, "DeleteRecord", delete("g", "2", &day(3), None))
        .unwrap();
    world.call_as(&both, "UpdateRecord", update).unwrap();
    assert_eq!(get(&world, &only_new, "1"), Ok(true));
    // The denials are in the trail, as those of `Decrypt` on the old key.
    let denied = world.records_of("Decrypt").into_iter();
    let denied = denied.map(|record| serde_json::to_value(record).unwrap());
    let mut denied = denied.filter(|record| record["errorCode"] == "AccessDenied");
    let of_new = denied
        .find(|record| record["userIdentity"]["userName"] == "new")
        .unwrap();
    assert_eq!(
        of_new["userIdentity"]["invokedBy"],
        "sagemaker.amazonaws.com"
    );
    world.maintain();
    assert_eq!(get(&world, &only_new, "1"), Ok(true));
    let listed = world.call_as(&only_new, "ListRecords", list).unwrap();
    assert_eq!(listed["RecordIdentifiers"].as_array().unwrap().len(), 2);
}

#[test]
fn taking_the_old_key_away_closes_what_is_under_it_and_stops_the_move() {
    let (world, [old, new]) = moving();
    assert!(world.get("g", "0").is_some());
    world.ok("DisableKey", json!({ "KeyId": old }));
    world.put("g", &[("id", "0"), ("at", &day(2))]).unwrap();
    let refused = world.call("GetRecord", read("g", "1"));
    check_refused(refused, "AccessForbidden", &format!("{old} is disabled"));
    assert!(world.get("g", "0").is_some());
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(seen["State"], "Stopped");
    assert!(
        text(&seen["Reason"]).contains(&format!("from under {old}")),
        "{seen}"
    );
    let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert!(text(&described["FailureReason"]).contains("DisabledException"));
    let doctor = world.ok("DiagnoseFeatureGroups", json!({}));
    let finding = &doctor["FeatureGroups"][0]["Findings"][0];
    assert_eq!(
        finding["Cure"],
        format!("aws kms enable-key --key-id {old}")
    );
    assert_eq!(data_keys(&world), [1, 2]);
    world.ok("EnableKey", json!({ "KeyId": old }));
    world.maintain();
    assert_eq!(
        (&keys(&world, "g")["State"], data_keys(&world)),
        (&json!("Settled"), vec![2])
    );
    let _ = new;
}

#[test]
fn without_the_old_grant_the_move_stops_and_callers_go_on() {
    let (world, [old, _new]) = moving();
    let grant = grants(&world, &old).remove(0);
    world.ok(
        "RevokeGrant",
        json!({ "KeyId": old, "GrantId": grant["GrantId"] }),
    );
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(seen["State"], "Stopped");
    assert!(
        text(&seen["Reason"]).contains("AccessDeniedException"),
        "{seen}"
    );
    for number in 0..3 {
        assert!(world.get("g", &number.to_string()).is_some());
    }
    assert_eq!(data_keys(&world), [1]);
}

#[test]
fn a_deleted_old_key_takes_what_has_not_moved_with_it_and_no_more() {
    let (world, [old, _new]) = moving();
    world.put("g", &[("id", "0"), ("at", &day(2))]).unwrap();
    world.ok(
        "ScheduleKeyDeletion",
        json!({ "KeyId": old, "PendingWindowInDays": 7 }),
    );
    world.maintain();
    let reason = text(&keys(&world, "g")["Reason"]);
    assert!(reason.contains("cannot be read any more"), "{reason}");
    world.wait(8 * 24 * 3600);
    let undone = world.block_on(kms::maintain(&world.services));
    assert!(undone.is_empty(), "{undone:?}");
    world.maintain();
    assert!(world.get("g", "0").is_some());
    let refused = world.call("GetRecord", read("g", "1")).unwrap_err();
    assert_eq!(refused.code, "AccessForbidden");
    let seen = keys(&world, "g");
    assert_eq!(seen["Progress"]["RecordsLost"], 2, "{seen}");
    assert!(text(&seen["Reason"]).contains("was deleted"), "{seen}");
    // That puts off no renewal.
    world.wait(90 * 24 * 3600);
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(seen["DataKey"]["Number"], 3, "{seen}");
    assert_eq!(seen["Progress"]["RecordsLost"], 2, "{seen}");
    // What cannot be read can be written and deleted; then nothing is left under the old key.
    world.put("g", &[("id", "1"), ("at", &day(2))]).unwrap();
    world.ok(
        "DeleteRecord",
        delete("g", "2", &day(3), Some("HardDelete")),
    );
    world.wait(3600);
    world.maintain();
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["State"], &seen["FormerKeys"]),
        (&json!("Settled"), &json!([]))
    );
}

#[test]
fn a_move_goes_on_after_a_restart_and_to_a_third_key() {
    let world = World::new();
    let [first, second, third] = [world.key(), world.key(), world.key()];
    world.group_under("g", &first);
    fill(&world, "g", 4_200);
    move_to(&world, "g", &second);
    world.maintain();
    assert_eq!(data_keys(&world), [1, 2]);
    let world = world.restarted();
    move_to(&world, "g", &third);
    let former = json!([{ "KmsKeyArn": first }, { "KmsKeyArn": second }]);
    assert_eq!(keys(&world, "g")["FormerKeys"], former);
    for number in ["0", "4199"] {
        assert!(world.get("g", number).is_some());
    }
    world.maintain();
    let world = world.restarted();
    world.maintain();
    assert_eq!(
        (&keys(&world, "g")["State"], data_keys(&world)),
        (&json!("Settled"), vec![3])
    );
    let left = [&first, &second, &third].map(|key| grants(&world, key).len());
    assert_eq!(left, [0, 0, 1]);
    for number in ["0", "2100", "4199"] {
        assert!(world.get("g", number).is_some());
    }
}

#[test]
fn back_to_the_key_before_keeps_its_grant() {
    let (world, [old, new]) = moving();
    move_to(&world, "g", &old);
    world.maintain();
    assert_eq!(keys(&world, "g")["State"], "Settled");
    assert_eq!(
        (grants(&world, &old).len(), grants(&world, &new).len()),
        (1, 0)
    );
    assert_eq!(data_keys(&world), [3]);
    assert!(world.get("g", "1").is_some());
}

#[test]
fn from_the_aws_owned_key_and_back_to_it() {
    let world = World::new();
    let key = world.key();
    world.group("g");
    fill(&world, "g", 3);
    move_to(&world, "g", &key);
    // Of the AWS owned key nobody needs anything.
    let only_new = reader(&world, "new", &[&key]);
    assert_eq!(get(&world, &only_new, "1"), Ok(true));
    assert_eq!(keys(&world, "g")["FormerKeys"], json!([{}]));
    world.maintain();
    assert_eq!(keys(&world, "g")["State"], "Settled");
    world.ok("DisableKey", json!({ "KeyId": key }));
    assert_eq!(
        world.call("GetRecord", read("g", "1")).unwrap_err().code,
        "AccessForbidden"
    );
    world.ok("EnableKey", json!({ "KeyId": key }));
    let back = json!({ "FeatureGroupName": "g", "AwsOwnedKey": true });
    world.ok("RekeyFeatureGroup", back);
    let nothing = world.user(
        "nothing",
        &json!([
            { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" },
        ]),
    );
    assert!(get(&world, &nothing, "1").unwrap_err().contains(&key));
    world.maintain();
    assert_eq!(get(&world, &nothing, "1"), Ok(true));
    assert!(grants(&world, &key).is_empty());
    assert_eq!(data_keys(&world), [3]);
}

#[test]
fn moving_needs_the_action_the_nine_on_the_new_key_and_decrypt_on_the_old() {
    let world = World::new();
    let [old, new] = [world.key(), world.key()];
    world.group_under("g", &old);
    let nine = [
        "kms:DescribeKey",
        "kms:GenerateDataKey",
        "kms:CreateGrant",
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:RetireGrant",
        "kms:ListGrants",
    ];
    let all = |without: Option<&str>, decrypt: bool, rekey: bool| {
        let kept: Vec<_> = nine.iter().filter(|name| Some(**name) != without).collect();
        let mut statements = vec![json!({ "Effect": "Allow", "Action": kept, "Resource": new })];
        if decrypt {
            let allow = json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": old });
            statements.push(allow);
        }
        let own = if rekey { "strongroom:*" } else { "sagemaker:*" };
        statements.push(json!({ "Effect": "Allow", "Action": own, "Resource": "*" }));
        json!(statements)
    };
    let user = world.user("mover", &all(None, false, true));
    let refused = |action: &str, key: &str| {
        let refused = world
            .call_as(&user, "RekeyFeatureGroup", to("g", &new))
            .unwrap_err();
        assert_eq!(refused.code, "AccessDeniedException");
        assert!(refused.message.contains(action), "{refused:?}");
        assert!(refused.message.contains(key), "{refused:?}");
        assert!(grants(&world, &new).is_empty());
        assert_eq!(keys(&world, "g")["KmsKeyArn"], json!(old));
    };
    refused("kms:Decrypt", &old);
    for action in nine {
        world.put_policy("mover", &all(Some(action), true, true));
        refused(action, &new);
    }
    world.put_policy("mover", &all(None, true, false));
    refused("strongroom:RekeyFeatureGroup", "feature-group/g");
    world.put_policy("mover", &all(None, true, true));
    world
        .call_as(&user, "RekeyFeatureGroup", to("g", &new))
        .unwrap();
}

#[test]
fn a_policy_rules_where_groups_may_be_moved_to() {
    let world = World::new();
    let [old, new, other] = [world.key(), world.key(), world.key()];
    world.group_under("g", &old);
    let user = world.user(
        "mover",
        &json!([
            { "Effect": "Allow", "Action": "kms:*", "Resource": "*" },
            { "Effect": "Allow", "Action": "strongroom:RekeyFeatureGroup", "Resource": "*",
              "Condition": { "ArnEquals": { "sagemaker:FeatureGroupOnlineStoreKmsKey": new } } },
        ]),
    );
    let owned = json!({ "FeatureGroupName": "g", "AwsOwnedKey": true });
    for input in [to("g", &other), owned] {
        let refused = world.call_as(&user, "RekeyFeatureGroup", input);
        check_refused(
            refused,
            "AccessDeniedException",
            "strongroom:RekeyFeatureGroup",
        );
    }
    world
        .call_as(&user, "RekeyFeatureGroup", to("g", &new))
        .unwrap();
}

#[test]
fn what_is_no_move_is_refused_and_changes_nothing() {
    let world = World::new();
    let [old, disabled] = [world.key(), world.key()];
    world.group_under("g", &old);
    world.ok("DisableKey", json!({ "KeyId": disabled }));
    let hmac = json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" });
    let hmac = text(&world.ok("CreateKey", hmac)["KeyMetadata"]["Arn"]);
    let code = "ValidationException";
    for (input, reason) in [
        (to("g", &old), "under this key already"),
        (to("g", &disabled), "disabled"),
        (to("g", &hmac), "symmetric"),
        (
            json!({ "FeatureGroupName": "g" }),
            "either KmsKeyId or AwsOwnedKey",
        ),
        (
            json!({ "FeatureGroupName": "g", "KmsKeyId": old, "AwsOwnedKey": true }),
            "either KmsKeyId or AwsOwnedKey",
        ),
    ] {
        world.refuses("RekeyFeatureGroup", input, code, reason);
    }
    let missing = to("none", &world.key());
    world.refuses("RekeyFeatureGroup", missing, "ResourceNotFound", "none");
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["State"], &seen["DataKey"]["Number"]),
        (&json!("Settled"), &json!(1))
    );
    assert!(grants(&world, &disabled).is_empty());
    // The AWS owned key is no move for a group that is under it.
    world.group("owned");
    let owned = json!({ "FeatureGroupName": "owned", "AwsOwnedKey": true });
    world.refuses("RekeyFeatureGroup", owned, code, "already");
}

#[test]
fn deleting_a_group_on_its_way_retires_both_grants() {
    let (world, [old, new]) = moving();
    world.ok("DeleteFeatureGroup", json!({ "FeatureGroupName": "g" }));
    assert_eq!(
        (grants(&world, &old).len(), grants(&world, &new).len()),
        (0, 0)
    );
    world.maintain();
    assert_eq!(world.cells(online::CELLS), 0);
}

#[test]
fn requests_that_meet_a_move_are_decided_anew() {
    let world = World::new();
    let [old, new] = [world.key(), world.key()];
    world.group_under("g", &old);
    fill(&world, "g", 1);
    let item = record(&[("id", "0"), ("at", &day(2))]);
    let put = json!({ "FeatureGroupName": "g", "Record": item });
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(("GetRecord", read("g", "0")));
        calls.push(("PutRecord", put.clone()));
    }
    calls.insert(20, ("RekeyFeatureGroup", to("g", &new)));
    for outcome in world.call_together(&world.administrator, calls) {
        outcome.unwrap();
    }
    world.maintain();
    assert_eq!(data_keys(&world), [2]);
    assert!(world.get("g", "0").is_some());
}

#[test]
fn a_move_is_in_the_trail_with_every_call_that_it_made() {
    let (world, [old, new]) = moving();
    let moved = &world.records_of("RekeyFeatureGroup")[0];
    let moved = serde_json::to_value(moved).unwrap();
    assert_eq!(
        moved["requestParameters"],
        json!({ "featureGroupName": "g", "kmsKeyId": new })
    );
    assert_eq!(moved["responseElements"]["kmsKeyArn"], json!(new));
    assert_eq!(moved["eventSource"], "strongroom.amazonaws.com");
    let of = |operation: &str, key: &str| {
        let records = world.records_of(operation).into_iter();
        let records = records.map(|record| serde_json::to_value(record).unwrap());
        let mut on_behalf = records.filter(|record| {
            record["userIdentity"]["invokedBy"] == "sagemaker.amazonaws.com"
                && record["requestParameters"]["keyId"] == json!(key)
        });
        on_behalf.next().is_some()
    };
    assert!(of("Decrypt", &old), "the index key is unwrapped");
    for operation in ["Encrypt", "GenerateDataKey", "CreateGrant", "DescribeKey"] {
        assert!(of(operation, &new), "{operation}");
    }
}

#[test]
fn a_round_that_another_move_overtakes_retires_nothing() {
    let world = World::new();
    let [first, second, third] = [world.key(), world.key(), world.key()];
    world.group_under("g", &first);
    // Steps of 256: the next move comes while some are still to be made.
    fill(&world, "g", 1_500);
    move_to(&world, "g", &second);
    let work = featurestore::maintain(&world.services);
    let overtaking = vec![("RekeyFeatureGroup", to("g", &third))];
    let (undone, outcomes) = world.call_beside(work, &world.administrator, overtaking);
    assert!(undone.is_empty(), "{undone:?}");
    for outcome in outcomes {
        outcome.unwrap();
    }
    // It came in between, nearly always: records are under the second data key, or the first and
    // the third. On a busy machine it may come first.
    let seen = keys(&world, "g");
    assert_eq!(seen["State"], "Moving", "{seen}");
    let former = json!([{ "KmsKeyArn": first }, { "KmsKeyArn": second }]);
    assert_eq!(seen["FormerKeys"], former);
    let all_read = |world: &World| {
        let read = (0..1_500).filter(|number| world.get("g", &number.to_string()).is_some());
        assert_eq!(read.count(), 1_500);
    };
    all_read(&world);
    let world = world.restarted();
    world.maintain();
    assert_eq!(
        (&keys(&world, "g")["State"], data_keys(&world)),
        (&json!("Settled"), vec![3])
    );
    all_read(&world);
    let left = [&first, &second, &third].map(|key| grants(&world, key).len());
    assert_eq!(left, [0, 0, 1]);
}

#[test]
fn rounds_that_move_after_move_overtakes_lose_no_record() {
    let world = World::new();
    let keys_of_all = [world.key(), world.key(), world.key()];
    world.group_under("g", &keys_of_all[0]);
    // Three steps a round. Traffic writes some anew, so that rounds have steps with nothing to do.
    fill(&world, "g", 700);
    let all_read = || {
        let read = (0..700).filter(|number| world.get("g", &number.to_string()).is_some());
        assert_eq!(read.count(), 700);
    };
    let (services, over) = (Arc::clone(&world.services), AtomicBool::new(false));
    let mut moves = 0;
    std::thread::scope(|scope| {
        let stop = Stop(&over);
        let maintenance = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.unwrap();
            let mut ended = 0;
            while !over.load(Ordering::SeqCst) {
                let undone = runtime.block_on(featurestore::maintain(&services));
                assert!(undone.is_empty(), "{undone:?}");
                ended += 1;
            }
            ended
        });
        for number in 1..40_usize {
            // Refused while eight moves are under way, and to where the group is.
            let outcome = world.call("RekeyFeatureGroup", to("g", &keys_of_all[number % 3]));
            moves += u32::from(outcome.is_ok());
            if number % 4 == 0 {
                fill(&world, "g", 700);
            }
            if number % 8 == 0 {
                all_read();
            }
        }
        drop(stop);
        assert!(maintenance.join().unwrap() > 0);
    });
    all_read();
    world.maintain();
    assert_eq!(keys(&world, "g")["State"], "Settled");
    assert!(moves > 9, "{moves}");
    assert_eq!(data_keys(&world), [moves + 1]);
    all_read();
}

/// Writes `count` records of nearly the size that a record may have.
fn fill_large(world: &World, count: usize) {
    let note = "x".repeat(340 << 10);
    for number in 0..count {
        let (id, at) = (number.to_string(), day(1));
        let item = [("id", id.as_str()), ("at", &at), ("note", &note)];
        world.put("g", &item).unwrap();
    }
}

#[test]
fn many_large_records_move_in_steps_that_a_commit_can_hold() {
    let world = World::new();
    let [old, new] = [world.key(), world.key()];
    world.group_under("g", &old);
    // More in one step than the 32 MiB of a commit, if steps were bounded by their number.
    fill_large(&world, 110);
    move_to(&world, "g", &new);
    for _ in 0..20 {
        world.maintain();
    }
    let seen = keys(&world, "g");
    assert_eq!(
        (&seen["State"], &seen["FormerKeys"]),
        (&json!("Settled"), &json!([])),
        "{seen}"
    );
    assert_eq!((data_keys(&world), grants(&world, &old)), (vec![2], vec![]));
    assert!(world.get("g", "109").is_some());
}

#[test]
fn a_step_that_no_commit_can_hold_is_made_in_smaller_ones() {
    let (world, _) = moving();
    for _ in 0..3 {
        world.faults.add(CommitError::TooLarge);
    }
    world.maintain();
    assert!(world.faults.is_empty());
    assert_eq!(keys(&world, "g")["State"], "Settled");
    assert_eq!(data_keys(&world), [2]);
}

#[test]
fn a_group_whose_records_cannot_be_moved_waits_and_holds_up_no_other() {
    let (world, [_, new]) = moving();
    world.group_under("h", &world.key());
    fill(&world, "h", 3);
    move_to(&world, "h", &new);
    world.faults.add(CommitError::Busy);
    let maintain = || world.block_on(featurestore::maintain(&world.services));
    assert_eq!(maintain().len(), 1);
    let states = || ["g", "h"].map(|group| text(&keys(&world, group)["State"]));
    assert_eq!(states(), ["Moving", "Settled"]);
    let reason = &keys(&world, "g")["Reason"];
    assert_eq!(*reason, "the request could not be processed; try again");
    // It is tried again in a second, and no sooner.
    assert!(maintain().is_empty());
    assert_eq!(states(), ["Moving", "Settled"]);
    world.wait(1);
    assert!(maintain().is_empty());
    assert_eq!(states(), ["Settled", "Settled"]);
    assert_eq!(keys(&world, "g").get("Reason"), None);
}

/// Ends what runs beside, however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
