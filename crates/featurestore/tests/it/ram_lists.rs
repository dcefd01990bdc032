//! The listings of RAM: their filters and their pages.

use serde_json::{Value, json};

use crate::world::{Outcome, World, check_refused, group_arn, text};

const INVALID: &str = "InvalidParameterException";

/// A world with two shares of a group each, whose tags differ.
fn world() -> World {
    let world = World::new();
    for (name, team) in [("one", "red"), ("two", "blue")] {
        world.group(name);
        let tags = json!([{ "key": "team", "value": team }, { "key": name, "value": "" }]);
        let input = json!({ "name": name, "resourceArns": [group_arn(name)], "tags": tags });
        world.ok("ram:CreateResourceShare", input);
    }
    world
}

/// The names of the shares that pass these filters for tags.
fn tagged(world: &World, filters: &Value) -> Vec<String> {
    let input = json!({ "resourceOwner": "SELF", "tagFilters": filters });
    let found = world.ok("ram:GetResourceShares", input);
    let shares = found["resourceShares"].as_array().unwrap().iter();
    let mut names: Vec<String> = shares.map(|share| text(&share["name"])).collect();
    names.sort();
    names
}

#[test]
fn a_share_passes_filters_for_tags_if_it_passes_one() {
    let world = world();
    let team = |values: &[&str]| json!({ "tagKey": "team", "tagValues": values });
    assert_eq!(tagged(&world, &json!([])), ["one", "two"]);
    assert_eq!(tagged(&world, &json!([team(&["red"])])), ["one"]);
    assert_eq!(
        tagged(&world, &json!([team(&["red", "blue"])])),
        ["one", "two"]
    );
    assert_eq!(tagged(&world, &json!([{ "tagKey": "two" }])), ["two"]);
    let either = json!([team(&["red"]), { "tagKey": "two" }]);
    assert_eq!(tagged(&world, &either), ["one", "two"]);
    let neither = json!([team(&["green"]), { "tagKey": "none" }]);
    assert!(tagged(&world, &neither).is_empty());
}

#[test]
fn a_filter_for_tags_needs_a_key() {
    let world = world();
    for filter in [
        json!({ "tagValues": ["red"] }),
        json!({ "tagKey": "" }),
        json!({}),
    ] {
        let input = json!({ "resourceOwner": "SELF", "tagFilters": [filter] });
        world.refuses("ram:GetResourceShares", input, INVALID, "tagKey");
    }
}

#[test]
fn no_account_owns_a_permission() {
    let world = World::new();
    let listed = |input: Value| {
        let found = world.ok("ram:ListPermissions", input);
        found["permissions"].as_array().unwrap().len()
    };
    assert_eq!(listed(json!({})), 4);
    assert_eq!(listed(json!({ "permissionType": "AWS_MANAGED" })), 4);
    for owner in ["SELF", "OTHER-ACCOUNTS"] {
        assert_eq!(listed(json!({ "resourceOwner": owner })), 0, "{owner}");
    }
}

#[test]
fn a_token_is_good_for_its_filters_only() {
    let world = world();
    let mut input = json!({ "resourceOwner": "SELF", "maxResults": 1 });
    let first = world.ok("ram:GetResourceShares", input.clone());
    input["nextToken"] = first["nextToken"].clone();
    for (filter, value) in [
        ("name", json!("two")),
        ("tagFilters", json!([{ "tagKey": "team" }])),
        ("resourceShareStatus", json!("ACTIVE")),
        ("resourceOwner", json!("OTHER-ACCOUNTS")),
    ] {
        let mut other = input.clone();
        other[filter] = value;
        let refused = world.call("ram:GetResourceShares", other);
        check_refused(refused, "InvalidNextTokenException", "nextToken");
    }
    // A page may be of another size.
    input["maxResults"] = 5.into();
    let second = world.ok("ram:GetResourceShares", input);
    assert_eq!(second["resourceShares"].as_array().unwrap().len(), 1);
    assert_ne!(second["resourceShares"], first["resourceShares"]);

    let mut input = json!({ "resourceOwner": "SELF", "maxResults": 1 });
    let first = world.ok("ram:ListResources", input.clone());
    input["nextToken"] = first["nextToken"].clone();
    input["resourceArns"] = json!([group_arn("two")]);
    let refused = world.call("ram:ListResources", input);
    check_refused(refused, "InvalidNextTokenException", "nextToken");
}

#[test]
fn a_type_that_cannot_be_shared_has_the_code_that_each_operation_declares() {
    let world = World::new();
    for (operation, code) in [
        ("ram:ListResources", "InvalidResourceTypeException"),
        ("ram:ListPrincipals", INVALID),
        ("ram:ListPermissions", INVALID),
    ] {
        let mut input = json!({ "resourceType": "ec2:Subnet" });
        if operation != "ram:ListPermissions" {
            input["resourceOwner"] = "SELF".into();
        }
        world.refuses(operation, input, code, "ec2:Subnet");
    }
}

const NO_SHARE: &str = "arn:aws:ram:us-east-1:111122223333:resource-share/none";

/// The answer to one element more than a list may have, to whoever may do nothing or everything.
fn check_bounded(call: impl Fn(&str, Value) -> Outcome, operation: &str, list: &str, input: Value) {
    let mut input = input;
    let one = input[list].take();
    input[list] = Value::Array(vec![one; 5_001]);
    let refused = call(&format!("ram:{operation}"), input);
    check_refused(refused, INVALID, &format!("{list} has 5001 elements"));
}

#[test]
fn lists_that_name_what_is_needed_are_bounded_before_policies_are_asked() {
    let world = World::new();
    let nobody = world.user(
        "nobody",
        &json!([{ "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*" }]),
    );
    let (arn, id, tag) = (
        group_arn("g"),
        "111122223333",
        json!({ "key": "k", "value": "v" }),
    );
    let new = |list: &str, one: Value| json!({ "name": "s", list: one });
    let of_share = |list: &str, one: Value| json!({ "resourceShareArn": NO_SHARE, list: one });
    for (operation, list, input) in [
        (
            "CreateResourceShare",
            "principals",
            new("principals", id.into()),
        ),
        (
            "CreateResourceShare",
            "resourceArns",
            new("resourceArns", arn.clone().into()),
        ),
        ("CreateResourceShare", "tags", new("tags", tag.clone())),
        (
            "AssociateResourceShare",
            "principals",
            of_share("principals", id.into()),
        ),
        (
            "DisassociateResourceShare",
            "resourceArns",
            of_share("resourceArns", arn.clone().into()),
        ),
        ("TagResource", "tags", of_share("tags", tag)),
        ("UntagResource", "tagKeys", of_share("tagKeys", "k".into())),
        (
            "GetResourcePolicies",
            "resourceArns",
            json!({ "resourceArns": arn }),
        ),
        (
            "ListResources",
            "resourceArns",
            json!({ "resourceOwner": "SELF", "resourceArns": arn }),
        ),
    ] {
        check_bounded(
            |name, input| world.call_as(&nobody, name, input),
            operation,
            list,
            input,
        );
    }
}

#[test]
fn lists_that_filter_are_bounded() {
    let world = World::new();
    let own = |list: &str, one: Value| json!({ "resourceOwner": "SELF", list: one });
    for (operation, list, input) in [
        (
            "GetResourceShares",
            "resourceShareArns",
            own("resourceShareArns", NO_SHARE.into()),
        ),
        (
            "GetResourceShares",
            "tagFilters",
            own("tagFilters", json!({ "tagKey": "k" })),
        ),
        (
            "ListPrincipals",
            "principals",
            own("principals", "111122223333".into()),
        ),
        (
            "GetResourceShareAssociations",
            "resourceShareArns",
            json!({ "associationType": "RESOURCE", "resourceShareArns": NO_SHARE }),
        ),
        (
            "GetResourceShareInvitations",
            "resourceShareArns",
            json!({ "resourceShareArns": NO_SHARE }),
        ),
        (
            "GetResourceShareInvitations",
            "resourceShareInvitationArns",
            json!({ "resourceShareInvitationArns": NO_SHARE }),
        ),
    ] {
        check_bounded(
            |name, input| world.call(name, input),
            operation,
            list,
            input,
        );
    }
}

#[test]
fn policies_of_what_does_not_exist_are_not_found() {
    let world = World::new();
    let arn = group_arn("none");
    world.refuses(
        "ram:GetResourcePolicies",
        json!({ "resourceArns": [arn] }),
        "ResourceArnNotFoundException",
        &format!("the resource `{arn}` could not be found"),
    );
}
