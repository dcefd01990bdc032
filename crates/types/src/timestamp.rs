//! Points in time: seconds since 1970-01-01T00:00:00Z and nanoseconds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time, UTC, to the nanosecond; ordered.
///
/// Stored as `[seconds, nanoseconds]`. Each wire protocol chooses its own text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(i64, u32)", into = "(i64, u32)")]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

/// The text is not `YYYY-MM-DDTHH:MM:SS[.fraction]Z` or names no real date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a timestamp of the form YYYY-MM-DDTHH:MM:SS[.fraction]Z")]
pub struct InvalidTimestamp;

/// A calendar date and time of day, UTC.
struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self {
        seconds: 0,
        nanos: 0,
    };

    /// `seconds` since the epoch and `nanos` (excess nanoseconds carry over).
    pub fn new(seconds: i64, nanos: u32) -> Self {
        Self {
            seconds: seconds.saturating_add(i64::from(nanos / 1_000_000_000)),
            nanos: nanos % 1_000_000_000,
        }
    }

    /// Whole seconds since the epoch; negative before 1970.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Self::seconds`].
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// Later by `span`, saturating.
    pub fn saturating_add(self, span: Duration) -> Self {
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self::new(
            self.seconds.saturating_add(seconds),
            self.nanos + span.subsec_nanos(),
        )
    }

    /// Earlier by `span`, saturating.
    pub fn saturating_sub(self, span: Duration) -> Self {
        let whole = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let seconds = self.seconds.saturating_sub(whole);
        match self.nanos.checked_sub(span.subsec_nanos()) {
            Some(nanos) => Self { seconds, nanos },
            None => Self {
                seconds: seconds.saturating_sub(1),
                nanos: self.nanos + 1_000_000_000 - span.subsec_nanos(),
            },
        }
    }

    /// The span since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        let mut seconds = self.seconds.saturating_sub(earlier.seconds);
        let mut nanos = i64::from(self.nanos) - i64::from(earlier.nanos);
        if nanos < 0 {
            seconds -= 1;
            nanos += 1_000_000_000;
        }
        Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanos).unwrap_or(0),
        )
    }

    /// Seconds since the epoch as a float, for JSON 1.1 bodies (millisecond precision).
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "seconds of this era fit f64"
    )]
    pub fn as_epoch_seconds(self) -> f64 {
        let millis = self.seconds.saturating_mul(1000) + i64::from(self.nanos / 1_000_000);
        millis as f64 / 1000.0
    }

    /// `YYYY-MM-DDTHH:MM:SSZ`; the fraction is dropped.
    pub fn to_iso8601(self) -> String {
        let c = self.civil();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        )
    }

    /// `YYYYMMDDTHHMMSSZ`, as in `X-Amz-Date`.
    pub fn to_basic_iso8601(self) -> String {
        let c = self.civil();
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        )
    }

    /// Parses `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, up to nine digits of fraction.
    ///
    /// Fails for any other form, and for a day or time that does not exist.
    pub fn parse_iso8601(text: &str) -> Result<Self, InvalidTimestamp> {
        let body = text.strip_suffix('Z').ok_or(InvalidTimestamp)?;
        let (whole, fraction) = match body.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (body, None),
        };
        let bytes = whole.as_bytes();
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if bytes.len() != 19
            || separators
                .iter()
                .any(|(at, want)| bytes.get(*at) != Some(want))
        {
            return Err(InvalidTimestamp);
        }
        let number = |from: usize, to: usize| digits(bytes.get(from..to).unwrap_or(&[]));
        let seconds = seconds_of(&[
            number(0, 4)?,
            number(5, 7)?,
            number(8, 10)?,
            number(11, 13)?,
            number(14, 16)?,
            number(17, 19)?,
        ])?;
        Ok(Self {
            seconds,
            nanos: fraction.map_or(Ok(0), fraction_nanos)?,
        })
    }

    /// Parses `YYYYMMDDTHHMMSSZ`, as in `X-Amz-Date`. Fails as [`Self::parse_iso8601`] does.
    pub fn parse_basic_iso8601(text: &str) -> Result<Self, InvalidTimestamp> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes.get(8) != Some(&b'T') || bytes.get(15) != Some(&b'Z') {
            return Err(InvalidTimestamp);
        }
        let number = |from: usize, to: usize| digits(bytes.get(from..to).unwrap_or(&[]));
        let seconds = seconds_of(&[
            number(0, 4)?,
            number(4, 6)?,
            number(6, 8)?,
            number(9, 11)?,
            number(11, 13)?,
            number(13, 15)?,
        ])?;
        Ok(Self { seconds, nanos: 0 })
    }

    fn civil(self) -> Civil {
        let days = self.seconds.div_euclid(86_400);
        let rest = self.seconds.rem_euclid(86_400);
        // Days to civil date, proleptic Gregorian, eras of 400 years starting 0000-03-01.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: u32::try_from(month).unwrap_or(1),
            day: u32::try_from(day).unwrap_or(1),
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }
}

fn digits(bytes: &[u8]) -> Result<i64, InvalidTimestamp> {
    bytes.iter().try_fold(0_i64, |sum, byte| {
        if byte.is_ascii_digit() {
            Ok(sum * 10 + i64::from(byte - b'0'))
        } else {
            Err(InvalidTimestamp)
        }
    })
}

fn fraction_nanos(text: &str) -> Result<u32, InvalidTimestamp> {
    if text.is_empty() || text.len() > 9 {
        return Err(InvalidTimestamp);
    }
    let value = u32::try_from(digits(text.as_bytes())?).map_err(|_source| InvalidTimestamp)?;
    let missing = u32::try_from(9 - text.len()).map_err(|_source| InvalidTimestamp)?;
    Ok(value * 10_u32.pow(missing))
}

fn seconds_of(parts: &[i64; 6]) -> Result<i64, InvalidTimestamp> {
    let [year, month, day, hour, minute, second] = *parts;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(InvalidTimestamp),
    };
    if day < 1 || day > days_in_month || hour > 23 || minute > 59 || second > 59 {
        return Err(InvalidTimestamp);
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Ok(days * 86_400 + hour * 3600 + minute * 60 + second)
}

impl From<(i64, u32)> for Timestamp {
    fn from((seconds, nanos): (i64, u32)) -> Self {
        Self::new(seconds, nanos)
    }
}

impl From<Timestamp> for (i64, u32) {
    fn from(timestamp: Timestamp) -> Self {
        (timestamp.seconds, timestamp.nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}ns", self.to_iso8601(), self.nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, seconds: i64, nanos: u32) {
        let parsed = Timestamp::parse_iso8601(text).unwrap();
        assert_eq!(parsed, Timestamp::new(seconds, nanos), "{text}");
    }

    #[test]
    fn known_instants_parse() {
        check("1970-01-01T00:00:00Z", 0, 0);
        check("2026-11-23T20:47:00.5Z", 1_795_466_820, 500_000_000);
        check("2000-02-29T23:59:59.000000001Z", 951_868_799, 1);
        check("0000-01-01T00:00:00Z", -62_167_219_200, 0);
        check(
            "9999-12-31T23:59:59.999999999Z",
            253_402_300_799,
            999_999_999,
        );
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in [
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
            "2023-01-01T00:00:00+00:00",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.1234567890Z",
            "+023-01-01T00:00:00Z",
            "2023-1-01T00:00:00Z",
        ] {
            assert_eq!(
                Timestamp::parse_iso8601(text),
                Err(InvalidTimestamp),
                "{text}"
            );
        }
    }

    #[test]
    fn both_texts_read_back() {
        for seconds in [
            0,
            951_868_799,
            1_795_466_820,
            -1,
            -62_167_219_200,
            253_402_300_799,
        ] {
            let at = Timestamp::new(seconds, 0);
            assert_eq!(Timestamp::parse_iso8601(&at.to_iso8601()), Ok(at));
            assert_eq!(
                Timestamp::parse_basic_iso8601(&at.to_basic_iso8601()),
                Ok(at)
            );
        }
    }

    #[test]
    fn spans_borrow_nanoseconds() {
        let late = Timestamp::new(10, 100);
        let early = Timestamp::new(8, 200);
        assert_eq!(late.since(early), Duration::new(1, 999_999_900));
        assert_eq!(early.saturating_add(late.since(early)), late);
        assert_eq!(late.saturating_sub(late.since(early)), early);
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
