//! `strongroom restore`: a data directory from a backup, without the keys that were deleted
//! since; and `strongroom resume`, which lets it delete keys itself again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use crypto::kdf::derive_key;
use crypto::mac::HmacSha256Key;
use crypto::secret::Key32;
use kms::DeletedKey;
use pipeline::sources::{Principals, Sources};
use pipeline::{Parts, ServicesBuilder};
use serde_json::json;
use store::embedded::rebuild;
use store::{Batch, EmbeddedStore, Store};

use crate::backup::{About, Reader, Sealed, backups_key};
use crate::cli::{BackupFileArgs, DirectoryArgs, RestoreArgs, ResumeArgs};
use crate::client::{self, print};
use crate::config::DirectoryConfig;
use crate::directory::{Claim, DataDirectory};
use crate::offline::Offline;
use crate::seal::{Opened, Seal};
use crate::{backup_maker, compose, file, offline, passphrase};

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
        backup.reader.deleted().len()
    ))
}

/// `strongroom backup deletions`: the KMS keys that had been deleted when a backup was made.
pub fn deletions(args: &BackupFileArgs) -> anyhow::Result<()> {
    let backup = unseal(&args.file, &args.directory)?;
    let key = list_key(&backups_key(&backup.data_key));
    print(&list(backup.reader.about(), backup.reader.deleted(), &key))
}

/// Begins a list of deleted keys that says of which line of deployments it is, and until when it
/// is complete.
const AS_OF: &str = "# deleted keys as of commit ";

/// Ends such a list.
const MAC: &str = "# mac ";

/// The list of a backup: line, commit, keys, and a MAC that only the seal can make.
fn list(about: &About, deleted: &BTreeSet<DeletedKey>, key: &HmacSha256Key) -> String {
    let mut text = format!("{AS_OF}{} of {}\n", about.revision, about.lineage);
    for gone in deleted {
        let _infallible = writeln!(text, "{gone}");
    }
    let mac = hex::encode(key.tag(text.as_bytes()));
    text + MAC + &mac + "\n"
}

fn list_key(backups: &Key32) -> HmacSha256Key {
    HmacSha256Key::new(derive_key(backups, "deletions", b"").expose())
}

/// Keys that were deleted, as lists tell.
#[derive(Debug, Default, PartialEq)]
struct Deletions {
    keys: BTreeSet<DeletedKey>,
    /// Until which commit of which line a list is complete.
    as_of: Vec<(String, u64)>,
    /// What the MACs of such lists cover, and the MACs.
    macs: Vec<(String, String)>,
}

impl Deletions {
    /// Adds the list `text`. Fails, with the line's number, for a line that is no key.
    fn add(&mut self, text: &str) -> Result<(), usize> {
        let (mut is_complete, mut has_ended) = (false, false);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if has_ended {
                // The MAC covers what stands before it, and nothing else is believed.
                return Err(number);
            }
            if let Some(front) = line.strip_prefix(AS_OF) {
                let (commit, lineage) = front.split_once(" of ").ok_or(number)?;
                let commit = commit.parse().map_err(|_source| number)?;
                if number > 1 {
                    return Err(number);
                }
                self.as_of.push((lineage.to_owned(), commit));
                is_complete = true;
            } else if let Some(mac) = line.strip_prefix(MAC) {
                let covered = text.split(MAC).next().unwrap_or_default();
                self.macs.push((covered.to_owned(), mac.to_owned()));
                has_ended = true;
            } else if !line.is_empty() && !line.starts_with('#') {
                self.keys.insert(line.parse().map_err(|_source| number)?);
            }
        }
        // A list that was cut off says nothing of its end.
        if is_complete && !has_ended {
            return Err(text.lines().count());
        }
        Ok(())
    }

    /// Whether every list that says until when it is complete is as a backup gave it.
    fn are_genuine(&self, key: &HmacSha256Key) -> bool {
        self.macs.iter().all(|(covered, mac)| {
            let mac = hex::decode(mac).ok();
            let mac = mac.and_then(|mac| <[u8; 32]>::try_from(mac).ok());
            mac.is_some_and(|mac| key.verify(covered.as_bytes(), &mac))
        })
    }

    /// The newest commit, of this line and behind `revision`, until which they are complete.
    fn reach(&self, lineage: &str, revision: u64) -> Option<u64> {
        let of_line = self.as_of.iter().filter(|(line, _)| line == lineage);
        let commits = of_line.map(|(_, commit)| *commit);
        commits.filter(|commit| *commit > revision).max()
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
                "{}:{line}: this is no list of deleted KMS keys, or it is cut off",
                path.display()
            );
        }
    }
    let config = DirectoryConfig::of(&args.directory)?;
    let claim = Claim::of(&config.data)?;
    let restored = unseal(&args.file, &args.directory)
        .and_then(|backup| restore(backup, &claim, &deletions, args));
    match restored {
        Ok(text) => print(&text),
        Err(failed) => {
            // What is left of the attempt must not be taken for a directory.
            claim
                .clear()
                .context("what was half restored could not be removed")?;
            Err(failed)
        }
    }
}

/// Restores, applies the deletions, and writes the seal last: without it nothing serves `data`.
fn restore(
    backup: Unsealed,
    claim: &Claim,
    deletions: &Deletions,
    args: &RestoreArgs,
) -> anyhow::Result<String> {
    let Unsealed {
        seal,
        data_key,
        mut reader,
    } = backup;
    if !deletions.are_genuine(&list_key(&backups_key(&data_key))) {
        bail!("a list of deleted keys is not as `strongroom backup deletions` printed it");
    }
    let directory = DataDirectory::restoring(claim, data_key);
    file::create_durably(&directory.shred(), reader.shred())?;
    let (clock, entropy) = offline::surroundings();
    let options = compose::options(&directory, &clock, &entropy);
    let (revision, snapshot) = rebuild(&options, || reader.item())?;
    let about = reader.about();
    if revision != about.revision {
        let said = about.revision;
        bail!("the backup says that it ends at commit {said}, but it ends at {revision}");
    }
    let reach = deletions.reach(&about.lineage, revision);
    let has_keys = kms::has_customer_keys(&snapshot);
    if reach.is_none() && !args.accept_revival && has_keys {
        bail!(
            "KMS keys that were deleted after commit {revision} would be back: show what was \
             deleted with --deletions (a list of a newer backup of this deployment), or accept \
             it with --accept-revival"
        );
    }
    let before = seal.lineage().to_owned();
    let seal = seal.with_new_lineage(directory.data_key(), &*entropy)?;
    let (_, digest) = backup_maker::digest(&args.file)?;
    let told = json!({
        "backup": { "revision": revision, "made": about.made, "sha256": hex::encode(digest) },
        "lineage": { "before": before, "after": seal.lineage() },
        "deletions": {
            "listed": deletions.keys.len(),
            "completeUntil": reach,
            "revivalAccepted": args.accept_revival,
        },
    });
    let settled = settle(&directory, deletions, told)?;
    seal.create_in(claim.path())?;
    let mut text = format!("restored commit {revision} to {}\n", claim.path().display());
    for gone in &settled.deleted {
        let _infallible = writeln!(text, "deleted again: {gone}");
    }
    for gone in &settled.forgotten {
        let _infallible = writeln!(text, "waited for a rotation, import it again: {gone}");
    }
    if has_keys {
        let covered = reach.unwrap_or(revision);
        let _infallible = writeln!(
            text,
            "KMS keys that were deleted after commit {covered}, and that no list names, are back"
        );
    }
    for arn in &settled.held.keys {
        let _infallible = writeln!(text, "waits to be deleted, unless that is cancelled: {arn}");
    }
    text.push_str("deletions of KMS keys wait for `strongroom resume`\n");
    Ok(text)
}

/// What a restored directory came to.
struct Settled {
    /// What was deleted again.
    deleted: Vec<String>,
    /// What waited for a rotation, and must be imported again.
    forgotten: Vec<String>,
    /// What waits.
    held: kms::Held,
}

/// Puts deletions on hold and records the restore, both before anything else is done; then
/// deletes the keys that the lists name, with their material, and forgets what waits for a rotation.
fn settle(
    directory: &DataDirectory,
    deletions: &Deletions,
    told: serde_json::Value,
) -> anyhow::Result<Settled> {
    let (clock, entropy) = offline::surroundings();
    let engine = Arc::new(EmbeddedStore::open(&compose::options(
        directory, &clock, &entropy,
    ))?);
    let store: Arc<dyn Store> = engine.clone();
    let mut batch = Batch::default();
    kms::hold(&mut batch, clock.now());
    offline::record(&*store, (&*clock, &*entropy), ("Restore", told), batch)?;
    let shred = kms::ShredKeys::open(
        directory.shred(),
        directory.data_key(),
        Arc::clone(&entropy),
    )?;
    let keyring = kms::Keyring::new(Arc::clone(&clock), Arc::clone(&entropy), Arc::new(shred));
    keyring.check(&store.snapshot())?;
    let mut parts = Parts::default();
    parts.insert(Arc::new(keyring));
    parts.insert(Arc::new(Principals(Arc::new(iam::IamResources))));
    let sources = Sources::new(
        Arc::new(iam::Identities::default()),
        Arc::new(iam::OrganizationTree::default()),
    );
    let now = clock.now();
    let services = ServicesBuilder {
        store: Arc::clone(&store),
        clock,
        entropy,
        sources,
        parts,
    }
    .build();
    let runtime = client::runtime()?;
    let deleted = runtime.block_on(kms::delete_now(&services, &deletions.keys))?;
    let forgotten = runtime.block_on(kms::forget_waiting(&services))?;
    let held = kms::held(&store.snapshot(), now);
    engine.close();
    Ok(Settled {
        deleted,
        forgotten,
        held,
    })
}

/// `strongroom resume`: lets a restored directory carry deletions out again, and claims the keys
/// on tokens for it.
pub fn resume(args: &ResumeArgs) -> anyhow::Result<()> {
    let offline = Offline::open(&args.directory)?;
    let snapshot = offline.store.snapshot();
    let since = kms::held_since(&snapshot);
    if since.is_none() && !args.claim_token_keys {
        bail!("nothing waits: this directory was not restored, or was resumed already");
    }
    let now = offline.clock.now();
    let held = kms::held(&snapshot, now);
    // Before the deletions go on: what is destroyed on a token has to belong here first.
    let (claimed, batches) = kms::claim_token_keys(&snapshot, now);
    for batch in batches {
        client::runtime()?.block_on(offline.store.commit(batch))?;
    }
    let told = json!({
        "heldSince": since.map(types::Timestamp::to_iso8601), "keys": held.keys,
        "keysOnTokens": held.on_tokens, "claimedOnTokens": claimed,
    });
    let mut batch = Batch::default();
    kms::release(&mut batch);
    offline.record("Resume", told, batch)?;
    offline.store.close();
    let mut text = String::new();
    for arn in &held.keys {
        let _infallible = writeln!(text, "is deleted when the server starts: {arn}");
    }
    if claimed > 0 {
        let _infallible = writeln!(text, "keys on tokens to claim: {claimed}");
    }
    if held.on_tokens > 0 {
        let count = held.on_tokens;
        let _infallible = writeln!(text, "keys on tokens to destroy: {count}");
    }
    text.push_str("deletions of KMS keys go on\n");
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "arn:aws:kms:us-east-1:111122223333:key/one";

    fn key(byte: u8) -> HmacSha256Key {
        HmacSha256Key::new(&[byte; 32])
    }

    fn listed(revision: u64, lineage: &str) -> String {
        let about = About {
            revision,
            made: String::new(),
            release: String::new(),
            lineage: lineage.to_owned(),
        };
        let gone = format!("{ONE} 12.5").parse().unwrap();
        list(&about, &BTreeSet::from([gone]), &key(1))
    }

    #[test]
    fn lists_add_up_and_reach_behind_a_backup_of_their_own_line() {
        let mut deletions = Deletions::default();
        deletions.add(&format!("# by hand\n\n  {ONE}\n")).unwrap();
        assert_eq!((deletions.keys.len(), deletions.reach("a", 0)), (1, None));
        deletions.add(&listed(12, "a")).unwrap();
        deletions.add(&listed(7, "a")).unwrap();
        deletions.add(&listed(99, "b")).unwrap();
        assert_eq!(deletions.keys.len(), 2);
        assert!(deletions.are_genuine(&key(1)) && !deletions.are_genuine(&key(2)));
        // A backup's own list says nothing of what came after it.
        assert_eq!(deletions.reach("a", 12), None);
        assert_eq!(deletions.reach("a", 11), Some(12));
        assert_eq!(deletions.reach("c", 1), None);
    }

    #[test]
    fn lists_that_were_changed_or_cut_off_are_refused() {
        let good = listed(12, "a");
        for (from, to) in [("12 of", "13 of"), ("key/one", "key/two"), ("of a", "of b")] {
            let mut deletions = Deletions::default();
            deletions.add(&good.replacen(from, to, 1)).unwrap();
            assert!(!deletions.are_genuine(&key(1)), "{from}");
        }
        let cut: String = good
            .lines()
            .take(2)
            .map(|line| line.to_owned() + "\n")
            .collect();
        assert_eq!(Deletions::default().add(&cut), Err(2));
        let mac = good.lines().last().unwrap();
        for more in [format!("{AS_OF}99 of a\n{mac}\n"), format!("{ONE}\n")] {
            assert_eq!(Deletions::default().add(&format!("{good}{more}")), Err(4));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_line() {
        for line in [
            "x",
            "arn:aws:kms:us-east-1:111122223333:alias/a",
            "arn:aws:kms:us-east-1:111122223333:key/one 12",
            "# deleted keys as of commit x of y",
        ] {
            let text = format!("# list\n{line}\n");
            assert_eq!(Deletions::default().add(&text), Err(2), "{line}");
        }
    }
}
