//! A KMS elsewhere as the seal: AWS KMS, or another Strongroom.
//!
//! The root key is encrypted with `Encrypt` and decrypted with `Decrypt` under a key whose policy
//! and audit log are that KMS's. Whoever may take the right away there seals this server at its
//! next start.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto::secret::{Key32, SecretBytes};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::SealError;
use super::settings::KmsSeal;
use super::wrapping::refuse_exposed;
use crate::signed::{self, Api, CallError, Credentials};

/// Our own pair of the encryption context: policies can ask for it.
pub(super) const PURPOSE_KEY: &str = "strongroom:purpose";
const PURPOSE: &str = "root-key";

/// The key that a seal is under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KmsKey {
    /// As it was configured when the seal was made.
    key: String,
    /// The pairs that the sealed root key is bound to.
    encryption_context: BTreeMap<String, String>,
}

impl KmsKey {
    /// A key, and the pairs that were configured; our own is added.
    pub(super) fn new(key: String, mut encryption_context: BTreeMap<String, String>) -> Self {
        encryption_context.insert(PURPOSE_KEY.to_owned(), PURPOSE.to_owned());
        Self {
            key,
            encryption_context,
        }
    }
}

/// A KMS elsewhere, and the key there.
#[derive(Debug)]
pub(crate) struct RemoteKms {
    settings: KmsSeal,
    key: KmsKey,
}

impl RemoteKms {
    /// The KMS that `settings` name, for a seal under `key`.
    pub(super) fn new(settings: &KmsSeal, key: &KmsKey) -> Self {
        let settings = settings.clone();
        let key = KmsKey {
            // A key that has another name there by now, an alias for instance, is named by the
            // configuration: the ciphertext says itself which it is.
            key: settings.key.clone(),
            encryption_context: key.encryption_context.clone(),
        };
        Self { settings, key }
    }

    /// `root` as the KMS encrypts it.
    pub(super) fn seal(&self, root: &Key32) -> Result<Vec<u8>, SealError> {
        let plaintext = Zeroizing::new(STANDARD.encode(root.expose()));
        let mut input = json!({
            "KeyId": self.key.key,
            "Plaintext": *plaintext,
            "EncryptionContext": self.key.encryption_context,
        });
        let answer = self.call("Encrypt", &input);
        wipe(&mut input, "Plaintext");
        let answer = answer.map_err(|source| self.failed("seal", source))?;
        let sealed = answer.get("CiphertextBlob").and_then(Value::as_str);
        let sealed = sealed.and_then(|text| STANDARD.decode(text).ok());
        sealed.ok_or_else(|| self.failed("seal", CallError::Unreadable))
    }

    /// What the KMS decrypts `sealed` to; `None` if it says that it is no ciphertext of it.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Option<SecretBytes>, SealError> {
        let input = json!({
            "KeyId": self.key.key,
            "CiphertextBlob": STANDARD.encode(sealed),
            "EncryptionContext": self.key.encryption_context,
        });
        let mut answer = match self.call("Decrypt", &input) {
            Ok(answer) => answer,
            Err(CallError::Refused { code, .. }) if is_foreign(&code) => return Ok(None),
            Err(source) => return Err(self.failed("open", source)),
        };
        let opened = answer
            .get("Plaintext")
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok())
            .map(SecretBytes::from);
        wipe(&mut answer, "Plaintext");
        opened
            .map(Some)
            .ok_or_else(|| self.failed("open", CallError::Unreadable))
    }

    /// Calls the KMS and waits for its answer, on a thread of its own: whoever opens a seal may
    /// be in an async context.
    fn call(&self, operation: &'static str, input: &Value) -> Result<Value, CallError> {
        let called = || -> Result<Value, CallError> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("starting the runtime failed")?;
            let (settings, limit) = (&self.settings, self.patience());
            runtime.block_on(async {
                let call = async {
                    let credentials = match &settings.credentials_file {
                        Some(path) => {
                            let file = File::open(path);
                            let file = file
                                .with_context(|| format!("reading `{}` failed", path.display()))?;
                            refuse_exposed(&file, || path.clone()).map_err(anyhow::Error::from)?;
                            Credentials::read(path, &settings.profile)?
                        }
                        None => Credentials::of_environment().context(
                            "there are no credentials for it: set AWS_ACCESS_KEY_ID and \
                             AWS_SECRET_ACCESS_KEY, or `seal.kms.credentials_file`",
                        )?,
                    };
                    let endpoint: Uri = settings.endpoint.parse().context("no address")?;
                    let api = Api {
                        service: "kms",
                        target: "TrentService",
                        region: &settings.region,
                    };
                    let place = (&endpoint, settings.ca_file.as_path());
                    signed::call_with(&credentials, place, api, operation, input).await
                };
                match tokio::time::timeout(limit, call).await {
                    Ok(answer) => answer,
                    Err(_elapsed) => Err(CallError::Late(limit)),
                }
            })
        };
        std::thread::scope(|scope| {
            let joined = scope.spawn(called).join();
            joined.unwrap_or(Err(CallError::Unreadable))
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_seconds)
    }

    fn failed(&self, action: &'static str, source: CallError) -> SealError {
        SealError::Kms {
            endpoint: self.settings.endpoint.clone(),
            action,
            source: Box::new(source),
        }
    }
}

/// Whether an error of this code says that it is no ciphertext of the key, or of the context.
fn is_foreign(code: &str) -> bool {
    let code = code.strip_suffix("Exception");
    matches!(code, Some("InvalidCiphertext" | "IncorrectKey"))
}

/// Wipes the text of a member.
fn wipe(value: &mut Value, member: &str) {
    if let Some(Value::String(text)) = value.get_mut(member) {
        text.zeroize();
    }
}
