//! Opening: what is there is compared with what was acknowledged before anything is served.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use arc_swap::ArcSwap;

use super::committer::Committer;
use super::disk::{NO_LINK, sync_directory};
use super::engine::{Engine, look_for_lists};
use super::journal::{self, Damage, DamageKind};
use super::load::{Loaded, damaged, engine_error, load};
use super::mark::{Mark, MarkKeeper, Marked};
use super::options::Options;
use super::queue::{Limits, Queue};
use super::seal::Sealer;
use super::shared::Shared;
use super::{EmbeddedStore, Threads, upkeep};
use crate::{OpenError, Revision};

/// Opens the store.
pub(super) fn open(options: &Options<'_>) -> Result<EmbeddedStore, OpenError> {
    if options.data_key.is_all_zero() {
        return Err(OpenError::UnusableKey);
    }
    let sealer = Sealer::new(options.data_key, Arc::clone(&options.entropy));
    create_directory(&options.directory)?;
    let mark_path = options.directory.join("commit.mark");
    let file = options.disk.open_mark(&mark_path).map_err(files_error)?;
    let (keeper, marked) = MarkKeeper::open(file, &sealer).map_err(files_error)?;
    let engine_path = engine_directory(options);
    let exists = engine_path.join("version").exists();
    let mark = match marked {
        Marked::At(mark) => mark,
        Marked::Nothing if !exists => Mark::default(),
        Marked::Nothing | Marked::Unreadable => return Err(OpenError::NoMark),
    };
    let moved = if exists {
        read_journals(&engine_path, mark, &keeper, &sealer)?
    } else if mark.sequence == 0 {
        start_afresh(options, &engine_path, &keeper, &sealer)?;
        mark
    } else {
        return Err(lost(0, mark.revision));
    };
    look_for_lists(&engine_path, options.spaces.len(), moved.sequence > 0)
        .map_err(|error| engine_error(error.into()))?;
    let engine = Engine::open(
        &engine_path,
        &options.spaces,
        &options.logs,
        &options.tuning,
    )
    .map_err(engine_error)?;
    let loaded = load(&engine, &sealer, &options.all_tables(), &options.logs)?;
    check(&loaded, &moved)?;
    if let Err(error) = check(&loaded, &mark) {
        // The mark had been moved on along another chain; the next attempt must hear the same.
        keeper.settle(&mark, &sealer).map_err(files_error)?;
        return Err(error);
    }
    engine.drop_headless(&loaded.heads).map_err(engine_error)?;
    engine.prepare_segments().map_err(engine_error)?;
    keeper
        .settle(&Mark::from(&loaded.head), &sealer)
        .map_err(files_error)?;
    start(options, engine, sealer, keeper, loaded)
}

/// Compares the journals with the mark, before the engine replays them and cuts off what it
/// cannot read. Returns the mark, moved on to the last batch that the journals hold.
fn read_journals(
    engine: &Path,
    mark: Mark,
    keeper: &MarkKeeper,
    sealer: &Sealer,
) -> Result<Mark, OpenError> {
    if mark.clean && journal::end_at(engine, &mark, sealer).map_err(files_error)? {
        journal::empty(engine).map_err(files_error)?;
    }
    let scan = journal::scan(engine, sealer, mark.sequence).map_err(files_error)?;
    let found = scan.last.as_ref().map(|(link, hash)| link.head(*hash));
    let reached = found.map_or(0, |head| head.revision);
    if !scan.any {
        return Err(lost(0, mark.revision));
    }
    if let Some(damage) = &scan.damage {
        let newest = damage.newest.as_ref().map_or(reached + 1, |link| link.last);
        match damage.kind {
            DamageKind::Edited => return Err(damaged("journal")),
            DamageKind::Torn if !damage.covers(&mark) => {}
            DamageKind::Lost | DamageKind::Torn => {
                return Err(lost(reached, newest.max(mark.revision)));
            }
        }
    }
    if let Some(head) = &found {
        if mark.sequence > head.sequence {
            return Err(lost(head.revision, mark.revision));
        }
        if scan.marked.is_some_and(|hash| hash != mark.hash) {
            return Err(damaged("journal"));
        }
    }
    if let Some(damage) = &scan.damage {
        cut_off(damage).map_err(files_error)?;
    }
    let Some(head) = found else {
        return Ok(mark);
    };
    // From here on the engine cannot lose what the journals hold without being noticed.
    let mark = Mark::from(&head);
    keeper.write(&mark, sealer).map_err(files_error)?;
    keeper.sync().map_err(files_error)?;
    Ok(mark)
}

/// Removes what the engine might stumble on from the end of a journal.
pub(super) fn cut_off(damage: &Damage) -> io::Result<()> {
    tracing::warn!(
        journal = %damage.path.display(),
        offset = damage.offset,
        "removing an unreadable end of the journal"
    );
    let mut options = fs::OpenOptions::new();
    let journal = options.write(true).custom_flags(NO_LINK);
    let journal = journal.open(&damage.path)?;
    journal.set_len(damage.offset)?;
    journal.sync_all()
}

/// Compares what the engine holds with the mark and with what the chain says it should hold.
fn check(loaded: &Loaded, mark: &Mark) -> Result<(), OpenError> {
    let head = &loaded.head;
    if head.sequence < mark.sequence || head.revision < mark.revision {
        return Err(lost(head.revision, mark.revision));
    }
    let marked_link = loaded
        .hashes
        .iter()
        .find(|(sequence, _)| *sequence == mark.sequence);
    if marked_link.is_some_and(|(_, hash)| *hash != mark.hash) {
        return Err(damaged(super::load::CHAIN));
    }
    if loaded.state != head.state {
        return Err(OpenError::Incomplete);
    }
    Ok(())
}

fn start(
    options: &Options<'_>,
    engine: Engine,
    sealer: Sealer,
    mark: MarkKeeper,
    loaded: Loaded,
) -> Result<EmbeddedStore, OpenError> {
    let tuning = options.tuning.clone();
    // What was replayed from the journals is in memory as if it had just been written.
    let written = AtomicU64::new(engine.database().write_buffer_size());
    let shared = Arc::new(Shared {
        directory: options.directory.clone(),
        engine,
        sealer,
        tables: options.all_tables(),
        published: ArcSwap::from_pointee(loaded.snapshot),
        heads: Mutex::new(loaded.heads.clone()),
        queue: Queue::new(Limits {
            lane_batches: tuning.lane_batches,
            lane_bytes: tuning.lane_bytes,
            group_bytes: tuning.group_bytes,
            group_writes: tuning.group_writes,
            data_patience: tuning.data_patience,
        }),
        mark,
        clock: Arc::clone(&options.clock),
        disk: Arc::clone(&options.disk),
        tuning,
        writable: AtomicBool::new(true),
        syncs: AtomicU64::new(0),
        written,
        pruning: Mutex::default(),
    });
    let mut committer = Committer::new(Arc::clone(&shared), loaded.head, loaded.heads);
    committer.begin()?;
    let (stop_upkeep, stopped) = mpsc::channel();
    let for_upkeep = Arc::clone(&shared);
    let threads = Threads {
        committer: spawn("store-committer", move || committer.run())?,
        upkeep: spawn("store-upkeep", move || upkeep::run(&for_upkeep, &stopped))?,
        stop_upkeep,
    };
    Ok(EmbeddedStore {
        shared,
        threads: Mutex::new(Some(threads)),
    })
}

/// Clears what an interrupted first start left, and makes the first mark.
pub(super) fn start_afresh(
    options: &Options<'_>,
    engine: &Path,
    keeper: &MarkKeeper,
    sealer: &Sealer,
) -> Result<(), OpenError> {
    let afresh = || -> io::Result<()> {
        match fs::remove_dir_all(engine) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(engine)?;
        keeper.settle(&Mark::default(), sealer)?;
        sync_directory(&options.directory)
    };
    afresh().map_err(|source| OpenError::Files { source })
}

pub(super) fn create_directory(directory: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| OpenError::Files { source })
}

/// Where the engine keeps its files.
pub(super) fn engine_directory(options: &Options<'_>) -> PathBuf {
    options.directory.join("engine")
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, OpenError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| OpenError::Files { source })
}

fn lost(found: Revision, expected: Revision) -> OpenError {
    OpenError::Lost { found, expected }
}

pub(super) fn files_error(source: io::Error) -> OpenError {
    if source.kind() == io::ErrorKind::WouldBlock {
        OpenError::InUse
    } else {
        OpenError::Files { source }
    }
}
