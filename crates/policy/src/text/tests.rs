//! What patterns with variables match.

use super::*;

/// `aws:username` is Bob, `aws:PrincipalTag/star` is `*`, `…/colon` is `a:b`,
/// `aws:TagKeys` has two values and `aws:CalledVia` none.
struct Context;

impl ConditionKeys for Context {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        let one = |value| Some(Values::One(Cow::Borrowed(value)));
        match (key.name(), key.suffix()) {
            ("aws:username", None) => one("Bob"),
            ("aws:principaltag", Some("star")) => one("*"),
            ("aws:principaltag", Some("colon")) => one("a:b"),
            ("aws:principaltag", Some("empty")) => one(""),
            ("aws:tagkeys", None) => {
                Some(Values::Many(vec![Cow::Borrowed("a"), Cow::Borrowed("b")]))
            }
            ("aws:calledvia", None) => Some(Values::Many(Vec::new())),
            _ => None,
        }
    }
}

fn matching(dialect: Dialect, pattern: &str, value: &str) -> Option<bool> {
    Text::compile(pattern, dialect, true)
        .unwrap()
        .matches(value, &Context, &Steps::default())
}

fn yes(dialect: Dialect, pattern: &str, value: &str) {
    assert_eq!(
        matching(dialect, pattern, value),
        Some(true),
        "{pattern} against {value}"
    );
}

fn no(dialect: Dialect, pattern: &str, value: &str) {
    assert_eq!(
        matching(dialect, pattern, value),
        Some(false),
        "{pattern} against {value}"
    );
}

fn unknown(pattern: &str) {
    assert_eq!(matching(Dialect::Like, pattern, "x"), None, "{pattern}");
}

#[test]
fn a_variable_stands_for_its_value() {
    yes(Dialect::Like, "home/${aws:username}/*", "home/Bob/x");
    no(Dialect::Like, "home/${aws:username}/*", "home/Alice/x");
    yes(Dialect::Exact, "${AWS:UserName}", "Bob");
    yes(Dialect::Exact, "<${aws:PrincipalTag/empty}>", "<>");
}

#[test]
fn a_wildcard_in_a_value_does_not_expand() {
    yes(Dialect::Like, "b/${aws:PrincipalTag/star}/*", "b/*/x");
    no(Dialect::Like, "b/${aws:PrincipalTag/star}/*", "b/Bob/x");
    no(
        Dialect::Resource,
        "arn:aws:s3:::b/${aws:PrincipalTag/star}",
        "arn:aws:s3:::b/Bob",
    );
    no(
        Dialect::Arn,
        "arn:aws:s3:::${aws:PrincipalTag/star}",
        "arn:aws:s3:::b",
    );
}

#[test]
fn a_wildcard_in_a_default_does_not_expand() {
    yes(Dialect::Like, "${aws:PrincipalTag/none, '*'}", "*");
    no(Dialect::Like, "${aws:PrincipalTag/none, '*'}", "anything");
}

#[test]
fn a_default_replaces_only_a_missing_value() {
    yes(
        Dialect::Like,
        "${aws:PrincipalTag/none, 'company-wide'}",
        "company-wide",
    );
    yes(Dialect::Like, "${aws:PrincipalTag/none,'x y'}!", "x y!");
    yes(Dialect::Like, "${aws:CalledVia, 'none'}", "none");
    no(Dialect::Like, "${aws:username, 'Alice'}", "Alice");
}

#[test]
fn a_missing_or_multivalued_variable_matches_nothing() {
    unknown("${aws:PrincipalTag/none}");
    unknown("${aws:TagKeys}");
    unknown("${aws:TagKeys, 'a'}");
    unknown("${aws:CalledVia}");
}

#[test]
fn escapes_are_the_characters_themselves() {
    yes(Dialect::Like, "a${*}b", "a*b");
    no(Dialect::Like, "a${*}b", "axb");
    yes(Dialect::Like, "a${?}b", "a?b");
    no(Dialect::Like, "a${?}b", "axb");
    yes(Dialect::Like, "${$}{aws:username}", "${aws:username}");
    yes(Dialect::Exact, "a${*}b", "a*b");
}

#[test]
fn without_variables_the_text_stays_as_it_is() {
    let text = Text::compile("${aws:username}", Dialect::Like, false).unwrap();
    assert_eq!(
        text.matches("Bob", &Context, &Steps::default()),
        Some(false)
    );
    let found = text.matches("${aws:username}", &Context, &Steps::default());
    assert_eq!(found, Some(true));
    let text = Text::compile("${*}", Dialect::Like, false).unwrap();
    let found = text.matches("${anything}", &Context, &Steps::default());
    assert_eq!(found, Some(true));
    assert!(Text::compile("${", Dialect::Like, false).is_ok());
}

#[test]
fn malformed_variables_are_refused() {
    for pattern in [
        "${",
        "${}",
        "${aws:username",
        "${aws:user name}",
        "${aws:a, default}",
        "${aws:a, 'x}",
        "${aws:a, 'x' y}",
        "${${aws:username}}",
        "${aws:*}",
    ] {
        let found = Text::compile(pattern, Dialect::Like, true);
        assert_eq!(found, Err(MalformedVariable), "{pattern}");
    }
}

#[test]
fn a_dollar_alone_is_text() {
    yes(Dialect::Like, "US$ 5", "US$ 5");
    yes(Dialect::Like, "$", "$");
}

#[test]
fn exact_text_has_no_wildcards() {
    yes(Dialect::Exact, "a*?", "a*?");
    no(Dialect::Exact, "a*", "ab");
}

#[test]
fn arn_wildcards_stop_at_colons_but_not_behind_the_fifth() {
    let value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/doc";
    let pattern = "arn:aws:someservice:*:111122223333:finance/*";
    yes(Dialect::Like, pattern, value);
    no(Dialect::Arn, pattern, value);
    yes(
        Dialect::Arn,
        "arn:aws:someservice:*:*:store/*:finance/*",
        value,
    );
    no(Dialect::Arn, "arn:aws:some*", value);
    no(Dialect::Arn, "arn:aws:someservice:?s-east-2:*", value);
    yes(Dialect::Arn, "*", value);
}

#[test]
fn a_variable_may_bring_in_the_colons_of_an_arn() {
    no(
        Dialect::Arn,
        "arn:aws:${aws:PrincipalTag/colon}:*:x",
        "arn:aws:a:b:c:d:x",
    );
    yes(
        Dialect::Arn,
        "arn:aws:${aws:PrincipalTag/colon}:*:x*",
        "arn:aws:a:b:c:xd:e",
    );
}

#[test]
fn a_star_that_ends_a_segment_of_a_resource_crosses_colons() {
    yes(
        Dialect::Resource,
        "arn:aws:kms:*",
        "arn:aws:kms:us-east-1:111122223333:key/a",
    );
    yes(
        Dialect::Resource,
        "arn:aws:logs:r:a:log-group:*",
        "arn:aws:logs:r:a:log-group:a:b",
    );
    yes(
        Dialect::Resource,
        "arn:aws:logs:r:a:log-group:*:z",
        "arn:aws:logs:r:a:log-group:x:y:z",
    );
    no(
        Dialect::Resource,
        "arn:aws:logs:r:a:log*group",
        "arn:aws:logs:r:a:log:group",
    );
    no(
        Dialect::Resource,
        "arn:aws:kms:us-*-1:a:k",
        "arn:aws:kms:us-x:y-1:a:k",
    );
    no(Dialect::Resource, "arn:aws:kms:r?a:k", "arn:aws:kms:r:a:k");
}
