//! Recovery: what a store that refuses to open still holds, and opening it all the same.
//!
//! Looking works on a copy (tables are linked, journals copied), so that it changes nothing.
//! Accepting does the same in place: it sets aside what cannot be read, brings the history in
//! line with the rows that are left, and begins the chain anew behind every number that was
//! ever used, so that no commit number is given twice.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fjall::UserValue;

use super::chain::{Head, Link, ring_key};
use super::codec::add;
use super::disk::sync_directory;
use super::engine::{Engine, look_for_lists};
use super::entry::{Entry, EntryKey, LogHead, head_place};
use super::journal::{self, Damage, Scan};
use super::load::{Loaded, engine_error, load_what_is_left};
use super::loss::{FoundEntry, Loss, last_entries, read_loss};
use super::mark::{Mark, MarkKeeper, Marked};
use super::open::{create_directory, cut_off, engine_directory, files_error};
use super::options::Options;
use super::repair::repair_history;
use super::seal::Sealer;
use super::writes::{Writes, content_digest, write_batch};
use crate::{OpenError, Revision};

/// What recovery found, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The last commit that is there with all before it.
    pub found: Revision,
    /// The last commit known to have been acknowledged; `None` if the mark is unreadable and
    /// nothing in the journals tells.
    pub expected: Option<Revision>,
    /// Whether the metadata rows are exactly those of commit `found`. If not, some are newer
    /// and some are missing or older: rights may be back that were taken away.
    pub rows_match: bool,
    /// Whether anything keeps the store from opening.
    pub needed: bool,
    /// What is known of the commits that are missing.
    pub loss: Loss,
    /// How many rows are left of each metadata table.
    pub left: BTreeMap<&'static str, u64>,
    /// The newest entry that is left of each log.
    pub last_entries: Vec<FoundEntry>,
    /// Where what could not be read was put, if the loss was accepted.
    pub set_aside: Option<PathBuf>,
}

/// Says what a store that does not open still holds; with `accept`, makes it open again.
///
/// Without `accept` nothing is changed. With it, what is missing is lost for good, and the
/// next commit is numbered behind every commit that was ever acknowledged. A store that
/// needs no recovery is left as it is. Fails if a row is damaged, for dropping a row might
/// grant what it denied, and like [`super::EmbeddedStore::open`] otherwise.
pub fn recover(options: &Options<'_>, accept: bool) -> Result<Recovery, OpenError> {
    let sealer = Sealer::new(options.data_key, Arc::clone(&options.entropy));
    create_directory(&options.directory)?;
    let file = options
        .disk
        .open_mark(&options.directory.join("commit.mark"))
        .map_err(files_error)?;
    let (keeper, marked) = MarkKeeper::open(file, &sealer).map_err(files_error)?;
    let engine = engine_directory(options);
    let preview = options.directory.join("recover.tmp");
    remove_directory(&preview).map_err(files_error)?;
    copy_engine(&engine, &preview).map_err(files_error)?;
    let looked = look(options, &sealer, (&engine, &preview), marked);
    remove_directory(&preview).map_err(files_error)?;
    let mut recovery = looked?;
    if accept && recovery.needed {
        recovery.set_aside = set_aside(options, &engine, &sealer).map_err(files_error)?;
        let (_, opened, left, scan) = examine(options, &sealer, &engine, marked)?;
        let head = begin_anew(options, &sealer, &opened, &left, &scan, marked)?;
        drop(opened);
        keeper
            .settle(&Mark::from(&head), &sealer)
            .map_err(files_error)?;
    }
    Ok(recovery)
}

/// Examines the copy `preview` of `engine`, and reads in `engine` what the copy was cut off.
fn look(
    options: &Options<'_>,
    sealer: &Sealer,
    (engine, preview): (&Path, &Path),
    marked: Marked,
) -> Result<Recovery, OpenError> {
    let (mut recovery, opened, left, scan) = examine(options, sealer, preview, marked)?;
    if let Some(damage) = &scan.damage {
        let place = (engine, damage);
        let loss = read_loss(options, sealer, &opened, place, recovery.found);
        recovery.loss = loss.map_err(files_error)?;
    }
    recovery.left = left.snapshot.row_counts();
    let declared = |name: &str| options.tables.iter().any(|table| table.name() == name);
    recovery.left.retain(|name, _| declared(name));
    recovery.last_entries = last_entries(options, sealer, &opened, &left);
    Ok(recovery)
}

/// Opens the engine at `path`, cut off where it cannot be read, and compares.
fn examine(
    options: &Options<'_>,
    sealer: &Sealer,
    path: &Path,
    marked: Marked,
) -> Result<(Recovery, Engine, Loaded, Scan), OpenError> {
    let scan = journal::scan(path, sealer, 0).map_err(files_error)?;
    if let Some(damage) = &scan.damage {
        for journal in &damage.later {
            fs::remove_file(journal).map_err(files_error)?;
        }
        cut_off(damage).map_err(files_error)?;
    }
    if !scan.any {
        File::create_new(path.join("0.jnl")).map_err(files_error)?;
    }
    let filled = scan.last.is_some() || matches!(marked, Marked::At(mark) if mark.sequence > 0);
    look_for_lists(path, options.spaces.len(), filled)
        .map_err(|error| engine_error(error.into()))?;
    let engine = Engine::open(path, &options.spaces, &options.logs, &options.tuning)
        .map_err(engine_error)?;
    let left = load_what_is_left(&engine, sealer, &options.all_tables(), &options.logs)?;
    let journals_end = match (&scan.damage, &scan.last) {
        (Some(_), Some((link, _))) => link.last,
        _ => Revision::MAX,
    };
    let found = left.head.revision.min(journals_end);
    let beyond = scan.damage.as_ref().and_then(Damage::newest_revision);
    let expected = match marked {
        Marked::At(mark) => Some(
            mark.revision
                .max(beyond.unwrap_or(0))
                .max(left.head.revision),
        ),
        Marked::Nothing | Marked::Unreadable => beyond,
    };
    let rows_match = left.state == left.head.state && left.unbroken && left.broken_log.is_none();
    let unmarked = !matches!(marked, Marked::At(_)) && left.head.sequence > 0;
    let recovery = Recovery {
        found,
        expected,
        rows_match,
        needed: unmarked || !rows_match || expected.is_some_and(|expected| expected > found),
        loss: Loss::default(),
        left: BTreeMap::new(),
        last_entries: Vec::new(),
        set_aside: None,
    };
    Ok((recovery, engine, left, scan))
}

/// Repairs the history and writes a base link; returns the new end of the chain.
fn begin_anew(
    options: &Options<'_>,
    sealer: &Sealer,
    engine: &Engine,
    left: &Loaded,
    scan: &Scan,
    marked: Marked,
) -> Result<Head, OpenError> {
    let marked = match marked {
        Marked::At(mark) => mark,
        Marked::Nothing | Marked::Unreadable => Mark::default(),
    };
    let beyond = scan
        .damage
        .as_ref()
        .and_then(|damage| damage.newest.as_ref());
    let (sequence, revision) = beyond.map_or((0, 0), |link| (link.sequence, link.last));
    let revision = [
        marked.revision,
        revision,
        left.newest_row,
        left.head.revision,
    ]
    .into_iter()
    .fold(0, Revision::max)
        + 1;
    let mut writes = repair_history(
        engine,
        sealer,
        &options.all_tables(),
        revision,
        options.clock.now(),
    )?;
    let mut state = left.state_without_logs;
    begin_logs_anew(options, sealer, engine, &mut writes, &mut state)?;
    let items = writes.into_items();
    let link = Link {
        sequence: marked.sequence.max(sequence).max(left.head.sequence) + 1,
        first: revision,
        last: revision,
        floor: engine.floor(),
        base: true,
        previous: left.head.hash,
        content: content_digest(&items),
        state,
    };
    let (stored, hash) = link.encode(sealer);
    write_batch(engine, items, link.sequence, stored).map_err(engine_error)?;
    Ok(link.head(hash))
}

/// Lets each segment end in its newest entry that is left, and adds that to `state`.
///
/// Entries that are missing before it stay missing; checking the log says so.
fn begin_logs_anew(
    options: &Options<'_>,
    sealer: &Sealer,
    engine: &Engine,
    writes: &mut Writes,
    state: &mut [u8; 32],
) -> Result<(), OpenError> {
    for log in &options.logs {
        for (segment, keyspace) in engine.segments(log).unwrap_or_default() {
            let mut head = LogHead::default();
            for guard in keyspace.iter() {
                let (key, value) = guard.into_inner().map_err(engine_error)?;
                let entry = Entry::read(sealer, log, segment, &key, &value);
                if let (Some(entry), Ok(last)) = (entry, EntryKey::try_from(&*key))
                    && entry.sequence > head.count
                {
                    head = LogHead {
                        count: entry.sequence,
                        gap: 0,
                        last,
                        mac: entry.mac,
                    };
                }
            }
            let read = |key: &EntryKey| keyspace.get(key);
            let walked = head.walk(sealer, log, segment, u64::MAX, read, |_, _| true);
            if let Err(broken) = walked.map_err(engine_error)? {
                head.gap = broken.sequence();
            }
            let (key, value) = head.encode(sealer, log.name, segment);
            let value = (head.count > 0).then(|| {
                add(state, &sealer.state_of_head(&key, &value));
                UserValue::from(value)
            });
            writes.set(&engine.chain, key, value);
        }
    }
    remove_lost_heads(options, sealer, engine, writes)
}

/// Removes the heads of segments that are gone, and those that do not open.
fn remove_lost_heads(
    options: &Options<'_>,
    sealer: &Sealer,
    engine: &Engine,
    writes: &mut Writes,
) -> Result<(), OpenError> {
    for guard in engine.chain.iter() {
        let (key, value) = guard.into_inner().map_err(engine_error)?;
        if key.len() == ring_key(0).len() {
            continue;
        }
        let known = head_place(&key).is_some_and(|(name, segment)| {
            match options.logs.iter().find(|log| log.name.as_bytes() == name) {
                Some(log) => engine.has_segment(log, segment),
                None => LogHead::decode(sealer, &key, &value).is_some(),
            }
        });
        if !known {
            writes.set(&engine.chain, key, None);
        }
    }
    Ok(())
}

/// Copies the damaged journal, and moves newer ones, to a directory of their own.
fn set_aside(options: &Options<'_>, engine: &Path, sealer: &Sealer) -> io::Result<Option<PathBuf>> {
    let Some(damage) = journal::scan(engine, sealer, 0)?.damage else {
        return Ok(None);
    };
    let mut number = 1;
    let target = loop {
        let target = options.directory.join(format!("set-aside-{number}"));
        match DirBuilder::new().mode(0o700).create(&target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            created => break created.map(|()| target)?,
        }
    };
    for journal in damage.later.iter().chain([&damage.path]) {
        let name = journal.file_name().unwrap_or_default();
        let copy = target.join(name);
        fs::copy(journal, &copy)?;
        File::open(copy)?.sync_all()?;
    }
    // The originals go next: not before their copies would survive a power cut.
    sync_directory(&target)?;
    sync_directory(&options.directory)?;
    Ok(Some(target))
}

/// Copies the engine's files. Its tables never change once written, so they are linked.
fn copy_engine(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_journal = source.extension().is_some_and(|kind| kind == "jnl");
        if entry.file_type()?.is_dir() {
            copy_engine(&source, &target)?;
        } else if is_journal || fs::hard_link(&source, &target).is_err() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

fn remove_directory(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
