//! The client of the published proxy API, version 1: what is asked, and what an answer must be.
//!
//! Encrypted requests and plaintexts are wiped here when they have been sent and read. Whoever
//! implements [`ProxyClient`] signs with SigV4 for the service `kms-xks-proxy`, speaks TLS, and
//! gives up after the time that the configuration allows.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto::SecretBytes;
use crypto::digest::sha256;
use serde::{Deserialize, Serialize};
use types::{AccountId, Region, Timestamp};
use zeroize::Zeroizing;

use super::record::StoreKind;
use super::secret::StoreSecret;
use super::{KeyStoreError, Outside};

/// A request to a proxy.
#[derive(Debug)]
pub struct ProxyCall {
    /// `https://` and a host: one that the configuration allows.
    pub endpoint: String,
    /// The path of the operation.
    pub path: String,
    /// The part of the credential that is no secret.
    pub access_key_id: String,
    /// What signs.
    pub secret: Arc<SecretBytes>,
    /// The region that the request is signed for.
    pub region: Region,
    /// When the request is signed.
    pub at: Timestamp,
    /// The body, JSON.
    pub body: Zeroizing<Vec<u8>>,
}

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

/// A request on its way: the status and the body of its answer.
pub type Sent<'a> =
    Pin<Box<dyn Future<Output = Result<(u16, Zeroizing<Vec<u8>>), NoAnswer>> + Send + 'a>>;

/// Sends requests to proxies.
pub trait ProxyClient: fmt::Debug + Send + Sync {
    /// Signs and sends a request, and waits for its answer as long as the configuration says.
    fn post(&self, call: ProxyCall) -> Sent<'_>;
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
    fn named(name: &str) -> Option<Self> {
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

/// What a proxy is told of the call that it is asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aws_principal_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) kms_operation: &'static str,
    pub(crate) kms_request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kms_via_service: Option<String>,
}

/// A proxy, as one store knows it.
pub(crate) struct Xks<'a> {
    client: &'a dyn ProxyClient,
    endpoint: String,
    path: String,
    access_key_id: String,
    secret: StoreSecret,
    region: Region,
    at: Timestamp,
    metadata: RequestMetadata,
}

/// What an external key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Whether KMS can use it: AES-256, enabled, for encryption and decryption.
    pub(crate) is_usable: bool,
}

/// What a proxy made of a plaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encrypted {
    pub(crate) iv: Vec<u8>,
    pub(crate) tag: [u8; 16],
    pub(crate) metadata: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// The most bytes of metadata that a proxy may add to a ciphertext.
pub(crate) const MOST_METADATA: usize = 20;

/// The most key managers that a proxy may name.
const MOST_MANAGERS: usize = 10;

impl<'a> Xks<'a> {
    /// The proxy behind a store of the account, which is told `metadata`.
    ///
    /// Fails if the configuration does not allow it, or the store has none.
    pub(crate) fn new(
        outside: &'a Outside,
        (account, region): (AccountId, &Region),
        kind: &StoreKind,
        secret: StoreSecret,
        (at, metadata): (Timestamp, RequestMetadata),
    ) -> Result<Self, KeyStoreError> {
        let StoreKind::Proxy {
            endpoint,
            path,
            access_key_id,
        } = kind
        else {
            return Err(KeyStoreError::ProxyNotAllowed);
        };
        outside.check_proxy(endpoint, account)?;
        Ok(Self {
            client: outside.client(),
            endpoint: endpoint.clone(),
            path: path.clone(),
            access_key_id: access_key_id.clone(),
            secret,
            region: region.clone(),
            at,
            metadata,
        })
    }

    /// Fails unless the proxy says that one of its key managers at least works.
    pub(crate) async fn health(&self) -> Result<(), Fault> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Request<'a> {
            #[serde(rename = "requestMetadata")]
            metadata: &'a RequestMetadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            xks_proxy_fleet_size: u64,
            #[serde(rename = "xksProxyVendor")]
            _xks_proxy_vendor: String,
            #[serde(rename = "xksProxyModel")]
            _xks_proxy_model: String,
            #[serde(rename = "ekmVendor")]
            _ekm_vendor: String,
            ekm_fleet_details: Vec<Manager>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Manager {
            #[serde(rename = "id")]
            _id: String,
            #[serde(rename = "model")]
            _model: String,
            health_status: Health,
        }
        #[derive(Deserialize, PartialEq)]
        #[serde(rename_all = "UPPERCASE")]
        enum Health {
            Active,
            Degraded,
            Unavailable,
        }
        let request = Request {
            metadata: &self.metadata,
        };
        let answer: Answer = self.call("health", &request).await?;
        let managers = &answer.ekm_fleet_details;
        let is_well_formed =
            answer.xks_proxy_fleet_size > 0 && (1..=MOST_MANAGERS).contains(&managers.len());
        if !is_well_formed {
            return Err(Fault::Malformed);
        }
        let mut works = managers.iter();
        if works.any(|manager| manager.health_status != Health::Unavailable) {
            Ok(())
        } else {
            Err(Fault::NoneAvailable)
        }
    }

    /// What the external key `id` is.
    pub(crate) async fn key_metadata(&self, id: &str) -> Result<Metadata, Fault> {
        #[derive(Serialize)]
        struct Request<'a> {
            #[serde(rename = "requestMetadata")]
            metadata: &'a RequestMetadata,
        }
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "keySpec")]
            spec: String,
            #[serde(rename = "keyUsage")]
            usages: Vec<String>,
            #[serde(rename = "keyStatus")]
            status: String,
        }
        let request = Request {
            metadata: &self.metadata,
        };
        let path = format!("keys/{id}/metadata");
        let answer: Answer = self.call(&path, &request).await?;
        let can = |usage: &str| answer.usages.iter().any(|known| known == usage);
        let is_usable = answer.spec == "AES_256"
            && answer.status == "ENABLED"
            && can("ENCRYPT")
            && can("DECRYPT");
        Ok(Metadata { is_usable })
    }

    /// Encrypts under the external key `id`, bound to `aad`.
    ///
    /// Fails if the answer does not prove to be what the proxy meant to send.
    pub(crate) async fn encrypt(
        &self,
        id: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Encrypted, Fault> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Request<'a> {
            #[serde(rename = "requestMetadata")]
            metadata: &'a RequestMetadata,
            additional_authenticated_data: String,
            plaintext: &'a str,
            encryption_algorithm: &'static str,
            ciphertext_data_integrity_value_algorithm: &'static str,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            ciphertext: String,
            #[serde(default)]
            ciphertext_metadata: String,
            initialization_vector: String,
            authentication_tag: String,
            ciphertext_data_integrity_value: String,
        }
        let text = Zeroizing::new(STANDARD.encode(plaintext));
        let request = Request {
            metadata: &self.metadata,
            additional_authenticated_data: STANDARD.encode(aad),
            plaintext: &text,
            encryption_algorithm: "AES_GCM",
            ciphertext_data_integrity_value_algorithm: "SHA_256",
        };
        let answer: Answer = self.call(&format!("keys/{id}/encrypt"), &request).await?;
        let encrypted = Encrypted {
            iv: decoded(&answer.initialization_vector)?,
            tag: decoded(&answer.authentication_tag)?
                .try_into()
                .map_err(|_length| Fault::Malformed)?,
            metadata: decoded(&answer.ciphertext_metadata)?,
            ciphertext: decoded(&answer.ciphertext)?,
        };
        let proof = decoded(&answer.ciphertext_data_integrity_value)?;
        let is_sound = matches!(encrypted.iv.len(), 12 | 16)
            && encrypted.metadata.len() <= MOST_METADATA
            && encrypted.ciphertext.len() == plaintext.len()
            && proof == encrypted.integrity_value(aad);
        is_sound.then_some(encrypted).ok_or(Fault::Malformed)
    }

    /// Decrypts what the external key `id` encrypted with the same `aad`.
    pub(crate) async fn decrypt(
        &self,
        id: &str,
        aad: &[u8],
        encrypted: &Encrypted,
    ) -> Result<SecretBytes, Fault> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Request<'a> {
            #[serde(rename = "requestMetadata")]
            metadata: &'a RequestMetadata,
            additional_authenticated_data: String,
            ciphertext: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            ciphertext_metadata: Option<String>,
            initialization_vector: String,
            authentication_tag: String,
            encryption_algorithm: &'static str,
        }
        #[derive(Deserialize)]
        struct Answer {
            plaintext: String,
        }
        let metadata = &encrypted.metadata;
        let request = Request {
            metadata: &self.metadata,
            additional_authenticated_data: STANDARD.encode(aad),
            ciphertext: STANDARD.encode(&encrypted.ciphertext),
            ciphertext_metadata: (!metadata.is_empty()).then(|| STANDARD.encode(metadata)),
            initialization_vector: STANDARD.encode(&encrypted.iv),
            authentication_tag: STANDARD.encode(encrypted.tag),
            encryption_algorithm: "AES_GCM",
        };
        let answer: Answer = self.call(&format!("keys/{id}/decrypt"), &request).await?;
        let text = Zeroizing::new(answer.plaintext);
        let plaintext = SecretBytes::from(decoded(&text)?);
        let fits = plaintext.expose().len() == encrypted.ciphertext.len();
        fits.then_some(plaintext).ok_or(Fault::Malformed)
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        operation: &str,
        request: &impl Serialize,
    ) -> Result<T, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Refusal {
            error_name: String,
        }
        // Large enough that it is never moved and left behind.
        let mut body = Zeroizing::new(Vec::with_capacity(ROOM));
        serde_json::to_writer(&mut *body, request).map_err(|_never| Fault::Malformed)?;
        let call = ProxyCall {
            endpoint: self.endpoint.clone(),
            path: format!("{}/{operation}", self.path),
            access_key_id: self.access_key_id.clone(),
            secret: Arc::clone(&self.secret.secret.0),
            region: self.region.clone(),
            at: self.at,
            body,
        };
        let (status, answer) = self.client.post(call).await.map_err(Fault::None)?;
        if status == 200 {
            return serde_json::from_slice(&answer).map_err(|_no_answer| Fault::Malformed);
        }
        let refusal = serde_json::from_slice::<Refusal>(&answer).ok();
        let fault = refusal.and_then(|refusal| Fault::named(&refusal.error_name));
        Err(fault.unwrap_or(Fault::Malformed))
    }
}

/// Bytes of the longest request: 4,177 of plaintext as base64, two ARNs of 2,048, and the rest.
const ROOM: usize = 16 * 1024;

impl Encrypted {
    /// The hash by which a proxy shows that it has checked what it answers.
    fn integrity_value(&self, aad: &[u8]) -> [u8; 32] {
        let parts: [&[u8]; 5] = [aad, &self.metadata, &self.iv, &self.ciphertext, &self.tag];
        sha256(&parts.concat())
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|_source| Fault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the published API.
    #[test]
    fn the_integrity_value_is_that_of_the_published_example() {
        let decode = |text| STANDARD.decode(text).unwrap();
        let encrypted = Encrypted {
            iv: decode("HMrlRw85cAJUd5Ax"),
            tag: decode("vBxN2ncH1oEkR8WVXpmyYQ==").try_into().unwrap(),
            metadata: decode("a2V5X3ZlcnNpb249MQ=="),
            ciphertext: decode("ghxkK1txeDNn3q8Y"),
        };
        let value = encrypted.integrity_value(b"project=nile,department=marketing");
        let expected = "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=";
        assert_eq!(STANDARD.encode(value), expected);
    }

    #[test]
    fn every_error_of_the_api_has_a_code_for_each_kind_of_call() {
        let all = [
            ("ValidationException", "XksProxyInvalidResponseException"),
            (
                "InvalidUriPathException",
                "XksProxyInvalidConfigurationException",
            ),
            (
                "AuthenticationFailedException",
                "XksProxyIncorrectAuthenticationCredentialException",
            ),
            (
                "DependencyTimeoutException",
                "XksProxyUriUnreachableException",
            ),
            ("ThrottlingException", "XksProxyUriUnreachableException"),
            ("InternalException", "XksProxyInvalidResponseException"),
        ];
        for (name, code) in all {
            let fault = Fault::named(name).unwrap();
            assert_eq!(fault.code_in_management(), code, "{name}");
        }
        let of_keys = [
            ("KeyNotFoundException", "XksKeyNotFoundException"),
            (
                "InvalidStateException",
                "XksKeyInvalidConfigurationException",
            ),
            (
                "InvalidKeyUsageException",
                "XksKeyInvalidConfigurationException",
            ),
            ("AccessDeniedException", "KMSInvalidStateException"),
            ("InternalException", "CustomKeyStoreInvalidStateException"),
        ];
        for (name, code) in of_keys {
            let fault = Fault::named(name).unwrap();
            assert_eq!(fault.code_in_create_key(), code, "{name}");
        }
        assert_eq!(Fault::named("SomethingElse"), None);
    }
}
