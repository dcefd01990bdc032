//! The credential scope: `key/day/region/service/aws4_request`.

use std::borrow::Cow;
use std::ops::Range;

use types::AccessKeyId;

use super::AuthError;

/// Day, region and service that a signature is for.
///
/// Region and service are lower-case labels, but nobody has checked yet whether they exist
/// here: [`crate::Envelope`] checks the service, the server the region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope<'r> {
    credential: Cow<'r, str>,
    day: Range<usize>,
    region: Range<usize>,
    service: Range<usize>,
}

impl Scope<'_> {
    /// The day as `YYYYMMDD`.
    pub fn day(&self) -> &str {
        self.part(&self.day)
    }

    /// The region's name.
    pub fn region(&self) -> &str {
        self.part(&self.region)
    }

    /// The service's signing name.
    pub fn service(&self) -> &str {
        self.part(&self.service)
    }

    /// `day/region/service/aws4_request`.
    pub(super) fn text(&self) -> &str {
        self.credential.get(self.day.start..).unwrap_or_default()
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.credential.get(range.clone()).unwrap_or_default()
    }
}

/// Splits a credential into the access key and the scope.
///
/// Fails with AWS's text if it has not five elements, another terminator or labels that
/// cannot be those of a region or service, and with [`AuthError::UnrecognizedClient`] if no
/// access key can have that form.
pub(super) fn read(credential: Cow<'_, str>) -> Result<(AccessKeyId, Scope<'_>), AuthError> {
    let mut slashes = credential
        .bytes()
        .enumerate()
        .filter(|(_, byte)| *byte == b'/');
    let mut next = || slashes.next().map(|(at, _)| at);
    let (Some(first), Some(second), Some(third), Some(fourth), None) =
        (next(), next(), next(), next(), next())
    else {
        return Err(AuthError::Incomplete(FIVE_ELEMENTS));
    };
    let access_key = credential.get(..first).unwrap_or_default().parse();
    let scope = Scope {
        day: first + 1..second,
        region: second + 1..third,
        service: third + 1..fourth,
        credential,
    };
    if scope.credential.get(fourth + 1..) != Some(TERMINATOR) {
        return Err(AuthError::Scope(BAD_TERMINATOR));
    }
    if !is_label(scope.region()) {
        return Err(AuthError::Scope(BAD_REGION));
    }
    if !is_label(scope.service()) {
        return Err(AuthError::Scope(BAD_SERVICE));
    }
    let access_key = access_key.map_err(|_source| AuthError::UnrecognizedClient)?;
    Ok((access_key, scope))
}

fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The last element of every scope.
pub(super) const TERMINATOR: &str = "aws4_request";

const FIVE_ELEMENTS: &str =
    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term";
const BAD_TERMINATOR: &str = "Credential should be scoped with a valid terminator: 'aws4_request'.";
pub(super) const BAD_REGION: &str = "Credential should be scoped to a valid region.";
pub(super) const BAD_SERVICE: &str = "Credential should be scoped to correct service.";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(credential: &str, expected: &AuthError) {
        assert_eq!(
            read(Cow::Borrowed(credential)).as_ref(),
            Err(expected),
            "{credential}"
        );
    }

    #[test]
    fn a_credential_has_a_key_and_a_scope() {
        let text = "AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/kms/aws4_request";
        let (key, scope) = read(Cow::Borrowed(text)).unwrap();
        assert_eq!(key.as_str(), "AKIDEXAMPLEEXAMPLE00");
        assert_eq!(
            (scope.day(), scope.region(), scope.service()),
            ("20150830", "us-east-1", "kms")
        );
        assert_eq!(scope.text(), "20150830/us-east-1/kms/aws4_request");
    }

    #[test]
    fn other_numbers_of_elements_are_refused() {
        for text in [
            "",
            "AKIDEXAMPLEEXAMPLE00",
            "AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/kms",
            "AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/kms/aws4_request/",
            "a/AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/kms/aws4_request",
        ] {
            refused(text, &AuthError::Incomplete(FIVE_ELEMENTS));
        }
    }

    #[test]
    fn other_terminators_are_refused() {
        let text = "AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/kms/aws5_request";
        refused(text, &AuthError::Scope(BAD_TERMINATOR));
    }

    #[test]
    fn labels_that_would_break_the_string_to_sign_are_refused() {
        for region in [
            "",
            "us east",
            "us\neast",
            "US-EAST-1",
            "us_east",
            &"a".repeat(65),
        ] {
            let text = format!("AKIDEXAMPLEEXAMPLE00/20150830/{region}/kms/aws4_request");
            refused(&text, &AuthError::Scope(BAD_REGION));
        }
        refused(
            "AKIDEXAMPLEEXAMPLE00/20150830/us-east-1/K/aws4_request",
            &AuthError::Scope(BAD_SERVICE),
        );
    }

    #[test]
    fn impossible_access_keys_are_unknown() {
        for key in ["", "short", "AKID EXAMPLE EXAMPLE", "ключключключключ"] {
            let text = format!("{key}/20150830/us-east-1/kms/aws4_request");
            refused(&text, &AuthError::UnrecognizedClient);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, slashed in "[a-z/0-9_é]{0,80}") {
            let _ = read(Cow::Owned(text));
            let _ = read(Cow::Owned(slashed));
        }
    }
}
