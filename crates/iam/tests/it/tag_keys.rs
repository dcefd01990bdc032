//! Letter case in the keys of tags: what one condition key sees, all of them see.

use pipeline::Caller;
use serde_json::{Value, json};

use crate::world::{Outcome, World, allow, statement, user_arn};

/// A key as a policy writes it, as a tag has it, and whether they are the same.
const KEYS: [(&str, &str, bool); 5] = [
    ("task", "TASK", true),
    ("équipe", "ÉQUIPE", true),
    ("task", "tas\u{212A}", false),
    ("risk", "r\u{130}sk", false),
    ("équipe", "equipe", false),
];

fn tags(key: &str, value: &str) -> Value {
    json!([{ "Key": key, "Value": value }])
}

/// A policy that allows everything where `condition` holds.
fn when(condition: &Value) -> Value {
    statement(&json!({
        "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition,
    }))
}

/// A policy that allows everything but what sets or takes off this tag.
fn guarded(key: &str) -> Value {
    let deny = |condition: Value| {
        json!({
            "Effect": "Deny", "Resource": "*", "Condition": condition,
            "Action": ["iam:TagUser", "iam:UntagUser", "sts:TagSession"],
        })
    };
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        deny(json!({ "Null": { format!("aws:RequestTag/{key}"): "false" } })),
        deny(json!({ "ForAnyValue:StringEqualsIgnoreCase": { "aws:TagKeys": key } })),
    ] })
}

/// Whether a policy that writes `key` sees the tag that is called `sent`, through each of the
/// condition keys that show tags.
fn seen(key: &str, sent: &str) -> Vec<(&'static str, bool)> {
    let world = World::new();
    let caller = world.user("Caller", None);
    let input = json!({ "UserName": "Target", "Tags": tags(sent, "v") });
    world.ok("CreateUser", input);
    let target = world.caller(&world.key_of("Target")).unwrap();
    world.role("Role", &allow("*", "*"));
    let session = world.enter("Role", &json!({ "Tags": tags(sent, "v") }));

    let of = |name: &str| json!({ "StringEquals": { format!("{name}/{key}"): "v" } });
    let may = |outcome: Outcome| match outcome {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.code, "AccessDenied", "{key} {sent}");
            false
        }
    };
    let tag = || json!({ "UserName": "Caller", "Tags": tags(sent, "v") });
    let read = || json!({ "UserName": "Target" });
    let by = |user: &str, policy: &Value| world.put_policy(user, "inline", policy);

    let mut seen = Vec::new();
    by("Caller", &when(&of("aws:RequestTag")));
    let request = may(world.call_as(&caller, "TagUser", tag()));
    seen.push(("aws:RequestTag", request));
    by(
        "Caller",
        &when(&json!({ "ForAnyValue:StringEqualsIgnoreCase": { "aws:TagKeys": key } })),
    );
    let keys = may(world.call_as(&caller, "TagUser", tag()));
    seen.push(("aws:TagKeys", keys));
    for name in ["aws:ResourceTag", "iam:ResourceTag"] {
        by("Caller", &when(&of(name)));
        seen.push((name, may(world.call_as(&caller, "GetUser", read()))));
    }
    by("Target", &when(&of("aws:PrincipalTag")));
    seen.push((
        "aws:PrincipalTag of a user",
        may(world.call_as(&target, "GetUser", read())),
    ));
    let put = json!({
        "RoleName": "Role", "PolicyName": "inline",
        "PolicyDocument": when(&of("aws:PrincipalTag")).to_string(),
    });
    world.ok("PutRolePolicy", put);
    seen.push((
        "aws:PrincipalTag of a session",
        may(world.call_as(&session, "GetUser", read())),
    ));
    seen
}

#[test]
fn what_one_condition_key_sees_all_of_them_see() {
    for (key, sent, same) in KEYS {
        for (name, seen) in seen(key, sent) {
            assert_eq!(seen, same, "{name}: {key} {sent}");
        }
    }
}

/// Whether `caller`, a session of the role, has this tag.
fn has_tag(world: &World, caller: &Caller, key: &str, value: &str) -> bool {
    let put = json!({
        "RoleName": "Role", "PolicyName": "inline",
        "PolicyDocument": when(&json!({
            "StringEquals": { format!("aws:PrincipalTag/{key}"): value },
        })).to_string(),
    });
    world.ok("PutRolePolicy", put);
    world.call_as(caller, "ListUsers", json!({})).is_ok()
}

#[test]
fn a_look_alike_does_not_displace_the_tag_of_a_role() {
    let world = World::new();
    world.role("Role", &allow("*", "*"));
    let input = json!({ "RoleName": "Role", "Tags": tags("stack", "dev") });
    world.ok("TagRole", input);
    let caller = world.user("Caller", Some(guarded("stack")));
    let refused = world.assume_as(&caller, "Role", &json!({ "Tags": tags("STACK", "prod") }));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
    let more = json!({ "Tags": tags("stac\u{212A}", "prod") });
    let made = world.assume_as(&caller, "Role", &more).unwrap();
    let session = world.session(&made).unwrap();
    assert!(has_tag(&world, &session, "stack", "dev"));
    assert!(!has_tag(&world, &session, "stack", "prod"));
}

#[test]
fn a_look_alike_does_not_displace_the_tag_of_a_user() {
    let world = World::new();
    let caller = world.user("Caller", Some(guarded("risk")));
    let tag = |key: &str, value: &str| json!({ "UserName": "Caller", "Tags": tags(key, value) });
    world.ok("TagUser", tag("risk", "high"));
    let refused = world.call_as(&caller, "TagUser", tag("RISK", "low"));
    assert_eq!(refused.unwrap_err().code, "AccessDenied");
    world
        .call_as(&caller, "TagUser", tag("ris\u{212A}", "low"))
        .unwrap();
    let untag = json!({ "UserName": "Caller", "TagKeys": ["ris\u{212A}"] });
    world.call_as(&caller, "UntagUser", untag).unwrap();
    let got = world.ok("GetUser", json!({ "UserName": "Caller" }));
    assert_eq!(got["User"]["Arn"], user_arn("Caller"));
    assert_eq!(got["User"]["Tags"], tags("risk", "high"));
}

#[test]
fn an_inherited_tag_is_not_passed_again_in_another_case() {
    let world = World::new();
    world.role("Role", &allow("*", "*"));
    let more = json!({ "Tags": tags("équipe", "v"), "TransitiveTagKeys": ["ÉQUIPE"] });
    let session = world.enter("Role", &more);
    let again = json!({ "Tags": tags("ÉQUIPE", "w") });
    let refused = world.assume_as(&session, "Role", &again).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValue");
}
