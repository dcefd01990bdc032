//! `strongroom backup`: of a running server, or of a directory that nobody serves.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use store::Batch;

use crate::backup::backups_key;
use crate::backup_maker::Parts;
use crate::cli::{BackupCommand, BackupFileArgs, CreateBackupArgs};
use crate::client::{self, number, print, text};
use crate::offline::Offline;
use crate::restore;
use crate::signed::{self, OWN};

/// Runs the subcommand.
pub fn run(command: &BackupCommand) -> anyhow::Result<()> {
    match command {
        BackupCommand::Create(args) => create(args),
        BackupCommand::Offline(args) => offline(args),
        BackupCommand::Verify(args) => restore::verify(args),
        BackupCommand::Deletions(args) => restore::deletions(args),
    }
}

fn create(args: &CreateBackupArgs) -> anyhow::Result<()> {
    let answer = client::runtime()?.block_on(async {
        let input = json!({ "Name": args.name });
        let asked = signed::call(&args.client, OWN, "CreateBackup", &input);
        let patience = Duration::from_secs(args.timeout_seconds);
        let answer = tokio::time::timeout(patience, asked).await;
        answer.context(
            "the server did not answer in time: it may be making the backup still, and the audit \
             log has `EndBackup` when it is done",
        )?
    })?;
    print(&told(
        number(&answer, "Revision"),
        number(&answer, "Bytes"),
        text(&answer, "Sha256"),
        text(&answer, "Path"),
    ))
}

/// Writes a backup of a directory that is not served to a file that does not exist.
fn offline(args: &BackupFileArgs) -> anyhow::Result<()> {
    let offline = Offline::open(&args.directory)?;
    let directory = &offline.directory;
    let (clock, entropy) = (Arc::clone(&offline.clock), Arc::clone(&offline.entropy));
    let shred = kms::ShredKeys::open(
        directory.shred(),
        directory.data_key(),
        Arc::clone(&entropy),
    )?;
    let keyring = kms::Keyring::new(Arc::clone(&clock), Arc::clone(&entropy), Arc::new(shred));
    keyring.check(&store::Store::snapshot(&offline.store))?;
    let details = json!({ "path": args.file.display().to_string() });
    offline.record("StartBackup", details, Batch::default())?;
    let parts = Parts::of(&offline.store, &keyring, directory.path(), clock.now())?;
    let made = parts.write(&args.file, &backups_key(directory.data_key()), &*entropy)?;
    let details = json!({
        "path": made.path, "revision": made.revision, "sha256": made.sha256, "outcome": "made",
    });
    offline.record("EndBackup", details, Batch::default())?;
    offline.store.close();
    print(&told(made.revision, made.bytes, &made.sha256, &made.path))
}

fn told(revision: u64, bytes: u64, digest: &str, path: &str) -> String {
    format!("commit {revision}, {bytes} bytes, SHA-256 {digest}: {path}\n")
}
