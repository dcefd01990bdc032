//! Cuts: all that the store holds at one commit, as it is stored, while commits go on.
//!
//! A cut is what a backup is made of. Its items are the engine's: sealed rows, versions and log
//! entries, cells with their tags, the chain. [`rebuild`] makes a store of them again.

use std::fmt;

use fjall::{Keyspace, Readable};

use super::chain::{Link, ring_key};
use super::engine::{Engine, read_error};
use super::load::{Loaded, engine_error, load};
use super::mark::{Mark, MarkKeeper, Marked};
use super::open::{create_directory, engine_directory, files_error, start_afresh};
use super::options::Options;
use super::seal::Sealer;
use super::shared::Shared;
use super::writes::{content_digest, write_batch};
use crate::{Error, OpenError, Revision, Snapshot};

/// How many commit numbers a rebuilt store leaves out at least.
///
/// The store that the cut was taken of went on behind it; whatever it numbered since then, up
/// to this many commits, no commit of the rebuilt one is called the same. It is left out a random
/// number of times, 4,096 at most, so that two stores of one cut hardly ever number alike.
pub const NUMBERS_LEFT_OUT: Revision = 1 << 32;

/// All that a store held at one commit.
///
/// The engine keeps what has changed since until the value is dropped.
pub struct Cut {
    snapshot: fjall::Snapshot,
    keyspaces: Vec<(String, Keyspace)>,
    revision: Revision,
}

/// One item of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The engine's keyspace.
    pub keyspace: String,
    /// The key on disk.
    pub key: Vec<u8>,
    /// The value on disk.
    pub value: Vec<u8>,
}

/// A store could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError<E> {
    /// Its items could not be read.
    #[error(transparent)]
    Source(E),
    /// There is a store already.
    #[error("there is a store already")]
    NotEmpty,
    /// An item is of a keyspace that this release does not have.
    #[error("`{keyspace}` is not known to this release")]
    UnknownKeyspace {
        /// Its name.
        keyspace: String,
    },
    /// An item does not stand behind the one before it.
    #[error("the items of `{keyspace}` are not in order")]
    Disordered {
        /// The keyspace.
        keyspace: String,
    },
    /// The store cannot be written, or what it is made of is not whole.
    #[error(transparent)]
    Store(#[from] OpenError),
}

impl Cut {
    /// Takes a cut of an open store.
    pub(super) fn of(shared: &Shared) -> Result<Self, Error> {
        let (snapshot, keyspaces) = shared.engine.cut();
        let mut newest = 0;
        for guard in snapshot.iter(&shared.engine.chain) {
            let (key, value) = guard
                .into_inner()
                .map_err(|error| read_error("chain", error))?;
            if key.len() == ring_key(0).len() {
                let link = Link::decode(&value, &shared.sealer);
                let (link, _) = link.ok_or(Error::Damaged { what: "chain" })?;
                newest = newest.max(link.last);
            }
        }
        Ok(Self {
            snapshot,
            keyspaces,
            revision: newest,
        })
    }

    /// The newest commit in it.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Hands every item to `visit`, keyspace by keyspace and in the order of keys.
    ///
    /// Fails if the engine cannot read, or with the error of `visit`.
    pub fn items<E: From<Error>>(
        &self,
        mut visit: impl FnMut(&str, &[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (name, keyspace) in &self.keyspaces {
            for guard in self.snapshot.iter(keyspace) {
                let item = guard.into_inner();
                let (key, value) = item.map_err(|error| read_error("a cut", error))?;
                visit(name, &key, &value)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// Makes a store of the items that `next` returns until it returns `None`: those of a cut, in
/// its order.
///
/// Returns the commit that the cut was taken at, and the metadata of it. The next commit is
/// numbered at least [`NUMBERS_LEFT_OUT`] higher. Fails if `options.directory` holds a store, and if the
/// items do not add up to one; the directory is then not fit for use.
pub fn rebuild<E>(
    options: &Options<'_>,
    mut next: impl FnMut() -> Result<Option<Item>, E>,
) -> Result<(Revision, Snapshot), RebuildError<E>> {
    let sealer = Sealer::new(options.data_key, std::sync::Arc::clone(&options.entropy));
    create_directory(&options.directory)?;
    let path = engine_directory(options);
    let file = options
        .disk
        .open_mark(&options.directory.join("commit.mark"))
        .map_err(files_error)?;
    let (keeper, marked) = MarkKeeper::open(file, &sealer).map_err(files_error)?;
    if marked != Marked::Nothing || path.exists() {
        return Err(RebuildError::NotEmpty);
    }
    start_afresh(options, &path, &keeper, &sealer)?;
    let engine = Engine::open(&path, &options.spaces, &options.logs, &options.tuning)
        .map_err(engine_error)?;
    fill(options, &engine, &mut next)?;
    let loaded = load(&engine, &sealer, &options.all_tables(), &options.logs)?;
    if loaded.state != loaded.head.state {
        return Err(OpenError::Incomplete.into());
    }
    let mut times = [0; 2];
    options.entropy.fill(&mut times);
    let times = Revision::from(u16::from_be_bytes(times) % 4096) + 1;
    let left_out = NUMBERS_LEFT_OUT.saturating_mul(times);
    begin(&engine, &sealer, &keeper, (&loaded, left_out))?;
    Ok((loaded.head.revision, loaded.snapshot))
}

/// Writes the items, each keyspace's at once.
fn fill<E>(
    options: &Options<'_>,
    engine: &Engine,
    next: &mut impl FnMut() -> Result<Option<Item>, E>,
) -> Result<(), RebuildError<E>> {
    let failed = |error| RebuildError::Store(engine_error(error));
    let mut item = next().map_err(RebuildError::Source)?;
    while let Some(first) = item {
        let name = first.keyspace.clone();
        let keyspace = engine
            .keyspace_called(&name, &options.logs)
            .ok_or_else(|| RebuildError::UnknownKeyspace {
                keyspace: name.clone(),
            })?
            .map_err(failed)?;
        if !keyspace.is_empty().map_err(failed)? {
            return Err(RebuildError::Disordered { keyspace: name });
        }
        let mut ingestion = keyspace.start_ingestion().map_err(failed)?;
        let mut last = first.key.clone();
        ingestion.write(first.key, first.value).map_err(failed)?;
        item = loop {
            let found = next().map_err(RebuildError::Source)?;
            match found {
                Some(found) if found.keyspace == name => {
                    if found.key <= last {
                        return Err(RebuildError::Disordered { keyspace: name });
                    }
                    last.clone_from(&found.key);
                    ingestion.write(found.key, found.value).map_err(failed)?;
                }
                other => break other,
            }
        };
        ingestion.finish().map_err(failed)?;
    }
    Ok(())
}

/// Begins the chain anew behind what was read, and notes it in the mark.
fn begin(
    engine: &Engine,
    sealer: &Sealer,
    keeper: &MarkKeeper,
    (loaded, left_out): (&Loaded, Revision),
) -> Result<(), OpenError> {
    let revision = loaded.head.revision.saturating_add(left_out);
    let link = Link {
        sequence: loaded.head.sequence + 1,
        first: revision,
        last: revision,
        floor: engine.floor(),
        base: true,
        previous: loaded.head.hash,
        content: content_digest(&[]),
        state: loaded.head.state,
    };
    let (stored, hash) = link.encode(sealer);
    write_batch(engine, Vec::new(), link.sequence, stored).map_err(engine_error)?;
    keeper
        .settle(&Mark::from(&link.head(hash)), sealer)
        .map_err(files_error)
}
