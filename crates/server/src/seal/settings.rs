//! The settings of seals that are elsewhere: a KMS, a PKCS#11 token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::Uri;
use serde::Deserialize;

use super::kms::KmsKey;
use super::token::TokenKey;
use crate::unseal_client::Target;

/// A key of a KMS elsewhere, and how it is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsSeal {
    /// The KMS, such as `https://kms.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Id, ARN or alias of a symmetric key.
    pub key: String,
    /// Pairs that the sealed root key is bound to, beside our own.
    #[serde(default)]
    pub encryption_context: BTreeMap<String, String>,
    /// A file in AWS's shared-credentials format; else the environment counts.
    pub credentials_file: Option<PathBuf>,
    /// The profile in it.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// The certificates (PEM) that the KMS's certificate must come from.
    #[serde(default = "authorities")]
    pub ca_file: PathBuf,
    /// How long each call may take.
    #[serde(default = "patience")]
    pub timeout_seconds: u64,
}

/// A key on a PKCS#11 token, and how the token is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSeal {
    /// The PKCS#11 module.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The label of the AES key on it, which is made if it is missing.
    #[serde(default = "key_label")]
    pub key: String,
    /// A file whose first line is the user's PIN.
    pub pin_file: PathBuf,
    /// How long each call may take.
    #[serde(default = "patience")]
    pub timeout_seconds: u64,
}

fn default_profile() -> String {
    "default".to_owned()
}

fn authorities() -> PathBuf {
    Path::new("/etc/ssl/certs/ca-certificates.crt").to_path_buf()
}

fn key_label() -> String {
    "strongroom-root".to_owned()
}

fn patience() -> u64 {
    10
}

impl KmsSeal {
    /// Fails, with what is wrong, for settings that cannot be used.
    pub(crate) fn check(&self) -> Result<(), String> {
        let endpoint: Result<Uri, _> = self.endpoint.parse();
        let endpoint = endpoint.map_err(|_no_uri| {
            let endpoint = &self.endpoint;
            format!("`{endpoint}` is no address of a KMS")
        })?;
        Target::of(&endpoint).map_err(|refused| refused.to_string())?;
        if self.key.is_empty() || self.region.is_empty() {
            return Err("`seal.kms` needs a `key` and a `region`".to_owned());
        }
        if self
            .encryption_context
            .keys()
            .any(|key| key == super::kms::PURPOSE_KEY)
        {
            return Err(format!("`{}` is our own pair", super::kms::PURPOSE_KEY));
        }
        check_patience(self.timeout_seconds)
    }

    /// What a new seal under this key notes of it.
    pub(crate) fn key(&self) -> KmsKey {
        KmsKey::new(self.key.clone(), self.encryption_context.clone())
    }
}

impl TokenSeal {
    /// Fails, with what is wrong, for settings that cannot be used.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.token.is_empty() || self.key.is_empty() {
            return Err("`seal.token` needs the labels of the token and of the key".to_owned());
        }
        check_patience(self.timeout_seconds)
    }

    /// What a new seal under this key notes of it.
    pub(crate) fn key(&self) -> TokenKey {
        TokenKey {
            label: self.key.clone(),
        }
    }
}

fn check_patience(seconds: u64) -> Result<(), String> {
    if (1..=300).contains(&seconds) {
        Ok(())
    } else {
        Err("`timeout_seconds` must be between 1 and 300".to_owned())
    }
}
