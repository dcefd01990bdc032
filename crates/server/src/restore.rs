//! `strongroom restore`: a data directory from a backup, without the keys that were deleted
//! since.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use crypto::secret::Key32;
use pipeline::sources::{Principals, Sources};
use pipeline::{Parts, ServicesBuilder};
use store::embedded::{NUMBERS_LEFT_OUT, rebuild};
use store::{EmbeddedStore, Store};
use types::Arn;

use crate::backup::{Reader, Sealed, backups_key};
use crate::cli::{BackupFileArgs, DirectoryArgs, RestoreArgs};
use crate::config::DirectoryConfig;
use crate::directory::DataDirectory;
use crate::seal::{Opened, Seal};
use crate::{compose, file, offline, passphrase};

/// An opened backup, and what it takes to restore it.
struct Unsealed {
    seal: Seal,
    data_key: Key32,
    reader: Reader,
}

/// Opens the backup at `path` with the seal that `args` name.
fn unseal(path: &Path, args: &DirectoryArgs) -> anyhow::Result<Unsealed> {
    let config = DirectoryConfig::of(args)?;
    let reading = || format!("`{}`", path.display());
    let sealed = Sealed::open(path).with_context(reading)?;
    let seal = Seal::parse(sealed.seal(), path.to_path_buf())?;
    let data_key = match seal.open(&config.seal)? {
        Opened::Data(key) => key,
        Opened::NeedsPassphrase => seal.open_with_passphrase(&passphrase::read()?)?,
    };
    let reader = sealed.unsealed(&backups_key(&data_key));
    Ok(Unsealed {
        seal,
        data_key,
        reader: reader.with_context(reading)?,
    })
}

/// `strongroom backup verify`: reads all of a backup, and says what it is.
pub fn verify(args: &BackupFileArgs) -> anyhow::Result<()> {
    let mut backup = unseal(&args.file, &args.directory)?;
    let mut items: u64 = 0;
    let reading = || format!("`{}`", args.file.display());
    while backup.reader.item().with_context(reading)?.is_some() {
        items += 1;
    }
    let about = backup.reader.about();
    print(&format!(
        "whole: commit {}, made {} by release {}, {items} items, {} deleted keys known\n",
        about.revision,
        about.made,
        about.release,
        about.deleted.len()
    ))
}

/// `strongroom backup deletions`: the KMS keys that had been deleted when a backup was made.
pub fn deletions(args: &BackupFileArgs) -> anyhow::Result<()> {
    let backup = unseal(&args.file, &args.directory)?;
    let about = backup.reader.about();
    let mut text = format!("{AS_OF}{}\n", about.revision);
    for arn in &about.deleted {
        let _infallible = writeln!(text, "{arn}");
    }
    print(&text)
}

/// Begins a list of deleted keys that says until when it is complete.
const AS_OF: &str = "# deleted keys as of commit ";

/// Keys that were deleted, as lists tell.
#[derive(Debug, Default, PartialEq)]
struct Deletions {
    keys: BTreeSet<Arn>,
    /// The newest commit until which a list is complete.
    as_of: Option<u64>,
}

impl Deletions {
    /// Adds the list `text`. Fails, with the line's number, for a line that is no key's ARN.
    fn add(&mut self, text: &str) -> Result<(), usize> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(commit) = line.strip_prefix(AS_OF) {
                let commit = commit.parse().map_err(|_source| number)?;
                self.as_of = self.as_of.max(Some(commit));
            } else if !line.is_empty() && !line.starts_with('#') {
                let arn: Arn = line.parse().map_err(|_source| number)?;
                if arn.resource_of("key").is_none() {
                    return Err(number);
                }
                self.keys.insert(arn);
            }
        }
        Ok(())
    }
}

/// Restores a backup to a data directory that does not exist yet, or is empty.
pub fn run(args: &RestoreArgs) -> anyhow::Result<()> {
    let mut deletions = Deletions::default();
    for path in &args.deletions {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("reading `{}` failed", path.display()))?;
        if let Err(line) = deletions.add(&text) {
            bail!(
                "{}:{line}: this is not the ARN of a KMS key",
                path.display()
            );
        }
    }
    let config = DirectoryConfig::of(&args.directory)?;
    let made = make_directory(&config.data)?;
    let restored = unseal(&args.file, &args.directory)
        .and_then(|backup| restore(backup, &config.data, &deletions, args.accept_revival));
    match restored {
        Ok(text) => print(&text),
        Err(failed) => {
            // Nothing was here: what is left of the attempt must not be taken for a directory.
            clear(&config.data, made).context("what was half restored could not be removed")?;
            Err(failed)
        }
    }
}

/// Makes the directory; whether it was not there. Fails unless it is empty.
fn make_directory(data: &Path) -> anyhow::Result<bool> {
    let failed = file::failed("creating", data);
    if data.exists() {
        let mut entries = fs::read_dir(data).map_err(file::failed("reading", data))?;
        if entries.next().is_some() {
            bail!(
                "`{}` is not empty: a backup is restored to a new directory only",
                data.display()
            );
        }
        return Ok(false);
    }
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(failed)?;
    Ok(true)
}

fn clear(data: &Path, made: bool) -> std::io::Result<()> {
    if made {
        return fs::remove_dir_all(data);
    }
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Restores, applies the deletions, and writes the seal last: without it nothing serves `data`.
fn restore(
    backup: Unsealed,
    data: &Path,
    deletions: &Deletions,
    accept_revival: bool,
) -> anyhow::Result<String> {
    let Unsealed {
        seal,
        data_key,
        mut reader,
    } = backup;
    let directory = DataDirectory::restoring(data, data_key)?;
    file::create_durably(&directory.shred(), reader.shred())?;
    let (clock, entropy) = offline::surroundings();
    let options = compose::options(&directory, &clock, &entropy);
    let (revision, snapshot) = rebuild(&options, || reader.item())?;
    if revision != reader.about().revision {
        bail!(
            "the backup says that it ends at commit {}, but it ends at {revision}",
            reader.about().revision
        );
    }
    let complete = deletions.as_of.is_some_and(|as_of| as_of >= revision);
    if !complete && !accept_revival && kms::has_customer_keys(&snapshot) {
        bail!(
            "KMS keys that were deleted after commit {revision} would be back: show what was \
             deleted with --deletions (a list that is complete up to this commit or a later \
             one), or accept it with --accept-revival"
        );
    }
    let deleted = delete(&directory, deletions)?;
    seal.create_in(data)?;
    let mut text = format!(
        "restored commit {revision} to {}; the next is numbered {}\n",
        data.display(),
        revision.saturating_add(NUMBERS_LEFT_OUT + 1)
    );
    for arn in &deleted {
        let _infallible = writeln!(text, "deleted again: {arn}");
    }
    if !complete && kms::has_customer_keys(&snapshot) {
        text.push_str("KMS keys that were deleted since, and that no list showed, are back\n");
    }
    Ok(text)
}

/// Deletes the keys that the lists name, with their material.
fn delete(directory: &DataDirectory, deletions: &Deletions) -> anyhow::Result<Vec<Arn>> {
    let (clock, entropy) = offline::surroundings();
    let engine = Arc::new(EmbeddedStore::open(&compose::options(
        directory, &clock, &entropy,
    ))?);
    let store: Arc<dyn Store> = engine.clone();
    let shred = kms::ShredKeys::open(directory.shred(), directory.root(), Arc::clone(&entropy))?;
    let keyring = kms::Keyring::new(Arc::clone(&clock), Arc::clone(&entropy), Arc::new(shred));
    keyring.check(&store.snapshot())?;
    let mut parts = Parts::default();
    parts.insert(Arc::new(keyring));
    parts.insert(Arc::new(Principals(Arc::new(iam::IamResources))));
    let sources = Sources::new(
        Arc::new(iam::Identities::default()),
        Arc::new(iam::OrganizationTree::default()),
    );
    let services = ServicesBuilder {
        store,
        clock,
        entropy,
        sources,
        parts,
    }
    .build();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let deleted = runtime.block_on(kms::delete_now(&services, &deletions.keys))?;
    engine.close();
    Ok(deleted)
}

pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_add_up_and_say_until_when_they_are_complete() {
        let mut deletions = Deletions::default();
        let one = "arn:aws:kms:us-east-1:111122223333:key/one";
        deletions.add(&format!("# by hand\n\n  {one}\n")).unwrap();
        assert_eq!((deletions.keys.len(), deletions.as_of), (1, None));
        deletions.add(&format!("{AS_OF}12\n{one}\n")).unwrap();
        deletions.add(&format!("{AS_OF}7\n")).unwrap();
        assert_eq!((deletions.keys.len(), deletions.as_of), (1, Some(12)));
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_line() {
        for line in [
            "x",
            "arn:aws:kms:us-east-1:111122223333:alias/a",
            "# deleted keys as of commit x",
        ] {
            let text = format!("# list\n{line}\n");
            assert_eq!(Deletions::default().add(&text), Err(2), "{line}");
        }
    }
}
