//! The setting `backup`: where backups of the running server go.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use crate::backup_place::{self, PATIENCE};

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

    /// Refuses a place that is no directory or may not be written to; for the first start, when no
    /// deployment is there yet: it is better known when the server is set up than when a backup is to
    /// be made. It is not made here, for what is missing may be a disk that is not mounted. A deployment
    /// that is there is needed by others than backups: it is served, and [`backup_place::watch`] warns.
    ///
    /// A place that does not answer, on a network for example, is let pass, too: it holds up backups,
    /// and must not hold up the server.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let place = self.directory.clone();
        let answer = answered(PATIENCE, move || backup_place::usable(&place));
        self.judge(answer)
    }

    /// What follows from what the place answered, if it did.
    fn judge(&self, answer: Option<io::Result<()>>) -> Result<(), ConfigError> {
        let directory = self.directory.display();
        match answer {
            Some(Ok(())) | None => Ok(()),
            Some(Err(refused)) => Err(ConfigError::Invalid {
                path: self.file.clone(),
                line: self.line,
                reason: format!(
                    "backups cannot be written to `{directory}`: {refused}; it must be there \
                     before the server starts for the first time"
                ),
            }),
        }
    }
}

/// What `look` returns, unless it takes longer than `patience`; then it is left to itself.
fn answered<T: Send + 'static>(
    patience: Duration,
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // Nobody listens any more if it took too long.
        let _late = tell.send(look());
    });
    told.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> BackupPlace {
        BackupPlace::new("/srv/backups".into(), "s.toml", 3)
    }

    #[test]
    fn what_hangs_is_left_alone() {
        let (end, ended) = mpsc::channel::<()>();
        let hangs = move || ended.recv().is_err();
        assert_eq!(answered(Duration::from_millis(1), hangs), None);
        drop(end);
        assert_eq!(answered(Duration::from_mins(1), || 7), Some(7));
        assert!(place().judge(None).is_ok());
    }

    #[test]
    fn a_place_that_cannot_be_used_is_refused_with_its_line() {
        let gone = Some(Err(io::ErrorKind::NotFound.into()));
        let refused = place().judge(gone).unwrap_err().to_string();
        assert!(
            refused.contains("s.toml:3: backups cannot be written to `/srv/backups`"),
            "{refused}"
        );
        assert!(place().judge(Some(Ok(()))).is_ok());
    }
}
