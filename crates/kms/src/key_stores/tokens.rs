//! What the failures of a token mean to callers, and how callers name a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::KeyStoreError;
use crate::Error;

/// The failure of a call that uses a key on a token.
pub(crate) fn token_failure(failed: token::Error) -> Error {
    use token::Error as Token;
    let failure = match failed {
        Token::Sealed(_) => return Error::InvalidCiphertext,
        Token::Timeout | Token::Busy => KeyStoreError::TimedOut(failed),
        Token::NoKey { .. }
        | Token::SeveralKeys { .. }
        | Token::Unfit { .. }
        | Token::Foreign { .. } => KeyStoreError::Material(failed),
        Token::Module { .. }
        | Token::NoToken { .. }
        | Token::SeveralTokens { .. }
        | Token::Mechanism { .. }
        | Token::WrongPin
        | Token::PinLocked
        | Token::NoPin
        | Token::Threads
        | Token::Failed(_) => KeyStoreError::Unavailable(failed),
    };
    failure.into()
}

/// The failure of a call that needs the token and uses no key on it: of those that AWS declares
/// for `CreateKey` and `GenerateRandom`.
pub(crate) fn store_failure(failed: token::Error) -> Error {
    use token::Error as Token;
    let failure = match failed {
        Token::Timeout | Token::Busy => KeyStoreError::TimedOut(failed),
        Token::Module { .. }
        | Token::NoToken { .. }
        | Token::SeveralTokens { .. }
        | Token::Mechanism { .. }
        | Token::WrongPin
        | Token::PinLocked
        | Token::NoPin
        | Token::NoKey { .. }
        | Token::SeveralKeys { .. }
        | Token::Unfit { .. }
        | Token::Foreign { .. }
        | Token::Sealed(_)
        | Token::Threads
        | Token::Failed(_) => KeyStoreError::OutOfOrder(failed),
    };
    failure.into()
}

/// The same for a store that the configuration does not know any more.
pub(crate) fn store_lost(failed: Error) -> Error {
    match failed {
        Error::KeyStore(KeyStoreError::NotConfigured | KeyStoreError::ProxyNotAllowed) => {
            KeyStoreError::StoreNotConfigured.into()
        }
        other => other,
    }
}

/// The failure of a call that manages key stores, when the token was looked at.
pub(crate) fn cluster_failure(failed: token::Error) -> KeyStoreError {
    use token::Error as Token;
    match failed {
        Token::Mechanism { .. } | Token::SeveralTokens { .. } => {
            KeyStoreError::ClusterConfiguration(failed)
        }
        Token::Module { .. }
        | Token::NoToken { .. }
        | Token::WrongPin
        | Token::PinLocked
        | Token::NoPin
        | Token::NoKey { .. }
        | Token::SeveralKeys { .. }
        | Token::Unfit { .. }
        | Token::Foreign { .. }
        | Token::Sealed(_)
        | Token::Timeout
        | Token::Busy
        | Token::Threads
        | Token::Failed(_) => KeyStoreError::ClusterNotActive(failed),
    }
}

/// The connection error code of a store whose token could not be logged in to.
pub(crate) fn connection_code(failed: &token::Error) -> &'static str {
    use token::Error as Token;
    match failed {
        Token::WrongPin => "INVALID_CREDENTIALS",
        Token::PinLocked => "USER_LOCKED_OUT",
        Token::NoPin => "USER_NOT_FOUND",
        Token::NoToken { .. } => "INSUFFICIENT_CLOUDHSM_HSMS",
        Token::Timeout | Token::Busy => "NETWORK_ERRORS",
        Token::Module { .. }
        | Token::SeveralTokens { .. }
        | Token::Mechanism { .. }
        | Token::NoKey { .. }
        | Token::SeveralKeys { .. }
        | Token::Unfit { .. }
        | Token::Foreign { .. }
        | Token::Sealed(_)
        | Token::Threads
        | Token::Failed(_) => "INTERNAL_ERROR",
    }
}

/// The one certificate in a PEM text, in DER; `None` if there is none, or more than one.
pub fn certificate(text: &str) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, rest) = rest.split_once(END)?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    (!der.is_empty() && !rest.contains(BEGIN)).then_some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[u8]>) {
        assert_eq!(certificate(text).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_new_key_fails_with_what_its_operation_declares() {
        use types::ServiceError as _;
        let code = |failed: Error| failed.code().into_owned();
        let lost = KeyStoreError::ProxyNotAllowed;
        let codes = [
            code(store_failure(token::Error::Timeout)),
            code(store_failure(token::Error::Mechanism { name: "x" })),
            code(store_failure(token::Error::PinLocked)),
            code(store_lost(lost.into())),
            code(store_lost(KeyStoreError::NotConfigured.into())),
        ];
        for operation in ["CreateKey", "GenerateRandom"] {
            let known = shapes::operation(types::Service::Kms, operation).unwrap();
            let declares = |code: &String| known.errors.iter().any(|error| error.code == *code);
            assert!(codes.iter().all(declares), "{operation}: {codes:?}");
        }
    }

    #[test]
    fn a_token_that_does_not_work_fails_uses_of_keys_with_what_they_declare() {
        use types::ServiceError as _;
        let check = |failed, expected: &str| {
            let code = token_failure(failed).code().into_owned();
            assert_eq!(code, expected);
            for operation in ["Encrypt", "Decrypt", "GenerateDataKey", "ReEncrypt"] {
                let known = shapes::operation(types::Service::Kms, operation).unwrap();
                assert!(known.errors.iter().any(|error| error.code == code));
            }
        };
        check(token::Error::Timeout, "DependencyTimeoutException");
        check(token::Error::Busy, "DependencyTimeoutException");
        check(token::Error::PinLocked, "KeyUnavailableException");
        check(token::Error::Threads, "KeyUnavailableException");
    }

    #[test]
    fn a_trust_anchor_is_one_certificate() {
        let one = "-----BEGIN CERTIFICATE-----\nAQ\r\nID\n-----END CERTIFICATE-----\n";
        check(one, Some(&[1, 2, 3]));
        check(&format!("comment\n{one}"), Some(&[1, 2, 3]));
        check(&format!("{one}{one}"), None);
        check(
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            None,
        );
        check("AQID", None);
        check("", None);
    }
}
