//! The organization: its tree, its policies, its accounts, and what they do to requests.

use pipeline::Caller;
use serde_json::{Value, json};
use types::AccountId;

use crate::world::{ACCOUNT, Outcome, World, account, allow, statement};

/// A deployment, and short names for what is asked of its organization.
struct Tree {
    world: World,
    root: String,
}

impl Tree {
    fn new() -> Self {
        let world = World::new();
        let roots = world.ok("organizations:ListRoots", json!({}));
        let root = text(&roots["Roots"][0]["Id"]);
        Self { world, root }
    }

    fn call(&self, operation: &str, input: Value) -> Outcome {
        self.world
            .call(&format!("organizations:{operation}"), input)
    }

    fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    /// Checks that the call fails with this code.
    fn refuses(&self, operation: &str, input: Value, code: &str) {
        let refused = self.call(operation, input).unwrap_err();
        assert_eq!(refused.code, code, "{refused:?}");
    }

    /// Checks that the call fails with this `Reason`.
    fn breaks(&self, operation: &str, input: Value, reason: &str) {
        let refused = self.call(operation, input).unwrap_err();
        assert_eq!(refused.reason, Some(reason), "{refused:?}");
    }

    fn account(&self, name: &str) -> AccountId {
        let input = json!({ "AccountName": name, "Email": format!("{name}@example.com") });
        let made = self.ok("CreateAccount", input);
        text(&made["CreateAccountStatus"]["AccountId"])
            .parse()
            .unwrap()
    }

    fn unit(&self, parent: &str, name: &str) -> String {
        let made = self.ok(
            "CreateOrganizationalUnit",
            json!({ "ParentId": parent, "Name": name }),
        );
        text(&made["OrganizationalUnit"]["Id"])
    }

    fn policy(&self, name: &str, kind: &str, content: &Value) -> String {
        let input = json!({
            "Name": name, "Description": "", "Type": kind, "Content": content.to_string(),
        });
        text(&self.ok("CreatePolicy", input)["Policy"]["PolicySummary"]["Id"])
    }

    fn attach(&self, policy: &str, target: &str) {
        self.ok("AttachPolicy", pair(policy, target));
    }

    fn detach(&self, policy: &str, target: &str) {
        self.ok("DetachPolicy", pair(policy, target));
    }

    fn attached(&self, target: &str, kind: &str) -> Vec<String> {
        let input = json!({ "TargetId": target, "Filter": kind });
        let listed = self.ok("ListPoliciesForTarget", input);
        let policies = listed["Policies"].as_array().unwrap().iter();
        policies.map(|policy| text(&policy["Id"])).collect()
    }

    /// Moves an account below `to`.
    fn moved(&self, account: AccountId, from: &str, to: &str) -> Outcome {
        self.call(
            "MoveAccount",
            json!({ "AccountId": account, "SourceParentId": from, "DestinationParentId": to }),
        )
    }
}

const SCP: &str = "SERVICE_CONTROL_POLICY";
const RCP: &str = "RESOURCE_CONTROL_POLICY";
const FULL: &str = "p-FullAWSAccess";
const RCP_FULL: &str = "p-RCPFullAWSAccess";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn pair(policy: &str, target: &str) -> Value {
    json!({ "PolicyId": policy, "TargetId": target })
}

fn deny(action: &str) -> Value {
    statement(&json!({ "Effect": "Deny", "Action": action, "Resource": "*" }))
}

/// Whether `caller` may list users, which its own policies allow.
fn may_list(world: &World, caller: &Caller) -> bool {
    match world.call_as(caller, "ListUsers", json!({})) {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.code, "AccessDenied", "{refused:?}");
            let why = "with an explicit deny in a service control policy";
            assert!(refused.message.contains(why), "{refused:?}");
            false
        }
    }
}

#[test]
fn the_first_account_manages_the_organization() {
    let tree = Tree::new();
    let organization = &tree.ok("DescribeOrganization", json!({}))["Organization"];
    assert_eq!(organization["MasterAccountId"], account().as_str());
    assert_eq!(organization["FeatureSet"], "ALL");
    let id = text(&organization["Id"]);
    let arn = format!("arn:aws:organizations::{}:organization/{id}", account());
    assert_eq!(organization["Arn"], arn);
    let input = json!({ "AccountId": account() });
    let described = &tree.ok("DescribeAccount", input)["Account"];
    assert_eq!(described["JoinedMethod"], "INVITED");
    assert_eq!(described["Status"], "ACTIVE");
    tree.refuses(
        "CreateOrganization",
        json!({}),
        "AlreadyInOrganizationException",
    );
}

#[test]
fn service_control_policies_are_enabled_from_the_beginning() {
    let tree = Tree::new();
    let roots = tree.ok("ListRoots", json!({}));
    let expected = json!([{ "Type": SCP, "Status": "ENABLED" }]);
    assert_eq!(roots["Roots"][0]["PolicyTypes"], expected);
    let root = tree.root.as_str();
    assert_eq!(tree.attached(root, SCP), [FULL]);
    assert!(tree.attached(root, RCP).is_empty());
    let input = json!({ "RootId": root, "PolicyType": SCP });
    tree.refuses(
        "EnablePolicyType",
        input,
        "PolicyTypeAlreadyEnabledException",
    );
}

#[test]
fn an_account_has_the_role_that_its_organization_gets_in_by() {
    let tree = Tree::new();
    let member = tree.account("team");
    let root = tree.world.root_of(member);
    let role = tree.world.call_as(
        &root,
        "GetRole",
        json!({ "RoleName": "OrganizationAccountAccessRole" }),
    );
    let role = &role.unwrap()["Role"];
    let trust = text(&role["AssumeRolePolicyDocument"]);
    let trusted = format!("arn%3Aaws%3Aiam%3A%3A{}%3Aroot", account());
    assert!(trust.contains(&trusted), "{trust}");
    let attached = tree.world.call_as(
        &root,
        "ListAttachedRolePolicies",
        json!({ "RoleName": "OrganizationAccountAccessRole" }),
    );
    assert_eq!(
        attached.unwrap()["AttachedPolicies"][0]["PolicyName"],
        "AdministratorAccess"
    );
}

#[test]
fn a_request_for_an_account_is_remembered() {
    let tree = Tree::new();
    let input = json!({ "AccountName": "a", "Email": "a@example.com", "RoleName": "Mine" });
    let made = tree.ok("CreateAccount", input);
    let status = &made["CreateAccountStatus"];
    assert_eq!(status["State"], "SUCCEEDED");
    let input = json!({ "CreateAccountRequestId": status["Id"] });
    let described = tree.ok("DescribeCreateAccountStatus", input);
    assert_eq!(described["CreateAccountStatus"], *status);
    tree.refuses(
        "DescribeCreateAccountStatus",
        json!({ "CreateAccountRequestId": "car-00000000000000000000000000000000" }),
        "CreateAccountStatusNotFoundException",
    );
}

#[test]
fn of_many_failed_requests_the_newest_are_remembered() {
    let tree = Tree::new();
    let request = |name: &str| {
        let input = json!({ "AccountName": name, "Email": "a@example.com" });
        tree.ok("CreateAccount", input)["CreateAccountStatus"].clone()
    };
    let made = request("made");
    let failed: Vec<Value> = (0..102).map(|_| request("failed")).collect();
    let is_known = |status: &Value| {
        let input = json!({ "CreateAccountRequestId": status["Id"] });
        tree.call("DescribeCreateAccountStatus", input).is_ok()
    };
    assert_eq!(made["State"], "SUCCEEDED");
    assert!(is_known(&made));
    for (number, status) in failed.iter().enumerate() {
        assert_eq!(status["State"], "FAILED");
        assert_eq!(is_known(status), number >= 2, "{number}");
    }
}

#[test]
fn two_accounts_do_not_share_an_address() {
    let tree = Tree::new();
    tree.account("team");
    let input = json!({ "AccountName": "other", "Email": "TEAM@example.com" });
    let status = &tree.ok("CreateAccount", input)["CreateAccountStatus"];
    assert_eq!(status["State"], "FAILED");
    assert_eq!(status["FailureReason"], "EMAIL_ALREADY_EXISTS");
    let accounts = tree.ok("ListAccounts", json!({}));
    assert_eq!(accounts["Accounts"].as_array().unwrap().len(), 2);
    let failed = tree.ok("ListCreateAccountStatus", json!({ "States": ["FAILED"] }));
    assert_eq!(failed["CreateAccountStatuses"].as_array().unwrap().len(), 1);
}

#[test]
fn a_reserved_role_name_is_refused() {
    let input = json!({
        "AccountName": "a", "Email": "a@example.com", "RoleName": "AWSServiceRoleForX",
    });
    Tree::new().breaks("CreateAccount", input, "INVALID_ROLE_NAME");
}

#[test]
fn members_may_ask_for_the_organization_and_for_nothing_else() {
    let tree = Tree::new();
    let root = tree.world.root_of(tree.account("team"));
    let call = |operation: &str, input| {
        let operation = format!("organizations:{operation}");
        tree.world.call_as(&root, &operation, input)
    };
    assert!(call("DescribeOrganization", json!({})).is_ok());
    let policy = json!({ "PolicyType": "TAG_POLICY" });
    let refused = call("DescribeEffectivePolicy", policy).unwrap_err();
    assert_eq!(refused.code, "EffectivePolicyNotFoundException");
    for (operation, input) in [
        ("ListAccounts", json!({})),
        ("ListRoots", json!({})),
        ("DescribeAccount", json!({ "AccountId": account() })),
        (
            "CreateAccount",
            json!({ "AccountName": "x", "Email": "x@example.com" }),
        ),
        ("DetachPolicy", pair(FULL, &tree.root)),
        ("DeleteOrganization", json!({})),
        ("CreateOrganization", json!({})),
    ] {
        let refused = call(operation, input).unwrap_err();
        let expected = if operation == "CreateOrganization" {
            "AlreadyInOrganizationException"
        } else {
            "AccessDeniedException"
        };
        assert_eq!(refused.code, expected, "{operation}");
    }
}

#[test]
fn a_service_control_policy_counts_on_the_next_request() {
    let tree = Tree::new();
    let root = tree.world.root_of(tree.account("team"));
    let member = root.principal.account().unwrap();
    assert!(may_list(&tree.world, &root));
    let policy = tree.policy("no-iam", SCP, &deny("iam:*"));
    for target in [member.as_str(), &tree.root] {
        tree.attach(&policy, target);
        assert!(!may_list(&tree.world, &root), "{target}");
        tree.detach(&policy, target);
        assert!(may_list(&tree.world, &root), "{target}");
    }
}

#[test]
fn changed_content_counts_on_the_next_request() {
    let tree = Tree::new();
    let root = tree.world.root_of(tree.account("team"));
    let policy = tree.policy("p", SCP, &deny("kms:*"));
    tree.attach(&policy, &tree.root);
    assert!(may_list(&tree.world, &root));
    let content = deny("iam:*").to_string();
    tree.ok(
        "UpdatePolicy",
        json!({ "PolicyId": policy, "Content": content }),
    );
    assert!(!may_list(&tree.world, &root));
}

#[test]
fn every_level_has_to_allow() {
    let tree = Tree::new();
    let member = tree.account("team");
    let root = tree.world.root_of(member);
    let unit = tree.unit(&tree.root, "unit");
    let only_kms = tree.policy("only-kms", SCP, &allow("kms:*", "*"));
    tree.attach(&only_kms, &unit);
    tree.detach(FULL, &unit);
    assert!(may_list(&tree.world, &root));
    tree.moved(member, &tree.root, &unit).unwrap();
    assert!(!may_list(&tree.world, &root));
    tree.moved(member, &unit, &tree.root).unwrap();
    assert!(may_list(&tree.world, &root));
}

#[test]
fn policies_do_not_bind_the_management_account() {
    let tree = Tree::new();
    let policy = tree.policy("nothing", SCP, &deny("*"));
    tree.attach(&policy, &tree.root);
    tree.attach(&policy, account().as_str());
    assert!(may_list(&tree.world, &tree.world.administrator));
}

#[test]
fn a_resource_control_policy_binds_the_use_of_resources() {
    let tree = Tree::new();
    let root = tree.world.root_of(tree.account("team"));
    let get = || tree.world.call_as(&root, "GetUser", json!({}));
    let content = statement(&json!({
        "Effect": "Deny", "Principal": "*", "Action": "iam:*", "Resource": "*",
    }));
    let policy = tree.policy("no-iam", RCP, &content);
    let target = pair(&policy, &tree.root);
    tree.refuses("AttachPolicy", target, "PolicyTypeNotEnabledException");
    tree.ok(
        "EnablePolicyType",
        json!({ "RootId": tree.root, "PolicyType": RCP }),
    );
    assert_eq!(tree.attached(&tree.root, RCP), [RCP_FULL]);
    assert!(get().is_ok());
    tree.attach(&policy, &tree.root);
    let refused = get().unwrap_err();
    let why = "with an explicit deny in a resource control policy";
    assert!(refused.message.contains(why), "{refused:?}");
    let own = tree.world.call("GetUser", json!({}));
    assert!(own.is_ok(), "the management account's resources are free");
    tree.breaks(
        "DetachPolicy",
        pair(RCP_FULL, &tree.root),
        "NON_DETACHABLE_POLICY",
    );
}

#[test]
fn disabling_a_type_detaches_its_policies() {
    let tree = Tree::new();
    let root = tree.world.root_of(tree.account("team"));
    let policy = tree.policy("no-iam", SCP, &deny("iam:*"));
    tree.attach(&policy, &tree.root);
    let which = json!({ "RootId": tree.root, "PolicyType": SCP });
    tree.ok("DisablePolicyType", which.clone());
    assert!(may_list(&tree.world, &root));
    tree.refuses(
        "DisablePolicyType",
        which.clone(),
        "PolicyTypeNotEnabledException",
    );
    tree.ok("EnablePolicyType", which);
    assert_eq!(tree.attached(&tree.root, SCP), [FULL]);
    assert!(may_list(&tree.world, &root));
    tree.ok("DeletePolicy", json!({ "PolicyId": policy }));
}

#[test]
fn the_organization_is_a_condition() {
    let tree = Tree::new();
    let world = &tree.world;
    let id = text(&tree.ok("DescribeOrganization", json!({}))["Organization"]["Id"]);
    let path = format!("{id}/{}/", tree.root);
    let may = |name: &str, condition: Value| {
        let policy = statement(&json!({
            "Effect": "Allow", "Action": "iam:GetUser", "Resource": "*", "Condition": condition,
        }));
        let user = world.user(name, Some(policy));
        world.call_as(&user, "GetUser", json!({})).is_ok()
    };
    assert!(may(
        "a",
        json!({ "StringEquals": { "aws:PrincipalOrgID": id } })
    ));
    assert!(!may(
        "b",
        json!({ "StringEquals": { "aws:PrincipalOrgID": "o-other" } })
    ));
    assert!(may(
        "c",
        json!({ "StringEquals": { "aws:ResourceOrgID": id } })
    ));
    let paths = json!({ "ForAnyValue:StringEquals": { "aws:PrincipalOrgPaths": path } });
    assert!(may("d", paths));
    let paths =
        json!({ "ForAnyValue:StringLike": { "aws:ResourceOrgPaths": [format!("{id}/*")] } });
    assert!(may("e", paths));
}

#[test]
fn the_organization_of_what_a_service_acts_for_is_a_condition() {
    let tree = Tree::new();
    let world = &tree.world;
    let id = text(&tree.ok("DescribeOrganization", json!({}))["Organization"]["Id"]);
    let mut operations = testkit::Operations::default();
    iam::register(&mut operations);
    let may = |name: &str, condition: Value, source: Option<&str>| {
        let policy = statement(&json!({
            "Effect": "Allow", "Action": "iam:GetUser", "Resource": "*", "Condition": condition,
        }));
        let user = world.user(name, Some(policy));
        let ctx = testkit::context(&world.services, &user, &world.region);
        let ctx = match source {
            Some(source) => ctx.about(source.parse().unwrap()),
            None => ctx,
        };
        world
            .block_on(operations.run("GetUser", ctx, json!({})))
            .is_ok()
    };
    let own = format!("arn:aws:sagemaker:us-east-1:{ACCOUNT}:feature-group/g");
    let other = "arn:aws:sagemaker:us-east-1:999999999999:feature-group/g";
    let ours = || json!({ "StringEquals": { "aws:SourceOrgID": id } });
    let within =
        || json!({ "ForAnyValue:StringLike": { "aws:SourceOrgPaths": format!("{id}/*") } });
    assert!(may("a", ours(), Some(&own)) && may("b", within(), Some(&own)));
    assert!(!may("c", ours(), None) && !may("d", within(), None));
    // An account that is not of the organization is in none.
    assert!(!may("e", ours(), Some(other)) && !may("f", within(), Some(other)));
}

#[test]
fn a_closed_account_acts_no_more() {
    let tree = Tree::new();
    let member = tree.account("team");
    let root = tree.world.root_of(member);
    assert!(may_list(&tree.world, &root));
    let input = json!({ "AccountId": member });
    tree.ok("CloseAccount", input.clone());
    let refused = tree
        .world
        .call_as(&root, "ListUsers", json!({}))
        .unwrap_err();
    assert_eq!(refused.code, "UnrecognizedClientException");
    let key = root.access_key.as_ref().unwrap();
    assert!(tree.world.caller(key).is_none());
    let described = tree.ok("DescribeAccount", input.clone());
    assert_eq!(described["Account"]["Status"], "SUSPENDED");
    tree.refuses("CloseAccount", input, "AccountAlreadyClosedException");
}

#[test]
fn the_management_account_stays() {
    let tree = Tree::new();
    let member = tree.account("team");
    let input = json!({ "AccountId": account() });
    tree.breaks(
        "CloseAccount",
        input.clone(),
        "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
    );
    tree.refuses(
        "RemoveAccountFromOrganization",
        input,
        "MasterCannotLeaveOrganizationException",
    );
    let input = json!({ "AccountId": member });
    let reason = "ACCOUNT_CANNOT_LEAVE_ORGANIZATION";
    tree.breaks("RemoveAccountFromOrganization", input, reason);
}

#[test]
fn units_nest_five_deep() {
    let tree = Tree::new();
    let mut parent = tree.root.clone();
    for level in 1..=5 {
        parent = tree.unit(&parent, &format!("level {level}"));
    }
    let input = json!({ "ParentId": parent, "Name": "too deep" });
    tree.breaks("CreateOrganizationalUnit", input, "OU_DEPTH_LIMIT_EXCEEDED");
    let described = tree.ok(
        "DescribeOrganizationalUnit",
        json!({ "OrganizationalUnitId": parent }),
    );
    let path = text(&described["OrganizationalUnit"]["Path"]);
    assert_eq!(path.matches("/ou-").count(), 5, "{path}");
    let parents = tree.ok("ListParents", json!({ "ChildId": parent }));
    assert_eq!(parents["Parents"][0]["Type"], "ORGANIZATIONAL_UNIT");
}

#[test]
fn units_of_one_parent_have_different_names() {
    let tree = Tree::new();
    let first = tree.unit(&tree.root, "one");
    let second = tree.unit(&tree.root, "two");
    let code = "DuplicateOrganizationalUnitException";
    let input = json!({ "ParentId": tree.root, "Name": "one" });
    tree.refuses("CreateOrganizationalUnit", input, code);
    let rename = |name: &str| json!({ "OrganizationalUnitId": second, "Name": name });
    tree.refuses("UpdateOrganizationalUnit", rename("one"), code);
    tree.ok("UpdateOrganizationalUnit", rename("two"));
    tree.unit(&first, "one");
}

#[test]
fn a_unit_is_deleted_when_it_is_empty() {
    let tree = Tree::new();
    let member = tree.account("team");
    let unit = tree.unit(&tree.root, "unit");
    tree.moved(member, &tree.root, &unit).unwrap();
    let input = json!({ "OrganizationalUnitId": unit });
    tree.refuses(
        "DeleteOrganizationalUnit",
        input.clone(),
        "OrganizationalUnitNotEmptyException",
    );
    tree.moved(member, &unit, &tree.root).unwrap();
    tree.ok("DeleteOrganizationalUnit", input.clone());
    tree.refuses(
        "DescribeOrganizationalUnit",
        input,
        "OrganizationalUnitNotFoundException",
    );
}

#[test]
fn moves_are_refused_by_what_is_wrong_with_them() {
    let tree = Tree::new();
    let member = tree.account("team");
    let unit = tree.unit(&tree.root, "unit");
    let root = tree.root.as_str();
    let check = |from: &str, to: &str, code: &str| {
        assert_eq!(tree.moved(member, from, to).unwrap_err().code, code);
    };
    check(&unit, root, "AccountNotFoundException");
    check(root, root, "DuplicateAccountException");
    check("r-none", root, "SourceParentNotFoundException");
    check(root, "r-none", "DestinationParentNotFoundException");
    let nobody = "999999999999".parse().unwrap();
    let refused = tree.moved(nobody, root, &unit).unwrap_err();
    assert_eq!(refused.code, "AccountNotFoundException");
}

#[test]
fn a_move_needs_the_right_to_the_account_and_to_both_places() {
    let tree = Tree::new();
    let member = tree.account("team");
    let unit = tree.unit(&tree.root, "unit");
    let account = tree.ok("DescribeAccount", json!({ "AccountId": member }));
    let input = json!({ "OrganizationalUnitId": unit });
    let described = tree.ok("DescribeOrganizationalUnit", input);
    let roots = tree.ok("ListRoots", json!({}));
    let places = [
        account["Account"]["Arn"].clone(),
        roots["Roots"][0]["Arn"].clone(),
        described["OrganizationalUnit"]["Arn"].clone(),
    ];
    let moves = |name: &str, resources: Vec<Value>| {
        let policy = statement(&json!({
            "Effect": "Allow", "Action": "organizations:MoveAccount", "Resource": resources,
        }));
        let user = tree.world.user(name, Some(policy));
        let input = json!({
            "AccountId": member, "SourceParentId": tree.root, "DestinationParentId": unit,
        });
        let outcome = tree
            .world
            .call_as(&user, "organizations:MoveAccount", input);
        outcome.err().map(|refused| refused.code)
    };
    for missing in 0..places.len() {
        let mut left = places.to_vec();
        left.remove(missing);
        let refused = moves(&format!("u{missing}"), left);
        assert_eq!(refused.as_deref(), Some("AccessDeniedException"));
    }
    assert_eq!(moves("all", places.to_vec()), None);
}

#[test]
fn children_are_listed_by_kind_and_page() {
    let tree = Tree::new();
    let units: Vec<String> = (0..3)
        .map(|number| tree.unit(&tree.root, &number.to_string()))
        .collect();
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({
            "ParentId": tree.root, "ChildType": "ORGANIZATIONAL_UNIT", "MaxResults": 2,
        });
        if !token.is_null() {
            input["NextToken"] = token;
        }
        let page = tree.ok("ListChildren", input);
        found.extend(
            page["Children"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| text(&c["Id"])),
        );
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let mut expected = units;
    expected.sort();
    assert_eq!(found, expected);
    let input = json!({ "ParentId": tree.root, "ChildType": "ACCOUNT", "NextToken": "x" });
    tree.breaks("ListChildren", input, "INVALID_NEXT_TOKEN");
}

#[test]
fn five_policies_are_attached_at_most_and_one_at_least() {
    let tree = Tree::new();
    tree.breaks(
        "DetachPolicy",
        pair(FULL, &tree.root),
        "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
    );
    let policies: Vec<String> = (0..5)
        .map(|number| tree.policy(&number.to_string(), SCP, &deny("kms:*")))
        .collect();
    for policy in &policies[..4] {
        tree.attach(policy, &tree.root);
    }
    tree.breaks(
        "AttachPolicy",
        pair(&policies[4], &tree.root),
        "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
    );
    tree.refuses(
        "AttachPolicy",
        pair(&policies[0], &tree.root),
        "DuplicatePolicyAttachmentException",
    );
    tree.refuses(
        "DetachPolicy",
        pair(&policies[4], &tree.root),
        "PolicyNotAttachedException",
    );
    tree.refuses(
        "DeletePolicy",
        json!({ "PolicyId": policies[0] }),
        "PolicyInUseException",
    );
    let targets = tree.ok("ListTargetsForPolicy", json!({ "PolicyId": policies[0] }));
    assert_eq!(targets["Targets"][0]["Type"], "ROOT");
}

#[test]
fn what_does_not_exist_is_named() {
    let tree = Tree::new();
    let policy = tree.policy("p", SCP, &deny("kms:*"));
    tree.refuses(
        "AttachPolicy",
        pair("p-12345678", &tree.root),
        "PolicyNotFoundException",
    );
    tree.refuses(
        "AttachPolicy",
        pair(&policy, "r-none"),
        "TargetNotFoundException",
    );
    tree.breaks(
        "AttachPolicy",
        pair(&policy, "nonsense"),
        "INVALID_PATTERN_TARGET_ID",
    );
    let input = json!({ "ParentId": "ou-none-12345678", "Name": "x" });
    tree.refuses("CreateOrganizationalUnit", input, "ParentNotFoundException");
    let input = json!({ "AccountId": "999999999999" });
    tree.refuses("DescribeAccount", input, "AccountNotFoundException");
}

#[test]
fn policies_are_refused_by_what_is_wrong_with_them() {
    let tree = Tree::new();
    let create = |kind: &str, content: &str| {
        let input = json!({ "Name": "p", "Description": "", "Type": kind, "Content": content });
        tree.call("CreatePolicy", input)
    };
    let malformed = create(SCP, "{}").unwrap_err();
    assert_eq!(malformed.code, "MalformedPolicyDocumentException");
    let other = create("TAG_POLICY", "{}").unwrap_err();
    assert_eq!(other.code, "PolicyTypeNotAvailableForOrganizationException");
    let content = deny("kms:*").to_string();
    create(SCP, &content).unwrap();
    assert_eq!(
        create(SCP, &content).unwrap_err().code,
        "DuplicatePolicyException"
    );
    let allowing = statement(&json!({
        "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*",
    }));
    let refused = create(RCP, &allowing.to_string()).unwrap_err();
    assert_eq!(refused.code, "MalformedPolicyDocumentException");
}

#[test]
fn the_policies_of_aws_are_there_and_stay_as_they_are() {
    let tree = Tree::new();
    let described = &tree.ok("DescribePolicy", json!({ "PolicyId": FULL }))["Policy"];
    assert_eq!(described["PolicySummary"]["AwsManaged"], true);
    assert_eq!(
        described["PolicySummary"]["Arn"],
        "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess"
    );
    for (operation, input) in [
        ("UpdatePolicy", json!({ "PolicyId": FULL, "Name": "x" })),
        ("DeletePolicy", json!({ "PolicyId": RCP_FULL })),
    ] {
        tree.breaks(operation, input, "IMMUTABLE_POLICY");
    }
}

#[test]
fn what_is_no_id_is_refused_before_it_is_missing() {
    let tree = Tree::new();
    for made_up in ["000x00000A00", "p", "o-1234567890"] {
        let input = json!({ "ResourceId": made_up });
        tree.breaks("ListTagsForResource", input, "INVALID_PATTERN");
        let input = json!({ "ResourceId": made_up, "Tags": [{ "Key": "a", "Value": "b" }] });
        tree.breaks("TagResource", input, "INVALID_PATTERN");
        let input = json!({ "ResourceId": made_up, "TagKeys": ["a"] });
        tree.breaks("UntagResource", input, "INVALID_PATTERN");
        tree.breaks(
            "ListParents",
            json!({ "ChildId": made_up }),
            "INVALID_PATTERN",
        );
    }
    let unknown = json!({ "ChildId": "999999999999" });
    tree.refuses("ListParents", unknown, "ChildNotFoundException");
}

#[test]
fn tags_are_conditions_of_the_organizations_resources() {
    let tree = Tree::new();
    let unit = tree.unit(&tree.root, "unit");
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    tree.ok("TagResource", json!({ "ResourceId": unit, "Tags": tags }));
    let listed = tree.ok("ListTagsForResource", json!({ "ResourceId": unit }));
    assert_eq!(listed["Tags"], tags);
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "organizations:DescribeOrganizationalUnit", "Resource": "*",
        "Condition": { "StringEquals": { "aws:ResourceTag/team": "red" } },
    }));
    let user = tree.world.user("reader", Some(policy));
    let describe = || {
        let input = json!({ "OrganizationalUnitId": unit });
        let operation = "organizations:DescribeOrganizationalUnit";
        tree.world.call_as(&user, operation, input)
    };
    assert!(describe().is_ok());
    tree.ok(
        "UntagResource",
        json!({ "ResourceId": unit, "TagKeys": ["team"] }),
    );
    assert_eq!(describe().unwrap_err().code, "AccessDeniedException");
}

#[test]
fn an_empty_organization_can_be_deleted_and_made_again() {
    let tree = Tree::new();
    let policy = tree.policy("p", SCP, &deny("kms:*"));
    tree.refuses(
        "DeleteOrganization",
        json!({}),
        "OrganizationNotEmptyException",
    );
    tree.ok("DeletePolicy", json!({ "PolicyId": policy }));
    tree.ok("DeleteOrganization", json!({}));
    tree.refuses(
        "DescribeOrganization",
        json!({}),
        "AWSOrganizationsNotInUseException",
    );
    let billing = json!({ "FeatureSet": "CONSOLIDATED_BILLING" });
    tree.breaks("CreateOrganization", billing, "INVALID_ENUM");
    tree.ok("CreateOrganization", json!({ "FeatureSet": "ALL" }));
    tree.ok("DescribeOrganization", json!({}));
}

#[test]
fn names_and_addresses_stay_out_of_the_record() {
    let tree = Tree::new();
    tree.account("secretive");
    let record = serde_json::to_string(&tree.world.last_record()).unwrap();
    assert!(
        record.contains("HIDDEN_DUE_TO_SECURITY_REASONS"),
        "{record}"
    );
    assert!(!record.contains("secretive"), "{record}");
}
