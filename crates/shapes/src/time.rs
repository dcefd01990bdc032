//! Timestamps on the wire: epoch seconds in JSON, ISO 8601 in Query and XML.

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::Number;
use types::Timestamp;

/// The first instant beyond year 9999, in seconds since the epoch.
const END: i64 = 253_402_300_800;

/// The first instant of year 0, in seconds since the epoch.
const START: i64 = -62_167_219_200;

/// 2^32.
const HIGH: f64 = 4_294_967_296.0;

/// Epoch seconds with an optional fraction as a timestamp, to the microsecond.
///
/// Answers `None` outside of the years 0 to 9999.
pub(crate) fn from_epoch(number: &Number) -> Option<Timestamp> {
    let at = match number.as_i64() {
        Some(seconds) => Timestamp::new(seconds, 0),
        None => from_fraction(number.as_f64()?)?,
    };
    (START..END).contains(&at.seconds()).then_some(at)
}

fn from_fraction(seconds: f64) -> Option<Timestamp> {
    if seconds.abs() > 1e12 {
        return None;
    }
    // Decimal digits, because a float does not convert to an integer without a cast.
    let text = format!("{:.6}", seconds.abs());
    let (whole, fraction) = text.split_once('.')?;
    let whole: i64 = whole.parse().ok()?;
    let nanos = fraction.parse::<u32>().ok()?.checked_mul(1000)?;
    Some(match (seconds < 0.0, nanos) {
        (false, _) => Timestamp::new(whole, nanos),
        (true, 0) => Timestamp::new(-whole, 0),
        (true, _) => Timestamp::new(-whole - 1, 1_000_000_000 - nanos),
    })
}

/// Serialises a required timestamp; see [`crate::Output`].
pub(crate) fn write<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable() {
        return serializer.collect_str(at);
    }
    let millis = i64::from(at.nanos() / 1_000_000);
    if millis == 0 {
        return serializer.serialize_i64(at.seconds());
    }
    let total = at
        .seconds()
        .checked_mul(1000)
        .and_then(|whole| whole.checked_add(millis))
        .ok_or_else(|| S::Error::custom("timestamp out of range"))?;
    // Two exact halves, because i64 does not convert to a float without a cast.
    let high = i32::try_from(total >> 32).map_err(S::Error::custom)?;
    let low = u32::try_from(total & 0xffff_ffff).map_err(S::Error::custom)?;
    serializer.serialize_f64(f64::from(high).mul_add(HIGH, f64::from(low)) / 1000.0)
}

/// Serialises an optional timestamp.
#[expect(
    clippy::ref_option,
    reason = "the signature that `serialize_with` calls"
)]
pub(crate) fn write_option<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => Some(Wire(*at)).serialize(serializer),
        None => serializer.serialize_none(),
    }
}

struct Wire(Timestamp);

impl Serialize for Wire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(&self.0, serializer)
    }
}

#[cfg(test)]
mod tests;
