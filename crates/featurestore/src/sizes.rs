//! How large online stores of type `InMemory` are, which have a bound: measured in the background,
//! one group after the other.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use online::{CellKey, GroupNumber, Portion};
use pipeline::Services;
use store::{Key, Snapshot};
use types::Monotonic;

use crate::maintenance::until;
use crate::records::{GROUPS, GroupRecord, Status, Storage};
use crate::{Error, Runtime};

/// How much one step looks at.
const STEP: Portion = Portion {
    cells: 256,
    bytes: 4 << 20,
};

/// How many steps one call makes.
const STEPS: usize = 64;

/// How long after a group was measured it is measured again.
const AGAIN: Duration = Duration::from_mins(10);

/// What groups were measured to have, as long as this process lives.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By number of the group.
    measured: HashMap<u64, Measured>,
    round: Option<Round>,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    bytes: u64,
    again: Monotonic,
}

/// A group that is being measured.
#[derive(Debug, Clone, Copy)]
struct Round {
    group: u64,
    /// The cell behind which it goes on.
    after: Option<CellKey>,
    bytes: u64,
}

impl Sizes {
    /// How many bytes the online store of `group` takes, with what identifies and protects its
    /// records: as it was measured last. `None` if it was not yet, or has another type.
    pub(crate) fn of(&self, group: &GroupRecord) -> Option<u64> {
        if group.storage() != Some(Storage::InMemory) {
            return None;
        }
        let state = self.lock();
        state.measured.get(&group.number).map(|size| size.bytes)
    }

    /// Fails with a broken rule if a store of type `InMemory` has more than `limit` bytes.
    pub(crate) fn check(&self, group: &GroupRecord, limit: u64) -> Result<(), Error> {
        match self.of(group) {
            Some(bytes) if bytes >= limit => Err(Error::validation(format!(
                "the online store of feature group {} has {bytes} bytes; one of type InMemory has \
                 at most {limit}.",
                group.name
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// The round under way, or the next of `groups` that is due. Forgets groups that are no more.
    fn next(&self, groups: &BTreeSet<u64>, now: Monotonic) -> Option<Round> {
        let mut state = self.lock();
        state.measured.retain(|group, _| groups.contains(group));
        state.round = state.round.filter(|round| groups.contains(&round.group));
        if state.round.is_none() {
            let is_due = |group: &&u64| {
                let measured = state.measured.get(*group);
                measured.is_none_or(|size| size.again <= now)
            };
            let due = groups.iter().find(is_due).copied();
            state.round = due.map(|group| Round {
                group,
                after: None,
                bytes: 0,
            });
        }
        state.round
    }

    fn goes_on(&self, round: Round) {
        self.lock().round = Some(round);
    }

    fn ends(&self, round: Round, now: Monotonic) {
        let mut state = self.lock();
        state.round = None;
        let size = Measured {
            bytes: round.bytes,
            again: Monotonic(now.0.saturating_add(AGAIN)),
        };
        state.measured.insert(round.group, size);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures on, some thousand cells in all and for a bounded time.
pub(crate) async fn measure(services: &Services, runtime: &Runtime) -> Result<(), Error> {
    let (groups, clock) = (in_memory(&services.store().snapshot()), services.clock());
    let (mut steps, end) = (STEPS, until(services));
    while let Some(mut round) = runtime.sizes.next(&groups, clock.monotonic()) {
        let number = GroupNumber(round.group);
        let surveyed = runtime.cells.survey(number, round.after, STEP).await?;
        for (key, cell) in &surveyed.cells {
            let cell = cell.as_ref().map_or(0, |cell| cell.as_stored().len());
            let bytes = u64::try_from(CellKey::LENGTH + cell).unwrap_or(u64::MAX);
            round.bytes = round.bytes.saturating_add(bytes);
            round.after = Some(*key);
        }
        if surveyed.more {
            runtime.sizes.goes_on(round);
        } else {
            runtime.sizes.ends(round, clock.monotonic());
        }
        steps = steps.saturating_sub(1);
        if steps == 0 || clock.monotonic() >= end {
            break;
        }
        // The cells are read without waiting.
        pipeline::yield_once().await;
    }
    Ok(())
}

/// The numbers of the groups in memory.
fn in_memory(snapshot: &Snapshot) -> BTreeSet<u64> {
    let everywhere = Key::of(&[]);
    let rows = snapshot.scan(&GROUPS, &everywhere);
    let groups = rows.map(|(_, row)| row.record).filter(|group| {
        group.storage() == Some(Storage::InMemory) && group.status == Status::Created
    });
    groups.map(|group| group.number).collect()
}
