//! The policy simulator.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, allow, check_denied, policy_arn, statement, user_arn};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1";
const OTHER_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/2";
const FOREIGN_KEY: &str = "arn:aws:kms:us-east-1:444455556666:key/1";

/// A world with the user Alice, who has this inline policy.
fn world(policy: &Value) -> World {
    let world = World::new();
    world.ok("CreateUser", json!({ "UserName": "Alice" }));
    world.put_policy("Alice", "inline", policy);
    world
}

/// The input of a simulation of Alice's policies, with more.
fn of_alice(more: &Value) -> Value {
    merged(
        &json!({ "PolicySourceArn": user_arn("Alice"), "ActionNames": ["kms:Decrypt"] }),
        more,
    )
}

/// The input of a simulation of one policy, with more.
fn of_policy(policy: &Value, more: &Value) -> Value {
    let input = json!({
        "PolicyInputList": [policy.to_string()], "ActionNames": ["kms:Decrypt"],
    });
    merged(&input, more)
}

fn merged(input: &Value, more: &Value) -> Value {
    let mut input = input.clone();
    let members = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(members);
    input
}

/// The only result.
fn result(world: &World, operation: &str, input: Value) -> Value {
    let answer = world.ok(operation, input);
    let results = answer["EvaluationResults"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{answer}");
    results[0].clone()
}

fn principal(world: &World, more: &Value) -> Value {
    result(world, "SimulatePrincipalPolicy", of_alice(more))
}

fn custom(world: &World, policy: &Value, more: &Value) -> Value {
    result(world, "SimulateCustomPolicy", of_policy(policy, more))
}

/// The decision that comes of a policy with a condition and these entries.
fn decides(world: &World, condition: &Value, entries: &Value) -> Value {
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": condition,
    }));
    let more = json!({ "ContextEntries": entries });
    custom(world, &policy, &more)["EvalDecision"].clone()
}

fn refused(world: &World, operation: &str, input: Value, message: &str) {
    world.refuses(operation, input, ("InvalidInput", 400, message));
}

#[test]
fn an_allowed_action_names_its_statement_and_where_it_stands() {
    let world = world(&allow("kms:Decrypt", "*"));
    let text = allow("kms:Decrypt", "*").to_string();
    let start = text.find('[').unwrap() + 2;
    let end = text.rfind(']').unwrap() + 1;
    let found = principal(&world, &json!({}));
    assert_eq!(
        found,
        json!({
            "EvalActionName": "kms:Decrypt", "EvalResourceName": "*", "EvalDecision": "allowed",
            "MatchedStatements": [{
                "SourcePolicyId": "user_Alice_inline", "SourcePolicyType": "user",
                "StartPosition": { "Line": 1, "Column": start },
                "EndPosition": { "Line": 1, "Column": end },
            }],
            "MissingContextValues": [],
            // The organization of the first account, which binds it to nothing.
            "OrganizationsDecisionDetail": { "AllowedByOrganizations": true },
        })
    );
}

#[test]
fn positions_count_lines() {
    let world = World::new();
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \
                \"Effect\": \"Allow\",\n      \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}";
    let input = json!({ "PolicyInputList": [text], "ActionNames": ["kms:Decrypt"] });
    let found = result(&world, "SimulateCustomPolicy", input);
    let statement = &found["MatchedStatements"][0];
    assert_eq!(statement["SourcePolicyId"], "PolicyInputList.1");
    assert_eq!(statement["SourcePolicyType"], "none");
    assert_eq!(
        statement["StartPosition"],
        json!({ "Line": 4, "Column": 5 })
    );
    assert_eq!(statement["EndPosition"], json!({ "Line": 8, "Column": 6 }));
}

#[test]
fn what_nothing_allows_is_denied_implicitly_and_a_deny_explicitly() {
    let world = world(&allow("kms:Encrypt", "*"));
    let found = principal(&world, &json!({}));
    assert_eq!(found["EvalDecision"], "implicitDeny");
    assert_eq!(found["MatchedStatements"], json!([]));
    let deny = statement(&json!({ "Effect": "Deny", "Action": "kms:*", "Resource": "*" }));
    let list = [allow("*", "*").to_string(), deny.to_string()];
    let found = principal(&world, &json!({ "PolicyInputList": list }));
    assert_eq!(found["EvalDecision"], "explicitDeny");
    let statements = found["MatchedStatements"].as_array().unwrap();
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0]["SourcePolicyId"], "PolicyInputList.2");
}

#[test]
fn every_policy_of_a_user_and_its_groups_counts() {
    let world = world(&allow("kms:Encrypt", "*"));
    world.ok("CreateGroup", json!({ "GroupName": "G" }));
    let member = json!({ "GroupName": "G", "UserName": "Alice" });
    world.ok("AddUserToGroup", member);
    let put = json!({
        "GroupName": "G", "PolicyName": "of-group",
        "PolicyDocument": allow("kms:Decrypt", "*").to_string(),
    });
    world.ok("PutGroupPolicy", put);
    let managed = world.policy("Managed", &allow("kms:Sign", "*"));
    // Attached twice, it counts once.
    for (operation, name) in [
        ("AttachUserPolicy", "UserName"),
        ("AttachGroupPolicy", "GroupName"),
    ] {
        let of = if name == "UserName" { "Alice" } else { "G" };
        world.ok(operation, json!({ name: of, "PolicyArn": managed }));
    }
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    for (action, id, kind) in [
        ("kms:Encrypt", "user_Alice_inline", "user"),
        ("kms:Decrypt", "group_G_of-group", "group"),
        ("kms:Sign", "Managed", "user-managed"),
    ] {
        let found = principal(&world, &json!({ "ActionNames": [action] }));
        let statements = found["MatchedStatements"].as_array().unwrap();
        assert_eq!(statements.len(), 1, "{found}");
        assert_eq!(statements[0]["SourcePolicyId"], id);
        assert_eq!(statements[0]["SourcePolicyType"], kind);
    }
    let attach = json!({ "UserName": "Alice", "PolicyArn": administrator });
    world.ok("AttachUserPolicy", attach);
    let found = principal(&world, &json!({ "ActionNames": ["kms:Verify"] }));
    assert_eq!(
        found["MatchedStatements"][0]["SourcePolicyId"],
        "AdministratorAccess"
    );
    assert_eq!(
        found["MatchedStatements"][0]["SourcePolicyType"],
        "aws-managed"
    );
}

#[test]
fn groups_and_roles_can_be_simulated() {
    let world = World::new();
    world.ok("CreateGroup", json!({ "GroupName": "G" }));
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    let role = json!({ "RoleName": "R", "Path": "/x/", "AssumeRolePolicyDocument": trust });
    world.ok("CreateRole", role);
    let document = allow("kms:Decrypt", "*").to_string();
    for (kind, lower, path, name) in [("Group", "group", "", "G"), ("Role", "role", "x/", "R")] {
        let put = json!({
            format!("{kind}Name"): name, "PolicyName": "p", "PolicyDocument": document,
        });
        world.ok(&format!("Put{kind}Policy"), put);
        let input = json!({
            "PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:{lower}/{path}{name}"),
            "ActionNames": ["kms:Decrypt"],
        });
        let found = result(&world, "SimulatePrincipalPolicy", input);
        assert_eq!(found["EvalDecision"], "allowed");
        let statement = &found["MatchedStatements"][0];
        assert_eq!(statement["SourcePolicyId"], format!("{lower}_{name}_p"));
        assert_eq!(statement["SourcePolicyType"], lower);
    }
}

#[test]
fn several_resources_are_told_apart_and_summed_up() {
    let world = world(&allow("kms:Decrypt", KEY));
    let more = json!({ "ResourceArns": [KEY, OTHER_KEY] });
    let found = principal(&world, &more);
    assert_eq!(found["EvalDecision"], "implicitDeny");
    assert_eq!(
        found["EvalResourceName"],
        "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}"
    );
    assert_eq!(found["EvalDecisionDetails"], json!({}));
    let specific = found["ResourceSpecificResults"].as_array().unwrap();
    let decisions: Vec<_> = specific
        .iter()
        .map(|one| {
            (
                one["EvalResourceName"].clone(),
                one["EvalResourceDecision"].clone(),
            )
        })
        .collect();
    assert_eq!(
        decisions,
        [
            (json!(KEY), json!("allowed")),
            (json!(OTHER_KEY), json!("implicitDeny"))
        ]
    );
    assert_eq!(
        specific[0]["MatchedStatements"].as_array().unwrap().len(),
        1
    );
    let found = principal(&world, &json!({ "ResourceArns": [KEY] }));
    assert_eq!(
        (&found["EvalDecision"], &found["EvalResourceName"]),
        (&json!("allowed"), &json!(KEY))
    );
}

#[test]
fn a_boundary_limits_and_can_be_replaced_and_left_out() {
    let world = world(&allow("kms:*", "*"));
    let boundary = world.policy("Boundary", &allow("kms:Encrypt", "*"));
    let put = json!({ "UserName": "Alice", "PermissionsBoundary": boundary });
    world.ok("PutUserPermissionsBoundary", put);
    let check = |more: &Value, decision: &str, allowed: Value| {
        let found = principal(&world, more);
        assert_eq!(found["EvalDecision"], decision, "{more}");
        let detail = &found["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"];
        assert_eq!(*detail, allowed, "{more}");
    };
    check(&json!({}), "implicitDeny", json!(false));
    let wide = json!({ "PermissionsBoundaryPolicyInputList": [allow("*", "*").to_string()] });
    check(&wide, "allowed", json!(true));
    let without = json!({ "PolicyExclusionList": [{ "PolicyType": "permission-boundary" }] });
    check(&without, "allowed", Value::Null);
    let two = json!({
        "PermissionsBoundaryPolicyInputList": [allow("*", "*").to_string(), allow("*", "*").to_string()],
    });
    let message = "PermissionsBoundaryPolicyInputList can hold one policy only.";
    refused(&world, "SimulatePrincipalPolicy", of_alice(&two), message);
    let deny = statement(&json!({ "Effect": "Deny", "Action": "kms:*", "Resource": "*" }));
    let denying = json!({ "PermissionsBoundaryPolicyInputList": [deny.to_string()] });
    let found = principal(&world, &denying);
    assert_eq!(found["EvalDecision"], "explicitDeny");
    assert_eq!(found["MatchedStatements"], json!([]));
}

#[test]
fn policies_can_be_left_out() {
    let world = world(&allow("kms:Decrypt", "*"));
    let arn = world.policy("Reader", &allow("kms:Decrypt", "*"));
    world.ok(
        "AttachUserPolicy",
        json!({ "UserName": "Alice", "PolicyArn": arn }),
    );
    let inline = json!({ "InlinePolicyIdentifier": {
        "PolicyName": "inline", "AttachmentType": "user", "AttachmentName": "Alice",
    } });
    let check = |excluded: Value, ids: &[&str]| {
        let found = principal(&world, &json!({ "PolicyExclusionList": excluded }));
        let statements = found["MatchedStatements"].as_array().unwrap();
        let named: Vec<_> = statements
            .iter()
            .map(|one| one["SourcePolicyId"].clone())
            .collect();
        assert_eq!(named, ids, "{excluded}");
    };
    check(json!([]), &["user_Alice_inline", "Reader"]);
    check(json!([{ "PolicyType": "inline" }]), &["Reader"]);
    check(
        json!([{ "PolicyType": "user-managed" }]),
        &["user_Alice_inline"],
    );
    check(
        json!([{ "PolicyType": "aws-managed" }, { "PolicyType": "rcp" }]),
        &["user_Alice_inline", "Reader"],
    );
    check(
        json!([{ "PolicyArn": policy_arn("Rea*") }]),
        &["user_Alice_inline"],
    );
    check(
        json!([{ "PolicyArn": policy_arn("Other") }]),
        &["user_Alice_inline", "Reader"],
    );
    check(json!([inline]), &["Reader"]);
    check(json!([inline, { "PolicyArn": arn }]), &[]);
    let input = of_alice(&json!({ "PolicyExclusionList": [{ "PolicyArn": policy_arn("*a*") }] }));
    let message = format!("Invalid Policy Identifier: {}.", policy_arn("*a*"));
    refused(&world, "SimulatePrincipalPolicy", input, &message);
}

#[test]
fn every_type_of_context_entry_is_compared() {
    let world = World::new();
    let entry = |name: &str, kind: &str, values: &[&str]| json!([{ "ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": values }]);
    for (condition, entries) in [
        (
            json!({ "StringEquals": { "aws:x": "a" } }),
            entry("AWS:X", "string", &["a"]),
        ),
        (
            json!({ "ForAnyValue:StringEquals": { "aws:x": "b" } }),
            entry("aws:x", "stringList", &["a", "b"]),
        ),
        (
            json!({ "NumericLessThan": { "aws:x": "5" } }),
            entry("aws:x", "numeric", &["4.5"]),
        ),
        (
            json!({ "ForAllValues:NumericLessThan": { "aws:x": "5" } }),
            entry("aws:x", "numericList", &["4", "1"]),
        ),
        (
            json!({ "Bool": { "aws:x": "true" } }),
            entry("aws:x", "boolean", &["True"]),
        ),
        (
            json!({ "ForAnyValue:Bool": { "aws:x": "true" } }),
            entry("aws:x", "booleanList", &["false", "true"]),
        ),
        (
            json!({ "IpAddress": { "aws:x": "203.0.113.0/24" } }),
            entry("aws:x", "ip", &["203.0.113.9"]),
        ),
        (
            json!({ "ForAnyValue:IpAddress": { "aws:x": "203.0.113.0/24" } }),
            entry("aws:x", "ipList", &["203.0.113.9"]),
        ),
        (
            json!({ "BinaryEquals": { "aws:x": "QUJD" } }),
            entry("aws:x", "binary", &["QUJD"]),
        ),
        (
            json!({ "ForAnyValue:BinaryEquals": { "aws:x": "QUJD" } }),
            entry("aws:x", "binaryList", &["QUJD"]),
        ),
        (
            json!({ "DateGreaterThan": { "aws:x": "2018-08-16T12:00:00Z" } }),
            entry("aws:x", "date", &["2019-04-25T11:00:00Z"]),
        ),
        (
            json!({ "ForAnyValue:DateGreaterThan": { "aws:x": "2018-08-16T12:00:00Z" } }),
            entry("aws:x", "dateList", &["2019-04-25T11:00:00Z"]),
        ),
    ] {
        assert_eq!(
            decides(&world, &condition, &entries),
            "allowed",
            "{condition}"
        );
        // For all of no values everything holds.
        let absent = match condition.get("ForAllValues:NumericLessThan") {
            Some(_) => "allowed",
            None => "implicitDeny",
        };
        let without = decides(&world, &condition, &json!([]));
        assert_eq!(without, absent, "{condition}");
    }
    // A list needs a set operator, whatever it holds.
    let list = entry("aws:x", "stringList", &["a"]);
    let single = json!({ "StringEquals": { "aws:x": "a" } });
    assert_eq!(decides(&world, &single, &list), "implicitDeny");
    let bad = of_policy(
        &allow("*", "*"),
        &json!({ "ContextEntries": entry("aws:x", "ip", &["here"]) }),
    );
    let message = "Invalid context entry aws:x: a value is not of the type.";
    refused(&world, "SimulateCustomPolicy", bad, message);
}

#[test]
fn keys_that_are_not_given_are_named_unless_the_caller_says_them() {
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "kms:Decrypt",
        "Resource": "arn:aws:kms:*:*:key/${aws:username}",
        "Condition": {
            "StringEquals": { "aws:PrincipalTag/team": "red", "aws:PrincipalArn": user_arn("Alice") },
            "Bool": { "aws:SecureTransport": "true" },
        },
    }));
    let world = World::new();
    let create = json!({ "UserName": "Alice", "Tags": [{ "Key": "Team", "Value": "red" }] });
    world.ok("CreateUser", create);
    world.put_policy("Alice", "inline", &policy);
    let key = "arn:aws:kms:us-east-1:111122223333:key/Alice";
    let found = principal(&world, &json!({ "ResourceArns": [key] }));
    assert_eq!(
        found["MissingContextValues"],
        json!(["aws:SecureTransport"])
    );
    assert_eq!(
        found["ResourceSpecificResults"][0]["MissingContextValues"],
        json!(["aws:SecureTransport"])
    );
    assert_eq!(found["EvalDecision"], "implicitDeny");
    let entries = json!([{
        "ContextKeyName": "aws:SecureTransport", "ContextKeyType": "boolean",
        "ContextKeyValues": ["true"],
    }]);
    let more = json!({ "ResourceArns": [key], "ContextEntries": entries });
    let found = principal(&world, &more);
    assert_eq!(found["EvalDecision"], "allowed");
    assert_eq!(found["MissingContextValues"], json!([]));
    // Another caller has Alice's policies, but neither her name nor her tags.
    let more = merged(&more, &json!({ "CallerArn": user_arn("Bob") }));
    let found = principal(&world, &more);
    assert_eq!(found["EvalDecision"], "implicitDeny");
    assert_eq!(
        found["MissingContextValues"],
        json!(["aws:PrincipalTag/team"])
    );
    // Without a caller there is no name at all.
    let found = custom(&world, &policy, &json!({}));
    let mut missing: Vec<String> =
        serde_json::from_value(found["MissingContextValues"].clone()).unwrap();
    missing.sort();
    assert_eq!(
        missing,
        [
            "aws:PrincipalArn",
            "aws:PrincipalTag/team",
            "aws:SecureTransport",
            "aws:username"
        ]
    );
}

/// A resource policy that allows decryption to this principal.
fn resource_policy(principal: &str, resource: &str) -> String {
    let document = statement(&json!({
        "Effect": "Allow", "Principal": { "AWS": principal },
        "Action": "kms:Decrypt", "Resource": resource,
    }));
    document.to_string()
}

#[test]
fn a_key_policy_counts_by_the_rule_of_key_policies() {
    let world = world(&allow("kms:Decrypt", "*"));
    let check = |principal_named: &str, decision: &str, id: &str| {
        let more = json!({
            "ResourceArns": [KEY], "ResourcePolicy": resource_policy(principal_named, "*"),
        });
        let found = principal(&world, &more);
        assert_eq!(found["EvalDecision"], decision, "{principal_named}");
        let first = &found["MatchedStatements"][0]["SourcePolicyId"];
        assert_eq!(first.as_str().unwrap_or_default(), id, "{principal_named}");
    };
    check(&user_arn("Alice"), "allowed", "ResourcePolicy");
    check(ACCOUNT, "allowed", "ResourcePolicy");
    // Identity policies count only where the key policy leaves it to them.
    check(&user_arn("Bob"), "implicitDeny", "");
}

#[test]
fn across_accounts_both_sides_have_to_allow_and_are_told_apart() {
    let world = world(&allow("kms:Decrypt", "*"));
    let check = |identity: bool, resource: bool, decision: &str| {
        let named = if resource {
            user_arn("Alice")
        } else {
            user_arn("Bob")
        };
        let mut more = json!({
            "ResourceArns": [FOREIGN_KEY], "ResourcePolicy": resource_policy(&named, "*"),
        });
        if !identity {
            more["PolicyExclusionList"] = json!([{ "PolicyType": "inline" }]);
        }
        let found = principal(&world, &more);
        assert_eq!(found["EvalDecision"], decision);
        let says = |allows: bool| if allows { "allowed" } else { "implicitDeny" };
        let details = json!({ "IAM Policy": says(identity), "Resource Policy": says(resource) });
        assert_eq!(found["EvalDecisionDetails"], details);
        assert_eq!(
            found["ResourceSpecificResults"][0]["EvalDecisionDetails"],
            details
        );
    };
    check(true, true, "allowed");
    check(true, false, "implicitDeny");
    check(false, true, "implicitDeny");
}

#[test]
fn the_owner_of_resources_without_account_is_given() {
    let world = world(&allow("s3:GetObject", "*"));
    let bucket = "arn:aws:s3:::bucket/x";
    let more = |owner: &str| {
        let policy = statement(&json!({
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:user/Bob" },
            "Action": "s3:GetObject", "Resource": bucket,
        }));
        json!({
            "ActionNames": ["s3:GetObject"], "ResourceArns": [bucket],
            "ResourcePolicy": policy.to_string(), "ResourceOwner": owner,
        })
    };
    let own = principal(&world, &more("arn:aws:iam::111122223333:root"));
    assert_eq!(own["EvalDecision"], "allowed");
    let foreign = principal(&world, &more("arn:aws:iam::444455556666:root"));
    assert_eq!(foreign["EvalDecision"], "implicitDeny");
    let message = "'111122223333' is not a valid as a Resource Owner.";
    refused(
        &world,
        "SimulatePrincipalPolicy",
        of_alice(&more("111122223333")),
        message,
    );
}

#[test]
fn service_control_policies_are_part_of_it() {
    let world = world(&allow("kms:*", "*"));
    let full = json!({ "ServiceControlPolicyInputList": [allow("*", "*").to_string()] });
    let narrow =
        json!({ "ServiceControlPolicyInputList": [allow("kms:Encrypt", "*").to_string()] });
    let check = |levels: Value, decision: &str, allowed: bool| {
        let more = json!({ "OrderedOrganizationPolicyInputList": levels });
        let found = custom(&world, &allow("kms:*", "*"), &more);
        assert_eq!(found["EvalDecision"], decision);
        assert_eq!(
            found["OrganizationsDecisionDetail"]["AllowedByOrganizations"],
            allowed
        );
        let statements = found["MatchedStatements"].as_array().unwrap().len();
        assert_eq!(statements, usize::from(allowed));
    };
    check(json!([full, full]), "allowed", true);
    check(json!([full, narrow]), "implicitDeny", false);
    check(json!([{}, full]), "implicitDeny", false);
    // The first account is the management account: nothing binds it.
    let found = principal(&world, &json!({}));
    assert_eq!(found["EvalDecision"], "allowed");
}

#[test]
fn the_organization_binds_the_principals_of_its_accounts() {
    let world = World::new();
    let made = world.ok(
        "organizations:CreateAccount",
        json!({ "AccountName": "Dev", "Email": "dev@example.com" }),
    );
    let account = made["CreateAccountStatus"]["AccountId"]
        .as_str()
        .unwrap()
        .to_owned();
    let root = world.root_of(account.parse().unwrap());
    let as_root = |operation: &str, input: Value| world.call_as(&root, operation, input).unwrap();
    as_root("CreateUser", json!({ "UserName": "Alice" }));
    let put = json!({
        "UserName": "Alice", "PolicyName": "inline",
        "PolicyDocument": allow("kms:*", "*").to_string(),
    });
    as_root("PutUserPolicy", put);
    let simulate = |more: &Value| {
        let input = json!({
            "PolicySourceArn": format!("arn:aws:iam::{account}:user/Alice"),
            "ActionNames": ["kms:Decrypt"],
        });
        as_root("SimulatePrincipalPolicy", merged(&input, more))["EvaluationResults"][0].clone()
    };
    let before = simulate(&json!({}));
    assert_eq!(before["EvalDecision"], "allowed");
    assert_eq!(
        before["OrganizationsDecisionDetail"]["AllowedByOrganizations"],
        true
    );
    let deny = statement(&json!({ "Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*" }));
    let policy = json!({
        "Name": "no-decrypt", "Description": "", "Type": "SERVICE_CONTROL_POLICY",
        "Content": deny.to_string(),
    });
    let policy = world.ok("organizations:CreatePolicy", policy);
    let id = &policy["Policy"]["PolicySummary"]["Id"];
    world.ok(
        "organizations:AttachPolicy",
        json!({ "PolicyId": id, "TargetId": account }),
    );
    let after = simulate(&json!({}));
    assert_eq!(after["EvalDecision"], "explicitDeny");
    assert_eq!(
        after["OrganizationsDecisionDetail"]["AllowedByOrganizations"],
        false
    );
    assert_eq!(after["MatchedStatements"], json!([]));
    let without = simulate(&json!({ "PolicyExclusionList": [{ "PolicyType": "scp" }] }));
    assert_eq!(without["EvalDecision"], "allowed");
}

#[test]
fn context_keys_are_listed_once_as_they_are_written() {
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "dynamodb:*",
        "Resource": "arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}",
        "Condition": { "DateGreaterThan": { "aws:CurrentTime": "2015-08-16T12:00:00Z" } },
    }));
    let world = world(&policy);
    let list = [policy.to_string(), policy.to_string()];
    let found = world.ok(
        "GetContextKeysForCustomPolicy",
        json!({ "PolicyInputList": list }),
    );
    assert_eq!(
        found,
        json!({ "ContextKeyNames": ["aws:username", "aws:CurrentTime"] })
    );
    let more = statement(&json!({
        "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    }));
    let input = json!({
        "PolicySourceArn": user_arn("Alice"), "PolicyInputList": [more.to_string()],
    });
    let found = world.ok("GetContextKeysForPrincipalPolicy", input);
    assert_eq!(
        found,
        json!({ "ContextKeyNames": ["aws:username", "aws:CurrentTime", "aws:SecureTransport"] })
    );
}

#[test]
fn results_come_in_pages_of_actions() {
    let world = world(&allow("kms:*", "*"));
    let names: Vec<String> = (0..7).map(|number| format!("kms:Action{number}")).collect();
    let (mut seen, mut marker) = (Vec::new(), Value::Null);
    loop {
        let mut input = of_alice(&json!({ "ActionNames": names, "MaxItems": 3 }));
        if !marker.is_null() {
            input["Marker"] = marker;
        }
        let page = world.ok("SimulatePrincipalPolicy", input);
        let results = page["EvaluationResults"].as_array().unwrap();
        assert!(results.len() <= 3);
        seen.extend(
            results
                .iter()
                .map(|one| one["EvalActionName"].as_str().unwrap().to_owned()),
        );
        marker = page["Marker"].clone();
        assert_eq!(page["IsTruncated"], !marker.is_null());
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(seen, names);
}

#[test]
fn a_page_says_something_of_a_thousand_resources_at_most() {
    let world = world(&allow("kms:*", "*"));
    let resources: Vec<String> = (0..400).map(|number| format!("{KEY}{number}")).collect();
    let input = of_alice(&json!({
        "ActionNames": ["kms:A", "kms:B", "kms:C"], "ResourceArns": resources,
    }));
    let page = world.ok("SimulatePrincipalPolicy", input);
    assert_eq!(page["EvaluationResults"].as_array().unwrap().len(), 2);
    assert_eq!(page["IsTruncated"], true);
    let resources: Vec<String> = (0..1001).map(|number| format!("{KEY}{number}")).collect();
    let input = of_alice(&json!({ "ResourceArns": resources }));
    let message = "ResourceArns has 1001 members; at most 1000 can be simulated at once.";
    refused(&world, "SimulatePrincipalPolicy", input, message);
}

#[test]
fn too_many_statements_times_resources_are_refused() {
    let world = World::new();
    let one = json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": vec![one; 1001] }).to_string();
    let resources: Vec<String> = (0..1000).map(|number| format!("{KEY}{number}")).collect();
    let input = |resources: &[String]| {
        json!({
            "PolicyInputList": [policy], "ActionNames": ["kms:Decrypt"], "ResourceArns": resources,
        })
    };
    let message = "The policies have 1001 statements and condition keys; simulate fewer resources or \
         policies at once.";
    refused(&world, "SimulateCustomPolicy", input(&resources), message);
    world.ok("SimulateCustomPolicy", input(&resources[..2]));
}

#[test]
fn what_takes_too_long_to_compare_is_refused() {
    let world = World::new();
    let like = |pattern: String| {
        statement(&json!({
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": { "StringLike": { "aws:UserAgent": pattern } },
        }))
    };
    let entries = json!({ "ContextEntries": [{
        "ContextKeyName": "aws:UserAgent", "ContextKeyType": "string",
        "ContextKeyValues": ["a".repeat(400_000)],
    }] });
    let policy = like(format!("*{}Z*", "a?".repeat(60_000)));
    let message = "The policies take too long to compare with the request; simulate fewer actions, \
         resources or policies at once, or shorter context key values.";
    refused(
        &world,
        "SimulateCustomPolicy",
        of_policy(&policy, &entries),
        message,
    );
    // A run of `?` does not, however long it is.
    let policy = like(format!("*{}Z", "?".repeat(120_000)));
    let result = custom(&world, &policy, &entries);
    assert_eq!(result["EvalDecision"], "implicitDeny");
    let policy = like(format!("*{}", "?".repeat(120_000)));
    let result = custom(&world, &policy, &entries);
    assert_eq!(result["EvalDecision"], "allowed");
}

#[test]
fn simulating_someone_needs_the_right_to() {
    let world = world(&allow("kms:Decrypt", "*"));
    let bob = world.user(
        "Bob",
        Some(allow("iam:SimulatePrincipalPolicy", &user_arn("Bob"))),
    );
    let own = merged(
        &of_alice(&json!({})),
        &json!({ "PolicySourceArn": user_arn("Bob") }),
    );
    world.call_as(&bob, "SimulatePrincipalPolicy", own).unwrap();
    let outcome = world.call_as(&bob, "SimulatePrincipalPolicy", of_alice(&json!({})));
    check_denied(outcome, "iam:SimulatePrincipalPolicy", &user_arn("Alice"));
    let missing = merged(
        &of_alice(&json!({})),
        &json!({ "PolicySourceArn": user_arn("Nobody") }),
    );
    let outcome = world.call_as(&bob, "SimulatePrincipalPolicy", missing);
    check_denied(outcome, "iam:SimulatePrincipalPolicy", &user_arn("Nobody"));
    for (operation, input, action, resource) in [
        (
            "GetContextKeysForPrincipalPolicy",
            json!({ "PolicySourceArn": user_arn("Alice") }),
            "iam:GetContextKeysForPrincipalPolicy",
            user_arn("Alice"),
        ),
        (
            "GetContextKeysForCustomPolicy",
            json!({ "PolicyInputList": [] }),
            "iam:GetContextKeysForCustomPolicy",
            "*".to_owned(),
        ),
        (
            "SimulateCustomPolicy",
            of_policy(&allow("*", "*"), &json!({})),
            "iam:SimulateCustomPolicy",
            "*".to_owned(),
        ),
    ] {
        check_denied(world.call_as(&bob, operation, input), action, &resource);
    }
}

#[test]
fn what_cannot_be_simulated_is_refused_with_aws_words() {
    let world = world(&allow("kms:Decrypt", "*"));
    let session = "arn:aws:sts::111122223333:assumed-role/R/s";
    let foreign = "arn:aws:iam::444455556666:user/Alice";
    let malformed = json!({ "PolicyInputList": ["{"] });
    let refuses = |more: Value, message: &str| {
        refused(&world, "SimulatePrincipalPolicy", of_alice(&more), message);
    };
    refuses(
        json!({ "PolicySourceArn": session }),
        &format!("Invalid Entity Arn: {session} does not clearly define entity type and name."),
    );
    refuses(
        json!({ "PolicySourceArn": foreign }),
        "Invalid Policy Source Arn: caller's account 111122223333 does not have access to \
         policies in account 444455556666",
    );
    refuses(
        json!({ "CallerArn": session }),
        "Invalid caller - Caller must be an IAM user, role or group in this context.",
    );
    refuses(
        json!({ "ResourceArns": ["14a050d4"] }),
        "ResourceNames are not in a valid ARN format: 14a050d4.",
    );
    refuses(
        json!({ "ActionNames": ["kms:*"] }),
        "ActionNames are not in a valid format: kms:*.",
    );
    refuses(
        json!({ "ResourcePolicy": resource_policy(ACCOUNT, "*") }),
        "Invalid Entity Arn: * does not clearly define entity type and name.",
    );
    refuses(
        json!({ "ResourceHandlingOption": "EC2-Lunar" }),
        "'EC2-Lunar' is not a valid Resource Handling Option.",
    );
    refuses(
        malformed,
        "Invalid policy PolicyInputList.1: Syntax errors in policy.",
    );
    let input = of_policy(
        &allow("*", "*"),
        &json!({ "ResourceArns": [KEY], "ResourcePolicy": resource_policy(ACCOUNT, "*") }),
    );
    let message = "Invalid caller - Caller cannot be null or empty.";
    refused(&world, "SimulateCustomPolicy", input, message);
    let nobody = merged(
        &of_alice(&json!({})),
        &json!({ "PolicySourceArn": user_arn("Nobody") }),
    );
    let message = "The user with name Nobody cannot be found.";
    world.refuses(
        "SimulatePrincipalPolicy",
        nobody,
        ("NoSuchEntity", 404, message),
    );
}

#[test]
fn no_policy_at_all_denies() {
    let world = World::new();
    let input = json!({ "PolicyInputList": [], "ActionNames": ["kms:Decrypt"] });
    let found = result(&world, "SimulateCustomPolicy", input);
    assert_eq!(found["EvalDecision"], "implicitDeny");
}

#[test]
fn simulations_are_recorded_without_the_policies() {
    let world = world(&allow("kms:Decrypt", "*"));
    world.ok(
        "SimulateCustomPolicy",
        of_policy(&allow("kms:Canary", "*"), &json!({})),
    );
    let record = world.last_record();
    assert_eq!(record.event_name, "SimulateCustomPolicy");
    assert_eq!(
        record.request_parameters,
        json!({ "actionNames": ["kms:Decrypt"] })
    );
    assert!(!serde_json::to_string(&record).unwrap().contains("Canary"));
}

#[test]
fn a_page_ends_before_its_actions_are_too_much_work_together() {
    let world = World::new();
    let one = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": vec![one; 500] });
    let resources: Vec<String> = (0..100)
        .map(|number| format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{number}"))
        .collect();
    let actions = ["kms:A", "kms:B", "kms:C", "kms:D", "kms:E"];
    let mut marker = Value::Null;
    let mut pages = Vec::new();
    loop {
        let mut input = json!({
            "PolicyInputList": [policy.to_string()], "ActionNames": actions,
            "ResourceArns": resources,
        });
        if !marker.is_null() {
            input["Marker"] = marker;
        }
        let page = world.ok("SimulateCustomPolicy", input);
        pages.push(page["EvaluationResults"].as_array().unwrap().len());
        marker = page.get("Marker").cloned().unwrap_or_default();
        assert_eq!(page["IsTruncated"], !marker.is_null());
        if marker.is_null() {
            break;
        }
    }
    // Ten actions would say something of a thousand resources; the statements allow of two.
    assert_eq!(pages, [2, 2, 1]);
}

#[test]
fn condition_keys_are_work_too() {
    let world = World::new();
    let keys: serde_json::Map<String, Value> = (0..500)
        .map(|number| (format!("kms:Key{number}"), json!("x")))
        .collect();
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": { "StringEquals": keys },
    }));
    let resources: Vec<String> = (0..200)
        .map(|number| format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{number}"))
        .collect();
    let input = of_policy(&policy, &json!({ "ResourceArns": resources }));
    let refused = world.call("SimulateCustomPolicy", input).unwrap_err();
    assert_eq!(refused.code, "InvalidInput");
    assert!(
        refused
            .message
            .contains("501 statements and condition keys"),
        "{}",
        refused.message
    );
}

#[test]
fn long_names_of_condition_keys_are_more_work() {
    let world = World::new();
    let long = format!("kms:{}", "k".repeat(100_000));
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": { "StringEquals": { long: "x" } },
    }));
    let resources = |count: usize| -> Vec<String> {
        (0..count)
            .map(|number| format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{number}"))
            .collect()
    };
    // What is missing would be said of each resource: a hundred megabytes.
    let input = of_policy(&policy, &json!({ "ResourceArns": resources(1000) }));
    let refused = world.call("SimulateCustomPolicy", input).unwrap_err();
    assert_eq!(refused.code, "InvalidInput");
    let input = of_policy(&policy, &json!({ "ResourceArns": resources(2) }));
    world.ok("SimulateCustomPolicy", input);
}
