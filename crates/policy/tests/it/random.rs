//! Random policies and requests: the evaluator agrees with the naive one, and what takes
//! rights away never adds any.

use policy::Steps;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use crate::case::{Case, Who};
use crate::naive;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/a:b";
const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];

fn any_of(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(choices).prop_map(str::to_owned)
}

fn some_of(choices: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        select(choices).prop_map(|choice| json!(choice)),
        prop::collection::vec(select(choices), 1..4).prop_map(|choices| json!(choices)),
    ]
}

fn principal() -> impl Strategy<Value = Value> {
    select(&[
        r#"{"user": "Bob", "account": "111122223333"}"#,
        r#"{"user": "Bob", "account": "444455556666"}"#,
        r#"{"user": "team/Alice", "account": "111122223333"}"#,
        r#"{"role": "path/R", "session": "s", "account": "111122223333"}"#,
        r#"{"role": "path/R", "session": "t", "account": "444455556666"}"#,
        r#"{"federated": "Carol", "account": "111122223333"}"#,
        r#"{"federated": "Carol", "account": "111122223333", "issuer": "Bob"}"#,
        r#"{"role": "aws-service-role/R", "session": "s", "account": "111122223333"}"#,
        r#"{"root": true, "account": "111122223333"}"#,
        r#"{"root": true, "account": "444455556666"}"#,
        r#"{"service": "sagemaker.amazonaws.com"}"#,
    ])
    .prop_map(|text| serde_json::from_str(text).unwrap())
}

fn actions() -> impl Strategy<Value = (&'static str, Value)> {
    let patterns = some_of(&[
        "*",
        "*:*",
        "*",
        "kms:*",
        "kms:*",
        "kms:De*",
        "KMS:?ecrypt",
        "kms:??*crypt",
        "s3:?*t**",
        "kms:*crypt",
        "s3:GetObject",
        "*:Get*",
        "s3:*",
        "sts:*",
    ]);
    (
        select(&[
            "Action",
            "Action",
            "Action",
            "Action",
            "Action",
            "NotAction",
        ]),
        patterns,
    )
}

fn resources() -> impl Strategy<Value = (&'static str, Value)> {
    let patterns = some_of(&[
        "*",
        "arn:aws:kms:us-east-1:111122223333:key/a:b",
        "arn:aws:kms:*",
        "arn:aws:kms:*:111122223333:key/*",
        "arn:*:kms:us-?ast-1:*:key/a:?",
        "arn:aws:kms:us-east-1:1*3:key/*",
        "arn:aws:kms:us*1:111122223333:key/a*b",
        "arn:aws:kms:us-*:key/a:b",
        "arn:aws:kms:*:key/*:b",
        "arn:aws:kms:*:key/*b",
        "arn:aws:kms:*:key/a?b",
        "arn:aws:kms:*:key?a*b",
        "arn:aws:kms:*:1*/a*b",
        "arn:aws:kms:us*1*/a:b",
        "arn:aws:kms:us-*",
        "arn:aws:kms:us-??*?*:1??*:key/?**?",
        "arn:aws:kms:??*?**:key/*?*",
        "arn:aws:kms:*:key/*??:*?b",
        "arn:aws:kms:us-east-?:1**3:?*?/a??",
        "arn:aws:kms:us-east-1:111122223333:key/${aws:username}:b",
        "arn:aws:kms:us-east-1:111122223333:key/${aws:PrincipalTag/t, 'a'}*",
        "arn:aws:kms:us-east-1:111122223333:key/${aws:PrincipalTag/t}",
        "arn:aws:s3:::bucket/*",
        "arn:aws:s3:::bucket/${aws:username}",
    ]);
    (
        select(&["Resource", "Resource", "Resource", "NotResource"]),
        patterns,
    )
}

/// Condition keys as policies write them; the last two have other case in requests.
const KEYS: [&str; 9] = [
    "aws:username",
    "aws:PrincipalTag/t",
    "aws:principaltag/T2",
    "aws:TagKeys",
    "aws:SourceIp",
    "aws:CurrentTime",
    "kms:EncryptionContext:App",
    "aws:principaltag/ÉQUIPE",
    "aws:PrincipalTag/TASK",
];

/// The same as requests have them, and one that looks alike: its last letter is the Kelvin sign.
const REQUEST_KEYS: [&str; 10] = [
    "aws:username",
    "aws:PrincipalTag/t",
    "aws:principaltag/T2",
    "aws:TagKeys",
    "aws:SourceIp",
    "aws:CurrentTime",
    "kms:EncryptionContext:App",
    "aws:PrincipalTag/équipe",
    "aws:PrincipalTag/Task",
    "aws:PrincipalTag/tas\u{212A}",
];

fn test() -> impl Strategy<Value = (String, Value)> {
    let text = some_of(&[
        "a",
        "A",
        "b",
        "",
        "*",
        "a*",
        "?",
        "**",
        "?*?",
        "*???*",
        "*${aws:username}*?",
        "??${aws:PrincipalTag/t}*?",
        "${aws:username}",
        "${aws:PrincipalTag/t}",
        "${aws:TagKeys}",
        "${aws:PrincipalTag/t, 'a'}",
        "${*}",
        "arn:aws:s3:::bucket/a",
        "arn:aws:s3:::*",
        "arn:*:*:*:*:*",
        "arn:aws:s3:*",
        "*bucket*",
        "arn:aws:s3:::*?**",
        "arn:*?*:s?:?*:**:*??t*?",
        "arn:aws:s3:?*?:*:?*?/??*",
        "a:b:c:d:e:*",
        "arn:aws:kms:${aws:PrincipalTag/t}:*:a",
        "k",
        "É",
        "ß",
        "i",
        "${aws:PrincipalTag/task}",
    ]);
    let strings = any_of(&[
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "ArnEquals",
        "ArnNotEquals",
        "ArnLike",
        "ArnNotLike",
    ]);
    let numbers = any_of(&[
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ]);
    let dates = any_of(&[
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
    ]);
    let base = prop_oneof![
        5 => (strings, text),
        1 => (numbers, some_of(&["1", "1.0", "-2", "10", "0.5"])),
        1 => (dates, some_of(&["1970", "2026", "2026-11-23T20:47:00Z", "1795466820"])),
        1 => (any_of(&["Bool"]), some_of(&["true", "FALSE", "${aws:PrincipalTag/t}"])),
        1 => (any_of(&["BinaryEquals"]), some_of(&["YQ==", "YWI="])),
        1 => (
            any_of(&["IpAddress", "NotIpAddress"]),
            some_of(&["10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "::/0", "2001:db8::/33"]),
        ),
    ];
    let full = (
        any_of(&["", "", "ForAllValues:", "ForAnyValue:"]),
        base,
        any_of(&["", "IfExists"]),
    )
        .prop_map(|(set, (operator, values), suffix)| (format!("{set}{operator}{suffix}"), values));
    prop_oneof![
        8 => full,
        1 => (any_of(&["Null"]), some_of(&["true", "False"])),
    ]
}

pub(crate) fn conditions() -> impl Strategy<Value = Value> {
    let count = select(&[0, 0, 0, 1, 1, 2]);
    let tests = count
        .prop_flat_map(|count| prop::collection::vec((test(), select(KEYS.as_slice())), count));
    tests.prop_map(|tests| {
        let mut blocks = json!({});
        for ((operator, values), key) in tests {
            blocks[operator][key] = values;
        }
        blocks
    })
}

fn named() -> impl Strategy<Value = Value> {
    let aws = some_of(&[
        "*",
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::444455556666:root",
        "arn:aws:iam::111122223333:user/Bob",
        "arn:aws:iam::444455556666:user/Bob",
        "arn:aws:iam::111122223333:user/team/Alice",
        "arn:aws:iam::111122223333:role/path/R",
        "arn:aws:iam::444455556666:role/path/R",
        "arn:aws:sts::111122223333:assumed-role/R/s",
        "arn:aws:sts::444455556666:assumed-role/R/s",
        "arn:aws:sts::111122223333:federated-user/Carol",
    ]);
    prop_oneof![
        1 => Just(json!("*")),
        6 => aws.prop_map(|aws| json!({"AWS": aws})),
        1 => some_of(&["sagemaker.amazonaws.com", "lambda.amazonaws.com"])
            .prop_map(|service| json!({"Service": service, "AWS": "444455556666"})),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Identity, boundary and session policies, service control policies.
    Plain,
    Resource,
    Trust,
    /// Everyone; an Allow for everything or a Deny that names its services.
    ResourceControl,
}

fn statement(kind: Kind) -> impl Strategy<Value = Value> {
    let parts = (
        if kind == Kind::ResourceControl {
            select(&["Allow", "Deny"][..])
        } else {
            select(&["Allow", "Allow", "Allow", "Allow", "Allow", "Deny"][..])
        },
        actions(),
        resources(),
        conditions(),
        named(),
        any::<bool>(),
    );
    parts.prop_map(
        move |(effect, (action, actions), (resource, resources), tests, named, not)| {
            let mut statement = json!({"Effect": effect});
            statement[action] = actions;
            statement[resource] = resources;
            if tests != json!({}) {
                statement["Condition"] = tests;
            }
            match kind {
                Kind::Plain => {}
                Kind::Resource if not && effect == "Deny" => statement["NotPrincipal"] = named,
                Kind::Resource => statement["Principal"] = named,
                Kind::Trust => {
                    let members = statement.as_object_mut().unwrap();
                    members.retain(|name, _| name == "Effect" || name == "Condition");
                    statement["Action"] = json!(["sts:AssumeRole"]);
                    statement["Principal"] = named;
                }
                Kind::ResourceControl => {
                    let members = statement.as_object_mut().unwrap();
                    if let Some(actions) = members.remove("NotAction") {
                        members.insert("Action".to_owned(), actions);
                    }
                    members.insert("Principal".to_owned(), json!("*"));
                    if effect == "Allow" {
                        // As `RCPFullAWSAccess` does: these policies allow nothing else.
                        members.retain(|name, _| name == "Effect" || name == "Principal");
                        members.insert("Action".to_owned(), json!("*"));
                        members.insert("Resource".to_owned(), json!("*"));
                    } else if members["Action"].to_string().contains("\"*") {
                        members.insert("Action".to_owned(), json!(["kms:De*", "s3:*"]));
                    }
                    let short = |pattern: &str| pattern != "*" && pattern.matches(':').count() < 5;
                    for element in ["Resource", "NotResource"] {
                        let text = members
                            .get(element)
                            .map(Value::to_string)
                            .unwrap_or_default();
                        if text
                            .split('"')
                            .any(|part| part.starts_with("arn") && short(part))
                        {
                            members.insert(element.to_owned(), json!(KEY));
                        }
                    }
                }
            }
            statement
        },
    )
}

/// KMS refuses an Allow with `ForAllValues` over an entry of the encryption context.
fn storable(statement: &Value) -> bool {
    let text = statement["Condition"].to_string();
    !(text.contains("ForAllValues") && text.contains("kms:EncryptionContext:App"))
}

fn document(kind: Kind) -> impl Strategy<Value = Value> {
    let versions = select(&["2012-10-17", "2012-10-17", "2008-10-17"]);
    let statements = prop::collection::vec(
        statement(kind).prop_filter("refused by KMS", storable),
        1..4,
    );
    (versions, statements).prop_map(|(version, statements)| {
        // Without variables a Bool reads `true` and `false` only.
        let text = json!(statements).to_string();
        let version = if text.contains("Bool") {
            "2012-10-17"
        } else {
            version
        };
        json!({"Version": version, "Statement": statements})
    })
}

fn found() -> impl Strategy<Value = Value> {
    let one = any_of(&[
        "a",
        "A",
        "b",
        "",
        "*",
        "1",
        "1.0",
        "-2",
        "true",
        "False",
        "YQ==",
        "bad!",
        "10.1.2.3",
        "2001:db8::1",
        "2026",
        "2026-11-23T22:47:00+02:00",
        "2026-11-23T20:47:00.5Z",
        "x:y",
        "arn:aws:s3:::bucket/a",
        "arn:aws:s3:::bucket:x/a",
        "arn:aws:kms:x:y:1:a",
        "K",
        "\u{212A}",
        "é",
        "ß",
        "SS",
        "\u{130}",
    ]);
    prop_oneof![
        3 => one.prop_map(|value| json!(value)),
        1 => prop::collection::vec(any_of(&["a", "b", "", "*"]), 0..3)
            .prop_map(|values| json!(values)),
    ]
}

pub(crate) fn context() -> impl Strategy<Value = Value> {
    prop::collection::hash_map(select(REQUEST_KEYS.as_slice()), found(), 0..8)
        .prop_map(|entries| json!(entries))
}

fn resource_policy() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        3 => document(Kind::Resource).prop_map(|d| json!({"rule": "general", "document": d})),
        3 => document(Kind::Resource).prop_map(|d| json!({"rule": "key", "document": d})),
        1 => document(Kind::Resource)
            .prop_map(|d| json!({"rule": "key, grants only", "document": d})),
        1 => document(Kind::Trust).prop_map(|d| json!({"rule": "trust", "document": d})),
    ]
}

pub(crate) fn levels(kind: Kind) -> impl Strategy<Value = Value> {
    let level = prop::collection::vec(document(kind), 0..3);
    prop_oneof![
        4 => Just(json!([])),
        1 => prop::collection::vec(level, 1..3).prop_map(|levels| json!(levels)),
    ]
}

fn grants() -> impl Strategy<Value = Value> {
    let grant = (select(ACCOUNTS.as_slice()), any::<bool>()).prop_map(
        |(account, to_account)| json!({"id": "g", "issuing_account": account, "to_account": to_account}),
    );
    prop_oneof![
        3 => Just(json!([])),
        1 => prop::collection::vec(grant, 1..3).prop_map(|grants| json!(grants)),
    ]
}

prop_compose! {
    /// A request of anyone, for anything, with policies of every kind that may bear on it.
    pub(crate) fn case()(
        principal in principal(),
        action in select(&["kms:Decrypt", "kms:Encrypt", "s3:GetObject", "sts:AssumeRole"]),
        resource in select(&[KEY, KEY, KEY, "arn:aws:s3:::bucket/a", ""]),
        owner in select(&["", "", "111122223333", "444455556666"]),
        context in context(),
        identity in prop::collection::vec(document(Kind::Plain), 0..3),
        boundary in prop::option::weighted(0.25, document(Kind::Plain)),
        session in prop::option::weighted(
            0.25,
            prop::collection::vec(document(Kind::Plain), 1..3),
        ),
        resource_policy in resource_policy(),
        service_control in levels(Kind::Plain),
        resource_control in levels(Kind::ResourceControl),
        grants in grants(),
        shares in prop_oneof![
            4 => Just(Vec::new()),
            1 => prop::collection::vec(document(Kind::Resource), 1..2),
        ],
    ) -> Case {
        let mut case = json!({
            "name": "random",
            "principal": principal,
            "action": action,
            "context": context,
            "policies": {
                "identity": identity,
                "boundary": boundary,
                "session": session,
                "service_control": service_control,
                "resource_control": resource_control,
                "grants": grants,
                "shares": shares,
            }
        });
        if resource_policy["rule"] == "trust" {
            case["action"] = json!("sts:AssumeRole");
        }
        if !resource_policy.is_null() {
            case["policies"]["resource"] = resource_policy;
        }
        if !resource.is_empty() {
            case["resource"] = json!(resource);
        }
        if !owner.is_empty() {
            case["owner"] = json!(owner);
        }
        serde_json::from_value(case).unwrap()
    }
}

/// How many cases, from which seed. `STRONGROOM_POLICY_CASES` asks for more of them in the
/// long run, `STRONGROOM_POLICY_SEED` for others.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: number("STRONGROOM_POLICY_CASES")
            .map_or(cases, |cases: u64| u32::try_from(cases).unwrap()),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(number("STRONGROOM_POLICY_SEED").unwrap_or(1)),
        max_global_rejects: u32::MAX,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(5_000))]

    #[test]
    fn the_evaluator_agrees_with_the_naive_one(case in case()) {
        prop_assert_eq!(case.outcome(), naive::outcome(&case));
    }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn a_session_policy_never_adds_rights(case in case()) {
        // A federated session has no rights of its user without one.
        prop_assume!(!matches!(case.principal, Who::Federated { .. }));
        let mut free = case.clone();
        free.policies.session = None;
        if case.outcome() == "ALLOW" {
            prop_assert_eq!(free.outcome(), "ALLOW");
        }
    }

    #[test]
    fn a_boundary_never_adds_rights(case in case()) {
        let mut free = case.clone();
        free.policies.boundary = None;
        if case.outcome() == "ALLOW" {
            prop_assert_eq!(free.outcome(), "ALLOW");
        }
    }

    #[test]
    fn an_organization_never_adds_rights(case in case()) {
        let mut free = case.clone();
        free.policies.service_control.clear();
        free.policies.resource_control.clear();
        if case.outcome() == "ALLOW" {
            prop_assert_eq!(free.outcome(), "ALLOW");
        }
    }

    #[test]
    fn running_out_of_steps_never_adds_rights(case in case(), most in 0..120_usize) {
        let (free, _) = case.decide();
        prop_assert!(free.denial().is_none_or(|denial| !denial.unfinished));
        let steps = Steps::new(most);
        let (bounded, explanation) = case.decide_within(Some(&steps));
        if bounded.is_allowed() || explanation.decision().is_allowed() {
            prop_assert!(free.is_allowed());
        }
        if bounded.denial().is_some_and(|denial| !denial.unfinished) {
            prop_assert_eq!(bounded, free);
        }
        // Without a step whoever needs an Allow has none, and every Deny counts.
        let (none, _) = case.decide_within(Some(&Steps::new(0)));
        if free.denial().is_some_and(|denial| denial.explicit) {
            prop_assert!(none.denial().is_some_and(|denial| denial.explicit));
        }
    }

    #[test]
    fn a_deny_of_everything_denies(case in case(), place in 0..3) {
        // Those who are exempt from organization policies are not denied by them.
        let exempt = matches!(&case.principal,
            Who::Role { role, .. } if role.starts_with("aws-service-role/"));
        let place = if exempt && place == 1 { 0 } else { place };
        let everything = json!({"Version": "2012-10-17",
            "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
        let mut denied = case;
        match place {
            0 => denied.policies.identity.push(everything),
            1 => denied.policies.service_control.push(vec![everything]),
            _ => denied.policies.boundary = Some(everything),
        }
        prop_assert_eq!(denied.outcome(), "DENY(e)");
    }

    #[test]
    fn the_smallest_change_allows_and_nothing_less_does(case in case()) {
        let (decision, explanation) = case.decide();
        let Some(changes) = explanation.smallest_change() else {
            prop_assert!(!decision.is_allowed());
            return Ok(());
        };
        prop_assert_eq!(changes.is_empty(), decision.is_allowed());
        let changed = case.with_changes(changes);
        prop_assert_eq!(changed.outcome(), "ALLOW", "after {:?}", changes);
        prop_assert_eq!(naive::outcome(&changed), "ALLOW");
        for left_out in 0..changes.len() {
            let mut fewer = changes.to_vec();
            fewer.remove(left_out);
            let outcome = case.with_changes(&fewer).outcome();
            prop_assert_ne!(outcome, "ALLOW", "{:?} is not needed", changes[left_out]);
        }
    }
}
