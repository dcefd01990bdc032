//! Conditions of one statement.

use super::vocabulary::Family;
use super::{Report, Subject, Vocabulary, members, names as known_names, texts};
use crate::condition::{Condition, Quantifier};
use crate::document::DocumentKind;

pub(super) fn check(report: &mut Report<'_>, subject: &Subject<'_>, names: &Vocabulary<'_>) {
    let Some(block) = subject.element("Condition") else {
        return;
    };
    let mut compiled = subject.statement.conditions.iter();
    for (operator, keys) in members(block) {
        if members(keys).is_empty() {
            let message = format!("`{operator}` tests nothing");
            report.warn(keys.at, "empty-condition", message);
        }
        for (key, values) in members(keys) {
            let Some(condition) = compiled.next() else {
                return;
            };
            let values_at = texts(values);
            if values_at.is_empty() {
                let message = format!("`{key}` is compared with nothing");
                report.warn(values.at, "empty-condition", message);
            }
            named(report, values.at, condition, key, names);
            in_this_statement(report, subject, values.at, condition, &values_at);
            absent_for_services(report, subject, values.at, condition);
            for variable in condition.variables() {
                known_names::variable(report, values.at, variable.original(), names);
            }
            for (at, value) in values_at {
                value_of(report, at, condition, value);
            }
        }
    }
}

/// What the key's name tells.
fn named(
    report: &mut Report<'_>,
    at: usize,
    condition: &Condition,
    key: &str,
    names: &Vocabulary<'_>,
) {
    let Ok(known) = names.key(key) else {
        let guess = known_names::suggestion(key, names.key_names().iter());
        let message = format!("no request has the condition key `{key}`{guess}");
        report.warn(at, "unknown-condition-key", message);
        return;
    };
    if !key.contains(':') {
        let message = format!("the condition key `{key}` names no service: no request has it");
        report.warn(at, "unknown-condition-key", message);
    }
    let Some(known) = known else {
        return;
    };
    let null = condition.operator.starts_with("Null");
    let family = Family::of(&condition.operator);
    if family.is_some_and(|family| !known.of.is_compared_by(family)) {
        let message = format!(
            "`{}` does not compare `{key}` as what it is, which is {}",
            condition.operator,
            known.of.name()
        );
        report.warn(at, "operator-of-another-type", message);
    }
    let single = condition.quantifier == Quantifier::Single;
    if known.multivalued && single && !null {
        let message = format!(
            "`{key}` has several values: without `ForAnyValue` or `ForAllValues` it never matches"
        );
        report.warn(at, "multivalued-key", message);
    }
    if !known.multivalued && !single {
        let message = format!("`{key}` has one value: a set operator is not needed");
        report.warn(at, "single-valued-key", message);
    }
}

/// What goes wrong together with the statement's effect and kind.
fn in_this_statement(
    report: &mut Report<'_>,
    subject: &Subject<'_>,
    at: usize,
    condition: &Condition,
    values: &[(usize, &str)],
) {
    let key = condition.key.original();
    let tested_for_presence = subject.statement.conditions.iter().any(|other| {
        other.key == condition.key
            && (&*other.operator == "Null" || other.quantifier == Quantifier::Any)
    });
    if subject.allows() && condition.quantifier == Quantifier::All && !tested_for_presence {
        let message = format!(
            "`ForAllValues` holds for requests without `{key}`: test `Null` too, or use \
             `ForAnyValue`"
        );
        report.warn(at, "for-all-values-with-allow", message);
    }
    let says_false = values
        .iter()
        .any(|(_, value)| value.eq_ignore_ascii_case("false"));
    let name = condition.key.name();
    if !subject.allows()
        && name == "aws:multifactorauthpresent"
        && &*condition.operator == "Bool"
        && says_false
    {
        report.warn(
            at,
            "deny-misses-absent-key",
            "requests signed with long-term keys do not have this key: use `BoolIfExists`",
        );
    }
    if subject.document.kind == DocumentKind::KeyPolicy
        && matches!(name, "kms:resourcealiases" | "aws:resourcetag")
    {
        report.warn(
            at,
            "absent-in-key-policy",
            "tags and aliases of a key are not seen by its key policy",
        );
    }
}

/// Keys that calls have which a service makes for the caller, or does not have; and keys that a
/// service itself does not have.
const OF_THE_NETWORK: [&str; 3] = ["aws:sourceip", "aws:sourcevpc", "aws:sourcevpce"];
const OF_A_PRINCIPAL: [&str; 4] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
];

/// A Deny for all but some networks or principals, which a negated operator makes one for
/// whoever lacks the key.
fn absent_for_services(
    report: &mut Report<'_>,
    subject: &Subject<'_>,
    at: usize,
    condition: &Condition,
) {
    let mut others = subject.statement.conditions.iter();
    let present = others.any(|other| other.key == condition.key && &*other.operator == "Null");
    if subject.allows() || !condition.negated || present {
        return;
    }
    let name = condition.key.name();
    let key = condition.key.original();
    if OF_THE_NETWORK.contains(&name)
        && !subject.is_narrowed_by(&["aws:viaawsservice", "aws:calledvia", "kms:viaservice"])
    {
        let message = format!(
            "calls that a service makes for the caller have no `{key}` and are denied too: test \
             `aws:ViaAWSService` beside it"
        );
        report.warn(at, "deny-hits-services", message);
    }
    let everyone = subject.statement.principals.as_ref().is_some_and(|named| {
        !named.inverted && named.patterns.contains(&crate::PrincipalPattern::Everyone)
    });
    if OF_A_PRINCIPAL.contains(&name)
        && everyone
        && !subject.is_narrowed_by(&["aws:principalisawsservice", "aws:principalservicename"])
    {
        let message = format!(
            "services that act for themselves have no `{key}` and are denied too: test \
             `aws:PrincipalIsAWSService` beside it"
        );
        report.warn(at, "deny-hits-services", message);
    }
}

fn value_of(report: &mut Report<'_>, at: usize, condition: &Condition, value: &str) {
    let operator = &*condition.operator;
    let exact = operator.contains("StringEquals") || operator.contains("StringNotEquals");
    // `*` behind `$` and brace is an escape.
    let plain = value.replace("${*}", "").replace("${?}", "");
    let wild = plain.contains(['*', '?']);
    if exact && wild {
        let message = format!("in `{operator}` the wildcards of `{value}` are ordinary characters");
        report.warn(at, "wildcard-not-expanded", message);
    }
    let arn_key = matches!(condition.key.name(), "aws:sourcearn" | "aws:principalarn");
    let empty_like = operator.contains("StringLike") && value == "*" && !arn_key;
    if empty_like && condition.quantifier == Quantifier::Single && !condition.if_exists {
        let message = format!("`{operator}` with `*` only tests that the key is there: use `Null`");
        report.warn(at, "matches-any-value", message);
    }
}
