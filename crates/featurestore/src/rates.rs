//! How fast one record may be read and written, whatever the throughput of its group: AWS's bounds
//! for one record identifier.
//!
//! Each record has a place in a table of atomic numbers, found by the hash that its cell is found
//! by. A place counts one record at a time, the first that is busy: another one that belongs there
//! meanwhile is not counted, so that nobody's records are held up by those of others. Nothing grows
//! with the number of records.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use online::CellKey;
use pipeline::Ctx;
use types::{Monotonic, Service};

use crate::Error;
use crate::meter::{Side, read_units, write_units};
use crate::records::GroupRecord;

/// How many records are told apart, of each side.
const PLACES: usize = 1 << 16;

/// The rates of all records.
pub(crate) struct Rates {
    read: Table,
    write: Arc<Table>,
}

/// For each place 16 bits that tell records apart, and until when, in microseconds of the monotonic
/// clock, what the record has used so far is paid for: 48 bits, which last for eight years.
struct Table {
    /// The microseconds that a unit pays for.
    each: u64,
    paid: Box<[AtomicU64]>,
}

const SECOND: u64 = 1_000_000;
const TIME: u64 = u64::MAX >> 16;

impl Rates {
    /// Rates of so many units a second for one record.
    pub(crate) fn new(read: u32, write: u32) -> Self {
        Self {
            read: Table::new(read),
            write: Arc::new(Table::new(write)),
        }
    }

    /// Whether the record at `key` may be read or written now: while any of a second's units is
    /// left.
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
        if table.is_free(key, micros(ctx.monotonic())) {
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
        let now = micros(ctx.monotonic());
        self.read.charge(key, read_units(bytes), now);
    }

    /// Takes what writing a record of so many bytes costs, once the call of `ctx` is committed.
    pub(crate) fn charge_write(&self, ctx: &Ctx, key: &CellKey, bytes: usize) {
        let (table, key, now) = (Arc::clone(&self.write), *key, micros(ctx.monotonic()));
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
        let (place, tag) = self.place(key);
        let known = place.map_or(0, |place| place.load(Ordering::Relaxed));
        known & !TIME != tag || known & TIME < now.saturating_add(SECOND)
    }

    fn charge(&self, key: &CellKey, units: u64, now: u64) {
        let cost = self.each.saturating_mul(units);
        let (place, tag) = self.place(key);
        let later = |known: u64| {
            let paid = known & TIME;
            // Whoever is there is busy, and goes on being counted.
            let others = known & !TIME != tag && paid > now;
            let until = paid.max(now).saturating_add(cost).min(TIME);
            (!others).then_some(tag | until)
        };
        if let Some(place) = place {
            let _before = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        }
    }

    /// Where the record stands, and what tells it from others there. INVARIANT: there is a place
    /// for every number of 16 bits.
    fn place(&self, key: &CellKey) -> (Option<&AtomicU64>, u64) {
        // The end of a key is the end of a hash under a secret key: evenly spread.
        let [.., first, second, high, low] = *key.as_bytes();
        let place = usize::from(u16::from_be_bytes([high, low]));
        let tag = u64::from(u16::from_be_bytes([first, second])) << 48;
        (self.paid.get(place), tag)
    }
}

/// The microseconds of the monotonic clock.
fn micros(now: Monotonic) -> u64 {
    u64::try_from(now.0.as_micros()).unwrap_or(TIME).min(TIME)
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record with this tag at this place.
    fn key(tag: u8, place: u8) -> CellKey {
        let mut bytes = [7; CellKey::LENGTH];
        let end = CellKey::LENGTH;
        (bytes[end - 3], bytes[end - 1]) = (tag, place);
        CellKey::from_bytes(&bytes).unwrap()
    }

    #[test]
    fn a_record_has_its_units_and_others_have_their_own() {
        let table = Table::new(500);
        let start = 10 * SECOND;
        let mut writes = 0;
        while table.is_free(&key(1, 1), start) {
            table.charge(&key(1, 1), 1, start);
            writes += 1;
        }
        assert_eq!(writes, 500);
        assert!(table.is_free(&key(1, 2), start));
        // A unit is free again after the five-hundredth part of a second.
        assert!(!table.is_free(&key(1, 1), start));
        assert!(table.is_free(&key(1, 1), start + SECOND / 500));
        // What is large is served and paid for later.
        table.charge(&key(1, 3), 1000, start);
        assert!(!table.is_free(&key(1, 3), start + SECOND - 1));
        assert!(table.is_free(&key(1, 3), start + SECOND + 1));
    }

    #[test]
    fn a_busy_record_holds_up_no_other_at_its_place() {
        let table = Table::new(500);
        let start = 10 * SECOND;
        table.charge(&key(1, 9), 5000, start);
        assert!(!table.is_free(&key(1, 9), start));
        assert!(table.is_free(&key(2, 9), start));
        // Nor does the other set it free, or is counted, before its time is paid for.
        table.charge(&key(2, 9), 5000, start);
        assert!(!table.is_free(&key(1, 9), start));
        assert!(table.is_free(&key(2, 9), start));
        let later = start + 11 * SECOND;
        table.charge(&key(2, 9), 5000, later);
        assert!(!table.is_free(&key(2, 9), later));
        assert!(table.is_free(&key(1, 9), later));
    }

    #[test]
    fn every_record_has_a_place() {
        let table = Table::new(1);
        for byte in 0..=u8::MAX {
            let key = CellKey::from_bytes(&[byte; CellKey::LENGTH]).unwrap();
            assert!(table.place(&key).0.is_some());
        }
    }
}
