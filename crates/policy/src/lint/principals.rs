//! Principals of one statement.

use super::{Report, Subject};
use crate::document::{DocumentKind, Effect};
use crate::principal::PrincipalPattern;
use crate::{Action, Steps};

/// Keys that tie a statement for everyone to callers that are meant.
const WHO: [&str; 13] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltag",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:userid",
    "aws:username",
    "kms:calleraccount",
    "kms:viaservice",
];

/// Keys that say for whom a service acts.
const FOR_WHOM: [&str; 4] = [
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
];

pub(super) fn check(report: &mut Report<'_>, subject: &Subject<'_>) {
    let Some(principals) = &subject.statement.principals else {
        return;
    };
    let kind = subject.document.kind;
    if principals.inverted {
        not_principal(report, subject, &principals.patterns);
        return;
    }
    let everyone = principals.patterns.contains(&PrincipalPattern::Everyone);
    let at = subject.place("Principal");
    if everyone
        && subject.allows()
        && kind != DocumentKind::ResourceControl
        && !subject.is_narrowed_by(&WHO)
    {
        if kind == DocumentKind::Trust {
            report.warn(
                at,
                "wildcard-in-trust-policy",
                "every principal of its account may assume this role, and of others whose own policies allow it",
            );
        } else {
            report.warn(
                at,
                "wildcard-principal",
                "this allows everyone: name principals, or test `aws:PrincipalOrgID` or \
                 `aws:PrincipalAccount`",
            );
        }
    }
    let service = |p: &PrincipalPattern| matches!(p, PrincipalPattern::Service(_));
    if principals.patterns.iter().any(service)
        && subject.allows()
        && !subject.is_narrowed_by(&FOR_WHOM)
    {
        report.warn(
            at,
            "confused-deputy",
            "the service may act here for anyone: test `aws:SourceArn` or `aws:SourceAccount`",
        );
    }
    for pattern in &principals.patterns {
        if let PrincipalPattern::Id(id) = pattern {
            let message = format!("`{id}` is the id of a principal that was deleted or moved");
            report.warn(at, "principal-by-id", message);
        }
    }
    let federated = |p: &PrincipalPattern| matches!(p, PrincipalPattern::Federated(_));
    if kind == DocumentKind::Trust {
        of_another_call(report, subject, &principals.patterns);
    }
    if kind == DocumentKind::Trust
        && subject.allows()
        && principals.patterns.iter().any(federated)
        && subject.statement.conditions.is_empty()
    {
        report.warn(
            at,
            "any-web-identity",
            "everyone whom the provider knows may assume this role: test its `aud` and `sub`",
        );
    }
}

/// Principals of a trust policy that cannot make the calls beside them: providers vouch for
/// whoever calls with their token, all others sign.
fn of_another_call(report: &mut Report<'_>, subject: &Subject<'_>, listed: &[PrincipalPattern]) {
    let covers = |name| {
        subject
            .statement
            .actions
            .cover(&Action::from_static(name), &Steps::default())
    };
    let by_token = covers("sts:AssumeRoleWithWebIdentity") || covers("sts:AssumeRoleWithSAML");
    let federated = |p: &PrincipalPattern| matches!(p, PrincipalPattern::Federated(_));
    let at = subject.place("Principal");
    if listed.iter().any(federated) && !by_token {
        report.warn(
            at,
            "principal-of-another-call",
            "whoever comes from an identity provider calls `sts:AssumeRoleWithWebIdentity` or \
             `sts:AssumeRoleWithSAML`, which is not listed",
        );
    }
    if !listed.iter().any(federated) && by_token && !covers("sts:AssumeRole") {
        report.warn(
            at,
            "principal-of-another-call",
            "a principal that signs calls `sts:AssumeRole`, which is not listed",
        );
    }
}

fn not_principal(report: &mut Report<'_>, subject: &Subject<'_>, listed: &[PrincipalPattern]) {
    let at = subject.place("NotPrincipal");
    if subject.statement.effect == Effect::Deny {
        report.warn(
            at,
            "not-principal",
            "this denies every caller that has a permissions boundary, listed or not; test \
             `aws:PrincipalArn` instead",
        );
    }
    let account = |p: &PrincipalPattern| {
        matches!(p, PrincipalPattern::Account(_) | PrincipalPattern::Everyone)
    };
    let of_accounts = |p: &PrincipalPattern| {
        matches!(
            p,
            PrincipalPattern::User { .. }
                | PrincipalPattern::Role { .. }
                | PrincipalPattern::RoleSession { .. }
                | PrincipalPattern::FederatedUser { .. }
        )
    };
    if listed.iter().any(of_accounts) && !listed.iter().any(account) {
        report.warn(
            at,
            "not-principal-without-account",
            "a principal is spared only if its account is listed too",
        );
    }
}
