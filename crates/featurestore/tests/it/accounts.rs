//! Two accounts that call everything by the same names, with every cache warm.

use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{World, check_refused, day, features, group_under, read, record, text};

const OTHER: &str = "444455556666";
const ALIAS: &str = "alias/same";

/// An account as its administrator sees it, with a group and a user of the common names.
struct Side {
    administrator: Caller,
    user: Caller,
    key: String,
}

/// A group, a record, an alias and a user of the same names in both accounts; only the first
/// account's user may use the group.
fn both() -> (World, Side, Side) {
    let world = World::new();
    let first = side(&world, world.administrator.clone(), "first");
    let second = side(&world, world.other_account(OTHER), "second");
    permit(&world, &first, "Allow");
    permit(&world, &second, "Deny");
    (world, first, second)
}

fn side(world: &World, administrator: Caller, note: &str) -> Side {
    let ok =
        |operation: &str, input: Value| world.call_as(&administrator, operation, input).unwrap();
    let key = text(&ok("CreateKey", json!({}))["KeyMetadata"]["Arn"]);
    ok(
        "CreateAlias",
        json!({ "AliasName": ALIAS, "TargetKeyId": key }),
    );
    ok("CreateFeatureGroup", group_under("same", ALIAS));
    let values = [("id", "a"), ("at", &day(1)), ("note", note)];
    ok(
        "PutRecord",
        json!({ "FeatureGroupName": "same", "Record": record(&values) }),
    );
    ok("CreateUser", json!({ "UserName": "Bob" }));
    let made = ok("CreateAccessKey", json!({ "UserName": "Bob" }));
    let id = text(&made["AccessKey"]["AccessKeyId"]).parse().unwrap();
    let view = store::View::plain(world.services.store().snapshot());
    let user = Caller {
        principal: iam::find_credential(&view, &id).unwrap().principal,
        access_key: Some(id),
        session: None,
    };
    Side {
        administrator,
        user,
        key,
    }
}

fn permit(world: &World, side: &Side, effect: &str) {
    let document = json!({ "Version": "2012-10-17",
        "Statement": { "Effect": effect, "Action": "*", "Resource": "*" } });
    let input =
        json!({ "UserName": "Bob", "PolicyName": "same", "PolicyDocument": document.to_string() });
    world
        .call_as(&side.administrator, "PutUserPolicy", input)
        .unwrap();
}

/// The note in the record that `caller` reads.
fn note(world: &World, caller: &Caller) -> Result<String, String> {
    let answer = world
        .call_as(caller, "GetRecord", read("same", "a"))
        .map_err(|refused| refused.code)?;
    let pairs = features(&answer).unwrap();
    let (_, value) = pairs.into_iter().find(|(name, _)| name == "note").unwrap();
    Ok(value)
}

#[test]
fn the_same_names_mean_each_callers_own() {
    let (world, first, second) = both();
    for _warm in 0..3 {
        assert_eq!(note(&world, &first.administrator).unwrap(), "first");
        assert_eq!(note(&world, &second.administrator).unwrap(), "second");
        assert_eq!(note(&world, &first.user).unwrap(), "first");
        assert_eq!(note(&world, &second.user).unwrap_err(), "AccessForbidden");
    }
}

#[test]
fn an_alias_of_two_accounts_leads_to_each_its_own_key() {
    let (world, first, second) = both();
    assert_ne!(first.key, second.key);
    for _warm in 0..2 {
        for side in [&first, &second] {
            let input = json!({ "KeyId": ALIAS });
            let found = world.call_as(&side.administrator, "DescribeKey", input);
            assert_eq!(text(&found.unwrap()["KeyMetadata"]["Arn"]), side.key);
        }
    }
}

#[test]
fn a_right_that_moves_between_accounts_moves_at_once() {
    let (world, first, second) = both();
    assert_eq!(note(&world, &first.user).unwrap(), "first");
    permit(&world, &first, "Deny");
    permit(&world, &second, "Allow");
    assert_eq!(note(&world, &first.user).unwrap_err(), "AccessForbidden");
    assert_eq!(note(&world, &second.user).unwrap(), "second");
}

#[test]
fn closing_one_accounts_key_leaves_the_others_group_open() {
    let (world, first, second) = both();
    assert_eq!(note(&world, &first.administrator).unwrap(), "first");
    assert_eq!(note(&world, &second.administrator).unwrap(), "second");
    world
        .call_as(
            &second.administrator,
            "DisableKey",
            json!({ "KeyId": second.key }),
        )
        .unwrap();
    assert_eq!(note(&world, &first.administrator).unwrap(), "first");
    note(&world, &second.administrator).unwrap_err();
}

#[test]
fn deleting_one_accounts_group_leaves_the_others_records() {
    let (world, first, second) = both();
    assert_eq!(note(&world, &second.administrator).unwrap(), "second");
    let input = json!({ "FeatureGroupName": "same" });
    world
        .call_as(&first.administrator, "DeleteFeatureGroup", input)
        .unwrap();
    world.maintain();
    assert_eq!(note(&world, &second.administrator).unwrap(), "second");
    note(&world, &first.administrator).unwrap_err();
}

#[test]
fn the_key_of_the_other_account_is_no_key_of_ones_own() {
    let (world, first, second) = both();
    let refused = world.call_as(
        &second.administrator,
        "DisableKey",
        json!({ "KeyId": first.key }),
    );
    let reason =
        "kms:DisableKey on this resource because the resource does not exist in this Region";
    check_refused(refused, "AccessDeniedException", reason);
}
