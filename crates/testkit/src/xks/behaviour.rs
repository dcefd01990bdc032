//! What a test wants of the proxy.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The behaviour of the proxy, as a file of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// The secrets that requests may be signed with, by access key id.
    pub credentials: BTreeMap<String, String>,
    /// The path that the operations are under.
    pub path: String,
    /// The status of each key: `ENABLED` or `DISABLED`. Others do not exist.
    pub keys: BTreeMap<String, String>,
    /// The health of each key manager.
    #[serde(default = "Behaviour::one_manager")]
    pub managers: Vec<String>,
    /// What is done instead of answering rightly.
    #[serde(default)]
    pub mode: Mode,
}

/// What is done instead of answering rightly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing.
    #[default]
    Honest,
    /// Answers with this error of the API.
    Fail(String),
    /// Waits so many milliseconds.
    Slow(u64),
    /// Answers with something that is no JSON.
    Garbage,
    /// Answers with a megabyte.
    Long,
    /// Sends the ciphertext altered, and an integrity value of what it was.
    AlterCiphertext,
    /// Sends an integrity value that fits an altered ciphertext.
    AlterBoth,
    /// Sends another plaintext than was encrypted.
    AlterPlaintext,
    /// Sends what it was given last to encrypt, whatever it is to decrypt.
    SwapPlaintext,
    /// Sends more metadata than the API allows.
    MuchMetadata,
    /// Says that keys are for something else.
    OtherUsage,
    /// Sends the client elsewhere.
    Redirect(String),
    /// Hangs up when a connection is used again.
    HangUp,
}

impl Behaviour {
    /// What the file at `path` says now.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn one_manager() -> Vec<String> {
        vec!["ACTIVE".to_owned()]
    }
}
