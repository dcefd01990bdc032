//! The quotas of Organizations.

use store::View;

use super::error::{Constraint, Error};
use super::records::{ControlPolicy, NodeKind, PolicyKind};
use super::tables;

/// Levels of units below the root.
pub(crate) const UNIT_DEPTH: usize = 5;
/// Policies of one type that are attached to a root, unit or account, AWS's included.
pub(crate) const ATTACHMENTS: usize = 5;
/// Policies of one type in the organization.
pub(crate) const POLICIES: usize = 1000;
/// Units of the organization.
const UNITS: usize = 1000;
/// Accounts of the organization, closed ones included.
const ACCOUNTS: usize = 10_000;

/// Whether there may be one more unit. Fails with `ConstraintViolationException`.
pub(crate) fn another_unit(view: &View) -> Result<(), Error> {
    room(view, NodeKind::Unit, UNITS, Constraint::Units)
}

/// Whether there may be one more account. Fails with `ConstraintViolationException`.
pub(crate) fn another_account(view: &View) -> Result<(), Error> {
    room(view, NodeKind::Account, ACCOUNTS, Constraint::Accounts)
}

fn room(view: &View, kind: NodeKind, most: usize, exceeded: Constraint) -> Result<(), Error> {
    let everything = tables::all();
    let nodes = view.scan(&tables::NODES, &everything, None);
    if nodes.filter(|(_, row)| row.record.kind == kind).count() < most {
        Ok(())
    } else {
        Err(exceeded.into())
    }
}

/// Reads the content that a policy is to have.
///
/// Fails with `MalformedPolicyDocumentException`, and with `ConstraintViolationException`
/// beyond 5,120 characters.
pub(crate) fn content(text: &str, kind: PolicyKind) -> Result<ControlPolicy, Error> {
    let grammar = kind.document();
    if grammar.size_of(text) > grammar.quota() {
        return Err(Constraint::PolicySize.into());
    }
    ControlPolicy::parse(text, kind).map_err(Error::Malformed)
}

#[cfg(test)]
mod tests {
    use types::ServiceError;

    use super::*;

    fn check(length: usize, expected: Option<&str>) {
        let statement = r#"{"Effect":"Deny","Action":"kms:*","Resource":"*"}"#;
        let mut text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        text.insert_str(1, &" ".repeat(length - text.len()));
        let read = content(&text, PolicyKind::ServiceControl);
        assert_eq!(read.err().and_then(|error| error.reason()), expected);
    }

    #[test]
    fn a_policy_has_5120_characters_at_most_white_space_included() {
        check(5120, None);
        check(5121, Some("POLICY_CONTENT_LIMIT_EXCEEDED"));
    }
}
