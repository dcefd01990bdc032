//! Why a token could not do what it was asked.
#![deny(clippy::wildcard_enum_match_arm)]

use std::path::PathBuf;

use cryptoki::error::RvError;

/// A call of a token that failed. No text of it holds a PIN or anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The module cannot be loaded or does not start.
    #[error("the PKCS#11 module `{path}` cannot be used")]
    Module {
        /// The module.
        path: PathBuf,
        /// Why.
        #[source]
        source: cryptoki::error::Error,
    },
    /// The module has no such token, or it is not initialized.
    #[error("the PKCS#11 module does not have {slot}")]
    NoToken {
        /// Which.
        slot: String,
    },
    /// Several tokens have the label.
    #[error("the PKCS#11 module has several times {slot}")]
    SeveralTokens {
        /// Which.
        slot: String,
    },
    /// The token cannot do what every key here needs.
    #[error("the token lacks the mechanism {name}")]
    Mechanism {
        /// Its name in PKCS#11.
        name: &'static str,
    },
    /// The PIN is not the token's.
    #[error("the PIN is wrong")]
    WrongPin,
    /// Too many wrong PINs were given.
    #[error("the PIN is locked")]
    PinLocked,
    /// The token has no user with a PIN.
    #[error("the token has no user PIN")]
    NoPin,
    /// No key has the label.
    #[error("the token has no key of the label `{label}`")]
    NoKey {
        /// The label.
        label: String,
    },
    /// Several keys have the label: which is meant cannot be told.
    #[error("the token has several keys of the label `{label}`")]
    SeveralKeys {
        /// The label.
        label: String,
    },
    /// The key was not made on the token, could be read from it, or is for other uses too.
    #[error("the key of the label `{label}` is not one that was made for this use")]
    Unfit {
        /// The label.
        label: String,
    },
    /// The key was made by another deployment, or has been claimed by one.
    #[error(
        "the key of the label `{label}` belongs to another deployment, or to this one before it \
         was restored"
    )]
    Foreign {
        /// The label.
        label: String,
    },
    /// What was to be opened was not sealed under the key, or with other associated data.
    #[error("what the token's key sealed does not open")]
    Sealed(#[source] crypto::OpenError),
    /// The token did not answer in time. What it was asked may still happen.
    #[error("the token did not answer in time")]
    Timeout,
    /// As many calls wait for the token as may.
    #[error("the token is busy")]
    Busy,
    /// The task that ran on the session panicked, or the threads could not be started.
    #[error("the token's threads cannot be used")]
    Threads,
    /// The token refused or failed.
    #[error("the token failed")]
    Failed(#[from] cryptoki::error::Error),
}

impl Error {
    /// Whether a new session may help: the one that was used is gone, or the token was.
    pub(crate) fn is_lost(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(
                code,
                RvError::SessionClosed
                    | RvError::SessionHandleInvalid
                    | RvError::DeviceError
                    | RvError::DeviceRemoved
                    | RvError::TokenNotPresent
                    | RvError::TokenNotRecognized
                    | RvError::UserNotLoggedIn
                    | RvError::CryptokiNotInitialized
                    | RvError::GeneralError
                    | RvError::FunctionFailed
                    | RvError::OperationActive
                    | RvError::SlotIdInvalid
            )
        })
    }

    /// Whether a handle of a key that was found before names none any more.
    pub(crate) fn is_stale_handle(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(
                code,
                RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid
            )
        })
    }

    fn code(&self) -> Option<&RvError> {
        if let Self::Failed(cryptoki::error::Error::Pkcs11(code, _)) = self {
            Some(code)
        } else {
            None
        }
    }
}
