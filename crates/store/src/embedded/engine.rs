//! The engine's keyspaces: which exist, how they are set up, whether they keep up.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::{fs, io};

use fjall::config::CompressionPolicy;
use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::entry::Heads;
use super::options::Tuning;
use crate::{Error, Log, Space};

/// The open engine. Dropping it closes the files.
pub(super) struct Engine {
    database: Database,
    /// The newest version of every metadata row.
    pub(super) rows: Keyspace,
    /// All versions of the rows of tables that keep history.
    pub(super) history: Keyspace,
    /// The ring of chain links.
    pub(super) chain: Keyspace,
    spaces: HashMap<&'static str, Keyspace>,
    logs: HashMap<&'static str, RwLock<Segments>>,
    data_memtable: u64,
}

/// One keyspace per segment, so that a segment is dropped as files and not row by row.
type Segments = BTreeMap<u64, Keyspace>;

/// Above this many the engine is about to make writers sleep (it does so at 4 and 20).
const SEALED_MEMTABLES_LIMIT: usize = 3;
const FIRST_LEVEL_LIMIT: usize = 16;

impl Engine {
    /// Opens the engine in `directory`, replaying its journals.
    pub(super) fn open(
        directory: &Path,
        spaces: &[Space],
        logs: &[&'static Log],
        tuning: &Tuning,
    ) -> fjall::Result<Self> {
        let database = Database::builder(directory)
            .cache_size(tuning.cache_bytes)
            .max_journaling_size(tuning.journal_bytes.max(64 * 1024 * 1024))
            .manual_journal_persist(true)
            .worker_threads(tuning.workers.max(1))
            .open()?;
        number_anew(&database);
        let small = || keyspace_options(tuning.small_memtable_bytes);
        let large = || keyspace_options(tuning.data_memtable_bytes);
        let rows = database.keyspace("rows", small)?;
        let history = database.keyspace("history", small)?;
        let chain = database.keyspace("chain", small)?;
        let mut by_name = HashMap::new();
        for space in spaces {
            let keyspace = database.keyspace(&space_name(space.name), || {
                keyspace_options(tuning.data_memtable_bytes)
            })?;
            by_name.insert(space.name, keyspace);
        }
        let mut segments: HashMap<&'static str, RwLock<Segments>> = logs
            .iter()
            .map(|log| (log.name, RwLock::default()))
            .collect();
        for name in database.list_keyspace_names() {
            let Some((log, segment)) = log_segment(&name, logs) else {
                continue;
            };
            let keyspace = database.keyspace(&name, large)?;
            if let Some(found) = segments.get_mut(log) {
                found
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(segment, keyspace);
            }
        }
        Ok(Self {
            database,
            rows,
            history,
            chain,
            spaces: by_name,
            logs: segments,
            data_memtable: tuning.data_memtable_bytes,
        })
    }

    /// The database, for batches and consistent scans.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Every keyspace, and a view of all of them at one moment.
    ///
    /// INVARIANT: no segment is made or dropped between the list and the view. A head that the
    /// view shows so has its segment in the list: a segment is made before the first batch that
    /// writes to it, and dropped after the batch that removes its head.
    pub(super) fn cut(&self) -> (fjall::Snapshot, Vec<(String, Keyspace)>) {
        let mut keyspaces = vec![
            ("rows".to_owned(), self.rows.clone()),
            ("history".to_owned(), self.history.clone()),
            ("chain".to_owned(), self.chain.clone()),
        ];
        for (name, keyspace) in &self.spaces {
            keyspaces.push((space_name(name), keyspace.clone()));
        }
        let logs: Vec<_> = self
            .logs
            .iter()
            .map(|(log, segments)| {
                let segments = segments.read().unwrap_or_else(PoisonError::into_inner);
                (*log, segments)
            })
            .collect();
        for (log, segments) in &logs {
            for (segment, keyspace) in segments.iter() {
                keyspaces.push((segment_name(log, *segment), keyspace.clone()));
            }
        }
        (self.database.snapshot(), keyspaces)
    }

    /// The keyspace called `name` in a cut, made if it is a segment; `None` if no such keyspace
    /// was declared.
    pub(super) fn keyspace_called(
        &self,
        name: &str,
        logs: &[&'static Log],
    ) -> Option<fjall::Result<Keyspace>> {
        match name {
            "rows" => return Some(Ok(self.rows.clone())),
            "history" => return Some(Ok(self.history.clone())),
            "chain" => return Some(Ok(self.chain.clone())),
            _ => {}
        }
        if let Some((log, segment)) = log_segment(name, logs) {
            return self.segment_of(log, segment);
        }
        let space = self
            .spaces
            .iter()
            .find(|(space, _)| space_name(space) == name);
        space.map(|(_, keyspace)| Ok(keyspace.clone()))
    }

    /// A lower bound of the number that the engine will give to the next batch.
    pub(super) fn floor(&self) -> u64 {
        self.database.snapshot().seqno()
    }

    /// The keyspace of `space`; `None` if it was not declared.
    pub(super) fn space(&self, space: Space) -> Option<&Keyspace> {
        self.spaces.get(space.name)
    }

    /// Whether `log` was declared.
    pub(super) fn has_log(&self, log: &Log) -> bool {
        self.logs.contains_key(log.name)
    }

    /// Whether there is such a segment of `log`.
    pub(super) fn has_segment(&self, log: &Log, segment: u64) -> bool {
        self.logs.get(log.name).is_some_and(|segments| {
            segments
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&segment)
        })
    }

    /// The segments of `log`, oldest first; `None` if it was not declared.
    pub(super) fn segments(&self, log: &Log) -> Option<Vec<(u64, Keyspace)>> {
        let segments = self.logs.get(log.name)?;
        let segments = segments.read().unwrap_or_else(PoisonError::into_inner);
        Some(
            segments
                .iter()
                .map(|(segment, keyspace)| (*segment, keyspace.clone()))
                .collect(),
        )
    }

    /// The keyspace of one segment, made if it is the first entry's.
    ///
    /// Returns `None` if the log was not declared.
    pub(super) fn segment(&self, log: &Log, segment: u64) -> Option<fjall::Result<Keyspace>> {
        self.segment_of(log.name, segment)
    }

    fn segment_of(&self, log: &str, segment: u64) -> Option<fjall::Result<Keyspace>> {
        let segments = self.logs.get(log)?;
        let known = segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&segment)
            .cloned();
        if let Some(keyspace) = known {
            return Some(Ok(keyspace));
        }
        let mut segments = segments.write().unwrap_or_else(PoisonError::into_inner);
        let made = self.database.keyspace(&segment_name(log, segment), || {
            keyspace_options(self.data_memtable)
        });
        if let Ok(keyspace) = &made {
            segments.insert(segment, keyspace.clone());
        }
        Some(made)
    }

    /// Makes the segment behind the newest of each log, so that its first entry does not wait for
    /// its files.
    pub(super) fn prepare_segments(&self) -> fjall::Result<()> {
        for (log, segments) in &self.logs {
            let next = {
                let segments = segments.read().unwrap_or_else(PoisonError::into_inner);
                match segments.last_key_value() {
                    Some((newest, keyspace)) if !keyspace.is_empty()? => newest.checked_add(1),
                    _ => None,
                }
            };
            if let Some(next) = next {
                self.segment_of(log, next).transpose()?;
            }
        }
        Ok(())
    }

    /// Drops the segments of `log` below `oldest`.
    pub(super) fn drop_segments(&self, log: &Log, oldest: u64) -> fjall::Result<()> {
        let Some(segments) = self.logs.get(log.name) else {
            return Ok(());
        };
        let mut segments = segments.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(entry) = segments.first_entry() {
            if *entry.key() >= oldest {
                break;
            }
            self.database.delete_keyspace(entry.get().clone())?;
            entry.remove();
        }
        Ok(())
    }

    /// Drops the segments without a head that hold entries: a drop that was cut short.
    pub(super) fn drop_headless(&self, heads: &Heads) -> fjall::Result<()> {
        for (log, segments) in &self.logs {
            let mut segments = segments.write().unwrap_or_else(PoisonError::into_inner);
            let mut kept = Segments::new();
            for (segment, keyspace) in std::mem::take(&mut *segments) {
                if heads.contains_key(&(*log, segment)) || keyspace.is_empty()? {
                    kept.insert(segment, keyspace);
                } else {
                    self.database.delete_keyspace(keyspace)?;
                }
            }
            *segments = kept;
        }
        Ok(())
    }

    /// Starts writing to tables what is only in memory and journals.
    pub(super) fn flush_all(&self) -> fjall::Result<()> {
        rotate(self.keyspaces())
    }

    /// The same without cell spaces, which fill up and flush by themselves.
    pub(super) fn flush_small(&self) -> fjall::Result<()> {
        rotate(self.small_keyspaces())
    }

    /// The same for the chain alone.
    pub(super) fn flush_chain(&self) -> fjall::Result<()> {
        rotate(vec![self.chain.clone()])
    }

    /// Whether journals are kept that nobody writes to any more.
    pub(super) fn pins_journals(&self) -> bool {
        self.database.journal_count() > 1
    }

    /// Merges what overwrites left in cell spaces into which much was written, given that
    /// `written` bytes were in all.
    ///
    /// The engine keeps the newest tables unmerged until there are four, which beside little
    /// data is a lot; beside much it is not worth rewriting everything.
    pub(super) fn compact(&self, written: u64) -> fjall::Result<()> {
        const WORTHWHILE: u64 = 1 << 30;
        for keyspace in self.spaces.values() {
            let size = keyspace.disk_space();
            if keyspace.l0_table_count() > 0 && size <= WORTHWHILE && written >= size / 8 {
                keyspace.major_compact()?;
            }
        }
        Ok(())
    }

    /// Whether everything that was written is in tables.
    pub(super) fn is_flushed(&self) -> bool {
        self.keyspaces().iter().all(|keyspace| {
            keyspace.sealed_memtable_count() == 0 && keyspace.tree.active_memtable().is_empty()
        })
    }

    /// Fails if the engine has stopped accepting writes after an error in the background.
    pub(super) fn check(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::Buffer)
    }

    fn keyspaces(&self) -> Vec<Keyspace> {
        let mut all = self.small_keyspaces();
        all.extend(self.spaces.values().cloned());
        all
    }

    fn small_keyspaces(&self) -> Vec<Keyspace> {
        let mut small = vec![self.rows.clone(), self.history.clone(), self.chain.clone()];
        for segments in self.logs.values() {
            let segments = segments.read().unwrap_or_else(PoisonError::into_inner);
            small.extend(segments.values().cloned());
        }
        small
    }
}

fn rotate(keyspaces: Vec<Keyspace>) -> fjall::Result<()> {
    for keyspace in keyspaces {
        keyspace.rotate_memtable()?;
    }
    Ok(())
}

/// Refuses a keyspace without the list of its tables: the engine takes it for one whose making was
/// interrupted, deletes it with its tables, and passes over what its journals hold for it.
///
/// `filled` says that something was committed, so that the making of none of them can have been
/// interrupted; before that only a keyspace that has tables is refused. Looks only for those that
/// are made at the first start, which are never dropped: of a log segment whose drop was
/// interrupted this is what can be left.
pub(super) fn look_for_lists(directory: &Path, spaces: usize, filled: bool) -> io::Result<()> {
    const METADATA: usize = 3;
    for number in 1..=METADATA + spaces {
        let keyspace = directory.join("keyspaces").join(number.to_string());
        let list = keyspace.join("current");
        if !list.try_exists()? && (filled || has_tables(&keyspace)?) {
            return Err(io::Error::other(format!("`{}` is missing", list.display())));
        }
    }
    Ok(())
}

fn has_tables(keyspace: &Path) -> io::Result<bool> {
    match fs::read_dir(keyspace.join("tables")) {
        Ok(mut tables) => Ok(tables.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets the engine number its writes behind all that it ever used.
///
/// After a restart it goes on behind the highest number in a keyspace's items. The numbers of
/// keyspaces that were made and dropped since are given again, and so are the keyspaces' ids:
/// a new keyspace then loses against the tombstone of a dropped one when the engine merges its
/// list of keyspaces, and is deleted with its data at the next start. The batch that is
/// written on every opening carries the new number, so that the next opening goes on from it.
fn number_anew(database: &Database) {
    const USED_WITHOUT_ITEMS: u64 = 1 << 16;
    let numbers = &database.supervisor.seqno;
    numbers.fetch_max(numbers.get() + USED_WITHOUT_ITEMS);
}

/// Whether a further write to `keyspace` stays clear of the engine's own write stall, which
/// would put the committer to sleep with metadata waiting.
pub(super) fn keeps_up(keyspace: &Keyspace) -> bool {
    keyspace.sealed_memtable_count() < SEALED_MEMTABLES_LIMIT
        && keyspace.tree.l0_run_count() < FIRST_LEVEL_LIMIT
}

/// A read of `what` that the engine failed.
pub(super) fn read_error(what: &'static str, source: fjall::Error) -> Error {
    Error::Engine {
        what,
        source: Box::new(source),
    }
}

fn keyspace_options(memtable: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(memtable)
        .manual_journal_persist(true)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .index_block_compression_policy(CompressionPolicy::disabled())
}

fn space_name(space: &str) -> String {
    format!("space.{space}")
}

fn segment_name(log: &str, segment: u64) -> String {
    format!("log.{log}.{segment}")
}

fn log_segment(name: &str, logs: &[&'static Log]) -> Option<(&'static str, u64)> {
    logs.iter().find_map(|log| {
        let segment = name
            .strip_prefix("log.")?
            .strip_prefix(log.name)?
            .strip_prefix('.')?;
        Some((log.name, segment.parse().ok()?))
    })
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
