//! Which token, and how much patience it gets.

use std::path::PathBuf;
use std::time::Duration;

/// How long a call may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sessions, and threads, unless told otherwise.
const SESSIONS: usize = 4;

/// A token and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The PKCS#11 module: a shared library that runs within this process, with all its rights.
    pub module: PathBuf,
    /// Where the token is.
    pub slot: Slot,
    /// How long a call may take, waiting for a free session included.
    pub timeout: Duration,
    /// Sessions at a time, each with a thread of its own; at least one.
    pub sessions: usize,
    /// Whose keys are used, made and destroyed: it stands in their `CKA_ID`, and a key of another
    /// is left alone. `None` takes every key that has the label.
    pub owner: Option<String>,
}

impl Settings {
    /// Four sessions, five seconds for a call, and keys of whoever they are.
    pub fn new(module: PathBuf, slot: Slot) -> Self {
        Self {
            module,
            slot,
            timeout: TIMEOUT,
            sessions: SESSIONS,
            owner: None,
        }
    }
}

/// Where a token is, among those of its module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// The one token with this label. Numbers of slots change with some modules; labels stay.
    Label(String),
    /// The token in the slot of this number.
    Number(u64),
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(f, "the token `{label}`"),
            Self::Number(number) => write!(f, "the token in slot {number}"),
        }
    }
}
