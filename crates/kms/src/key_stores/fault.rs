//! What goes wrong with proxies of external key stores: the errors of their API, and their
//! failures to have any.
#![deny(clippy::wildcard_enum_match_arm)]

use std::fmt;

/// Why there is no answer of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The configuration does not allow the endpoint.
    NotAllowed,
    /// No connection could be made, or it broke.
    Unreachable,
    /// The peer is not who it should be, or does not speak TLS.
    Tls,
    /// It took too long.
    TimedOut,
    /// What came is no HTTP, or too long.
    Malformed,
}

/// What went wrong with a proxy: the errors of its API, and its failures to have any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `ValidationException`.
    Validation,
    /// `InvalidStateException`: the key is not enabled.
    InvalidState,
    /// `InvalidCiphertextException`.
    InvalidCiphertext,
    /// `InvalidKeyUsageException`.
    InvalidKeyUsage,
    /// `AuthenticationFailedException`.
    AuthenticationFailed,
    /// `AccessDeniedException`.
    AccessDenied,
    /// `KeyNotFoundException`.
    KeyNotFound,
    /// `InvalidUriPathException`.
    InvalidUriPath,
    /// `ThrottlingException`.
    Throttling,
    /// `UnsupportedOperationException`.
    Unsupported,
    /// `DependencyTimeoutException`: the key manager did not answer the proxy.
    DependencyTimeout,
    /// `InternalException`.
    Internal,
    /// Every key manager is out of order.
    NoneAvailable,
    /// The answer is none that the API has.
    Malformed,
    /// What was decrypted is not what was encrypted here.
    Altered,
    /// There was no answer.
    None(NoAnswer),
}

impl Fault {
    /// The error of the API with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ValidationException" => Self::Validation,
            "InvalidStateException" => Self::InvalidState,
            "InvalidCiphertextException" => Self::InvalidCiphertext,
            "InvalidKeyUsageException" => Self::InvalidKeyUsage,
            "AuthenticationFailedException" => Self::AuthenticationFailed,
            "AccessDeniedException" => Self::AccessDenied,
            "KeyNotFoundException" => Self::KeyNotFound,
            "InvalidUriPathException" => Self::InvalidUriPath,
            "ThrottlingException" => Self::Throttling,
            "UnsupportedOperationException" => Self::Unsupported,
            "DependencyTimeoutException" => Self::DependencyTimeout,
            "InternalException" => Self::Internal,
            _ => return None,
        })
    }

    /// The error's name: that of the API without `Exception`, or a word of our own.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Validation => "Validation",
            Self::InvalidState => "InvalidState",
            Self::InvalidCiphertext => "InvalidCiphertext",
            Self::InvalidKeyUsage => "InvalidKeyUsage",
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::AccessDenied => "AccessDenied",
            Self::KeyNotFound => "KeyNotFound",
            Self::InvalidUriPath => "InvalidUriPath",
            Self::Throttling => "Throttling",
            Self::Unsupported => "UnsupportedOperation",
            Self::DependencyTimeout => "DependencyTimeout",
            Self::Internal => "Internal",
            Self::NoneAvailable => "NoManagerAvailable",
            Self::Malformed | Self::None(NoAnswer::Malformed) => "Malformed",
            Self::Altered => "Altered",
            Self::None(NoAnswer::NotAllowed) => "NotConfigured",
            Self::None(NoAnswer::Unreachable) => "Unreachable",
            Self::None(NoAnswer::Tls) => "Tls",
            Self::None(NoAnswer::TimedOut) => "TimedOut",
        }
    }

    /// The connection error code of a store that could not be connected.
    pub(crate) fn connection_code(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => "INVALID_CREDENTIALS",
            Self::AccessDenied => "XKS_PROXY_ACCESS_DENIED",
            Self::InvalidUriPath | Self::None(NoAnswer::NotAllowed) => {
                "XKS_PROXY_INVALID_CONFIGURATION"
            }
            Self::None(NoAnswer::Tls) => "XKS_PROXY_INVALID_TLS_CONFIGURATION",
            Self::None(NoAnswer::TimedOut) | Self::DependencyTimeout => "XKS_PROXY_TIMED_OUT",
            Self::None(NoAnswer::Unreachable) | Self::NoneAvailable | Self::Throttling => {
                "XKS_PROXY_NOT_REACHABLE"
            }
            Self::Validation
            | Self::InvalidState
            | Self::InvalidCiphertext
            | Self::InvalidKeyUsage
            | Self::KeyNotFound
            | Self::Unsupported
            | Self::Internal
            | Self::Malformed
            | Self::Altered
            | Self::None(NoAnswer::Malformed) => "XKS_PROXY_INVALID_RESPONSE",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validation | Self::Malformed | Self::None(NoAnswer::Malformed) => {
                "the answer of the external key store proxy cannot be understood"
            }
            Self::InvalidState => "the external key is not enabled in its key manager",
            Self::InvalidCiphertext => {
                "the external key store proxy rejected the ciphertext or the encryption context"
            }
            Self::InvalidKeyUsage => "the external key is not for this operation",
            Self::AuthenticationFailed => {
                "the external key store proxy did not accept the authentication credential"
            }
            Self::AccessDenied => "the external key store proxy denied access to the operation",
            Self::KeyNotFound => "the external key was not found in its key manager",
            Self::InvalidUriPath => "the external key store proxy does not have the URI path",
            Self::Throttling => "the external key store proxy rejected the rate of requests",
            Self::Unsupported => {
                "the external key store proxy does not support the requested operation"
            }
            Self::DependencyTimeout => {
                "the external key manager did not answer its external key store proxy in time"
            }
            Self::Internal => {
                "the external key store proxy failed to work with the external key manager"
            }
            Self::NoneAvailable => "every external key manager of the proxy is unavailable",
            Self::Altered => {
                "what the external key store proxy decrypted is not what was encrypted"
            }
            Self::None(NoAnswer::NotAllowed) => {
                "the configuration of this deployment does not allow the proxy's endpoint"
            }
            Self::None(NoAnswer::Unreachable) => "the external key store proxy cannot be reached",
            Self::None(NoAnswer::Tls) => {
                "no TLS connection to the external key store proxy can be made"
            }
            Self::None(NoAnswer::TimedOut) => "the external key store proxy did not answer in time",
        })
    }
}
