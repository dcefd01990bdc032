//! How calls of our own service fail.
#![deny(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;

use types::{ErrorKind, ServiceError, Timestamp};

/// A failure of our own service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The history of the caller's account has no record of the request.
    #[error(
        "no record of the request `{id}` is among the newest {looked} of this account and region, \
         nor a day's that is named; data calls leave none"
    )]
    NoSuchRequest {
        /// The id that was asked for.
        id: String,
        /// How many records are looked through.
        looked: usize,
    },
    /// A time is not written as one.
    #[error("`{value}` at `{member}` is not a time: write 2026-03-01T12:00:00Z{more}")]
    Time {
        /// The member.
        member: &'static str,
        /// As it was given.
        value: String,
        /// What else can stand there.
        more: &'static str,
    },
    /// The deployment as a whole belongs to its first account.
    #[error("only the first account of the deployment may do this")]
    NotTheFirstAccount,
    /// The name is none that a file may have.
    #[error(
        "`{name}` is no name of a backup: letters, digits, `.`, `_` and `-`, the first a letter \
         or digit"
    )]
    BackupName {
        /// As it was given.
        name: String,
    },
    /// The configuration names no place for backups.
    #[error("the server has no place for backups: set `backup.directory` in its configuration")]
    NoBackupDirectory,
    /// The place for backups is not there, or cannot be written to.
    #[error(
        "the place for backups is not there or cannot be written to: `backup.directory` of the \
         server's configuration, which may have to be mounted"
    )]
    BackupPlaceUnusable,
    /// There is a backup of this name.
    #[error("there is a backup `{name}` already")]
    BackupExists {
        /// The name.
        name: String,
    },
    /// Another backup is being made.
    #[error("another backup is being made")]
    BackupRunning,
    /// The disk has too little room.
    #[error("the place for backups has too little room for another one")]
    NoRoomForBackup,
    /// The backup could not be made.
    #[error("making a backup failed")]
    Backup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no such kind of seal.
    #[error("`{kind}` is no kind of seal: `key-file` or `passphrase`")]
    SealKind {
        /// As it was given.
        kind: String,
    },
    /// What was given does not open the seal.
    #[error("what was given does not open the seal of this server")]
    WrongSeal,
    /// What opens the seal is missing, or it takes nothing.
    #[error(
        "a key file or passphrase that opens the seal now has to be given as `Current`, and for a \
         seal that the server opens by itself nothing"
    )]
    SealSecret,
    /// The new seal cannot be used.
    #[error(
        "a new key file must hold 64 hexadecimal digits, not all zero; a passphrase has 8 to 1024 \
         bytes without control characters, and does not begin like a share"
    )]
    UnusableSeal,
    /// A KMS elsewhere or a token has the seal.
    #[error(
        "the seal is held by a KMS elsewhere or a token: it is moved with `strongroom seal move`, \
         while the server is stopped"
    )]
    SealElsewhere,
    /// Another change of the seal is under way, or the caller was wrong a short time ago.
    #[error("the seal cannot be changed now: try again in {seconds} s")]
    SealTooSoon {
        /// Whole seconds.
        seconds: u64,
    },
    /// What the call was decided on has changed before it began.
    #[error("what this call was decided on has changed meanwhile: nothing was done, call again")]
    Overtaken,
    /// The server opens its seal by itself.
    #[error(
        "this server opens its seal by itself when it starts: to seal it, stop it and take away \
         what opens the seal"
    )]
    OpensItself,
    /// The seal could not be changed.
    #[error("changing the seal failed")]
    Seal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was begun did not come to an end.
    #[error("what was begun did not come to an end")]
    Effect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is about to be done, or was, could not be recorded.
    #[error("recording what is done outside the store failed")]
    Intent(#[source] store::CommitError),
    /// A service that acts for itself has no account.
    #[error("the caller belongs to no account")]
    NoAccount,
    /// The account has had too many requests explained in the region within a second.
    #[error("Rate exceeded")]
    Throttled,
    /// A part of the server is missing.
    #[error("the server is not complete")]
    Part(#[from] pipeline::MissingPart),
    /// The history cannot be read.
    #[error("reading the history failed")]
    History(#[from] audit::Error),
    /// What is kept beside a record cannot be read.
    #[error("what is kept beside a record is unreadable")]
    Unreadable(#[source] serde_json::Error),
    /// What decided then is not kept any more.
    #[error(
        "policies and the like are not kept from before {since}: ask for a later time, for \
         `request` or for `now`"
    )]
    Forgotten {
        /// From when on they are.
        since: Timestamp,
    },
    /// The past cannot be read.
    #[error("deciding again failed")]
    Replay(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller has hung up, and nothing more is looked at.
    #[error("nobody waits for the answer any more")]
    HungUp,
    /// Looking at the history and deciding again came to no end.
    #[error("the request was not looked at to the end")]
    Unfinished(#[from] tokio::task::JoinError),
}

impl Error {
    /// Deciding again failed with `source`.
    pub(crate) fn of_replay(source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match source.downcast_ref() {
            Some(store::Error::Forgotten { since }) => Self::Forgotten { since: *since },
            Some(_) | None => Self::Replay(source),
        }
    }
}

impl ServiceError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchRequest { .. } => ErrorKind::NotFound,
            Self::Time { .. }
            | Self::Forgotten { .. }
            | Self::BackupName { .. }
            | Self::SealKind { .. }
            | Self::SealSecret
            | Self::UnusableSeal => ErrorKind::Validation,
            Self::WrongSeal | Self::NoAccount | Self::NotTheFirstAccount => ErrorKind::Denied,
            Self::BackupExists { .. }
            | Self::BackupRunning
            | Self::SealElsewhere
            | Self::OpensItself
            | Self::Overtaken => ErrorKind::Conflict,
            Self::NoBackupDirectory | Self::BackupPlaceUnusable | Self::NoRoomForBackup => {
                ErrorKind::Unavailable
            }
            Self::Intent(failed) => failed.kind(),
            Self::Throttled | Self::SealTooSoon { .. } => ErrorKind::Throttled,
            Self::History(_)
            | Self::Unreadable(_)
            | Self::Replay(_)
            | Self::HungUp
            | Self::Unfinished(_)
            | Self::Part(_)
            | Self::Backup(_)
            | Self::Seal(_)
            | Self::Effect(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchRequest { .. } => "RequestNotFoundException",
            Self::Time { .. }
            | Self::Forgotten { .. }
            | Self::BackupName { .. }
            | Self::SealKind { .. } => "ValidationException",
            Self::WrongSeal | Self::UnusableSeal | Self::SealSecret => "InvalidSealException",
            Self::NoAccount | Self::NotTheFirstAccount => "AccessDeniedException",
            Self::SealElsewhere => "SealHeldElsewhereException",
            Self::OpensItself => "SealOpensItselfException",
            Self::Overtaken => "ConcurrentModificationException",
            Self::NoBackupDirectory => "BackupNotConfiguredException",
            Self::BackupPlaceUnusable => "BackupStorageUnavailableException",
            Self::BackupExists { .. } => "BackupAlreadyExistsException",
            Self::BackupRunning => "BackupInProgressException",
            Self::NoRoomForBackup => "BackupStorageFullException",
            Self::Throttled | Self::SealTooSoon { .. } => "ThrottlingException",
            Self::History(_)
            | Self::Unreadable(_)
            | Self::Replay(_)
            | Self::HungUp
            | Self::Unfinished(_)
            | Self::Part(_)
            | Self::Backup(_)
            | Self::Seal(_)
            | Self::Effect(_)
            | Self::Intent(_) => "InternalFailure",
        })
    }

    fn public_message(&self) -> String {
        match self {
            Self::NoSuchRequest { .. }
            | Self::Time { .. }
            | Self::Forgotten { .. }
            | Self::NoAccount
            | Self::NotTheFirstAccount
            | Self::BackupName { .. }
            | Self::NoBackupDirectory
            | Self::BackupPlaceUnusable
            | Self::BackupExists { .. }
            | Self::BackupRunning
            | Self::NoRoomForBackup
            | Self::Throttled
            | Self::SealKind { .. }
            | Self::WrongSeal
            | Self::SealSecret
            | Self::SealElsewhere
            | Self::SealTooSoon { .. }
            | Self::OpensItself
            | Self::Overtaken
            | Self::UnusableSeal => self.to_string(),
            Self::History(_)
            | Self::Unreadable(_)
            | Self::Replay(_)
            | Self::HungUp
            | Self::Unfinished(_)
            | Self::Part(_)
            | Self::Backup(_)
            | Self::Seal(_)
            | Self::Effect(_)
            | Self::Intent(_) => {
                "the request processing has failed because of an unknown error".to_owned()
            }
        }
    }
}
