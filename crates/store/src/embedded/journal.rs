//! Reads the engine's journals before the engine does.
//!
//! The engine takes a damaged batch for the end of its journal, cuts the rest off and goes on
//! with an older state. So the journals are read first, in the engine's own framing, and each
//! batch is checked against its chain link: what is there, whether it was edited, and whether
//! acknowledged batches lie behind a damaged one. Nothing is changed here.

mod frame;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memchr::memmem;
use rustix::fs::{SeekFrom, seek};

pub(super) use self::frame::RawItem;
use self::frame::{Frame, Frames, TRAILER};
use super::chain::{Hash, LENGTH, Link, MAGIC};
use super::disk::NO_LINK;
use super::mark::Mark;
use super::seal::Sealer;
use crate::Revision;

/// How much of a journal is searched at once.
const CHUNK: usize = 1024 * 1024;

/// What the journals hold.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Whether there is any journal; without one the engine forgets how far it numbered.
    pub(super) any: bool,
    /// The last link of the unbroken part.
    pub(super) last: Option<(Link, Hash)>,
    /// The engine's number of that batch.
    number: u64,
    /// The hash of the link that the mark names, if it is there.
    pub(super) marked: Option<Hash>,
    /// Where and how that part ends, if not at the end of the newest journal.
    pub(super) damage: Option<Damage>,
}

/// The first batch that cannot be read.
#[derive(Debug)]
pub(super) struct Damage {
    /// The journal.
    pub(super) path: PathBuf,
    /// Where the batch begins.
    pub(super) offset: u64,
    /// Journals newer than that one.
    pub(super) later: Vec<PathBuf>,
    /// What it means.
    pub(super) kind: DamageKind,
    /// The newest link found from there on.
    pub(super) newest: Option<Link>,
}

impl Damage {
    /// The newest commit known to stand from the damage on.
    pub(super) fn newest_revision(&self) -> Option<Revision> {
        self.newest.as_ref().map(|link| link.last)
    }

    /// Whether `mark` says that the unreadable batch had been acknowledged.
    pub(super) fn covers(&self, mark: &Mark) -> bool {
        self.newest
            .as_ref()
            .is_some_and(|link| mark.sequence >= link.sequence)
    }
}

/// What an unreadable batch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DamageKind {
    /// It was being written when the machine or process stopped, and never acknowledged.
    Torn,
    /// Batches behind it were written, so it had been synced: acknowledged commits are lost.
    Lost,
    /// It is intact to the engine but not what this store wrote.
    Edited,
}

/// Reads all journals in `directory`.
///
/// `marked` is the sequence that the mark names.
pub(super) fn scan(directory: &Path, sealer: &Sealer, marked: u64) -> io::Result<Scan> {
    let mut journals = journals(directory)?.into_iter();
    let mut scan = Scan::default();
    while let Some(path) = journals.next() {
        scan.any = true;
        let file = File::open(&path)?;
        let (offset, kind) = read_journal(&file, sealer, marked, &mut scan)?;
        let mut links = Vec::new();
        let anything = find_links(&file, offset, sealer, &mut links)?;
        if kind == DamageKind::Torn && !anything {
            continue;
        }
        let later: Vec<PathBuf> = journals.collect();
        for path in &later {
            find_links(&File::open(path)?, 0, sealer, &mut links)?;
        }
        let links: Vec<Link> = links.into_iter().map(|(link, _)| link).collect();
        let newest = links.iter().max_by_key(|link| link.sequence).cloned();
        let kind = match kind {
            DamageKind::Torn if later.is_empty() && is_only_the_torn(&links, &scan) => kind,
            DamageKind::Torn => DamageKind::Lost,
            DamageKind::Lost | DamageKind::Edited => kind,
        };
        scan.damage = Some(Damage {
            path,
            offset,
            later,
            kind,
            newest,
        });
        break;
    }
    Ok(scan)
}

/// Shows `visit` every batch that stands whole from `damage` on, in the journals of
/// `directory`.
pub(super) fn read_behind(
    directory: &Path,
    damage: &Damage,
    sealer: &Sealer,
    visit: &mut dyn FnMut(&Link, &[RawItem]),
) -> io::Result<()> {
    let there = |path: &Path| directory.join(path.file_name().unwrap_or_default());
    let file = File::open(there(&damage.path))?;
    let mut position = read_frames(&file, damage.offset, sealer, visit)?;
    // A frame begins where another ends.
    while let Some(found) = find(&file, position, &TRAILER)? {
        let start = found + u64::try_from(TRAILER.len()).unwrap_or_default();
        position = read_frames(&file, start, sealer, visit)?.max(start);
    }
    for journal in &damage.later {
        read_frames(&File::open(there(journal))?, 0, sealer, visit)?;
    }
    Ok(())
}

/// Shows the batches that follow each other from `position` on; returns where they end.
fn read_frames(
    file: &File,
    position: u64,
    sealer: &Sealer,
    visit: &mut dyn FnMut(&Link, &[RawItem]),
) -> io::Result<u64> {
    let mut frames = Frames::with_items(file, position)?;
    let mut end = position;
    while let Frame::Batch { link, .. } = frames.next(sealer)? {
        visit(&link, frames.items());
        end = frames.position();
    }
    Ok(end)
}

/// Where `wanted` stands in `file` first, from `position` on.
fn find(file: &File, position: u64, wanted: &[u8]) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; CHUNK];
    let mut next = next_data(file, position);
    while let Some(at) = next {
        let read = file.read_at(&mut buffer, at)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if let Some(found) = memmem::find(bytes, wanted) {
            return Ok(Some(at + u64::try_from(found).unwrap_or_default()));
        }
        // Chunks overlap, so that what stands across their border is found in the second.
        let step = (read + 1).saturating_sub(wanted.len());
        let behind = at + u64::try_from(step).unwrap_or(u64::MAX);
        next = (step > 0).then(|| next_data(file, behind)).flatten();
    }
    Ok(None)
}

/// Whether the newest batch in the journals is the one that `mark` names, or there is none.
///
/// Looks at the end only.
pub(super) fn end_at(directory: &Path, mark: &Mark, sealer: &Sealer) -> io::Result<bool> {
    for path in journals(directory)?.into_iter().rev() {
        let file = File::open(path)?;
        let mut end = end_of_data(&file)?;
        while end > 0 {
            let start = end.saturating_sub(u64::try_from(CHUNK).unwrap_or(u64::MAX));
            let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(CHUNK)];
            file.read_exact_at(&mut bytes, start)?;
            if bytes.iter().any(|byte| *byte != 0) {
                let newest = memmem::rfind(&bytes, &MAGIC)
                    .and_then(|found| Link::decode(bytes.get(found..)?, sealer));
                return Ok(newest.is_some_and(|(link, hash)| {
                    link.sequence == mark.sequence && hash == mark.hash
                }));
            }
            end = start;
        }
    }
    Ok(true)
}

/// Empties all journals, none of which is needed.
pub(super) fn empty(directory: &Path) -> io::Result<()> {
    for path in journals(directory)? {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).custom_flags(NO_LINK).open(path)?;
        file.set_len(0)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Reads one journal up to the first batch that does not belong; says where and why.
fn read_journal(
    file: &File,
    sealer: &Sealer,
    marked: u64,
    scan: &mut Scan,
) -> io::Result<(u64, DamageKind)> {
    let mut frames = Frames::new(file)?;
    loop {
        let offset = frames.position();
        let (link, hash, number) = match frames.next(sealer)? {
            Frame::Batch { link, hash, number } => (link, hash, number),
            Frame::Foreign => return Ok((offset, DamageKind::Edited)),
            Frame::Unreadable => return Ok((offset, DamageKind::Torn)),
        };
        if let Some((before, before_hash)) = &scan.last
            && !(link.follows(&before.head(*before_hash)) && link.floor > scan.number)
        {
            let kind = if link.sequence > before.sequence + 1 {
                DamageKind::Lost
            } else {
                DamageKind::Edited
            };
            return Ok((offset, kind));
        }
        if link.sequence == marked {
            scan.marked = Some(hash);
        }
        scan.last = Some((link, hash));
        scan.number = number;
    }
}

/// Whether `links`, found behind an unreadable batch, can all be that batch's own.
///
/// A batch is begun only when the one before is synced, so a second one proves that the
/// unreadable one was whole.
fn is_only_the_torn(links: &[Link], scan: &Scan) -> bool {
    let expected = match (&scan.last, links.first()) {
        (Some((last, _)), _) => last.sequence + 1,
        (None, Some(first)) => first.sequence,
        (None, None) => return true,
    };
    links.iter().all(|link| link.sequence == expected)
}

/// Collects every link that stands anywhere in `file` from `offset` on; says whether anything
/// but zeros does.
fn find_links(
    file: &File,
    offset: u64,
    sealer: &Sealer,
    links: &mut Vec<(Link, Hash)>,
) -> io::Result<bool> {
    let finder = memmem::Finder::new(&MAGIC);
    let mut anything = false;
    let mut buffer = vec![0; CHUNK];
    let mut next = next_data(file, offset);
    while let Some(at) = next {
        let read = file.read_at(&mut buffer, at)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        anything |= bytes.iter().any(|byte| *byte != 0);
        for found in finder.find_iter(bytes) {
            let rest = bytes.get(found..).unwrap_or_default();
            links.extend(Link::decode(rest, sealer));
        }
        // Chunks overlap, so that a link across their border is found in the second.
        let step = if read < CHUNK { read } else { CHUNK - LENGTH };
        next = (step > 0).then(|| at + u64::try_from(step).unwrap_or(u64::MAX));
        if bytes.iter().all(|byte| *byte == 0) {
            next = next.and_then(|at| next_data(file, at));
        }
    }
    Ok(anything)
}

/// Where the next bytes at or after `offset` are that are not a hole.
fn next_data(file: &File, offset: u64) -> Option<u64> {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(at) => Some(at),
        Err(rustix::io::Errno::NXIO) => None,
        // The file system does not tell: everything is read.
        Err(_) => Some(offset),
    }
}

/// Where the part of `file` ends that is not a hole, or at most a block behind that.
fn end_of_data(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    Ok(seek(file, SeekFrom::Hole(0)).unwrap_or(length).min(length))
}

/// The journals in `directory`, oldest first.
fn journals(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".jnl"))
            .and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number {
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_in_place_of_a_journal_points_to_is_not_emptied() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("other");
        fs::write(&other, "precious").unwrap();
        let journal = directory.path().join("9.jnl");
        std::os::unix::fs::symlink(&other, &journal).unwrap();
        empty(directory.path()).unwrap_err();
        let damage = Damage {
            path: journal,
            offset: 0,
            later: Vec::new(),
            kind: DamageKind::Torn,
            newest: None,
        };
        super::super::open::cut_off(&damage).unwrap_err();
        assert_eq!(fs::read(&other).unwrap(), b"precious");
    }
}
