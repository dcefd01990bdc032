//! Every operator on present, absent, empty and multivalued keys.

use std::borrow::Cow;

use super::*;

/// The key under test, and the variable `${aws:username}` = `Bob`.
struct Context<'a>(Option<Values<'a>>);

impl ConditionKeys for Context<'_> {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        match key.name() {
            "test:key" => self.0.clone(),
            "aws:username" => Some(Values::One(Cow::Borrowed("Bob"))),
            _ => None,
        }
    }
}

fn holds(operator: &str, wanted: &[&str], found: Option<Values<'_>>) -> bool {
    let wanted: Vec<String> = wanted.iter().map(|value| (*value).to_owned()).collect();
    Condition::parse(operator, ConditionKey::new("test:Key"), &wanted, true)
        .unwrap()
        .holds(&Context(found), &Steps::default())
}

fn one(operator: &str, wanted: &[&str], found: &str, expected: bool) {
    let value = Some(Values::One(Cow::Borrowed(found)));
    assert_eq!(
        holds(operator, wanted, value),
        expected,
        "{operator} {wanted:?} on {found}"
    );
}

fn absent(operator: &str, wanted: &[&str], expected: bool) {
    assert_eq!(
        holds(operator, wanted, None),
        expected,
        "{operator} {wanted:?} on nothing"
    );
}

fn many(operator: &str, wanted: &[&str], found: &[&str], expected: bool) {
    let values = Some(Values::Many(
        found.iter().map(|value| Cow::Borrowed(*value)).collect(),
    ));
    assert_eq!(
        holds(operator, wanted, values),
        expected,
        "{operator} {wanted:?} on {found:?}"
    );
}

fn refused(operator: &str, value: &str) {
    let found = Condition::parse(
        operator,
        ConditionKey::new("test:Key"),
        &[value.to_owned()],
        true,
    );
    assert!(found.is_err(), "{operator} {value}");
}

#[test]
fn string_equality_is_exact() {
    one("StringEquals", &["a", "b"], "b", true);
    one("StringEquals", &["a"], "A", false);
    one("StringEquals", &["a*"], "ab", false);
    one("StringEquals", &[""], "", true);
    one("StringEquals", &["${aws:username}"], "Bob", true);
    one("StringEquals", &["<${aws:username}>"], "<Bob>", true);
}

#[test]
fn not_equals_with_two_values_excludes_both() {
    one("StringNotEquals", &["a", "b"], "a", false);
    one("StringNotEquals", &["a", "b"], "b", false);
    one("StringNotEquals", &["a", "b"], "c", true);
    one("StringNotLike", &["a*", "b*"], "bc", false);
    one("NumericNotEquals", &["1", "2"], "2.0", false);
    one(
        "ArnNotLike",
        &["arn:aws:s3:::a", "arn:aws:s3:::b"],
        "arn:aws:s3:::b",
        false,
    );
    one(
        "NotIpAddress",
        &["10.0.0.0/8", "192.0.2.0/24"],
        "192.0.2.1",
        false,
    );
}

#[test]
fn a_missing_variable_matches_nothing() {
    one("StringEquals", &["${aws:none}"], "", false);
    one("StringEquals", &["${aws:none}", "x"], "x", true);
    one("StringLike", &["*${aws:none}"], "x", false);
    one("StringNotEquals", &["${aws:none}"], "x", true);
    one(
        "ArnLike",
        &["arn:aws:s3:::${aws:none}"],
        "arn:aws:s3:::",
        false,
    );
}

#[test]
fn case_is_ignored_on_request_but_look_alikes_differ() {
    one("StringEqualsIgnoreCase", &["Straße"], "STRAßE", true);
    one("StringEqualsIgnoreCase", &["${aws:username}"], "bOB", true);
    one("StringNotEqualsIgnoreCase", &["ADMIN"], "admin", false);
    one("StringEqualsIgnoreCase", &["key"], "\u{212a}ey", false);
    one("StringEqualsIgnoreCase", &["i"], "İ", false);
}

#[test]
fn patterns_match_in_string_like() {
    one(
        "StringLike",
        &["home/${aws:username}/*"],
        "home/Bob/x",
        true,
    );
    one("StringLike", &["a?c"], "abc", true);
    one("StringLike", &["a*"], "Ab", false);
    one("StringNotLike", &["a*"], "b", true);
}

#[test]
fn arns_compare_part_by_part() {
    let value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/doc";
    let pattern = "arn:aws:someservice:*:111122223333:finance/*";
    one("StringLike", &[pattern], value, true);
    for (operator, expected) in [
        ("ArnLike", false),
        ("ArnEquals", false),
        ("ArnNotLike", true),
        ("ArnNotEquals", true),
    ] {
        one(operator, &[pattern], value, expected);
    }
    one("ArnLike", &["*"], value, true);
    one("ArnLike", &["*", "bucket"], "bucket", false);
    one(
        "ArnEquals",
        &["arn:aws:iam::*:role/${aws:username}*"],
        "arn:aws:iam::1:role/Bobby",
        true,
    );
}

#[test]
fn numbers_compare_as_decimals() {
    one("NumericEquals", &["10"], "10.0", true);
    one("NumericLessThan", &["10"], "9", true);
    one("NumericLessThan", &["10"], "10", false);
    one("NumericLessThanEquals", &["10"], "10", true);
    one("NumericGreaterThan", &["-1"], "0", true);
    one("NumericGreaterThanEquals", &["0.1"], "0.09", false);
    one("NumericLessThan", &["5", "50"], "20", true);
    one("NumericEquals", &["1"], "one", false);
    one("NumericNotEquals", &["1"], "one", true);
}

#[test]
fn dates_compare_as_instants() {
    one(
        "DateLessThan",
        &["2026-11-24T00:00:00Z"],
        "2026-11-23T20:47:00Z",
        true,
    );
    one(
        "DateGreaterThan",
        &["2026-11-24"],
        "2026-11-23T20:47:00Z",
        false,
    );
    one("DateEquals", &["1795466820"], "2026-11-23T20:47:00Z", true);
    one(
        "DateEquals",
        &["2026-11-23T22:47:00+02:00"],
        "1795466820",
        true,
    );
    one("DateNotEquals", &["2026"], "2026-01-01T00:00:00Z", false);
    one(
        "DateGreaterThanEquals",
        &["2026"],
        "2025-12-31T23:59:59.999Z",
        false,
    );
    one("DateLessThanEquals", &["2026"], "2026-01-01", true);
}

#[test]
fn booleans_ignore_case_and_nothing_else() {
    one("Bool", &["true"], "True", true);
    one("Bool", &["FALSE"], "false", true);
    one("Bool", &["true"], "1", false);
    one("Bool", &["false"], "no", false);
    one("Bool", &["true", "false"], "false", true);
    one("Bool", &["${aws:username}"], "true", false);
}

#[test]
fn bytes_compare_decoded() {
    one("BinaryEquals", &["aGVsbG8="], "aGVsbG8=", true);
    one("BinaryEquals", &["aGVsbG8="], "aGVsbG9v", false);
    one("BinaryEquals", &["aGVsbG8="], "not base64!", false);
}

#[test]
fn addresses_compare_by_range_and_family() {
    one("IpAddress", &["203.0.113.0/24"], "203.0.113.9", true);
    one("IpAddress", &["203.0.113.9"], "203.0.113.9", true);
    one(
        "IpAddress",
        &["2001:db8::/32", "10.0.0.0/8"],
        "10.1.1.1",
        true,
    );
    one("IpAddress", &["0.0.0.0/0"], "::1", false);
    one("NotIpAddress", &["0.0.0.0/0"], "::1", true);
    one("IpAddress", &["0.0.0.0/0"], "localhost", false);
}

#[test]
fn a_missing_key_fails_positive_and_satisfies_negated_operators() {
    let positive = [
        ("StringEquals", "a"),
        ("StringEqualsIgnoreCase", "a"),
        ("StringLike", "*"),
        ("NumericEquals", "1"),
        ("NumericLessThan", "1"),
        ("DateGreaterThan", "2026"),
        ("Bool", "false"),
        ("BinaryEquals", "YQ=="),
        ("IpAddress", "0.0.0.0/0"),
        ("ArnLike", "*"),
    ];
    for (operator, value) in positive {
        absent(operator, &[value], false);
        absent(&format!("{operator}IfExists"), &[value], true);
        absent(&format!("ForAllValues:{operator}"), &[value], true);
        absent(&format!("ForAnyValue:{operator}"), &[value], false);
    }
    let negated = [
        ("StringNotEquals", "a"),
        ("StringNotEqualsIgnoreCase", "a"),
        ("StringNotLike", "*"),
        ("NumericNotEquals", "1"),
        ("DateNotEquals", "2026"),
        ("NotIpAddress", "0.0.0.0/0"),
        ("ArnNotLike", "*"),
        ("ArnNotEquals", "*"),
    ];
    for (operator, value) in negated {
        absent(operator, &[value], true);
        absent(&format!("{operator}IfExists"), &[value], true);
        absent(&format!("ForAllValues:{operator}"), &[value], true);
        absent(&format!("ForAnyValue:{operator}"), &[value], false);
        absent(&format!("ForAnyValue:{operator}IfExists"), &[value], true);
    }
}

#[test]
fn if_exists_changes_nothing_for_a_present_key() {
    one("StringEqualsIfExists", &["a"], "a", true);
    one("StringEqualsIfExists", &["a"], "b", false);
    one("StringNotEqualsIfExists", &["a"], "a", false);
    one("BoolIfExists", &["true"], "false", false);
}

#[test]
fn null_asks_for_absence() {
    absent("Null", &["true"], true);
    absent("Null", &["false"], false);
    one("Null", &["true"], "x", false);
    one("Null", &["False"], "x", true);
    one("Null", &["false"], "", false);
    many("Null", &["true"], &[], true);
    many("Null", &["false"], &["a"], true);
    absent("Null", &["true", "false"], true);
}

#[test]
fn for_all_values_holds_if_every_value_matches() {
    many(
        "ForAllValues:StringEquals",
        &["a", "b"],
        &["a", "b", "a"],
        true,
    );
    many("ForAllValues:StringEquals", &["a", "b"], &["a", "c"], false);
    many("ForAllValues:StringEquals", &["a"], &[], true);
    many("ForAllValues:StringEquals", &["a"], &[""], true);
    many("ForAllValues:StringEquals", &["a"], &["", "a"], false);
    many(
        "ForAllValues:StringNotEquals",
        &["a", "b"],
        &["c", "d"],
        true,
    );
    many(
        "ForAllValues:StringNotEquals",
        &["a", "b"],
        &["c", "a"],
        false,
    );
    one("ForAllValues:StringLike", &["a*"], "ab", true);
    one("ForAllValues:StringLike", &["a*"], "b", false);
}

#[test]
fn for_any_value_holds_if_some_value_matches() {
    many("ForAnyValue:StringEquals", &["a", "b"], &["c", "b"], true);
    many("ForAnyValue:StringEquals", &["a", "b"], &["c"], false);
    many("ForAnyValue:StringEquals", &["a"], &[], false);
    many(
        "ForAnyValue:StringNotEquals",
        &["a", "b"],
        &["a", "c"],
        true,
    );
    many(
        "ForAnyValue:StringNotEquals",
        &["a", "b"],
        &["a", "b"],
        false,
    );
    one("ForAnyValue:StringLike", &["a*"], "ab", true);
    one("ForAnyValue:StringLike", &["*"], "", false);
}

#[test]
fn a_multivalued_key_never_matches_without_a_set_operator() {
    many("StringEquals", &["a"], &["a"], false);
    many("StringNotEquals", &["a"], &["b"], false);
    many("StringEqualsIfExists", &["a"], &["a"], false);
    many("StringNotEquals", &["a"], &[], true);
}

#[test]
fn an_empty_list_of_values_matches_nothing() {
    one("StringEquals", &[], "a", false);
    one("StringNotEquals", &[], "a", true);
}

#[test]
fn unknown_operators_are_refused() {
    for operator in [
        "",
        "StringContains",
        "stringequals",
        "NullIfExists",
        "ForAllValues:Null",
        "ForSomeValues:StringEquals",
        "ForAllValues:ForAnyValue:StringEquals",
        "StringEqualsIfExistsIfExists",
        "NumericNotLessThan",
        "BinaryNotEquals",
        "Numeric",
        "Date",
        "IfExists",
    ] {
        refused(operator, "true");
    }
}

#[test]
fn values_that_the_operator_cannot_read_are_refused() {
    refused("NumericEquals", "ten");
    refused("NumericEquals", "${aws:username}");
    refused("DateLessThan", "tomorrow");
    refused("Bool", "yes");
    refused("Null", "");
    refused("BinaryEquals", "***");
    refused("IpAddress", "203.0.113.0/40");
    refused("IpAddress", "203.0.*");
    refused("StringLike", "${aws:username");
}
