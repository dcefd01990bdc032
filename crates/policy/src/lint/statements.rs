//! Actions and resources of one statement.

use super::{Report, Subject, Vocabulary};
use crate::Action;
use crate::action::ActionPattern;
use crate::document::DocumentKind;

pub(super) fn check(report: &mut Report<'_>, subject: &Subject<'_>, names: &Vocabulary<'_>) {
    breadth(report, subject);
    unknown_actions(report, subject, names);
    repeated(report, subject, "Action");
    repeated(report, subject, "Resource");
    other_services(report, subject);
    if subject.document.kind == DocumentKind::KeyPolicy {
        in_key_policy(report, subject);
    } else {
        alias_arns(report, subject);
    }
}

/// Statements that allow more than anyone lists.
fn breadth(report: &mut Report<'_>, subject: &Subject<'_>) {
    if !subject.allows() {
        return;
    }
    let statement = subject.statement;
    if statement.actions.inverted {
        report.warn(
            subject.place("NotAction"),
            "not-action-with-allow",
            "this allows every action that is not listed, those added later included",
        );
    }
    let resources = statement.resources.as_ref();
    if resources.is_some_and(|resources| resources.inverted) {
        report.warn(
            subject.place("NotResource"),
            "not-resource-with-allow",
            "this allows every resource that is not listed, those added later included",
        );
    }
    let everywhere = resources.is_some_and(crate::resource::Resources::are_everything);
    let own = subject.document.kind == DocumentKind::Identity;
    let listed = |wanted: &str| {
        subject
            .texts("Action")
            .into_iter()
            .find(|(_, text)| text.eq_ignore_ascii_case(wanted))
    };
    if own && everywhere && statement.conditions.is_empty() {
        if let Some((at, _)) = listed("*").or_else(|| listed("*:*")) {
            report.warn(at, "full-access", "this allows everything");
        }
        let passes = Action::from_static("iam:PassRole");
        let pattern = |text: &str| text != "*" && text != "*:*";
        let at = subject
            .texts("Action")
            .into_iter()
            .zip(&statement.actions.patterns)
            .find(|((_, text), compiled)| pattern(text) && compiled.matches(&passes));
        if let (Some(((at, _), _)), false) = (at, statement.actions.inverted) {
            report.warn(
                at,
                "pass-any-role",
                "this allows to hand any role to a service: list the roles or test \
                 `iam:PassedToService`",
            );
        }
    }
}

fn unknown_actions(report: &mut Report<'_>, subject: &Subject<'_>, names: &Vocabulary<'_>) {
    let known: Vec<Action> = names
        .actions
        .iter()
        .filter_map(|name| Action::parse(name).ok())
        .collect();
    if known.is_empty() {
        return;
    }
    let element = if subject.statement.actions.inverted {
        "NotAction"
    } else {
        "Action"
    };
    let compiled: &[ActionPattern] = &subject.statement.actions.patterns;
    for ((at, text), pattern) in subject.texts(element).into_iter().zip(compiled) {
        if !known.iter().any(|action| pattern.matches(action)) {
            let message = format!("no action that exists here matches `{text}`");
            report.warn(at, "unknown-action", message);
        }
    }
}

/// Values that another of the same list covers already.
fn repeated(report: &mut Report<'_>, subject: &Subject<'_>, element: &str) {
    let values = subject.texts(element);
    // A list that long is generated; comparing all pairs of it would take too long.
    if values.len() > 200 {
        return;
    }
    let folded: Vec<String> = values
        .iter()
        .map(|(_, text)| match element {
            "Action" => text.to_ascii_lowercase(),
            _ => (*text).to_owned(),
        })
        .collect();
    for (index, ((at, text), own)) in values.iter().zip(&folded).enumerate() {
        let wider = folded.iter().enumerate().find(|(other, pattern)| {
            *other != index
                && super::overlap::includes(pattern, own)
                && (*other < index || *pattern != own)
        });
        if let Some((other, _)) = wider
            && let Some((_, wider)) = values.get(other)
        {
            let message = format!("`{text}` is covered by `{wider}` already");
            report.warn(*at, "redundant-value", message);
        }
    }
}

/// Actions of one service on resources of another: the statement applies to nothing.
fn other_services(report: &mut Report<'_>, subject: &Subject<'_>) {
    let statement = subject.statement;
    if statement.actions.inverted || statement.resources.as_ref().is_none_or(|r| r.inverted) {
        return;
    }
    let service_of_action = |text: &str| {
        let (service, _) = text.split_once(':')?;
        (service != "*").then(|| service.to_ascii_lowercase())
    };
    let service_of_resource = |text: &str| {
        let service = text.split(':').nth(2)?;
        (text != "*").then(|| service.to_owned())
    };
    let actions: Option<Vec<String>> = subject
        .texts("Action")
        .into_iter()
        .map(|(_, text)| service_of_action(text))
        .collect();
    let resources = subject.texts("Resource");
    let services: Option<Vec<String>> = resources
        .iter()
        .map(|(_, text)| service_of_resource(text))
        .collect();
    let (Some(actions), Some(services)) = (actions, services) else {
        return;
    };
    let mut apart = actions.iter().zip(std::iter::repeat(&services));
    if !services.is_empty()
        && !actions.is_empty()
        && apart.all(|(action, services)| !services.contains(action))
    {
        report.warn(
            subject.place("Resource"),
            "resource-of-another-service",
            "no listed action is of the service of a listed resource: the statement never applies",
        );
    }
}

fn in_key_policy(report: &mut Report<'_>, subject: &Subject<'_>) {
    let statement = subject.statement;
    let empty = statement
        .resources
        .as_ref()
        .is_none_or(|r| r.patterns.is_empty());
    if statement.actions.patterns.is_empty() || empty {
        report.warn(
            subject.node.at,
            "no-effect",
            "a statement without actions or resources has no effect",
        );
    }
    for (at, text) in subject.texts("Resource") {
        if text != "*" {
            report.warn(
                at,
                "resource-in-key-policy",
                "a key policy is about its own key: write `*`",
            );
        }
    }
}

/// An alias in `Resource` covers operations on the alias, never on its key.
fn alias_arns(report: &mut Report<'_>, subject: &Subject<'_>) {
    let on_aliases = ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"];
    let uses = subject.texts("Action").iter().any(|(_, text)| {
        !on_aliases
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name))
    });
    for (at, text) in subject.texts("Resource") {
        let alias = text.starts_with("arn:aws:kms:") && text.contains(":alias/");
        if uses && alias {
            report.warn(
                at,
                "alias-is-not-its-key",
                "an alias ARN covers the alias only: name the key, or test `kms:RequestAlias`",
            );
        }
    }
}
