//! OpenID Connect providers.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, allow, check_denied, check_refused, statement};

const URL: &str = "https://idp.example.com/realms/A";

fn arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example.com/realms/A")
}

fn thumbprint(digit: &str) -> String {
    digit.repeat(40)
}

fn named() -> Value {
    json!({ "OpenIDConnectProviderArn": arn() })
}

fn with(name: &str, value: &Value) -> Value {
    let mut input = named();
    input[name] = value.clone();
    input
}

/// A deployment with one provider.
fn populated() -> World {
    let world = World::new();
    let created = world.ok(
        "CreateOpenIDConnectProvider",
        json!({
            "Url": URL, "ClientIDList": ["a", "b", "a"], "ThumbprintList": [thumbprint("a")],
            "Tags": [{ "Key": "Team", "Value": "red" }],
        }),
    );
    let tags = json!([{ "Key": "Team", "Value": "red" }]);
    assert_eq!(
        created,
        json!({ "OpenIDConnectProviderArn": arn(), "Tags": tags })
    );
    world
}

fn get(world: &World) -> Value {
    world.ok("GetOpenIDConnectProvider", named())
}

#[test]
fn a_provider_is_shown_as_it_was_made_without_its_scheme() {
    let world = populated();
    assert_eq!(
        get(&world),
        json!({
            "Url": "idp.example.com/realms/A", "ClientIDList": ["a", "b"],
            "ThumbprintList": [thumbprint("a")], "CreateDate": 1_700_000_000,
            "Tags": [{ "Key": "Team", "Value": "red" }],
        })
    );
    let listed = world.ok("ListOpenIDConnectProviders", json!({}));
    assert_eq!(
        listed,
        json!({ "OpenIDConnectProviderList": [{ "Arn": arn() }] })
    );
    let summary = world.ok("GetAccountSummary", json!({}));
    assert_eq!(summary["SummaryMap"]["Providers"], 1);
}

#[test]
fn a_url_is_made_known_once_whatever_its_case() {
    let world = populated();
    for url in [URL, "https://IDP.example.com/realms/a"] {
        let text = format!("Provider with url {url} already exists.");
        let expected = ("EntityAlreadyExists", 409, text.as_str());
        world.refuses(
            "CreateOpenIDConnectProvider",
            json!({ "Url": url }),
            expected,
        );
    }
    // What differs in case is not the provider.
    let other = arn().replace("/A", "/a");
    let text = format!("OpenIDConnect Provider not found for arn {other}");
    world.refuses(
        "GetOpenIDConnectProvider",
        json!({ "OpenIDConnectProviderArn": other }),
        ("NoSuchEntity", 404, &text),
    );
}

#[test]
fn urls_that_aws_refuses_are_refused() {
    let world = World::new();
    let expected = (
        "ValidationError",
        400,
        "Invalid Open ID Connect Provider URL",
    );
    for url in [
        "idp.example.com",
        "http://idp.example.com",
        "https://idp.example.com:8443",
        "https://idp.example.com/?x",
        "https://169.254.169.254@idp.example.com",
    ] {
        world.refuses(
            "CreateOpenIDConnectProvider",
            json!({ "Url": url }),
            expected,
        );
    }
}

#[test]
fn client_ids_come_and_go_and_calls_may_be_repeated() {
    let world = populated();
    for _ in 0..2 {
        world.ok(
            "AddClientIDToOpenIDConnectProvider",
            with("ClientID", &json!("c")),
        );
        world.ok(
            "RemoveClientIDFromOpenIDConnectProvider",
            with("ClientID", &json!("a")),
        );
    }
    assert_eq!(get(&world)["ClientIDList"], json!(["b", "c"]));
}

#[test]
fn a_provider_has_a_hundred_client_ids() {
    let world = World::new();
    let ids = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    let full = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
    );
    let input = |count: usize| json!({ "Url": URL, "ClientIDList": ids(count) });
    world.refuses("CreateOpenIDConnectProvider", input(101), full);
    world.ok("CreateOpenIDConnectProvider", input(100));
    world.refuses(
        "AddClientIDToOpenIDConnectProvider",
        with("ClientID", &json!("x")),
        full,
    );
    world.ok(
        "AddClientIDToOpenIDConnectProvider",
        with("ClientID", &json!("7")),
    );
}

#[test]
fn an_account_has_a_hundred_providers_also_at_once() {
    let world = World::new();
    let url = |n: usize| json!({ "Url": format!("https://idp{n}.example.com") });
    for n in 0..98 {
        world.ok("CreateOpenIDConnectProvider", url(n));
    }
    let calls = (98..103).map(|n| ("CreateOpenIDConnectProvider", url(n)));
    let outcomes = world.call_together(calls.collect());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    let full = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100",
    );
    world.refuses("CreateOpenIDConnectProvider", url(200), full);
}

#[test]
fn thumbprints_are_replaced_all_at_once() {
    let world = populated();
    let update = |list: Value| with("ThumbprintList", &list);
    let operation = "UpdateOpenIDConnectProviderThumbprint";
    world.ok(operation, update(json!([thumbprint("b"), thumbprint("C")])));
    let expected = json!([thumbprint("b"), thumbprint("C")]);
    assert_eq!(get(&world)["ThumbprintList"], expected);
    let six = vec![thumbprint("a"); 6];
    let text = "Thumbprint list must contain fewer than 5 entries.";
    world.refuses(operation, update(json!(six)), ("InvalidInput", 400, text));
    let text = "a thumbprint has 40 hexadecimal digits";
    for list in [json!([]), json!([thumbprint("g")])] {
        world.refuses(operation, update(list), ("InvalidInput", 400, text));
    }
    assert_eq!(get(&world)["ThumbprintList"], expected);
}

#[test]
fn tags_of_providers_are_kept_listed_and_decided_by() {
    let world = populated();
    let tags = json!([{ "Key": "team", "Value": "blue" }, { "Key": "B", "Value": "1" }]);
    world.ok("TagOpenIDConnectProvider", with("Tags", &tags));
    let list = |input: Value| world.ok("ListOpenIDConnectProviderTags", input);
    let first = list(with("MaxItems", &json!(1)));
    assert_eq!(first["Tags"], json!([{ "Key": "B", "Value": "1" }]));
    assert_eq!(first["IsTruncated"], true);
    let next = list(with("Marker", &first["Marker"]));
    assert_eq!(next["Tags"], json!([{ "Key": "team", "Value": "blue" }]));
    let blue = world.user(
        "Blue",
        Some(statement(&json!({
            "Effect": "Allow", "Action": "iam:*", "Resource": "*",
            "Condition": { "StringEquals": { "aws:ResourceTag/Team": "blue" } },
        }))),
    );
    let read = || world.call_as(&blue, "GetOpenIDConnectProvider", named());
    read().unwrap();
    let keys = json!(["TEAM", "none"]);
    world.ok("UntagOpenIDConnectProvider", with("TagKeys", &keys));
    assert_eq!(list(named())["Tags"], json!([{ "Key": "B", "Value": "1" }]));
    check_denied(read(), "iam:GetOpenIDConnectProvider", &arn());
}

#[test]
fn a_deleted_provider_is_gone_and_deleting_it_again_is_no_error() {
    let world = populated();
    for _ in 0..2 {
        world.ok("DeleteOpenIDConnectProvider", named());
    }
    let text = format!("OpenIDConnect Provider not found for arn {}", arn());
    for (operation, input) in [
        ("GetOpenIDConnectProvider", named()),
        ("ListOpenIDConnectProviderTags", named()),
        (
            "AddClientIDToOpenIDConnectProvider",
            with("ClientID", &json!("c")),
        ),
        (
            "RemoveClientIDFromOpenIDConnectProvider",
            with("ClientID", &json!("c")),
        ),
        (
            "UpdateOpenIDConnectProviderThumbprint",
            with("ThumbprintList", &json!([thumbprint("a")])),
        ),
        ("TagOpenIDConnectProvider", with("Tags", &json!([]))),
        ("UntagOpenIDConnectProvider", with("TagKeys", &json!([]))),
    ] {
        world.refuses(operation, input, ("NoSuchEntity", 404, &text));
    }
}

#[test]
fn only_a_permitted_caller_learns_whether_a_provider_exists() {
    let world = populated();
    let stranger = world.user("Stranger", None);
    let missing = arn().replace("idp", "other");
    let foreign = arn().replace(ACCOUNT, "444455556666");
    for arn in [&arn(), &missing, &foreign] {
        let input = json!({ "OpenIDConnectProviderArn": arn });
        let denied = world.call_as(&stranger, "GetOpenIDConnectProvider", input);
        check_denied(denied, "iam:GetOpenIDConnectProvider", arn);
    }
    let text = "Invalid ARN:  Could not be parsed!";
    let input = json!({ "OpenIDConnectProviderArn": "idp.example.com/realms/A" });
    let refused = world.call_as(&stranger, "GetOpenIDConnectProvider", input);
    check_refused(refused, ("ValidationError", 400, text));
}

#[test]
fn a_provider_with_tags_needs_the_right_to_tag_it() {
    let world = World::new();
    let maker = world.user("Maker", Some(allow("iam:CreateOpenIDConnectProvider", "*")));
    let tags = json!([{ "Key": "Team", "Value": "red" }]);
    let input = json!({ "Url": URL, "Tags": tags });
    let denied = world.call_as(&maker, "CreateOpenIDConnectProvider", input);
    check_denied(denied, "iam:TagOpenIDConnectProvider", &arn());
    let made = world.call_as(&maker, "CreateOpenIDConnectProvider", json!({ "Url": URL }));
    assert_eq!(made.unwrap(), json!({ "OpenIDConnectProviderArn": arn() }));
}

#[test]
fn records_of_providers_are_those_of_cloudtrail() {
    let world = populated();
    let record = world.last_record();
    assert_eq!(
        record.request_parameters,
        json!({
            "url": URL, "clientIDList": ["a", "b", "a"], "thumbprintList": [thumbprint("a")],
            "tags": [{ "key": "Team", "value": "red" }],
        })
    );
    assert_eq!(
        record.response_elements,
        json!({
            "openIDConnectProviderArn": arn(), "tags": [{ "key": "Team", "value": "red" }],
        })
    );
    let (resource, kind) = (&record.resources[0].arn, &record.resources[0].kind);
    assert_eq!(
        (resource, kind.as_str()),
        (&arn(), "AWS::IAM::OIDCProvider")
    );
    world.ok(
        "AddClientIDToOpenIDConnectProvider",
        with("ClientID", &json!("c")),
    );
    let record = world.last_record();
    assert_eq!(
        record.request_parameters,
        json!({ "openIDConnectProviderArn": arn(), "clientID": "c" })
    );
    assert_eq!(record.resources[0].arn, arn());
}
