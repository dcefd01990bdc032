//! Actions and resources of one statement that do not go together, or cover nothing.

use super::{Report, Subject};
use crate::document::DocumentKind;

pub(super) fn check(report: &mut Report<'_>, subject: &Subject<'_>) {
    repeated(report, subject, "Action");
    repeated(report, subject, "Resource");
    other_services(report, subject);
    for element in ["Resource", "NotResource"] {
        never_named(report, subject, element);
    }
    if subject.document.kind == DocumentKind::KeyPolicy {
        in_key_policy(report, subject);
    } else {
        alias_arns(report, subject);
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

/// ARNs that no resource has: a region or an account is missing, or is there where it never is.
fn never_named(report: &mut Report<'_>, subject: &Subject<'_>, element: &str) {
    for (at, text) in subject.texts(element) {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [_, _, service, region, account, resource] = parts.as_slice() else {
            continue;
        };
        let wrong = match *service {
            "kms" | "sagemaker" | "cloudtrail" if region.is_empty() => "has no region",
            "kms" | "sagemaker" | "cloudtrail" | "iam" | "sts" | "organizations"
                if account.is_empty() =>
            {
                "has no account"
            }
            "sts" | "organizations" if !region.is_empty() && *region != "*" => {
                "has a region, where such a resource has none"
            }
            "s3" if !account.is_empty() && *account != "*" && !resource.contains('/') => {
                "has an account, where a bucket has none"
            }
            _ => continue,
        };
        let message = format!("`{text}` {wrong}: it matches nothing");
        report.warn(at, "matches-nothing", message);
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
