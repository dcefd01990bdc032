//! Names of actions, condition keys and variables that no request has.

use types::fold_case;

use super::{Report, Subject, Vocabulary};
use crate::action::ActionPattern;
use crate::{Action, Steps};

pub(super) fn check(report: &mut Report<'_>, subject: &Subject<'_>, names: &Vocabulary<'_>) {
    actions(report, subject, names);
    variables(report, subject, names);
}

/// Actions that nothing asks for. What AWS has and is not here is said apart: the policy may
/// be written for both.
fn actions(report: &mut Report<'_>, subject: &Subject<'_>, names: &Vocabulary<'_>) {
    if names.actions.is_empty() {
        return;
    }
    let parsed = |names: &[&str]| -> Vec<Action> {
        let names = names.iter();
        names.filter_map(|name| Action::parse(name).ok()).collect()
    };
    let (here, at_aws) = (parsed(names.actions), parsed(names.at_aws));
    let covers = |pattern: &ActionPattern, actions: &[Action]| {
        let steps = Steps::default();
        actions.iter().any(|action| pattern.matches(action, &steps))
    };
    let listed = subject.texts(subject.action_element());
    for ((at, text), pattern) in listed.into_iter().zip(&subject.statement.actions.patterns) {
        let service = text.split_once(':').map_or(text, |(service, _)| service);
        if covers(pattern, &here) {
            continue;
        }
        if covers(pattern, &at_aws) {
            let message = format!("`{text}` is an action of AWS that nothing asks for here");
            report.note(at, "action-not-here", message);
        } else if names.is_service_of_aws(service) {
            let message = format!(
                "`{service}` is a service of AWS that is not here: whether `{text}` exists was \
                 not checked"
            );
            report.note(at, "service-not-here", message);
        } else if service == "*" || names.is_service(service) {
            let known = names.actions.iter().chain(names.at_aws);
            let guess = suggestion(text, known);
            let message = format!("no action that is known here matches `{text}`{guess}");
            report.warn(at, "unknown-action", message);
        } else {
            let known = names.prefixes();
            let guess = suggestion(service, known.iter());
            let message =
                format!("no service that is known here has the prefix `{service}`{guess}");
            report.warn(at, "unknown-service", message);
        }
    }
}

/// Variables that are never replaced: the statement applies to nothing.
fn variables(report: &mut Report<'_>, subject: &Subject<'_>, names: &Vocabulary<'_>) {
    let Some(resources) = &subject.statement.resources else {
        return;
    };
    let element = if resources.inverted {
        "NotResource"
    } else {
        "Resource"
    };
    for ((at, _), pattern) in subject.texts(element).iter().zip(&resources.patterns) {
        for key in pattern.variables() {
            variable(report, *at, key.original(), names);
        }
    }
}

/// What is wrong with a variable of this name.
pub(super) fn variable(report: &mut Report<'_>, at: usize, key: &str, names: &Vocabulary<'_>) {
    let Ok(known) = names.key(key) else {
        let guess = suggestion(key, names.key_names().iter());
        let message =
            format!("no request has the condition key of the variable `${{{key}}}`{guess}");
        report.warn(at, "unknown-variable", message);
        return;
    };
    if known.is_some_and(|known| known.multivalued) {
        let message = format!("`{key}` has several values: as a variable it never has one");
        report.warn(at, "multivalued-variable", message);
    }
}

/// `; did you mean …?` where a known name is close to the written one.
pub(super) fn suggestion<'a>(written: &str, known: impl Iterator<Item = &'a &'a str>) -> String {
    let written = fold_case(written);
    // Names this long are not misspelt, and comparing them would take its time.
    if written.len() > 64 {
        return String::new();
    }
    let far = (written.len() / 4).clamp(1, 3);
    let distances = known.map(|name| (distance(&written, &fold_case(name), far), *name));
    let nearest = distances
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance);
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// How many letters have to be put in, left out or changed; more than `far` where it is far.
fn distance(one: &str, other: &str, far: usize) -> usize {
    if one.len().abs_diff(other.len()) > far {
        return far.saturating_add(1);
    }
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (number, letter) in one.chars().enumerate() {
        let mut before = number.saturating_add(1);
        let mut next = vec![before];
        for (above, (diagonal, found)) in row.iter().skip(1).zip(row.iter().zip(other.chars())) {
            let changed = diagonal.saturating_add(usize::from(found != letter));
            before = changed
                .min(above.saturating_add(1))
                .min(before.saturating_add(1));
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
