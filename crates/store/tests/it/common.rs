//! Tables, spaces and logs of the tests, and a directory to open a store in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crypto::SystemEntropy;
use crypto::secret::Key32;
use serde::{Deserialize, Serialize};
use store::embedded::{Disk, EmbeddedStore, Options, SystemDisk, Tuning};
use store::{
    Batch, CellWrite, CommitError, Committed, Key, Lane, Log, LogAppend, OpenError, Record, Space,
    Store, Table,
};
use tempfile::TempDir;
use types::{Clock, ManualClock, Timestamp};

/// The record of every table here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) text: String,
}

impl Record for Note {
    const VERSION: u16 = 1;
}

/// A record of which more is kept in memory than is stored: so many bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Derived(pub(crate) usize);

impl Record for Derived {
    const VERSION: u16 = 1;

    fn memory(&self) -> usize {
        self.0
    }
}

/// Rows that say what memory they take.
pub(crate) static DERIVED: Table<Derived> = Table::with_history("derived");

pub(crate) static NOTES: Table<Note> = Table::with_history("notes");
pub(crate) static SECRETS: Table<Note> = Table::without_history("secrets");
/// Notes that are found by each of their words.
pub(crate) static LISTED: Table<Note> =
    Table::without_history("listed").listed_by(|note| note.text.split(' ').map(word).collect());

fn word(word: &str) -> Key {
    Key::of(&[word])
}

pub(crate) const CELLS: Space = Space {
    name: "cells",
    clear: 3,
};
pub(crate) const OTHER_CELLS: Space = Space {
    name: "other",
    clear: 3,
};
pub(crate) static EVENTS: Log = Log { name: "events" };
pub(crate) static OUTBOX: Log = Log { name: "outbox" };

/// A directory with a data key and a clock: what survives of a store that is closed.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
    data_key: Key32,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) tuning: Tuning,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            data_key: data_key(),
            clock: Arc::new(ManualClock::new(Timestamp::new(1_700_000_000, 0))),
            disk: Arc::new(SystemDisk),
            tuning: Tuning::default(),
        }
    }

    /// A copy of what a killed process would leave of the open store, which has answered commit
    /// `revision`: `commit.mark` holds it.
    pub(crate) fn image(&self, revision: u64) -> Self {
        let marked = marked_revision(self.path());
        assert!(marked >= revision, "answered {revision}, marked {marked}");
        let image = self.copy();
        copy_directory(self.path(), image.path());
        image
    }

    /// A copy of a store that is not open.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self {
            directory: tempfile::tempdir().unwrap(),
            data_key: data_key(),
            clock: Arc::clone(&self.clock),
            disk: Arc::clone(&self.disk),
            tuning: self.tuning.clone(),
        };
        copy_directory(self.path(), copy.path());
        copy
    }

    /// The engine's journals, oldest first.
    pub(crate) fn journals(&self) -> Vec<PathBuf> {
        let mut journals: Vec<_> = fs::read_dir(self.path().join("engine"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "jnl"))
            .collect();
        journals.sort_by_key(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            stem.parse::<u64>().unwrap()
        });
        journals
    }

    /// Where the store is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn options(&self) -> Options<'_> {
        options(
            self.path(),
            &self.data_key,
            self.clock.clone(),
            Arc::clone(&self.disk),
            self.tuning.clone(),
        )
    }

    pub(crate) fn try_open(&self) -> Result<EmbeddedStore, OpenError> {
        EmbeddedStore::open(&self.options())
    }

    pub(crate) fn open(&self) -> EmbeddedStore {
        self.try_open().unwrap()
    }
}

/// The newest commit in the mark file.
fn marked_revision(directory: &Path) -> u64 {
    let bytes = fs::read(directory.join("commit.mark")).unwrap();
    [0, 4096]
        .into_iter()
        .filter_map(|slot| bytes.get(slot + 16..slot + 24))
        .map(|number| u64::from_be_bytes(number.try_into().unwrap()))
        .max()
        .unwrap_or(0)
}

/// Copies files sparsely: journals are mostly a hole.
fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// The data key of the tests.
pub(crate) fn data_key() -> Key32 {
    Key32::try_from([7; 32].as_slice()).unwrap()
}

/// Options with everything declared.
pub(crate) fn options<'a>(
    directory: &Path,
    data_key: &'a Key32,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    tuning: Tuning,
) -> Options<'a> {
    let mut options = Options::new(directory, data_key, clock, Arc::new(SystemEntropy));
    options.tables = vec![&NOTES, &SECRETS, &LISTED, &DERIVED];
    options.spaces = vec![CELLS, OTHER_CELLS];
    options.logs = vec![&EVENTS, &OUTBOX];
    options.disk = disk;
    options.tuning = tuning;
    options
}

/// Runs a future to its end on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Builds and commits a batch.
pub(crate) fn commit(
    store: &dyn Store,
    lane: Lane,
    fill: impl FnOnce(&mut Batch),
) -> Result<Committed, CommitError> {
    let mut batch = Batch::new(lane);
    fill(&mut batch);
    wait(store.commit(batch))
}

/// Commits one note.
pub(crate) fn put_note(store: &dyn Store, name: &str, text: &str) -> Committed {
    commit(store, Lane::Metadata, |batch| {
        batch.put(&NOTES, Key::of(&[name]), note(text));
    })
    .unwrap()
}

/// The text of a note.
pub(crate) fn read_note(store: &dyn Store, name: &str) -> Option<String> {
    let snapshot = store.snapshot();
    snapshot
        .get(&NOTES, &Key::of(&[name]))
        .map(|row| row.record.text.clone())
}

pub(crate) fn note(text: &str) -> Note {
    Note {
        text: text.to_owned(),
    }
}

/// An unconditional cell write.
pub(crate) fn cell(key: &[u8], value: Option<&[u8]>) -> CellWrite {
    CellWrite {
        space: CELLS,
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
        rule: None,
    }
}

/// Commits one cell on the data lane.
pub(crate) fn put_cell(store: &dyn Store, key: &[u8], value: &[u8]) -> Committed {
    commit(store, Lane::Data, |batch| {
        batch.cell(cell(key, Some(value)));
    })
    .unwrap()
}

/// An entry of the log of events.
pub(crate) fn event(segment: u64, stream: u32, payload: &[u8]) -> LogAppend {
    LogAppend {
        log: &EVENTS,
        segment,
        stream,
        payload: payload.to_vec(),
    }
}
