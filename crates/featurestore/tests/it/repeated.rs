//! Permissions that are given again: only while nothing changes that they depend on.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

use iam::SessionTokens;
use pipeline::Caller;
use pipeline::sources::{
    AttachedDocument, GrantQuery, IdentityPolicies, IdentitySource, MatchedGrant, ResourceFacts,
    ResourceSource,
};
use serde_json::{Value, json};
use store::{Revision, Snapshot, View};
use types::{AccountId, Arn, Principal};

use crate::world::{World, day, group_arn, read, text};

thread_local! {
    /// How often something was asked about a KMS key; each test has a thread of its own.
    static ASKED: Cell<usize> = const { Cell::new(0) };

    /// The policies of principals that were handed out.
    static HANDED_OUT: RefCell<Vec<Weak<IdentityPolicies>>> = const { RefCell::new(Vec::new()) };
}

/// Identities that remember which policies they have handed out.
#[derive(Debug)]
pub(crate) struct Watched(pub(crate) iam::Identities);

impl IdentitySource for Watched {
    fn policies(&self, view: &View, principal: &Principal) -> Arc<IdentityPolicies> {
        let policies = self.0.policies(view, principal);
        HANDED_OUT.with_borrow_mut(|all| all.push(Arc::downgrade(&policies)));
        policies
    }

    fn managed(&self, view: &View, account: AccountId, arn: &Arn) -> Option<AttachedDocument> {
        self.0.managed(view, account, arn)
    }

    fn is_active(&self, view: &View, caller: &Caller) -> bool {
        self.0.is_active(view, caller)
    }
}

/// Key policies that count how often they are asked for.
#[derive(Debug)]
pub(crate) struct Counted(pub(crate) kms::KeyPolicies);

impl ResourceSource for Counted {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        self.0.facts(view, arn)
    }

    fn grants(&self, view: &View, query: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        self.0.grants(view, query)
    }

    fn last_change(&self, snapshot: &Snapshot) -> Option<Revision> {
        self.0.last_change(snapshot)
    }
}

/// How often key policies were asked for while `work` ran.
fn asked(work: impl FnOnce()) -> usize {
    let before = ASKED.with(Cell::get);
    work();
    ASKED.with(Cell::get) - before
}

/// The group `g` under a key of its own with the alias `alias/a`, both tagged, and its key.
fn world() -> (World, String) {
    let world = World::new();
    let key = world.key();
    let alias = json!({ "AliasName": "alias/a", "TargetKeyId": key });
    world.ok("CreateAlias", alias);
    let tags = json!([{ "TagKey": "team", "TagValue": "red" }]);
    world.ok("TagResource", json!({ "KeyId": key, "Tags": tags }));
    world.group_under("g", &key);
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    let tagged = json!({ "ResourceArn": group_arn("g"), "Tags": tags });
    world.ok("AddTags", tagged);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    (world, key)
}

fn allow(action: &str, condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition })
}

fn always() -> Value {
    json!({})
}

fn may_read(world: &World, user: &Caller) -> bool {
    match world.call_as(user, "GetRecord", read("g", "a")) {
        Ok(answer) => answer.get("Record").is_some(),
        Err(refused) => {
            assert_eq!(refused.code, "AccessForbidden", "{refused:?}");
            false
        }
    }
}

/// Checks that a user with these conditions on the group and on its key reads until `take`.
fn check(on_group: &Value, on_key: &Value, take: impl FnOnce(&World, &str)) {
    let (world, key) = world();
    let statements = json!([
        allow("sagemaker:GetRecord", on_group),
        allow("kms:Decrypt", on_key)
    ]);
    let user = world.user("reader", &statements);
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    world.ok("TagUser", json!({ "UserName": "reader", "Tags": tags }));
    for _ in 0..3 {
        assert!(may_read(&world, &user));
    }
    take(&world, &key);
    for _ in 0..2 {
        assert!(!may_read(&world, &user));
    }
}

#[test]
fn the_same_request_is_decided_once_until_something_changes() {
    let (world, key) = world();
    let statements = json!([
        allow("sagemaker:GetRecord", &always()),
        allow("kms:Decrypt", &always())
    ]);
    let user = world.user("reader", &statements);
    let reads = || assert!(may_read(&world, &user));
    reads();
    assert_eq!(asked(reads), 0);
    // What has nothing to do with it changes nothing of it.
    world.put("g", &[("id", "b"), ("at", &day(1))]).unwrap();
    assert_eq!(asked(reads), 0);
    world.ok("CreateUser", json!({ "UserName": "other" }));
    assert!(asked(reads) > 0);
    world.key();
    assert!(asked(reads) > 0);
    assert_eq!(asked(reads), 0);
    let grant = json!({ "KeyId": key, "Operations": ["Encrypt"],
                        "GranteePrincipal": "arn:aws:iam::111122223333:user/other" });
    world.ok("CreateGrant", grant);
    assert!(asked(reads) > 0);
    // Whoever is denied is decided anew each time.
    world.put_policy("reader", &json!([allow("sagemaker:GetRecord", &always())]));
    for _ in 0..2 {
        assert!(asked(|| assert!(!may_read(&world, &user))) > 0);
    }
}

#[test]
fn a_condition_on_the_time_is_asked_each_time() {
    let until = json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-10T00:01:00Z" } });
    check(&until, &always(), |world, _| world.wait(61));
    check(&always(), &until, |world, _| world.wait(61));
}

#[test]
fn a_condition_of_the_key_policy_on_the_time_is_asked_each_time() {
    let (world, key) = world();
    let user = world.user("reader", &json!([allow("sagemaker:GetRecord", &always())]));
    let mut mine = allow(
        "kms:Decrypt",
        &json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-10T00:01:00Z" } }),
    );
    mine["Principal"] = json!({ "AWS": "arn:aws:iam::111122223333:user/reader" });
    let mut root = allow("kms:*", &always());
    root["Principal"] = json!({ "AWS": "111122223333" });
    let policy = json!({ "Version": "2012-10-17", "Statement": [mine, root] }).to_string();
    let input = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy });
    world.ok("PutKeyPolicy", input);
    for _ in 0..3 {
        assert!(may_read(&world, &user));
    }
    world.wait(61);
    assert!(!may_read(&world, &user));
}

#[test]
fn a_condition_on_an_alias_of_the_key_is_asked_each_time() {
    let named = json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/a" } });
    check(&always(), &named, |world, _| {
        world.ok("DeleteAlias", json!({ "AliasName": "alias/a" }));
    });
}

#[test]
fn a_condition_on_a_tag_is_asked_each_time() {
    let tagged = |key: &str| json!({ "StringEquals": { key: "red" } });
    check(&tagged("aws:ResourceTag/team"), &always(), |world, _| {
        let input = json!({ "ResourceArn": group_arn("g"), "TagKeys": ["team"] });
        world.ok("DeleteTags", input);
    });
    check(&always(), &tagged("aws:ResourceTag/team"), |world, key| {
        world.ok(
            "UntagResource",
            json!({ "KeyId": key, "TagKeys": ["team"] }),
        );
    });
    for (on_group, on_key) in [
        (tagged("aws:PrincipalTag/team"), always()),
        (always(), tagged("aws:PrincipalTag/team")),
    ] {
        check(&on_group, &on_key, |world, _| {
            let input = json!({ "UserName": "reader", "TagKeys": ["team"] });
            world.ok("UntagUser", input);
        });
    }
}

#[test]
fn what_a_grant_gave_is_gone_with_it() {
    let (world, key) = world();
    let user = world.user("reader", &json!([allow("sagemaker:GetRecord", &always())]));
    let input = json!({ "KeyId": key, "Operations": ["Decrypt"],
                        "GranteePrincipal": "arn:aws:iam::111122223333:user/reader" });
    let grant = text(&world.ok("CreateGrant", input)["GrantId"]);
    let reads = || assert!(may_read(&world, &user));
    reads();
    assert_eq!(asked(reads), 0);
    world.ok("RevokeGrant", json!({ "KeyId": key, "GrantId": grant }));
    assert!(!may_read(&world, &user));
}

#[test]
fn what_is_allowed_for_one_group_says_nothing_of_another_under_the_same_key() {
    let (world, key) = world();
    world.group_under("h", &key);
    world.put("h", &[("id", "a"), ("at", &day(1))]).unwrap();
    let of_g = json!({ "StringEquals": {
        "kms:EncryptionContext:aws:sagemaker:featureGroupArn": group_arn("g") } });
    let statements = json!([
        allow("sagemaker:GetRecord", &always()),
        allow("kms:Decrypt", &of_g)
    ]);
    let user = world.user("reader", &statements);
    let reads = || assert!(may_read(&world, &user));
    reads();
    assert_eq!(asked(reads), 0);
    for _ in 0..2 {
        assert!(world.call_as(&user, "GetRecord", read("h", "a")).is_err());
        reads();
    }
}

#[test]
fn what_is_allowed_to_one_caller_says_nothing_of_another() {
    let (world, _) = world();
    let both = json!([
        allow("sagemaker:GetRecord", &always()),
        allow("kms:Decrypt", &always())
    ]);
    let user = world.user("reader", &both);
    let other = world.user("other", &json!([allow("sagemaker:GetRecord", &always())]));
    for _ in 0..2 {
        assert!(may_read(&world, &user));
        assert!(!may_read(&world, &other));
    }
    // Nor does reading of writing.
    let write = json!({ "FeatureGroupName": "g", "Record": [
        { "FeatureName": "id", "ValueAsString": "a" }, { "FeatureName": "at", "ValueAsString": day(2) }] });
    assert!(world.call_as(&user, "PutRecord", write).is_err());
}

#[test]
fn policies_that_were_replaced_are_kept_by_no_permission() {
    let (world, _) = world();
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "sts:AssumeRole" } });
    let role = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust.to_string() });
    world.ok("CreateRole", role);
    for round in 0..20 {
        let mut both =
            ["sagemaker:GetRecord", "kms:Decrypt"].map(|action| allow(action, &always()));
        both[0]["Sid"] = json!(format!("Round{round}"));
        let policy = json!({ "Version": "2012-10-17", "Statement": both });
        let policy = json!({ "RoleName": "R", "PolicyName": "inline",
                             "PolicyDocument": policy.to_string() });
        world.ok("PutRolePolicy", policy);
        let session = session(&world, "arn:aws:iam::111122223333:role/R");
        assert!(may_read(&world, &session));
    }
    let alive = HANDED_OUT.with_borrow(|all| {
        let mut alive: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
        alive.sort_by_key(|policies| Arc::as_ptr(policies).addr());
        alive.dedup_by(|one, other| Arc::ptr_eq(one, other));
        alive.len()
    });
    // Those of the role and of the administrator, as their source keeps them.
    assert!((1..=4).contains(&alive), "{alive}");
}

/// A session of the role at `role`.
fn session(world: &World, role: &str) -> Caller {
    let input = json!({ "RoleArn": role, "RoleSessionName": "reader" });
    let answer = world.ok("AssumeRole", input);
    let id = text(&answer["Credentials"]["AccessKeyId"]).parse().unwrap();
    let token = text(&answer["Credentials"]["SessionToken"]);
    let tokens = world.services.part::<SessionTokens>().unwrap();
    let found = iam::find_session(&world.view(), tokens, &id, &token);
    found.unwrap().caller
}
