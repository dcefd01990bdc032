//! How operations on key stores, and on keys in them, fail.
#![deny(clippy::wildcard_enum_match_arm)]

use types::ErrorKind;

use super::fault::{Fault, NoAnswer};

/// A key store, or what is behind it, does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The account has no such store in the region.
    #[error("the custom key store does not exist")]
    NotFound,
    /// Another store of the account has the name.
    #[error("the custom key store name is in use")]
    NameInUse,
    /// The store's connection does not allow the call.
    #[error("the custom key store is {state}: this needs it {needed}")]
    State {
        /// As it is.
        state: &'static str,
        /// As it must be.
        needed: &'static str,
    },
    /// Keys are in the store.
    #[error("the custom key store holds KMS keys")]
    HasKeys,
    /// The configuration names no such token for the account and region.
    #[error("there is no such cluster for this account and region")]
    ClusterNotFound,
    /// Another store of the account is on the token.
    #[error("the cluster belongs to another custom key store")]
    ClusterInUse,
    /// The token is not there.
    #[error("the cluster does not answer as an active one")]
    ClusterNotActive(#[source] token::Error),
    /// The token cannot do what is needed of it.
    #[error("the cluster does not have what a key store needs: {0}")]
    ClusterConfiguration(#[source] token::Error),
    /// The token is another one than the store was made with.
    #[error("the cluster has another trust anchor than the key store")]
    ClusterNotRelated,
    /// The certificate is not that of the token.
    #[error("the trust anchor certificate is not that of the cluster")]
    TrustAnchor,
    /// Another store has the address.
    #[error("the proxy's endpoint and path belong to another external key store")]
    UriInUse,
    /// The proxy is reached over VPC endpoint services only, which do not exist here.
    #[error("there are no VPC endpoint services here")]
    VpcEndpointService,
    /// The configuration does not allow the proxy for the account and region.
    #[error("the configuration of this deployment does not allow the proxy's endpoint")]
    ProxyNotAllowed,
    /// The proxy failed a call that manages stores.
    #[error("{0}")]
    Proxy(Fault),
    /// The proxy failed the call that a new key needs.
    #[error("{0}")]
    NewKey(Fault),
    /// The external key stands for another KMS key.
    #[error("the external key is in use by another KMS key of the external key store")]
    ProxyKeyInUse,
    /// The external key is none that KMS can use.
    #[error("the external key must be an enabled AES-256 key that encrypts and decrypts")]
    ProxyKeyConfiguration,
    /// The proxy failed a cryptographic call. AWS has one code for all of these.
    #[error("{0}")]
    Cryptographic(Fault),
    /// The configuration does not name the token of a key's store any more.
    #[error("the configuration of this deployment does not name the cluster of the key's store")]
    NotConfigured,
    /// The configuration does not name any more what the store connects to, and a new key needs.
    #[error("the configuration of this deployment does not allow what the custom key store is for")]
    StoreNotConfigured,
    /// The token of the store is out of order, and a new key or random bytes need it.
    #[error("the cluster of the custom key store does not do what this needs")]
    OutOfOrder(#[source] token::Error),
    /// The token's key is gone or was tampered with.
    #[error("the key material in the cluster cannot be used: {0}")]
    Material(#[source] token::Error),
    /// The token is out of order.
    #[error("the cluster of the custom key store is not available")]
    Unavailable(#[source] token::Error),
    /// The token did not answer in time.
    #[error("the cluster of the custom key store did not answer in time")]
    TimedOut(#[source] token::Error),
}

impl KeyStoreError {
    /// AWS's code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CustomKeyStoreNotFoundException",
            Self::NameInUse => "CustomKeyStoreNameInUseException",
            Self::State { .. } | Self::StoreNotConfigured | Self::OutOfOrder(_) => {
                "CustomKeyStoreInvalidStateException"
            }
            Self::HasKeys => "CustomKeyStoreHasCMKsException",
            Self::ClusterNotFound => "CloudHsmClusterNotFoundException",
            Self::ClusterInUse => "CloudHsmClusterInUseException",
            Self::ClusterNotActive(_) => "CloudHsmClusterNotActiveException",
            Self::ClusterConfiguration(_) => "CloudHsmClusterInvalidConfigurationException",
            Self::ClusterNotRelated => "CloudHsmClusterNotRelatedException",
            Self::TrustAnchor => "IncorrectTrustAnchorException",
            Self::UriInUse => "XksProxyUriInUseException",
            Self::VpcEndpointService => "XksProxyVpcEndpointServiceNotFoundException",
            Self::ProxyNotAllowed => "XksProxyUriUnreachableException",
            Self::Proxy(fault) => fault.code_in_management(),
            Self::NewKey(fault) => fault.code_in_create_key(),
            Self::ProxyKeyInUse => "XksKeyAlreadyInUseException",
            Self::ProxyKeyConfiguration => "XksKeyInvalidConfigurationException",
            Self::Cryptographic(_) | Self::Material(_) | Self::NotConfigured => {
                "KMSInvalidStateException"
            }
            Self::Unavailable(_) => "KeyUnavailableException",
            Self::TimedOut(_) => "DependencyTimeoutException",
        }
    }

    /// Its kind. Only what the caller may simply try again is a failure of the server's side.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound | Self::ClusterNotFound | Self::VpcEndpointService => {
                ErrorKind::NotFound
            }
            Self::NameInUse
            | Self::State { .. }
            | Self::HasKeys
            | Self::ClusterInUse
            | Self::ClusterNotActive(_)
            | Self::ClusterConfiguration(_)
            | Self::UriInUse
            | Self::Proxy(_)
            | Self::NewKey(_)
            | Self::ProxyKeyInUse
            | Self::ProxyKeyConfiguration
            | Self::Cryptographic(_)
            | Self::NotConfigured
            | Self::StoreNotConfigured
            | Self::OutOfOrder(_)
            | Self::Material(_) => ErrorKind::Conflict,
            Self::ClusterNotRelated | Self::TrustAnchor | Self::ProxyNotAllowed => {
                ErrorKind::Validation
            }
            Self::Unavailable(_) | Self::TimedOut(_) => ErrorKind::Unavailable,
        }
    }
}

impl Fault {
    /// The code with which calls that manage key stores fail.
    pub(crate) fn code_in_management(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => "XksProxyIncorrectAuthenticationCredentialException",
            Self::InvalidUriPath | Self::AccessDenied => "XksProxyInvalidConfigurationException",
            Self::DependencyTimeout
            | Self::Throttling
            | Self::NoneAvailable
            | Self::None(
                NoAnswer::NotAllowed | NoAnswer::Unreachable | NoAnswer::Tls | NoAnswer::TimedOut,
            ) => "XksProxyUriUnreachableException",
            Self::Validation
            | Self::InvalidState
            | Self::InvalidCiphertext
            | Self::InvalidKeyUsage
            | Self::KeyNotFound
            | Self::Unsupported
            | Self::Internal
            | Self::Malformed
            | Self::Altered
            | Self::None(NoAnswer::Malformed) => "XksProxyInvalidResponseException",
        }
    }

    /// The code with which `CreateKey` fails.
    pub(crate) fn code_in_create_key(self) -> &'static str {
        match self {
            Self::KeyNotFound => "XksKeyNotFoundException",
            Self::InvalidState | Self::InvalidKeyUsage => "XksKeyInvalidConfigurationException",
            Self::AccessDenied => "KMSInvalidStateException",
            Self::Validation
            | Self::InvalidCiphertext
            | Self::AuthenticationFailed
            | Self::InvalidUriPath
            | Self::Throttling
            | Self::Unsupported
            | Self::DependencyTimeout
            | Self::Internal
            | Self::NoneAvailable
            | Self::Malformed
            | Self::Altered
            | Self::None(_) => "CustomKeyStoreInvalidStateException",
        }
    }
}
