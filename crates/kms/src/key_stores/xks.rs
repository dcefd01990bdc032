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
use types::{AccountId, Clock, Region, Timestamp};
use zeroize::Zeroizing;

use super::fault::{Fault, NoAnswer};
use super::measure::{self, Asked, Managers};
use super::record::{KeyStoreId, StoreKind};
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

/// A request on its way: the status and the body of its answer.
pub type Sent<'a> =
    Pin<Box<dyn Future<Output = Result<(u16, Zeroizing<Vec<u8>>), NoAnswer>> + Send + 'a>>;

/// Sends requests to proxies.
pub trait ProxyClient: fmt::Debug + Send + Sync {
    /// Signs and sends a request, and waits for its answer as long as the configuration says.
    fn post(&self, call: ProxyCall) -> Sent<'_>;

    /// When the certificate ends that the proxy at `endpoint` showed when a connection was last made
    /// with it; `None` if none was made yet, or it does not say so.
    fn certificate_end(&self, endpoint: &str) -> Option<Timestamp>;
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

/// For which store a proxy is asked, and what it is told.
pub(crate) struct Asking<'a> {
    /// Whose store it is.
    pub(crate) account: AccountId,
    pub(crate) region: &'a Region,
    /// The store; `None` while it is being made.
    pub(crate) store: Option<&'a KeyStoreId>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) metadata: RequestMetadata,
}

/// A proxy, as one store knows it.
pub(crate) struct Xks<'a> {
    client: &'a dyn ProxyClient,
    endpoint: String,
    path: String,
    access_key_id: String,
    secret: StoreSecret,
    region: Region,
    store: Option<KeyStoreId>,
    clock: &'a dyn Clock,
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
    /// The proxy behind a store of `kind`.
    ///
    /// Fails if the configuration does not allow it, or the store has none.
    pub(crate) fn new(
        outside: &'a Outside,
        kind: &StoreKind,
        secret: StoreSecret,
        asking: Asking<'a>,
    ) -> Result<Self, KeyStoreError> {
        let StoreKind::Proxy {
            endpoint,
            path,
            access_key_id,
        } = kind
        else {
            return Err(KeyStoreError::ProxyNotAllowed);
        };
        outside.check_proxy(endpoint, asking.account)?;
        Ok(Self {
            client: outside.client(),
            endpoint: endpoint.clone(),
            path: path.clone(),
            access_key_id: access_key_id.clone(),
            secret,
            region: asking.region.clone(),
            store: asking.store.cloned(),
            clock: asking.clock,
            metadata: asking.metadata,
        })
    }

    /// Fails unless the proxy says that one of its key managers at least works.
    pub(crate) async fn health(&self) -> Result<(), Fault> {
        let managers = self.measured(Asked::Health, self.ask_for_health()).await?;
        if let Some(store) = &self.store {
            measure::note_managers(store, managers);
        }
        if managers.active > 0 || managers.degraded > 0 {
            Ok(())
        } else {
            Err(Fault::NoneAvailable)
        }
    }

    /// What the external key `id` is.
    pub(crate) async fn key_metadata(&self, id: &str) -> Result<Metadata, Fault> {
        self.measured(Asked::Metadata, self.ask_for_metadata(id))
            .await
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
        self.measured(Asked::Encrypt, self.ask_to_encrypt(id, aad, plaintext))
            .await
    }

    /// Decrypts what the external key `id` encrypted with the same `aad`.
    pub(crate) async fn decrypt(
        &self,
        id: &str,
        aad: &[u8],
        encrypted: &Encrypted,
    ) -> Result<SecretBytes, Fault> {
        self.measured(Asked::Decrypt, self.ask_to_decrypt(id, aad, encrypted))
            .await
    }

    /// Does `work`, and counts what became of it and how long it took.
    async fn measured<T>(
        &self,
        asked: Asked,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let began = self.clock.monotonic();
        let outcome = work.await;
        let took = self.clock.monotonic().0.saturating_sub(began.0);
        let failed = outcome.as_ref().err().copied();
        measure::note_call(self.store.as_ref(), asked, took, failed);
        outcome
    }

    async fn ask_for_health(&self) -> Result<Managers, Fault> {
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
        #[derive(Deserialize)]
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
        let mut counted = Managers::default();
        for manager in managers {
            match manager.health_status {
                Health::Active => counted.active += 1,
                Health::Degraded => counted.degraded += 1,
                Health::Unavailable => counted.unavailable += 1,
            }
        }
        Ok(counted)
    }

    async fn ask_for_metadata(&self, id: &str) -> Result<Metadata, Fault> {
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

    async fn ask_to_encrypt(
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

    async fn ask_to_decrypt(
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
            at: self.clock.now(),
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
