//! What kind of policy a document most likely is.

use super::{member, statement_nodes, texts};
use crate::document::DocumentKind;
use crate::json::{self, Node};

/// The kind that a document looks like, for whoever was not told it. A document that cannot
/// be read counts as an identity policy; boundaries, session policies and service control
/// policies look like one.
pub fn likely_kind(text: &str) -> DocumentKind {
    let Ok(root) = json::read(text) else {
        return DocumentKind::Identity;
    };
    let statements = statement_nodes(&root);
    let any = |names: [&str; 2]| {
        statements
            .iter()
            .any(|statement| names.iter().any(|name| member(statement, name).is_some()))
    };
    let actions: Vec<&str> = statements
        .iter()
        .flat_map(|statement| ["Action", "NotAction"].map(|name| member(statement, name)))
        .flatten()
        .flat_map(|node| texts(node).into_iter().map(|(_, text)| text))
        .collect();
    let all_of = |service: &str| {
        let prefix = |action: &&str| action.split(':').next() == Some(service);
        !actions.is_empty() && actions.iter().all(prefix)
    };
    let named = any(["Principal", "NotPrincipal"]);
    let about = any(["Resource", "NotResource"]);
    match (named, about) {
        (_, false) if all_of("sts") => DocumentKind::Trust,
        (false, _) => DocumentKind::Identity,
        (true, _) if !statements.is_empty() && statements.iter().all(denies_everyone) => {
            DocumentKind::ResourceControl
        }
        (true, _) if all_of("kms") => DocumentKind::KeyPolicy,
        (true, true) => DocumentKind::Resource,
        (true, false) => DocumentKind::Trust,
    }
}

/// Whether a statement denies everyone something on every resource, as only a resource control
/// policy does.
fn denies_everyone(statement: &Node) -> bool {
    let only = |name: &str, text: &str| {
        let found = member(statement, name).map(texts).unwrap_or_default();
        matches!(found.as_slice(), [(_, only)] if *only == text)
    };
    only("Effect", "Deny") && only("Principal", "*") && only("Resource", "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statements: &str, expected: DocumentKind) {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
        assert_eq!(likely_kind(&text), expected, "{statements}");
    }

    #[test]
    fn the_elements_and_actions_of_a_document_tell_its_kind() {
        check(
            r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#,
            DocumentKind::Identity,
        );
        check(
            r#"[{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*",
            "Resource": "*"}]"#,
            DocumentKind::KeyPolicy,
        );
        check(
            r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"},
            "Action": ["kms:Decrypt", "s3:GetObject"], "Resource": "*"}"#,
            DocumentKind::Resource,
        );
        check(
            r#"{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole"}"#,
            DocumentKind::Trust,
        );
        check(
            r#"{"Effect": "Allow", "Action": "sts:AssumeRole"}"#,
            DocumentKind::Trust,
        );
        check(
            r#"{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}"#,
            DocumentKind::ResourceControl,
        );
        check(
            r#"{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b"}"#,
            DocumentKind::Resource,
        );
    }

    #[test]
    fn what_cannot_be_read_counts_as_an_identity_policy() {
        for text in ["", "{", "[]", "{}", r#"{"Statement": 1}"#] {
            assert_eq!(likely_kind(text), DocumentKind::Identity, "{text}");
        }
    }
}
