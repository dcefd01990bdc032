//! Identity policy documents: reading, measuring, and the one that denies everything.

use std::sync::{Arc, LazyLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Document, DocumentKind, ParseError, non_whitespace_len};

use crate::records::PolicyText;
use crate::{Error, quota};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Reads a policy that a caller sends.
///
/// Fails with `MalformedPolicyDocument` and the text with which AWS refuses it.
pub(crate) fn read(text: &str) -> Result<PolicyText, Error> {
    let document = compile(text).map_err(|source| Error::MalformedPolicy { source })?;
    Ok(PolicyText::parsed(document))
}

/// Reads a managed policy that a caller sends.
///
/// Fails like [`read`], also if the version is not `2012-10-17`, and with `LimitExceeded` beyond
/// 6,144 characters that are not white space.
pub(crate) fn read_managed(text: &str) -> Result<PolicyText, Error> {
    let document = Document::parse_managed(text, DocumentKind::Identity);
    let policy = PolicyText::parsed(document.map_err(|source| Error::MalformedPolicy { source })?);
    if non_whitespace_len(policy.text()) > quota::POLICY_SIZE {
        return Err(Error::Quota {
            quota: "PolicySize",
            limit: quota::POLICY_SIZE,
        });
    }
    Ok(policy)
}

/// Compiles the text of an identity policy.
pub(crate) fn compile(text: &str) -> Result<Document, ParseError> {
    Document::parse(text, DocumentKind::Identity)
}

/// The document that stands for a policy which cannot be found or read: it denies everything.
pub(crate) fn deny_all() -> Option<Arc<Document>> {
    static DOCUMENT: LazyLock<Option<Arc<Document>>> = LazyLock::new(|| {
        let text = r#"{"Version":"2012-10-17","Statement":{"Sid":"Unreadable","Effect":"Deny","Action":"*","Resource":"*"}}"#;
        compile(text).ok().map(Arc::new)
    });
    DOCUMENT.clone()
}

/// The trust policy of a role that does not exist: it names a service that is none.
pub(crate) fn trusts_nobody() -> Option<Arc<Document>> {
    static DOCUMENT: LazyLock<Option<Arc<Document>>> = LazyLock::new(|| {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"nobody.invalid"},"Action":"sts:AssumeRole"}}"#;
        let document = Document::parse(text, DocumentKind::Trust);
        document.ok().map(Arc::new)
    });
    DOCUMENT.clone()
}

/// The text as IAM answers it: percent-encoded by RFC 3986.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_for_unreadable_policies_exists() {
        let document = deny_all().unwrap();
        assert_eq!(document.statements()[0].effect(), policy::Effect::Deny);
    }

    #[test]
    fn a_stored_text_that_cannot_be_read_denies() {
        let lost = PolicyText::from("not a policy".to_owned());
        assert_eq!(lost.text(), "not a policy");
        assert_eq!(
            lost.document().unwrap().statements()[0].effect(),
            policy::Effect::Deny
        );
    }

    #[test]
    fn answers_are_percent_encoded() {
        assert_eq!(
            encoded("{\"a\": [1,~x-y_.]}"),
            "%7B%22a%22%3A%20%5B1%2C~x-y_.%5D%7D"
        );
    }
}
