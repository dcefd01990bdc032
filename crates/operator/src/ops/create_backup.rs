//! `CreateBackup`: writes a backup of the whole deployment where the configuration says.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::{Value, json};
use shapes::strongroom::{CreateBackupInput, CreateBackupOutput};
use types::Service;

use crate::Error;
use crate::backups::{Backups, Refused};
use crate::intent::carry_out;

static CREATE_BACKUP: Action = Action::from_static("strongroom:CreateBackup");

/// Writes one consistent cut of everything to a file in the server's `backup.directory`, while
/// all other calls go on. The file is of use only with the seal.
///
/// Only principals of the first account may call it, if their policies allow it: a backup has
/// the data of all accounts. Fails with `ValidationException` for a name that is no plain file
/// name, with `BackupNotConfiguredException` without a directory, with
/// `BackupStorageUnavailableException` if that is not there or cannot be written to, with
/// `BackupAlreadyExistsException` if there is a backup of this name, and with
/// `BackupInProgressException` while another one is being made, and with
/// `BackupStorageFullException` if the disk has less room than the data takes, and a twentieth of
/// itself or a gibibyte.
#[derive(Debug)]
pub(crate) struct CreateBackup;

impl Operation for CreateBackup {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "CreateBackup";
    const ACTIONS: &'static [&'static Action] = &[&CREATE_BACKUP];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateBackupInput;
    type Output = CreateBackupOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&CREATE_BACKUP)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let part = ctx.part::<Backups>();
        let Backups(maker) = part.map_err(|missing| Error::Backup(Box::new(missing)))?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        if maker.owner(ctx.view()) != Some(account) {
            return Err(Error::NotTheFirstAccount);
        }
        if !is_file_name(&input.name) {
            return Err(Error::BackupName { name: input.name });
        }
        let (maker, name) = (Arc::clone(maker), input.name.clone());
        let details = json!({ "name": input.name });
        let work = move || maker.make(&name);
        let outcome = |made: &Result<_, Refused>| match made {
            Ok(_) => "made",
            Err(_) => "failed",
        };
        let made = carry_out(ctx, account, "Backup", details, work, outcome).await?;
        let made = made.map_err(|refused| match refused {
            Refused::NoDirectory => Error::NoBackupDirectory,
            Refused::Unusable => Error::BackupPlaceUnusable,
            Refused::Exists => Error::BackupExists { name: input.name },
            Refused::Running => Error::BackupRunning,
            Refused::NoRoom => Error::NoRoomForBackup,
            Refused::Failed(source) => Error::Backup(source),
        })?;
        Ok(Reply::read(CreateBackupOutput {
            path: made.path,
            revision: made.revision,
            bytes: made.bytes,
            sha256: made.sha256,
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        EventDetail {
            request: json!({ "name": input.name }),
            response: output.map_or(Value::Null, |made| {
                json!({ "path": made.path, "revision": made.revision, "sha256": made.sha256 })
            }),
            ..EventDetail::default()
        }
    }
}

/// Whether `name` can only be a file in one directory.
fn is_file_name(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    first && name.bytes().all(rest) && !name.ends_with(".partial")
}

#[cfg(test)]
mod tests {
    use super::is_file_name;

    #[test]
    fn names_cannot_leave_their_directory() {
        for name in ["nightly", "2026-11-27.backup", "a_b-c.1"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "/a",
            ".hidden",
            "-a",
            "a b",
            "a\0",
            "é",
            "a.partial",
        ] {
            assert!(!is_file_name(name), "{name}");
        }
    }
}
