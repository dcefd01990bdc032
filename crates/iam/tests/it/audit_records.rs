//! What the audit trail shows of IAM calls.

use serde_json::{Value, json};

use crate::world::{World, allow, policy_arn, user_arn};

#[test]
fn a_created_user_is_recorded_as_cloudtrail_shows_it() {
    let world = World::new();
    let tags = json!([{ "Key": "Team", "Value": "red" }]);
    let user = world.ok("CreateUser", json!({ "UserName": "Alice", "Tags": tags }));
    let record = world.last_record();
    assert_eq!(
        (
            record.event_source.as_str(),
            record.event_name.as_str(),
            record.read_only
        ),
        ("iam.amazonaws.com", "CreateUser", false)
    );
    let tags = json!([{ "key": "Team", "value": "red" }]);
    assert_eq!(
        record.request_parameters,
        json!({ "userName": "Alice", "tags": tags })
    );
    assert_eq!(
        record.response_elements,
        json!({ "user": {
            "path": "/", "userName": "Alice", "userId": user["User"]["UserId"],
            "arn": user_arn("Alice"), "createDate": "Nov 14, 2023, 10:13:20 PM", "tags": tags,
        }})
    );
    assert_eq!(record.resources[0].arn, user_arn("Alice"));
    assert_eq!(record.resources[0].kind, "AWS::IAM::User");
}

#[test]
fn the_record_of_a_new_key_has_everything_but_the_secret() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let created = world.ok("CreateAccessKey", json!({ "UserName": "Alice" }));
    let record = world.last_record();
    assert_eq!(
        record.response_elements,
        json!({ "accessKey": {
            "userName": "Alice", "accessKeyId": created["AccessKey"]["AccessKeyId"],
            "status": "Active", "createDate": "Nov 14, 2023, 10:13:20 PM",
        }})
    );
    let secret = created["AccessKey"]["SecretAccessKey"].as_str().unwrap();
    for record in world.records() {
        assert!(!serde_json::to_string(&record).unwrap().contains(secret));
    }
}

#[test]
fn policy_documents_are_recorded_as_text() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    let document = allow("kms:*", "*");
    world.put_policy("Alice", "P", &document);
    let record = world.last_record();
    assert_eq!(
        record.request_parameters,
        json!({
            "userName": "Alice", "policyName": "P", "policyDocument": document.to_string(),
        })
    );
    assert_eq!(record.response_elements, Value::Null);
    world.policy("P", &document);
    let record = world.last_record();
    assert_eq!(
        record.request_parameters["policyDocument"],
        document.to_string()
    );
    assert_eq!(record.response_elements["policy"]["defaultVersionId"], "v1");
    assert_eq!(record.resources[0].kind, "AWS::IAM::Policy");
}

#[test]
fn reading_calls_record_their_parameters_and_no_answer() {
    let world = World::new();
    let arn = world.policy("P", &allow("kms:*", "*"));
    world.ok(
        "GetPolicyVersion",
        json!({ "PolicyArn": arn, "VersionId": "v1" }),
    );
    let record = world.last_record();
    assert!(record.read_only);
    assert_eq!(
        record.request_parameters,
        json!({ "policyArn": arn, "versionId": "v1" })
    );
    assert_eq!(record.response_elements, Value::Null);
    world.ok("ListUsers", json!({}));
    assert_eq!(world.last_record().request_parameters, Value::Null);
    world.ok("GetCallerIdentity", json!({}));
    let record = world.last_record();
    assert_eq!(record.event_source, "sts.amazonaws.com");
    assert_eq!(
        (record.request_parameters, record.read_only),
        (Value::Null, true)
    );
}

#[test]
fn failures_and_denials_are_recorded_with_their_codes() {
    let world = World::new();
    let bob = world.user("Bob", None);
    let _ = world.call("GetPolicy", json!({ "PolicyArn": policy_arn("Missing") }));
    let record = world.last_record();
    assert_eq!(record.error_code.as_deref(), Some("NoSuchEntity"));
    assert_eq!(
        record.request_parameters["policyArn"],
        policy_arn("Missing")
    );
    let _ = world.call_as(&bob, "ListUsers", json!({}));
    let record = world.last_record();
    assert_eq!(record.error_code.as_deref(), Some("AccessDenied"));
    assert_eq!(record.request_parameters, Value::Null);
    assert_eq!(record.user_identity.user_name.as_deref(), Some("Bob"));
}

#[test]
fn every_operation_leaves_exactly_one_record() {
    let world = World::new();
    let before = world.records().len();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.ok("ListUsers", json!({}));
    let _ = world.call("GetUser", json!({ "UserName": "Nobody" }));
    assert_eq!(world.records().len(), before + 3);
}

#[test]
fn a_created_role_is_recorded_with_its_trust_policy() {
    let world = World::new();
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Service": "sagemaker.amazonaws.com" },
        "Action": "sts:AssumeRole",
    } });
    let input = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() });
    let role = world.ok("CreateRole", input)["Role"].clone();
    let record = world.last_record();
    assert_eq!(
        record.request_parameters,
        json!({ "roleName": "R", "assumeRolePolicyDocument": trust.to_string() })
    );
    assert_eq!(
        record.response_elements,
        json!({ "role": {
            "path": "/", "roleName": "R", "roleId": role["RoleId"], "arn": role["Arn"],
            "createDate": "Nov 14, 2023, 10:13:20 PM",
            "assumeRolePolicyDocument": role["AssumeRolePolicyDocument"],
        }})
    );
    assert_eq!(record.resources[0].arn, role["Arn"].as_str().unwrap());
    assert_eq!(record.resources[0].kind, "AWS::IAM::Role");
}

#[test]
fn a_membership_is_recorded_with_group_and_user() {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.ok("CreateGroup", json!({ "GroupName": "G" }));
    let pair = json!({ "GroupName": "G", "UserName": "Alice" });
    world.ok("AddUserToGroup", pair);
    let record = world.last_record();
    assert_eq!(
        record.request_parameters,
        json!({ "groupName": "G", "userName": "Alice" })
    );
    assert_eq!(
        record.resources[0].arn,
        format!("arn:aws:iam::{}:group/G", crate::world::ACCOUNT)
    );
}

#[test]
fn a_principal_makes_no_more_calls_than_its_rate_and_keeps_nobody_else_from_theirs() {
    let world = World::paced(20);
    let (alice, bob) = (world.user("Alice", None), world.user("Bob", None));
    world.wait(1);
    let calls = |caller: &_, times| {
        let calls = (0..times).map(|_| world.call_as(caller, "GetCallerIdentity", json!({})));
        calls.flatten().count()
    };
    assert_eq!(calls(&alice, 60), 20);
    assert_eq!(calls(&bob, 60), 20);
    let refused = world.call_as(&alice, "GetCallerIdentity", json!({}));
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.message.as_str()),
        ("ThrottlingException", "Rate exceeded")
    );
    // Those beyond it are damped as denials are.
    let mut records = world.records();
    records.retain(|it| it.error_code.as_deref() == Some("ThrottlingException"));
    assert_eq!(records.len(), 20);
    world.wait(1);
    assert_eq!(calls(&alice, 60), 20);
}

#[test]
fn who_may_nothing_uses_up_no_rate() {
    let world = World::paced(20);
    let alice = world.user("Alice", None);
    for _ in 0..60 {
        let refused = world.call_as(&alice, "ListUsers", json!({})).unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
    }
    world
        .call_as(&alice, "GetCallerIdentity", json!({}))
        .unwrap();
}
