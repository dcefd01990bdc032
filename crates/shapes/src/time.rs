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
mod tests {
    use super::*;

    fn check(seconds: i64, nanos: u32, expected: &str) {
        let at = Timestamp::new(seconds, nanos);
        assert_eq!(serde_json::to_string(&Wire(at)).unwrap(), expected);
    }

    #[test]
    fn whole_seconds_are_written_without_a_fraction() {
        check(1_721_334_000, 0, "1721334000");
        check(0, 999_999, "0");
        check(-5, 0, "-5");
    }

    #[test]
    fn fractions_are_written_to_the_millisecond() {
        check(1_721_334_000, 123_456_789, "1721334000.123");
        check(1_721_334_000, 500_000_000, "1721334000.5");
        check(-1, 500_000_000, "-0.5");
        check(253_402_300_799, 999_000_000, "253402300799.999");
    }

    fn check_read(json: &str, expected: Option<(i64, u32)>) {
        let number: Number = serde_json::from_str(json).unwrap();
        let expected = expected.map(|(seconds, nanos)| Timestamp::new(seconds, nanos));
        assert_eq!(from_epoch(&number), expected, "{json}");
    }

    #[test]
    fn epoch_seconds_are_read_to_the_microsecond() {
        check_read("1721334000", Some((1_721_334_000, 0)));
        check_read("1721334000.123", Some((1_721_334_000, 123_000_000)));
        check_read("1.721334e9", Some((1_721_334_000, 0)));
        check_read("-0.25", Some((-1, 750_000_000)));
        check_read("-5.0", Some((-5, 0)));
    }

    #[test]
    fn instants_beyond_the_calendar_are_refused() {
        check_read("253402300799", Some((253_402_300_799, 0)));
        check_read("253402300800", None);
        check_read("-62167219201", None);
        check_read("18446744073709551615", None);
        check_read("1e300", None);
    }
}
