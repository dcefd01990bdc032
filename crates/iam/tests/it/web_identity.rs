//! What someone for whom an identity provider vouches gets of a role.

use pipeline::Caller;
use pipeline::sources::WriteBudgets;
use serde_json::{Value, json};
use types::{Principal, WebIdentity};

use crate::web_identity_tokens::{AUDIENCE, ISSUER, good_token, provider};
use crate::world::{ACCOUNT, Outcome, World, allow, check_refused, statement};

const SUBJECT: &str = "system:serviceaccount:ml:trainer";

fn provider_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}")
}

fn role_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/R")
}

fn identity() -> WebIdentity {
    WebIdentity {
        provider: provider_arn().parse().unwrap(),
        audience: AUDIENCE.to_owned(),
        original_audience: None,
        subject: SUBJECT.to_owned(),
        methods: Vec::new(),
        tags: Vec::new(),
        transitive: Vec::new(),
        source_identity: None,
    }
}

fn caller(identity: WebIdentity) -> Caller {
    Caller::new(Principal::WebIdentity(Box::new(identity)), None)
}

/// A trust policy with one statement for the provider.
fn trust(actions: &Value, condition: &Value) -> String {
    statement(&json!({
        "Effect": "Allow", "Principal": { "Federated": provider_arn() },
        "Action": actions, "Condition": condition,
    }))
    .to_string()
}

fn plain_trust() -> String {
    trust(&json!("sts:AssumeRoleWithWebIdentity"), &json!({}))
}

/// A deployment with the provider and a role `R` with this trust policy.
fn world(trust: &str) -> World {
    world_with(World::new(), trust)
}

/// The same of `world`.
fn world_with(world: World, trust: &str) -> World {
    provider(&world, ISSUER);
    let input = json!({ "RoleName": "R", "AssumeRolePolicyDocument": trust });
    world.ok("CreateRole", input);
    world
}

fn retrust(world: &World, trust: &str) {
    let input = json!({ "RoleName": "R", "PolicyDocument": trust });
    world.ok("UpdateAssumeRolePolicy", input);
}

fn call(world: &World, identity: &WebIdentity, more: &Value) -> Outcome {
    let mut input = json!({
        "RoleArn": role_arn(), "RoleSessionName": "s1", "WebIdentityToken": good_token(),
    });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    let caller = caller(identity.clone());
    world.call_as(&caller, "AssumeRoleWithWebIdentity", input)
}

fn denied(outcome: Outcome, action: &str) {
    let refused = outcome.unwrap_err();
    let message = format!("Not authorized to perform {action}");
    assert_eq!(
        (refused.code.as_str(), refused.message),
        ("AccessDenied", message)
    );
}

fn assume(world: &World) -> Outcome {
    call(world, &identity(), &json!({}))
}

const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";

#[test]
fn a_role_that_trusts_the_provider_is_assumed() {
    let world = world(&plain_trust());
    let answer = assume(&world).unwrap();
    assert_eq!(answer["SubjectFromWebIdentityToken"], SUBJECT);
    assert_eq!(answer["Provider"], provider_arn());
    assert_eq!(answer["Audience"], AUDIENCE);
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/R/s1");
    assert_eq!(answer["AssumedRoleUser"]["Arn"], arn);
    assert_eq!(answer["Credentials"]["Expiration"], 1_700_003_600);
    assert!(answer.get("SourceIdentity").is_none());
    assert!(answer.get("PackedPolicySize").is_none());
    let session = world.session(&answer).unwrap();
    let who = world
        .call_as(&session, "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(who["Arn"], arn);
}

#[test]
fn only_a_trust_policy_that_names_the_provider_and_the_action_admits() {
    let world = world(&plain_trust());
    let other = provider(&world, "other.example.com");
    for (principal, action) in [
        (json!({ "Federated": other }), ASSUME),
        (json!({ "AWS": ACCOUNT }), "sts:AssumeRole"),
        (json!({ "AWS": ACCOUNT }), ASSUME),
        (json!("*"), ASSUME),
        (json!({ "Federated": "accounts.google.com" }), ASSUME),
        (json!({ "Federated": provider_arn() }), "sts:AssumeRole"),
        (json!({ "Federated": provider_arn() }), "sts:TagSession"),
    ] {
        let document = statement(&json!({
            "Effect": "Allow", "Principal": principal, "Action": action,
        }));
        retrust(&world, &document.to_string());
        denied(assume(&world), ASSUME);
    }
    let deny = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Federated": provider_arn() }, "Action": ASSUME },
        { "Effect": "Deny", "Principal": "*", "Action": ASSUME },
    ]});
    retrust(&world, &deny.to_string());
    denied(assume(&world), ASSUME);
    retrust(&world, &plain_trust());
    assume(&world).unwrap();
}

#[test]
fn a_role_that_does_not_exist_is_like_one_that_trusts_nobody() {
    let world = world(&trust(&json!("sts:TagSession"), &json!({})));
    let nobodys = assume(&world).unwrap_err();
    let missing = format!("arn:aws:iam::{ACCOUNT}:role/missing");
    let absent = call(&world, &identity(), &json!({ "RoleArn": missing })).unwrap_err();
    let foreign = "arn:aws:iam::444455556666:role/R";
    let elsewhere = call(&world, &identity(), &json!({ "RoleArn": foreign })).unwrap_err();
    for other in [absent, elsewhere] {
        assert_eq!(
            (&nobodys.code, nobodys.status, &nobodys.message),
            (&other.code, other.status, &other.message)
        );
    }
}

#[test]
fn trust_policies_ask_what_the_token_says() {
    let keys = |name: &str| format!("{ISSUER}:{name}");
    let with = |operator: &str, name: &str, value: Value| {
        trust(&json!(ASSUME), &json!({ operator: { keys(name): value } }))
    };
    let world = world(&with("StringEquals", "sub", json!(SUBJECT)));
    assume(&world).unwrap();
    let upper = with("StringEquals", "sub", json!(SUBJECT)).replace(":sub", ":SUB");
    let mut two_ways = identity();
    two_ways.methods = vec!["pwd".to_owned(), "mfa".to_owned()];
    two_ways.original_audience = Some("app".to_owned());
    for (document, one, other) in [
        (with("StringEquals", "sub", json!("other")), false, false),
        (
            with("StringLike", "sub", json!("system:serviceaccount:ml:*")),
            true,
            true,
        ),
        (
            with("StringLike", "sub", json!("system:serviceaccount:xx:*")),
            false,
            false,
        ),
        (with("StringEquals", "aud", json!(AUDIENCE)), true, true),
        (with("StringEquals", "aud", json!("other")), false, false),
        (with("StringNotEquals", "sub", json!("other")), true, true),
        (
            with("ForAnyValue:StringEquals", "amr", json!("mfa")),
            false,
            true,
        ),
        (with("StringEquals", "oaud", json!("app")), false, true),
        (with("Null", "oaud", json!("true")), true, false),
        (with("StringEquals", "email", json!("a@b.c")), false, false),
        (upper, true, true),
        (
            with("StringEquals", "sub", json!(SUBJECT)).replace("idp.", "other."),
            false,
            false,
        ),
    ] {
        retrust(&world, &document);
        let admitted = |who: &WebIdentity| call(&world, who, &json!({})).is_ok();
        let found = (admitted(&identity()), admitted(&two_ways));
        assert_eq!(found, (one, other), "{document}");
    }
}

#[test]
fn trust_policies_ask_what_the_request_says() {
    let condition = json!({
        "StringEquals": { "sts:RoleSessionName": "s1" },
        "NumericLessThanEquals": { "sts:DurationSeconds": "900" },
    });
    let world = world(&trust(&json!(ASSUME), &condition));
    denied(assume(&world), ASSUME);
    let short = json!({ "DurationSeconds": 900 });
    let answer = call(&world, &identity(), &short).unwrap();
    assert_eq!(answer["Credentials"]["Expiration"], 1_700_000_900);
    let other = json!({ "DurationSeconds": 900, "RoleSessionName": "s2" });
    denied(call(&world, &identity(), &other), ASSUME);
}

#[test]
fn tags_and_source_identity_of_the_token_need_the_trust_policy() {
    let world = world(&plain_trust());
    let mut tagged = identity();
    tagged.tags = vec![
        ("Project".to_owned(), "A".to_owned()),
        ("b".to_owned(), "c".to_owned()),
    ];
    tagged.transitive = vec!["Project".to_owned()];
    denied(call(&world, &tagged, &json!({})), "sts:TagSession");
    let mut known = identity();
    known.source_identity = Some("alice".to_owned());
    denied(call(&world, &known, &json!({})), "sts:SetSourceIdentity");
    let all = json!([ASSUME, "sts:TagSession", "sts:SetSourceIdentity"]);
    let condition = json!({ "StringEqualsIfExists": {
        "aws:RequestTag/Project": "A", "sts:SourceIdentity": "alice",
    }});
    retrust(&world, &trust(&all, &condition));
    let answer = call(&world, &known, &json!({})).unwrap();
    assert_eq!(answer["SourceIdentity"], "alice");
    let session = world.session(&answer).unwrap();
    let session = session.session.as_deref().unwrap();
    assert_eq!(session.source_identity.as_deref(), Some("alice"));
    let answer = call(&world, &tagged, &json!({})).unwrap();
    assert!(answer["PackedPolicySize"].as_i64().unwrap() > 0);
    let session = world.session(&answer).unwrap();
    let session = session.session.as_deref().unwrap();
    assert_eq!(session.tags, tagged.tags);
    assert_eq!(session.transitive, ["Project"]);
    tagged.tags[0].1 = "B".to_owned();
    denied(call(&world, &tagged, &json!({})), ASSUME);
}

#[test]
fn a_session_policy_bounds_the_session_and_durations_are_the_roles() {
    let world = world(&plain_trust());
    let policy = allow("iam:ListUsers", "*").to_string();
    let input = json!({ "RoleName": "R", "PolicyName": "p", "PolicyDocument": allow("iam:*", "*").to_string() });
    world.ok("PutRolePolicy", input);
    let answer = call(&world, &identity(), &json!({ "Policy": policy })).unwrap();
    let session = world.session(&answer).unwrap();
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    world.call_as(&session, "ListRoles", json!({})).unwrap_err();
    let long = call(&world, &identity(), &json!({ "DurationSeconds": 3601 }));
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    check_refused(long, ("ValidationError", 400, text));
    let malformed = call(&world, &identity(), &json!({ "Policy": "{" })).unwrap_err();
    assert_eq!(malformed.code, "MalformedPolicyDocument");
}

#[test]
fn the_session_says_which_provider_vouched() {
    let world = world(&plain_trust());
    let answer = assume(&world).unwrap();
    let policy = statement(&json!({
        "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*",
        "Condition": { "StringEquals": { "aws:FederatedProvider": provider_arn() } },
    }));
    let input = json!({ "RoleName": "R", "PolicyName": "p", "PolicyDocument": policy.to_string() });
    world.ok("PutRolePolicy", input);
    let session = world.session(&answer).unwrap();
    world.call_as(&session, "ListUsers", json!({})).unwrap();
    let identity = serde_json::to_value(world.last_record()).unwrap()["userIdentity"].clone();
    let federation = &identity["sessionContext"]["webIdFederationData"];
    assert_eq!(federation["federatedProvider"], provider_arn());
}

#[test]
fn a_provider_or_audience_that_is_gone_vouches_no_more() {
    let world = world(&plain_trust());
    assume(&world).unwrap();
    let arn = json!({ "OpenIDConnectProviderArn": provider_arn(), "ClientID": AUDIENCE });
    world.ok("RemoveClientIDFromOpenIDConnectProvider", arn.clone());
    assert_eq!(
        assume(&world).unwrap_err().code,
        "UnrecognizedClientException"
    );
    world.ok("AddClientIDToOpenIDConnectProvider", arn);
    assume(&world).unwrap();
    let arn = json!({ "OpenIDConnectProviderArn": provider_arn() });
    world.ok("DeleteOpenIDConnectProvider", arn);
    assert_eq!(
        assume(&world).unwrap_err().code,
        "UnrecognizedClientException"
    );
}

#[test]
fn a_web_identity_may_do_nothing_else() {
    let world = world(&plain_trust());
    for (operation, input) in [
        ("GetCallerIdentity", json!({})),
        ("ListUsers", json!({})),
        ("GetSessionToken", json!({})),
        (
            "AssumeRole",
            json!({ "RoleArn": role_arn(), "RoleSessionName": "s1" }),
        ),
        ("organizations:ListRoots", json!({})),
    ] {
        let refused = world
            .call_as(&caller(identity()), operation, input)
            .unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.status),
            ("AccessDenied", Some(403))
        );
    }
}

#[test]
fn a_signed_call_is_refused() {
    let world = world(&plain_trust());
    let input = json!({
        "RoleArn": role_arn(), "RoleSessionName": "s1", "WebIdentityToken": good_token(),
    });
    let text = "AssumeRoleWithWebIdentity is called without a signature";
    world.refuses(
        "AssumeRoleWithWebIdentity",
        input,
        ("ValidationError", 400, text),
    );
}

#[test]
fn the_record_names_the_web_identity_and_never_the_token() {
    let world = world(&plain_trust());
    let answer = assume(&world).unwrap();
    let record = serde_json::to_value(world.last_record()).unwrap();
    assert_eq!(
        record["userIdentity"],
        json!({
            "type": "WebIdentityUser",
            "principalId": format!("{}:{AUDIENCE}:{SUBJECT}", provider_arn()),
            "userName": SUBJECT,
            "identityProvider": provider_arn(),
        })
    );
    assert_eq!(
        record["requestParameters"],
        json!({ "roleArn": role_arn(), "roleSessionName": "s1" })
    );
    let response = &record["responseElements"];
    assert_eq!(response["subjectFromWebIdentityToken"], SUBJECT);
    assert_eq!(response["provider"], provider_arn());
    assert_eq!(response["audience"], AUDIENCE);
    let key = &answer["Credentials"]["AccessKeyId"];
    assert_eq!(&response["credentials"]["accessKeyId"], key);
    assert_eq!(record["resources"][0]["ARN"], role_arn());
    retrust(&world, &trust(&json!("sts:TagSession"), &json!({})));
    denied(assume(&world), ASSUME);
    let refused = serde_json::to_value(world.last_record()).unwrap();
    assert_eq!(refused["errorCode"], "AccessDenied");
    assert_eq!(refused["userIdentity"]["type"], "WebIdentityUser");
    let signature = good_token().rsplit_once('.').unwrap().1.to_owned();
    for record in world.records() {
        assert!(!serde_json::to_string(&record).unwrap().contains(&signature));
    }
}

#[test]
fn a_flood_of_denied_web_identities_leaves_a_few_records_and_a_count() {
    let world = world(&trust(&json!("sts:TagSession"), &json!({})));
    let of_assume = |record: &audit::Record| record.event_name == "AssumeRoleWithWebIdentity";
    for _ in 0..30 {
        denied(assume(&world), ASSUME);
    }
    let records = world.records();
    assert_eq!(
        records.iter().filter(|record| of_assume(record)).count(),
        10
    );
    world.wait(1);
    world.block_on(pipeline::flush_damped(&world.services));
    let records = world.records();
    let counted: Vec<_> = records.iter().filter(|record| of_assume(record)).collect();
    assert_eq!(counted.len(), 11);
    let additional = counted[0].additional_event_data.clone().unwrap();
    assert_eq!(additional["suppressedCount"], 20);
    // The network that it came from, if there is one: it can have any number of names.
    assert_eq!(additional["principal"], "");
}

#[test]
fn refused_web_identities_take_nothing_from_the_account_that_trusts_their_provider() {
    let budgets = WriteBudgets {
        log: 200_000,
        ..WriteBudgets::default()
    };
    let untrusting = trust(&json!("sts:TagSession"), &json!({}));
    let world = world_with(World::with_budgets(budgets), &untrusting);
    let subject = |number: u32| WebIdentity {
        subject: format!("repo:somebody/{number:0>200}"),
        ..identity()
    };
    let refusals = |world: &World| {
        let mut records = world.records();
        records.retain(|it| it.event_name == "AssumeRoleWithWebIdentity");
        records.len()
    };
    for second in 0..20 {
        for number in 0..30 {
            denied(call(&world, &subject(number), &json!({})), ASSUME);
        }
        world.wait(1);
        // As of all strangers of one network together.
        assert!(refusals(&world) <= 10 * (second + 1));
    }
    // A share of the account's would have been used up long before.
    assert_eq!(refusals(&world), 200);
    world.ok("CreateUser", json!({ "UserName": "made" }));
    // Nor have they used up what other refusals have.
    let nobody = world.user("nobody", None);
    let refused = world.call_as(&nobody, "ListUsers", json!({})).unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    let last = world.last_record();
    assert_eq!(last.event_name, "ListUsers");
    assert_eq!(last.error_code.as_deref(), Some("AccessDenied"));
}
