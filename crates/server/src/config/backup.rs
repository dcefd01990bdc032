//! The setting `backup`: where backups of the running server go.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::Access;
use serde::Deserialize;
use tracing::warn;

use super::ConfigError;

/// How long the place may take to answer before the server starts without an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where backups go, and where that is said.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupPlace {
    /// The directory.
    pub directory: PathBuf,
    /// The configuration file.
    file: String,
    /// Its line, from 1.
    line: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupFile {
    pub(super) directory: Option<toml::Spanned<PathBuf>>,
    /// What `directory` says, once its place in the file is known.
    #[serde(skip)]
    pub(super) place: Option<BackupPlace>,
}

impl BackupPlace {
    /// The place that line `line` of the configuration `file` names.
    pub(super) fn new(directory: PathBuf, file: &str, line: usize) -> Self {
        Self {
            directory,
            file: file.to_owned(),
            line,
        }
    }

    /// Refuses a place that is no directory or may not be written to: it is better known when the
    /// server starts than when a backup is to be made. It is not made here, for what is missing may
    /// be a disk that is not mounted.
    ///
    /// One that does not answer, on a network for example, is let pass: it holds up backups, and
    /// must not hold up the server.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (tell, told) = mpsc::sync_channel(1);
        let directory = self.directory.clone();
        std::thread::spawn(move || {
            // Nobody listens any more if it took too long.
            let _late = tell.send(usable(&directory));
        });
        match told.recv_timeout(PATIENCE) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refused)) => {
                let directory = self.directory.display();
                Err(ConfigError::Invalid {
                    path: self.file.clone(),
                    line: self.line,
                    reason: format!(
                        "backups cannot be written to `{directory}`: {refused}; it must be there \
                         before the server starts"
                    ),
                })
            }
            Err(_no_answer) => {
                warn!(directory = %self.directory.display(), "the place of backups does not answer");
                Ok(())
            }
        }
    }
}

fn usable(directory: &Path) -> io::Result<()> {
    if !std::fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let needed = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::access(directory, needed)?)
}
