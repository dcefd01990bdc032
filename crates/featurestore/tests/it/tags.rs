//! `AddTags`, `ListTags`, `DeleteTags`.

use serde_json::{Value, json};

use crate::world::{World, check_refused, group_arn, read};

fn tag(key: &str, value: &str) -> Value {
    json!({ "Key": key, "Value": value })
}

fn tags(world: &World) -> Value {
    world.ok("ListTags", json!({ "ResourceArn": group_arn("g") }))["Tags"].clone()
}

fn add(tags: &[Value]) -> Value {
    json!({ "ResourceArn": group_arn("g"), "Tags": tags })
}

#[test]
fn tags_are_added_changed_and_taken_off() {
    let world = World::new();
    world.group("g");
    assert_eq!(tags(&world), json!([]));
    let all = world.ok("AddTags", add(&[tag("b", "1"), tag("a", "1")]));
    assert_eq!(all["Tags"], json!([tag("a", "1"), tag("b", "1")]));
    world.ok("AddTags", add(&[tag("a", "2")]));
    assert_eq!(tags(&world), json!([tag("a", "2"), tag("b", "1")]));
    let off = json!({ "ResourceArn": group_arn("g"), "TagKeys": ["a", "none"] });
    world.ok("DeleteTags", off);
    assert_eq!(tags(&world.restarted()), json!([tag("b", "1")]));
}

#[test]
fn a_new_tag_counts_on_the_next_request() {
    let world = World::new();
    world.group("g");
    let user = world.user(
        "user",
        &json!([{
            "Effect": "Allow", "Action": "sagemaker:GetRecord", "Resource": "*",
            "Condition": { "StringEquals": { "aws:ResourceTag/team": "met" } },
        }]),
    );
    let get = |world: &World| world.call_as(&user, "GetRecord", read("g", "a"));
    check_refused(get(&world), "AccessForbidden", "sagemaker:GetRecord");
    world.ok("AddTags", add(&[tag("team", "met")]));
    get(&world).unwrap();
    let off = json!({ "ResourceArn": group_arn("g"), "TagKeys": ["team"] });
    world.ok("DeleteTags", off);
    check_refused(get(&world), "AccessForbidden", "sagemaker:GetRecord");
}

#[test]
fn who_may_set_which_tags_is_decided_by_their_keys_and_values() {
    let world = World::new();
    world.group("g");
    let user = world.user(
        "user",
        &json!([{
            "Effect": "Allow", "Action": ["sagemaker:AddTags", "sagemaker:DeleteTags"], "Resource": "*",
            "Condition": {
                "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] },
                "StringEqualsIfExists": { "aws:RequestTag/team": "met" },
            },
        }]),
    );
    world
        .call_as(&user, "AddTags", add(&[tag("team", "met")]))
        .unwrap();
    for refused in [
        add(&[tag("team", "sea")]),
        add(&[tag("team", "met"), tag("cost", "1")]),
    ] {
        let refused = world.call_as(&user, "AddTags", refused);
        check_refused(refused, "AccessDeniedException", "sagemaker:AddTags");
    }
    let off = |key: &str| json!({ "ResourceArn": group_arn("g"), "TagKeys": [key] });
    let refused = world.call_as(&user, "DeleteTags", off("cost"));
    check_refused(refused, "AccessDeniedException", "sagemaker:DeleteTags");
    world.call_as(&user, "DeleteTags", off("team")).unwrap();
}

#[test]
fn a_group_never_has_two_tags_whose_keys_differ_in_case_only() {
    let world = World::new();
    world.group("g");
    world.ok("AddTags", add(&[tag("team", "blue")]));
    // Policies would see the first of the two: the group would change teams.
    for together in [
        vec![tag("Team", "red")],
        vec![tag("cost", "1"), tag("COST", "2")],
        vec![tag("é", "1"), tag("É", "2")],
    ] {
        let (invalid, reason) = ("ValidationException", "case of their letters");
        world.refuses("AddTags", add(&together), invalid, reason);
    }
    assert_eq!(tags(&world), json!([tag("team", "blue")]));
}

#[test]
fn wrong_tags_are_refused() {
    let world = World::new();
    world.group("g");
    let invalid = "ValidationException";
    world.refuses("AddTags", add(&[tag("aws:x", "1")]), invalid, "reserved");
    world.refuses(
        "AddTags",
        add(&[tag("a", "1"), tag("a", "2")]),
        invalid,
        "more than once",
    );
    let many: Vec<Value> = (0..50)
        .map(|number| tag(&format!("k{number}"), ""))
        .collect();
    world.ok("AddTags", add(&many));
    world.refuses("AddTags", add(&[tag("more", "")]), invalid, "50 tags");
    let missing = json!({ "ResourceArn": group_arn("none") });
    world.refuses("ListTags", missing, invalid, "can't find a FeatureGroup");
    let elsewhere = json!({ "ResourceArn": "arn:aws:sagemaker:us-east-1:111122223333:model/m" });
    world.refuses(
        "ListTags",
        elsewhere,
        invalid,
        "is not the ARN of a feature group",
    );
}
