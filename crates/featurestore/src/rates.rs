//! How fast one record may be read and written, whatever the throughput of its group: AWS's bounds
//! for one record identifier.
//!
//! Each record has a place in a table of atomic numbers, found by the hash that its cell is found
//! by. Records that share a place share its rate: with this many places only two records that are
//! both near the bound notice, and nothing is kept of records, however many there are.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use online::CellKey;
use pipeline::Ctx;
use types::Service;

use crate::Error;
use crate::meter::{SECOND, Side, nanos, read_units, write_units};
use crate::records::GroupRecord;

/// How many records are told apart, of each side.
const PLACES: usize = 1 << 16;

/// The rates of all records.
pub(crate) struct Rates {
    read: Table,
    write: Arc<Table>,
}

/// Until when, in nanoseconds of the monotonic clock, what was used so far is paid for.
struct Table {
    /// The nanoseconds that a unit pays for.
    each: u64,
    paid: Box<[AtomicU64]>,
}

impl Rates {
    /// Rates of so many units a second for one record.
    pub(crate) fn new(read: u32, write: u32) -> Self {
        Self {
            read: Table::new(read),
            write: Arc::new(Table::new(write)),
        }
    }

    /// Whether the record at `key` may be read or written by `operation` now: while any of a
    /// second's units is left.
    ///
    /// Fails with `ThrottlingException` if not.
    pub(crate) fn admit(
        &self,
        ctx: &Ctx,
        (group, key): (&GroupRecord, &CellKey),
        side: Side,
    ) -> Result<(), Error> {
        let table = match side {
            Side::Read => &self.read,
            Side::Write => &*self.write,
        };
        if table.is_free(key, nanos(ctx.monotonic())) {
            return Ok(());
        }
        let service = Service::FeatureStoreRuntime.model_name();
        metrics::counter!("strongroom_throttled_total", "service" => service, "operation" => "one-record")
            .increment(1);
        Err(Error::OverThroughput {
            message: format!(
                "the {} capacity of one record of feature group {} is exceeded",
                side.name(),
                group.name
            ),
        })
    }

    /// Takes what reading a record of so many bytes costs.
    pub(crate) fn charge_read(&self, ctx: &Ctx, key: &CellKey, bytes: usize) {
        let now = nanos(ctx.monotonic());
        self.read.charge(key, read_units(bytes), now);
    }

    /// Takes what writing a record of so many bytes costs, once the call of `ctx` is committed.
    pub(crate) fn charge_write(&self, ctx: &Ctx, key: &CellKey, bytes: usize) {
        let (table, key, now) = (Arc::clone(&self.write), *key, nanos(ctx.monotonic()));
        let units = write_units(bytes);
        ctx.afterwards(move || table.charge(&key, units, now));
    }
}

impl Table {
    fn new(units: u32) -> Self {
        Self {
            each: SECOND / u64::from(units.max(1)),
            paid: std::iter::repeat_with(AtomicU64::default)
                .take(PLACES)
                .collect(),
        }
    }

    fn is_free(&self, key: &CellKey, now: u64) -> bool {
        let paid = self.place(key).map(|place| place.load(Ordering::Relaxed));
        paid.is_none_or(|paid| paid < now.saturating_add(SECOND))
    }

    fn charge(&self, key: &CellKey, units: u64, now: u64) {
        let cost = self.each.saturating_mul(units);
        let later = |paid: u64| Some(paid.max(now).saturating_add(cost));
        if let Some(place) = self.place(key) {
            let _before = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        }
    }

    /// Where the record stands. INVARIANT: there is a place for every number of 16 bits.
    fn place(&self, key: &CellKey) -> Option<&AtomicU64> {
        // The end of a key is the end of a hash under a secret key: evenly spread.
        let [.., high, low] = *key.as_bytes();
        self.paid.get(usize::from(u16::from_be_bytes([high, low])))
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> CellKey {
        CellKey::from_bytes(&[number; CellKey::LENGTH]).unwrap()
    }

    #[test]
    fn a_record_has_its_units_and_others_have_their_own() {
        let table = Table::new(500);
        let start = 10 * SECOND;
        let mut writes = 0;
        while table.is_free(&key(1), start) {
            table.charge(&key(1), 1, start);
            writes += 1;
        }
        assert_eq!(writes, 500);
        assert!(table.is_free(&key(2), start));
        // A unit is free again after the five-hundredth part of a second.
        assert!(!table.is_free(&key(1), start));
        assert!(table.is_free(&key(1), start + SECOND / 500));
        // What is large is served and paid for later.
        table.charge(&key(3), 1000, start);
        assert!(!table.is_free(&key(3), start + SECOND - 1));
        assert!(table.is_free(&key(3), start + SECOND + 1));
    }

    #[test]
    fn every_record_has_a_place() {
        let table = Table::new(1);
        for number in 0..=u8::MAX {
            assert!(table.place(&key(number)).is_some());
        }
    }
}
