//! Which tokens of identity providers are accepted, and whom they stand for.
//!
//! The tokens are in `testdata/web_identity`, which `make.py` there makes; the clock of the world
//! stands at the time that they were made for.

use std::collections::BTreeMap;
use std::sync::Arc;

use iam::{KeySet, KeySetSource, LoadedKeys, NoKeys};
use serde::Deserialize;
use serde_json::json;
use shapes::sts::AssumeRoleWithWebIdentityRequest;
use shapes::{Input, ScalarForm};
use types::{Principal, WebIdentity};

use crate::world::{ACCOUNT, World};

/// The provider of all tests.
pub(crate) const ISSUER: &str = "idp.example.com/realms/A";

/// The client id that the tokens are for.
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";

/// The keys of the test issuer.
#[derive(Debug)]
pub(crate) struct TestKeys;

impl KeySetSource for TestKeys {
    fn keys<'a>(&'a self, issuer: &'a str, _lacking: Option<Arc<KeySet>>) -> LoadedKeys<'a> {
        let keys = include_bytes!("../../testdata/web_identity/keys.json");
        Box::pin(async move {
            match issuer {
                ISSUER => Ok(Arc::new(KeySet::parse(keys).unwrap())),
                "down.example.com" => Err(NoKeys::Unavailable),
                _ => Err(NoKeys::Unconfigured),
            }
        })
    }
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    token: String,
    expected: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    transitive: Vec<String>,
    #[serde(default)]
    methods: Vec<String>,
    original: Option<String>,
    source_identity: Option<String>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../testdata/web_identity/tokens.json");
    serde_json::from_str(text).unwrap()
}

/// A token that is accepted.
pub(crate) fn good_token() -> String {
    cases().swap_remove(0).token
}

/// Adds a provider with the audience of the tokens, and returns its ARN.
pub(crate) fn provider(world: &World, url: &str) -> String {
    let input = json!({ "Url": format!("https://{url}"), "ClientIDList": [AUDIENCE] });
    let made = world.ok("CreateOpenIDConnectProvider", input);
    made["OpenIDConnectProviderArn"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn world() -> World {
    let world = World::new();
    for url in [ISSUER, "down.example.com", "unconfigured.example.com"] {
        provider(&world, url);
    }
    world
}

fn authenticate(world: &World, role: &str, token: &str) -> Result<WebIdentity, String> {
    let input = json!({
        "RoleArn": role, "RoleSessionName": "session", "WebIdentityToken": token,
    });
    let input = AssumeRoleWithWebIdentityRequest::read(input, ScalarForm::Json).unwrap();
    let found = world.block_on(iam::authenticate_web_identity(&world.services, &input));
    let caller = found.map_err(|failure| format!("{}: {}", failure.code, failure.message))?;
    assert!(caller.session.is_none() && caller.access_key.is_none());
    match caller.principal {
        Principal::WebIdentity(identity) => Ok(*identity),
        other => Err(format!("{other:?}")),
    }
}

fn role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/any")
}

/// Runs the cases whose names `wanted` picks.
fn check(wanted: impl Fn(&str) -> bool) {
    let world = world();
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| wanted(&case.name))
        .collect();
    assert!(!cases.is_empty());
    for case in cases {
        let found = authenticate(&world, &role(), &case.token);
        let identity = match found {
            Ok(identity) => identity,
            Err(refused) => {
                assert_eq!(refused, case.expected, "{}", case.name);
                continue;
            }
        };
        assert_eq!(case.expected, "accepted", "{}", case.name);
        let tags: BTreeMap<_, _> = identity.tags.into_iter().collect();
        let said = (
            tags,
            identity.transitive,
            identity.methods,
            identity.original_audience,
            identity.source_identity,
        );
        let expected = (
            case.tags,
            case.transitive,
            case.methods,
            case.original,
            case.source_identity,
        );
        assert_eq!(said, expected, "{}", case.name);
        assert_eq!(identity.audience, AUDIENCE, "{}", case.name);
        assert_eq!(
            identity.provider.to_string(),
            format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}")
        );
    }
}

#[test]
fn tokens_are_accepted_or_refused_as_their_cases_say() {
    check(|_| true);
}

#[test]
fn a_token_without_a_known_algorithm_is_refused() {
    check(|name| name.contains("lgorithm"));
}

#[test]
fn a_token_signed_with_another_kind_of_key_is_refused() {
    check(|name| name.starts_with("HMAC") || name.contains(" under "));
}

#[test]
fn a_key_that_the_token_brings_along_is_not_believed() {
    check(|name| name.ends_with("in the header") || name.ends_with("is an address"));
}

#[test]
fn only_a_provider_of_the_roles_account_vouches() {
    let world = world();
    let token = good_token();
    assert!(authenticate(&world, &role(), &token).is_ok());
    let foreign = authenticate(&world, "arn:aws:iam::444455556666:role/any", &token);
    let expected = format!(
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://{ISSUER}"
    );
    assert_eq!(foreign.unwrap_err(), expected);
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
    let provider = json!({ "OpenIDConnectProviderArn": arn });
    world.ok("DeleteOpenIDConnectProvider", provider);
    assert_eq!(authenticate(&world, &role(), &token).unwrap_err(), expected);
}

#[test]
fn an_audience_that_is_taken_away_is_refused() {
    let world = world();
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
    let input = json!({ "OpenIDConnectProviderArn": arn, "ClientID": AUDIENCE });
    world.ok("RemoveClientIDFromOpenIDConnectProvider", input);
    let refused = authenticate(&world, &role(), &good_token()).unwrap_err();
    assert_eq!(refused, "InvalidIdentityToken: Incorrect token audience");
}

#[test]
fn what_is_not_the_arn_of_a_role_is_refused() {
    let world = world();
    for arn in [
        "arn:aws:iam::111122223333:user/any",
        "arn:aws:sts::111122223333:role/any",
        "arn:aws:iam:::role/any/role/any",
        "aaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let refused = authenticate(&world, arn, &good_token()).unwrap_err();
        assert_eq!(refused, format!("ValidationError: {arn} is invalid"));
    }
}

#[test]
fn providers_of_access_tokens_are_refused_clearly() {
    let world = world();
    for provider in ["www.amazon.com", "graph.facebook.com"] {
        let input = json!({
            "RoleArn": role(), "RoleSessionName": "session", "WebIdentityToken": good_token(),
            "ProviderId": provider,
        });
        let input = AssumeRoleWithWebIdentityRequest::read(input, ScalarForm::Json).unwrap();
        let found = world.block_on(iam::authenticate_web_identity(&world.services, &input));
        let failure = found.unwrap_err();
        assert_eq!(failure.code, "ValidationError");
        assert!(failure.message.contains("OAuth 2.0"), "{}", failure.message);
    }
}
