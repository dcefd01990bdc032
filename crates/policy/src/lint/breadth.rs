//! Statements that allow more than their author is likely to mean.

use super::{Report, Subject};
use crate::document::DocumentKind;
use crate::{Action, Steps};

/// Actions with which a principal gives itself, or others, any right of the account.
const RAISING: [&str; 14] = [
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "kms:PutKeyPolicy",
    "sts:AssumeRole",
];

/// Actions that give back what a key protects.
const OPENING: [&str; 2] = ["kms:Decrypt", "kms:ReEncryptFrom"];

pub(super) fn check(report: &mut Report<'_>, subject: &Subject<'_>) {
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
    if own && everywhere && statement.conditions.is_empty() {
        on_everything(report, subject);
    }
}

/// An identity policy's Allow for every resource, without a condition.
fn on_everything(report: &mut Report<'_>, subject: &Subject<'_>) {
    let actions = subject.texts("Action");
    if let Some((at, _)) = actions.iter().find(|(_, text)| is_everything(text)) {
        report.warn(*at, "full-access", "this allows everything");
        return;
    }
    if let Some((at, _)) = first_of(subject, &["iam:PassRole"]) {
        report.warn(
            at,
            "pass-any-role",
            "this allows to hand any role to a service: list the roles or test \
             `iam:PassedToService`",
        );
    }
    if let Some((at, name)) = first_of(subject, &RAISING) {
        let message = format!("with `{name}` on every resource a principal gives itself any right");
        report.warn(at, "raises-own-rights", message);
    }
    if let Some((at, name)) = first_of(subject, &OPENING) {
        let message = format!("this allows `{name}` with every key of the account: list the keys");
        report.warn(at, "opens-any-key", message);
    }
}

fn is_everything(text: &str) -> bool {
    matches!(text, "*" | "*:*")
}

/// The first listed action that covers one of `names`, which is the second part.
fn first_of(subject: &Subject<'_>, names: &[&'static str]) -> Option<(usize, &'static str)> {
    if subject.statement.actions.inverted {
        return None;
    }
    let listed = subject.texts("Action");
    let mut compiled = listed.iter().zip(&subject.statement.actions.patterns);
    compiled.find_map(|((at, _), pattern)| {
        let mut names = names.iter();
        let covered =
            names.find(|name| pattern.matches(&Action::from_static(name), &Steps::default()))?;
        Some((*at, *covered))
    })
}
