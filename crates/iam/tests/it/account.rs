//! The account as a whole: aliases, summary, details, and the roles of services.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, allow, check_denied};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

fn alias(name: &str) -> Value {
    json!({ "AccountAlias": name })
}

#[test]
fn an_account_has_one_alias_at_most() {
    let world = World::new();
    let listed = || world.ok("ListAccountAliases", json!({}))["AccountAliases"].clone();
    assert_eq!(listed(), json!([]));
    world.ok("CreateAccountAlias", alias("one"));
    world.ok("CreateAccountAlias", alias("one"));
    world.ok("CreateAccountAlias", alias("two"));
    assert_eq!(listed(), json!(["two"]));
    let message = "The account alias one cannot be found.";
    world.refuses(
        "DeleteAccountAlias",
        alias("one"),
        ("NoSuchEntity", 404, message),
    );
    world.ok("DeleteAccountAlias", alias("two"));
    assert_eq!(listed(), json!([]));
}

#[test]
fn aliases_have_the_form_of_aws() {
    let world = World::new();
    for name in ["ab", "-ab", "ab-", "a--b", "Abc", "a.b", &"a".repeat(64)] {
        let refused = world.call("CreateAccountAlias", alias(name)).unwrap_err();
        assert_eq!(refused.code, "ValidationError", "{name}");
    }
}

#[test]
fn the_summary_counts() {
    let world = World::new();
    let summary = || world.ok("GetAccountSummary", json!({}))["SummaryMap"].clone();
    let before = summary();
    assert_eq!((&before["Users"], &before["Roles"]), (&json!(1), &json!(0)));
    assert_eq!(
        (&before["UsersQuota"], &before["AccountAccessKeysPresent"]),
        (&json!(5000), &json!(0))
    );
    world.ok("CreateGroup", json!({ "GroupName": "G" }));
    world.ok(
        "CreateRole",
        json!({ "RoleName": "R", "AssumeRolePolicyDocument": TRUST }),
    );
    world.policy("P", &allow("kms:*", "*"));
    world.root();
    let after = summary();
    for name in [
        "Groups",
        "Roles",
        "Policies",
        "PolicyVersionsInUse",
        "AccountAccessKeysPresent",
    ] {
        assert_eq!(after[name], 1, "{name}");
    }
}

/// A group, a user in it, a role and a policy that all of them have.
fn populated() -> World {
    let world = World::new();
    let arn = world.policy("Shared", &allow("kms:*", "*"));
    world.ok("CreateGroup", json!({ "GroupName": "G" }));
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.put_policy("Alice", "inline", &allow("iam:*", "*"));
    world.ok(
        "AddUserToGroup",
        json!({ "GroupName": "G", "UserName": "Alice" }),
    );
    world.ok(
        "CreateRole",
        json!({ "RoleName": "R", "AssumeRolePolicyDocument": TRUST }),
    );
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": arn }),
    );
    world.ok(
        "AttachGroupPolicy",
        json!({ "GroupName": "G", "PolicyArn": arn }),
    );
    world.ok(
        "AttachRolePolicy",
        json!({ "RoleName": "R", "PolicyArn": arn }),
    );
    world
}

#[test]
fn the_details_name_everything_that_decides() {
    let world = populated();
    let details = world.ok("GetAccountAuthorizationDetails", json!({}));
    let alice = &details["UserDetailList"][1];
    assert_eq!(
        (&alice["UserName"], &alice["GroupList"]),
        (&json!("Alice"), &json!(["G"]))
    );
    assert_eq!(alice["UserPolicyList"][0]["PolicyName"], "inline");
    for attached in [
        alice,
        &details["GroupDetailList"][0],
        &details["RoleDetailList"][0],
    ] {
        assert_eq!(
            attached["AttachedManagedPolicies"][0]["PolicyName"],
            "Shared"
        );
    }
    let policies = details["Policies"].as_array().unwrap();
    let names: Vec<_> = policies
        .iter()
        .map(|policy| &policy["PolicyName"])
        .collect();
    assert_eq!(names, ["Shared", "AdministratorAccess"]);
    assert_eq!(policies[0]["AttachmentCount"], 3);
    assert_eq!(policies[0]["PolicyVersionList"][0]["VersionId"], "v1");
}

#[test]
fn the_details_are_filtered_and_paged() {
    let world = populated();
    let roles = world.ok(
        "GetAccountAuthorizationDetails",
        json!({ "Filter": ["Role"] }),
    );
    let lengths = |page: &Value| {
        [
            "UserDetailList",
            "GroupDetailList",
            "RoleDetailList",
            "Policies",
        ]
        .map(|list| page[list].as_array().unwrap().len())
    };
    assert_eq!(lengths(&roles), [0, 0, 1, 0]);
    let (mut marker, mut pages) = (Value::Null, Vec::new());
    loop {
        let mut input = json!({ "MaxItems": 2 });
        if marker.is_string() {
            input["Marker"] = marker;
        }
        let page = world.ok("GetAccountAuthorizationDetails", input);
        pages.push(lengths(&page));
        marker = page["Marker"].clone();
        if page["IsTruncated"] == false {
            break;
        }
    }
    assert_eq!(pages, [[2, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 2]]);
}

const RAM: &str = "AWSServiceRoleForResourceAccessManager";

fn ram() -> Value {
    json!({ "AWSServiceName": "ram.amazonaws.com" })
}

#[test]
fn the_role_of_a_service_is_made_once() {
    let world = World::new();
    let made = world.ok("CreateServiceLinkedRole", ram())["Role"].clone();
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ram.amazonaws.com/{RAM}");
    assert_eq!(
        (&made["Arn"], &made["RoleName"]),
        (&json!(arn), &json!(RAM))
    );
    let trust = |role: &Value| {
        let text = role["AssumeRolePolicyDocument"].as_str().unwrap();
        let text = percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["Statement"][0].clone()
    };
    let service = "ram.amazonaws.com";
    assert_eq!(
        trust(&made),
        json!({ "Effect": "Allow", "Principal": { "Service": [service] }, "Action": ["sts:AssumeRole"] })
    );
    let found = world.ok("GetRole", json!({ "RoleName": RAM }))["Role"].clone();
    assert_eq!(
        trust(&found),
        json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" })
    );
    let message = format!(
        "Service role name {RAM} has been taken in this account, please try a different suffix."
    );
    world.refuses(
        "CreateServiceLinkedRole",
        ram(),
        ("InvalidInput", 400, &message),
    );
    let unknown = json!({ "AWSServiceName": "nobody.amazonaws.com" });
    assert_eq!(
        world
            .call("CreateServiceLinkedRole", unknown)
            .unwrap_err()
            .code,
        "InvalidInput"
    );
    let mut suffixed = ram();
    suffixed["CustomSuffix"] = json!("x");
    let message = "Custom suffix is not allowed for ram.amazonaws.com";
    world.refuses(
        "CreateServiceLinkedRole",
        suffixed,
        ("InvalidInput", 400, message),
    );
}

#[test]
fn nobody_changes_the_role_of_a_service() {
    let world = World::new();
    world.ok("CreateServiceLinkedRole", ram());
    let arn = world.policy("P", &allow("*", "*"));
    let message = format!(
        "Cannot perform the operation on the protected role '{RAM}' - this role is only \
         modifiable by AWS"
    );
    for (operation, mut input) in [
        ("DeleteRole", json!({})),
        ("AttachRolePolicy", json!({ "PolicyArn": arn })),
        ("DetachRolePolicy", json!({ "PolicyArn": arn })),
        (
            "PutRolePolicy",
            json!({ "PolicyName": "p", "PolicyDocument": "{}" }),
        ),
        ("DeleteRolePolicy", json!({ "PolicyName": "p" })),
        ("UpdateAssumeRolePolicy", json!({ "PolicyDocument": TRUST })),
        ("UpdateRole", json!({ "MaxSessionDuration": 7200 })),
        (
            "PutRolePermissionsBoundary",
            json!({ "PermissionsBoundary": arn }),
        ),
        ("DeleteRolePermissionsBoundary", json!({})),
        ("TagRole", json!({ "Tags": [{ "Key": "a", "Value": "b" }] })),
        ("UntagRole", json!({ "TagKeys": ["a"] })),
    ] {
        input["RoleName"] = json!(RAM);
        world.refuses(operation, input, ("UnmodifiableEntity", 400, &message));
    }
    world.ok(
        "UpdateRole",
        json!({ "RoleName": RAM, "Description": "free" }),
    );
}

#[test]
fn of_many_deletions_the_newest_are_remembered() {
    let world = World::new();
    let status = |id: &Value| {
        let input = json!({ "DeletionTaskId": id });
        world.call("GetServiceLinkedRoleDeletionStatus", input)
    };
    let round = || {
        world.ok("CreateServiceLinkedRole", ram());
        world.ok("DeleteServiceLinkedRole", json!({ "RoleName": RAM }))["DeletionTaskId"].clone()
    };
    let tasks: Vec<Value> = (0..103).map(|_| round()).collect();
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!(status(task).is_ok(), number >= 3, "{number}");
    }
}

#[test]
fn the_role_of_a_service_has_a_deletion_of_its_own() {
    let world = World::new();
    world.ok("CreateServiceLinkedRole", ram());
    let deleted = world.ok("DeleteServiceLinkedRole", json!({ "RoleName": RAM }));
    let id = deleted["DeletionTaskId"].as_str().unwrap();
    assert!(
        id.starts_with(&format!("task/aws-service-role/ram.amazonaws.com/{RAM}/")),
        "{id}"
    );
    let status = |id: &str| {
        world.call(
            "GetServiceLinkedRoleDeletionStatus",
            json!({ "DeletionTaskId": id }),
        )
    };
    assert_eq!(status(id).unwrap()["Status"], "SUCCEEDED");
    assert_eq!(
        world
            .call("GetRole", json!({ "RoleName": RAM }))
            .unwrap_err()
            .code,
        "NoSuchEntity"
    );
    assert_eq!(status(&format!("{id}0")).unwrap_err().code, "NoSuchEntity");
    assert_eq!(status("made-up").unwrap_err().code, "InvalidInput");
    world.ok(
        "CreateRole",
        json!({ "RoleName": "R", "AssumeRolePolicyDocument": TRUST }),
    );
    let refused = world
        .call("DeleteServiceLinkedRole", json!({ "RoleName": "R" }))
        .unwrap_err();
    assert_eq!(refused.code, "InvalidInput");
}

#[test]
fn making_a_role_of_a_service_can_be_limited_to_one_service() {
    let world = World::new();
    let policy = crate::world::statement(&json!({
        "Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
        "Condition": { "StringEquals": { "iam:AWSServiceName": "ram.amazonaws.com" } },
    }));
    let alice = world.user("Alice", Some(policy));
    world
        .call_as(&alice, "CreateServiceLinkedRole", ram())
        .unwrap();
    let other = json!({ "AWSServiceName": "cloudtrail.amazonaws.com" });
    let denied = world.call_as(&alice, "CreateServiceLinkedRole", other);
    let arn = format!(
        "arn:aws:iam::{ACCOUNT}:role/aws-service-role/cloudtrail.amazonaws.com/\
         AWSServiceRoleForCloudTrail"
    );
    check_denied(denied, "iam:CreateServiceLinkedRole", &arn);
}

#[test]
fn another_accounts_alias_and_names_are_its_own() {
    let world = World::new();
    let mut batch = store::Batch::default();
    let (other, entropy) = ("444455556666".parse().unwrap(), world.services.entropy());
    let now = types::Timestamp::new(1_700_000_000, 0);
    let key = iam::bootstrap(&mut batch, other, now, entropy).unwrap();
    world.commit(batch);
    let stranger = world.caller(&key.id).unwrap();
    world.ok("CreateAccountAlias", alias("taken"));
    let refused = world.call_as(&stranger, "CreateAccountAlias", alias("taken"));
    let message = "The account alias taken already exists.";
    crate::world::check_refused(refused, ("EntityAlreadyExists", 409, message));
    let refused = world
        .call_as(&stranger, "DeleteAccountAlias", alias("taken"))
        .unwrap_err();
    assert_eq!(refused.code, "NoSuchEntity");
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": TRUST });
    world.ok("CreateRole", role.clone());
    let made = world.call_as(&stranger, "CreateRole", role).unwrap();
    assert_eq!(made["Role"]["Arn"], "arn:aws:iam::444455556666:role/R");
    let roles = world.call_as(&stranger, "ListRoles", json!({})).unwrap();
    assert_eq!(roles["Roles"].as_array().unwrap().len(), 1);
}

#[test]
fn a_role_may_trust_a_user_of_another_account() {
    let world = World::new();
    let mut batch = store::Batch::default();
    let (other, entropy) = ("444455556666".parse().unwrap(), world.services.entropy());
    let now = types::Timestamp::new(1_700_000_000, 0);
    iam::bootstrap(&mut batch, other, now, entropy).unwrap();
    world.commit(batch);
    for principal in [
        "arn:aws:iam::444455556666:root",
        "444455556666",
        "arn:aws:iam::444455556666:user/Administrator",
    ] {
        let trust = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole",
        } });
        let input = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() });
        world.ok("CreateRole", input);
        world.ok("DeleteRole", json!({ "RoleName": "R" }));
    }
}
