//! What groups use of their throughput, in request units.
//!
//! A read takes a unit for each 4 KiB of a record that is found, a write one for each KiB of
//! what is stored, and at least one. The size of a record is that of its payload. Provisioned
//! groups have a second's worth in advance; a request is let through while any of it is left,
//! and then takes what it takes, so that large records are served and paid for later. Groups
//! on demand are counted only; what one record may use is bounded in every group (`rates`).
//!
//! Calls about one group meet in one atomic number each for reading and writing, and nothing
//! ever waits.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::Counter;
use pipeline::Ctx;
use types::{Monotonic, Service};

use crate::Error;
use crate::records::GroupRecord;

/// What a request does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

/// What all groups use.
pub(crate) struct Meters {
    groups: Mutex<HashMap<u64, Arc<Meter>>>,
    read_units: Counter,
    write_units: Counter,
}

/// What one provisioned group uses: until when, in nanoseconds of the monotonic clock, what
/// was used so far is paid for.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    read: AtomicU64,
    write: AtomicU64,
}

/// Units to be taken from a group once a write is committed.
#[derive(Debug)]
pub(crate) struct Charge {
    meters: Arc<Meters>,
    group: Arc<GroupRecord>,
    units: u64,
    now: Monotonic,
}

const SECOND: u64 = 1_000_000_000;
const READ_UNIT: usize = 4 * 1024;
const WRITE_UNIT: usize = 1024;

impl Default for Meters {
    /// The recorder of metrics must be installed before.
    fn default() -> Self {
        Self {
            groups: Mutex::default(),
            read_units: metrics::counter!("strongroom_read_units_total"),
            write_units: metrics::counter!("strongroom_write_units_total"),
        }
    }
}

impl Meters {
    /// Whether `group` has throughput left for `operation`, beside `pending` units of the same
    /// request that have not been taken yet.
    ///
    /// Fails with `ThrottlingException` if not.
    pub(crate) fn admit(
        &self,
        ctx: &Ctx,
        group: &GroupRecord,
        (side, operation): (Side, &'static str),
        pending: u64,
    ) -> Result<(), Error> {
        let Some(each) = each(group, side) else {
            return Ok(());
        };
        let now = nanos(ctx.monotonic());
        let paid = self.of(group).side(side).load(Ordering::Relaxed).max(now);
        let pending = each.saturating_mul(pending);
        if each != u64::MAX && paid.saturating_add(pending) < now.saturating_add(SECOND) {
            return Ok(());
        }
        let service = Service::FeatureStoreRuntime.model_name();
        metrics::counter!("strongroom_throttled_total", "service" => service, "operation" => operation)
            .increment(1);
        Err(Error::OverThroughput {
            message: format!(
                "the provisioned {} capacity of feature group {} is exceeded",
                side.name(),
                group.name
            ),
        })
    }

    /// Takes what reading `bytes` of records costs.
    pub(crate) fn charge_read(&self, ctx: &Ctx, group: &GroupRecord, bytes: usize) {
        self.charge(group, Side::Read, read_units(bytes), ctx.monotonic());
    }

    /// What writing a record of so many bytes costs, to be taken when it is committed.
    pub(crate) fn write(
        self: &Arc<Self>,
        ctx: &Ctx,
        group: &Arc<GroupRecord>,
        bytes: usize,
    ) -> Charge {
        Charge {
            meters: Arc::clone(self),
            group: Arc::clone(group),
            units: write_units(bytes),
            now: ctx.monotonic(),
        }
    }

    /// Forgets a group that is deleted.
    pub(crate) fn forget(&self, group: u64) {
        self.lock().remove(&group);
    }

    fn charge(&self, group: &GroupRecord, side: Side, units: u64, now: Monotonic) {
        match side {
            Side::Read => self.read_units.increment(units),
            Side::Write => self.write_units.increment(units),
        }
        let Some(each) = each(group, side) else {
            return;
        };
        let (now, cost) = (nanos(now), each.saturating_mul(units));
        let later = |paid: u64| Some(paid.max(now).saturating_add(cost));
        let _before =
            (self.of(group).side(side)).fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    /// The meter of a group, which survives changes of the group's record.
    fn of<'g>(&self, group: &'g GroupRecord) -> &'g Meter {
        let known = || Arc::clone(self.lock().entry(group.number).or_default());
        group.schema.meter.get_or_init(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Meter>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn side(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }
}

impl Charge {
    /// Has the units taken once the call of `ctx` is committed, whether or not its caller waits for
    /// that.
    pub(crate) fn follows(self, ctx: &Ctx) {
        ctx.afterwards(move || {
            (self.meters).charge(&self.group, Side::Write, self.units, self.now);
        });
    }

    /// The units, if they are of the group of this number.
    pub(crate) fn units_of(&self, group: u64) -> u64 {
        if self.group.number == group {
            self.units
        } else {
            0
        }
    }
}

/// The nanoseconds that a unit pays for; `u64::MAX` if none are provisioned, and nothing on
/// demand.
fn each(group: &GroupRecord, side: Side) -> Option<u64> {
    let provisioned = group.throughput.provisioned?;
    let units = match side {
        Side::Read => provisioned.read,
        Side::Write => provisioned.write,
    };
    Some(SECOND.checked_div(u64::from(units)).unwrap_or(u64::MAX))
}

impl Side {
    /// How messages call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What reading so many bytes of records costs.
pub(crate) fn read_units(bytes: usize) -> u64 {
    number(bytes.div_ceil(READ_UNIT))
}

/// What writing a record of so many bytes costs.
pub(crate) fn write_units(bytes: usize) -> u64 {
    number(bytes.div_ceil(WRITE_UNIT).max(1))
}

fn nanos(now: Monotonic) -> u64 {
    u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX)
}

fn number(units: usize) -> u64 {
    u64::try_from(units).unwrap_or(u64::MAX)
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}
