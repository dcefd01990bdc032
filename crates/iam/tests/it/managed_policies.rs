//! Managed policies: creation, versions, attachment, deletion.

use serde_json::json;

use crate::world::{ACCOUNT, World, allow, check_denied, policy_arn, user_arn};

const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

#[test]
fn a_new_policy_is_answered_and_found() {
    let world = World::new();
    let input = json!({
        "PolicyName": "Readers", "Path": "/team/", "Description": "who reads",
        "PolicyDocument": allow("kms:Decrypt", "*").to_string(),
        "Tags": [{ "Key": "Team", "Value": "red" }],
    });
    let mut policy = world.ok("CreatePolicy", input)["Policy"].clone();
    let id = policy["PolicyId"].as_str().unwrap();
    assert!(id.starts_with("ANPA") && id.len() == 21, "{id}");
    assert_eq!(
        policy,
        json!({
            "PolicyName": "Readers", "PolicyId": id, "Path": "/team/",
            "Arn": format!("arn:aws:iam::{ACCOUNT}:policy/team/Readers"),
            "DefaultVersionId": "v1", "AttachmentCount": 0, "PermissionsBoundaryUsageCount": 0,
            "IsAttachable": true,
            "CreateDate": 1_700_000_000, "UpdateDate": 1_700_000_000,
            "Tags": [{ "Key": "Team", "Value": "red" }],
        })
    );
    let found = world.ok("GetPolicy", json!({ "PolicyArn": policy["Arn"] }));
    policy["Description"] = json!("who reads");
    assert_eq!(found["Policy"], policy);
}

#[test]
fn a_policy_without_tags_shows_none_when_made_and_an_empty_list_later() {
    let world = World::new();
    let input = json!({ "PolicyName": "Plain", "PolicyDocument": allow("kms:*", "*").to_string() });
    let policy = world.ok("CreatePolicy", input)["Policy"].clone();
    assert_eq!(policy.get("Tags"), None);
    let found = world.ok("GetPolicy", json!({ "PolicyArn": policy["Arn"] }));
    assert_eq!(found["Policy"]["Tags"], json!([]));
}

#[test]
fn a_managed_policy_has_the_version_of_2012_and_an_inline_policy_may_be_older() {
    let world = World::new();
    world.user("Bob", None);
    for version in [json!("2008-10-17"), json!(null)] {
        let mut document = allow("kms:*", "*");
        document["Version"] = version.clone();
        if version.is_null() {
            document.as_object_mut().unwrap().remove("Version");
        }
        let message = "Policy document must be version 2012-10-17 or greater.";
        let refusal = ("MalformedPolicyDocument", 400, message);
        let input = json!({ "PolicyName": "Old", "PolicyDocument": document.to_string() });
        world.refuses("CreatePolicy", input, refusal);
        let arn = world.policy(&format!("New{}", version.is_null()), &allow("kms:*", "*"));
        let input = json!({ "PolicyArn": arn, "PolicyDocument": document.to_string() });
        world.refuses("CreatePolicyVersion", input, refusal);
        let input = json!({ "UserName": "Bob", "PolicyName": "inline",
            "PolicyDocument": document.to_string() });
        world.ok("PutUserPolicy", input);
    }
}

#[test]
fn names_of_policies_are_unique_without_regard_to_case() {
    let world = World::new();
    world.policy("Readers", &allow("kms:Decrypt", "*"));
    let input =
        json!({ "PolicyName": "READERS", "PolicyDocument": allow("kms:*", "*").to_string() });
    let message = "A policy called READERS already exists. Duplicate names are not allowed.";
    world.refuses("CreatePolicy", input, ("EntityAlreadyExists", 409, message));
}

#[test]
fn a_version_shows_its_text() {
    let world = World::new();
    let document = allow("kms:Decrypt", "*");
    let arn = world.policy("Readers", &document);
    let found = world.ok(
        "GetPolicyVersion",
        json!({ "PolicyArn": arn, "VersionId": "v1" }),
    );
    let version = &found["PolicyVersion"];
    assert_eq!(
        (&version["VersionId"], &version["IsDefaultVersion"]),
        (&json!("v1"), &json!(true))
    );
    let text = version["Document"].as_str().unwrap();
    let text = percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap();
    assert_eq!(text, document.to_string());
    let message = format!("Policy {arn} version v2 does not exist or is not attachable.");
    let input = json!({ "PolicyArn": arn, "VersionId": "v2" });
    world.refuses("GetPolicyVersion", input, ("NoSuchEntity", 404, &message));
}

#[test]
fn policies_that_do_not_exist_are_not_found() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    for arn in [
        policy_arn("Missing"),
        format!("arn:aws:iam::{ACCOUNT}:user/Alice"),
        "arn:aws:iam::aws:policy/Missing".to_owned(),
    ] {
        let message = format!("Policy {arn} was not found.");
        world.refuses(
            "GetPolicy",
            json!({ "PolicyArn": arn }),
            ("NoSuchEntity", 404, &message),
        );
        let input = json!({ "UserName": "Alice", "PolicyArn": arn });
        let text = format!("Policy {arn} does not exist or is not attachable.");
        world.refuses(
            "AttachUserPolicy",
            input.clone(),
            ("NoSuchEntity", 404, &text),
        );
        world.refuses("DetachUserPolicy", input, ("NoSuchEntity", 404, &message));
    }
}

#[test]
fn the_path_is_part_of_the_name_in_an_arn() {
    let world = World::new();
    world.policy("Readers", &allow("kms:Decrypt", "*"));
    let arn = policy_arn("elsewhere/Readers");
    let message = format!("Policy {arn} was not found.");
    world.refuses(
        "GetPolicy",
        json!({ "PolicyArn": arn }),
        ("NoSuchEntity", 404, &message),
    );
}

#[test]
fn what_is_no_arn_is_refused() {
    let world = World::new();
    let arn = "AdministratorAccess-without-arn";
    let invalid = ("ValidationError", 400, "Invalid ARN:  Could not be parsed!");
    for operation in ["GetPolicy", "DeletePolicy"] {
        world.refuses(operation, json!({ "PolicyArn": arn }), invalid);
    }
    for operation in ["AttachUserPolicy", "DetachUserPolicy"] {
        world.refuses(
            operation,
            json!({ "UserName": "A", "PolicyArn": arn }),
            invalid,
        );
    }
}

#[test]
fn attaching_grants_and_detaching_takes_away() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let arn = world.policy("Readers", &allow("iam:GetUser", "*"));
    let get = || world.call_as(&alice, "GetUser", json!({}));
    check_denied(get(), "iam:GetUser", &user_arn("Alice"));
    let input = json!({ "UserName": "Alice", "PolicyArn": arn });
    world.ok("AttachUserPolicy", input.clone());
    get().unwrap();
    // Again changes nothing.
    world.ok("AttachUserPolicy", input.clone());
    assert_eq!(
        world.ok("ListAttachedUserPolicies", json!({ "UserName": "Alice" }))["AttachedPolicies"],
        json!([{ "PolicyName": "Readers", "PolicyArn": arn }])
    );
    world.ok("DetachUserPolicy", input);
    check_denied(get(), "iam:GetUser", &user_arn("Alice"));
}

#[test]
fn uses_are_counted() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    for name in ["A", "B"] {
        world.ok("CreateUser", json!({ "UserName": name }));
        world.ok(
            "AttachUserPolicy",
            json!({ "UserName": name, "PolicyArn": arn }),
        );
    }
    world.ok(
        "CreateUser",
        json!({ "UserName": "C", "PermissionsBoundary": arn }),
    );
    let counts = || {
        let policy = world.ok("GetPolicy", json!({ "PolicyArn": arn }))["Policy"].clone();
        (
            policy["AttachmentCount"].clone(),
            policy["PermissionsBoundaryUsageCount"].clone(),
        )
    };
    assert_eq!(counts(), (json!(2), json!(1)));
    world.ok(
        "DetachUserPolicy",
        json!({ "UserName": "A", "PolicyArn": arn }),
    );
    world.ok("DeleteUser", json!({ "UserName": "C" }));
    assert_eq!(counts(), (json!(1), json!(0)));
}

#[test]
fn a_policy_in_use_is_not_deleted() {
    let world = World::new();
    let arn = world.policy("P", &allow("iam:GetUser", "*"));
    world.ok(
        "CreateUser",
        json!({ "UserName": "A", "PermissionsBoundary": arn }),
    );
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "A", "PolicyArn": arn }),
    );
    let message = "Cannot delete a policy attached to entities.";
    world.refuses(
        "DeletePolicy",
        json!({ "PolicyArn": arn }),
        ("DeleteConflict", 409, message),
    );
    world.ok(
        "DetachUserPolicy",
        json!({ "UserName": "A", "PolicyArn": arn }),
    );
    let message = "Cannot delete entity, must remove referenced objects first.";
    world.refuses(
        "DeletePolicy",
        json!({ "PolicyArn": arn }),
        ("DeleteConflict", 409, message),
    );
    world.ok("DeleteUser", json!({ "UserName": "A" }));
    world.ok("DeletePolicy", json!({ "PolicyArn": arn }));
    let message = format!("Policy {arn} was not found.");
    world.refuses(
        "GetPolicy",
        json!({ "PolicyArn": arn }),
        ("NoSuchEntity", 404, &message),
    );
}

#[test]
fn policies_of_aws_are_there_and_cannot_be_deleted() {
    let world = World::new();
    let policy =
        world.ok("GetPolicy", json!({ "PolicyArn": ADMINISTRATOR_ACCESS }))["Policy"].clone();
    assert_eq!(policy["Arn"], ADMINISTRATOR_ACCESS);
    assert_eq!(policy["AttachmentCount"], 1);
    world.ok(
        "GetPolicyVersion",
        json!({ "PolicyArn": ADMINISTRATOR_ACCESS, "VersionId": "v1" }),
    );
    check_denied(
        world.call("DeletePolicy", json!({ "PolicyArn": ADMINISTRATOR_ACCESS })),
        "iam:DeletePolicy",
        ADMINISTRATOR_ACCESS,
    );
}

#[test]
fn policies_of_aws_are_read_only_by_whom_a_policy_allows() {
    let world = World::new();
    let alice = world.user("Alice", None);
    let read = || {
        world.call_as(
            &alice,
            "GetPolicy",
            json!({ "PolicyArn": ADMINISTRATOR_ACCESS }),
        )
    };
    check_denied(read(), "iam:GetPolicy", ADMINISTRATOR_ACCESS);
    world.put_policy("Alice", "P", &allow("iam:GetPolicy", ADMINISTRATOR_ACCESS));
    read().unwrap();
}

#[test]
fn policies_of_other_accounts_are_out_of_reach() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let arn = "arn:aws:iam::444455556666:policy/Theirs";
    for operation in ["GetPolicy", "DeletePolicy"] {
        let action = format!("iam:{operation}");
        check_denied(
            world.call(operation, json!({ "PolicyArn": arn })),
            &action,
            arn,
        );
    }
    let message = format!("Policy {arn} does not exist or is not attachable.");
    let input = json!({ "UserName": "Alice", "PolicyArn": arn });
    world.refuses("AttachUserPolicy", input, ("NoSuchEntity", 404, &message));
}
