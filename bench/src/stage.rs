//! What rows share: one server with a user, keys, and groups that are loaded when first asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::process::Scratch;
use crate::run::{Places, say};
use crate::subject::Subject;
use crate::world::{self, World};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Repetitions of each side.
    pub repetitions: usize,
    /// How long one repetition is.
    pub time: Duration,
    /// Records of a uniform set.
    pub uniform: u64,
    /// Records that are overwritten ten times.
    pub overwritten: u64,
    /// Keys of the account that has many.
    pub keys: u64,
    /// Grants on the key that has many.
    pub grants: u64,
    /// How long keys are switched under load.
    pub switching: Duration,
    /// Starts of the server.
    pub starts: usize,
    /// Feature groups, each with a key of its own.
    pub groups: u64,
}

impl Size {
    /// The size of a full run: records of a uniform set, and records that are overwritten.
    pub(crate) fn full(uniform: u64, overwritten: u64) -> Self {
        Self {
            repetitions: 5,
            time: Duration::from_secs(2),
            uniform,
            overwritten,
            keys: 100_000,
            grants: 50_000,
            switching: Duration::from_secs(15),
            starts: 7,
            groups: 10_000,
        }
    }

    /// The size of a run that only shows that everything works.
    pub(crate) fn quick() -> Self {
        Self {
            repetitions: 3,
            time: Duration::from_millis(700),
            uniform: 100_000,
            overwritten: 10_000,
            keys: 1_000,
            grants: 1_000,
            switching: Duration::from_secs(3),
            starts: 5,
            groups: 300,
        }
    }
}

/// The records of a hot set.
pub(crate) const HOT_RECORDS: u64 = 10_000;

/// The group of the hot set under a customer managed key.
pub(crate) const HOT: &str = "hot";
/// The group of the hot set under the AWS owned key.
pub(crate) const HOT_OWNED: &str = "hot-owned";
/// The group of a hot set whose records are deleted, under a customer managed key.
pub(crate) const DELETED: &str = "deleted";
/// The same under the AWS owned key.
pub(crate) const DELETED_OWNED: &str = "deleted-owned";
/// The group of the uniform set, under a customer managed key.
pub(crate) const UNIFORM: &str = "uniform";
/// The group of the uniform set under the AWS owned key.
pub(crate) const UNIFORM_OWNED: &str = "uniform-owned";

/// A server and what it has been given so far.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// How much is measured.
    pub size: Size,
    /// Where programs are.
    pub places: &'a Places,
    /// Where data is written.
    pub scratch: &'a Scratch,
    /// The server.
    pub subject: Subject,
    /// Who calls it.
    pub world: World,
    loaded: RefCell<BTreeMap<&'static str, f64>>,
}

impl<'a> Stage<'a> {
    /// Starts the server on an empty directory.
    pub(crate) fn set(
        size: Size,
        places: &'a Places,
        scratch: &'a Scratch,
    ) -> anyhow::Result<Self> {
        let subject = Subject::start(&places.server, &scratch.directory("subject")?)?;
        let world = World::make(&subject)?;
        Ok(Self {
            size,
            places,
            scratch,
            subject,
            world,
            loaded: RefCell::default(),
        })
    }

    /// The directory of the server.
    pub(crate) fn directory(&self) -> anyhow::Result<PathBuf> {
        self.scratch.directory("subject")
    }

    /// Makes and loads `group` unless it is there, and waits until the server is quiet.
    pub(crate) fn need(&self, group: &'static str) -> anyhow::Result<()> {
        if self.loaded.borrow().contains_key(group) {
            return Ok(());
        }
        let owned = matches!(group, HOT_OWNED | DELETED_OWNED | UNIFORM_OWNED);
        let key = (!owned).then_some(self.world.key.as_str());
        self.world.create_group(group, key)?;
        let records = self.records(group);
        let rate = self.world.load(group, records)?;
        if matches!(group, DELETED | DELETED_OWNED) {
            let delete = world::delete_record(group);
            self.world.send(&delete, records)?;
        }
        say(&format!(
            "  {records} records put into `{group}`, {rate:.0}/s"
        ));
        self.loaded.borrow_mut().insert(group, rate);
        self.subject.process.settle(Duration::from_secs(90))
    }

    /// How many records `group` has.
    pub(crate) fn records(&self, group: &str) -> u64 {
        if matches!(group, UNIFORM | UNIFORM_OWNED) {
            self.size.uniform
        } else {
            HOT_RECORDS
        }
    }
}
