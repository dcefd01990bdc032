//! Event times: the order of a record's versions.

use std::fmt;
use std::time::Duration;

use types::Timestamp;

/// A point in time of the years 0000 to 9999, to the nanosecond; ordered.
///
/// Encoded in 12 bytes that sort like the time itself. The text that a caller wrote is kept
/// in the record, not here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(Timestamp);

/// The text is no event time of the expected form, or outside the years 0000 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event time")]
pub struct InvalidEventTime;

const FIRST_SECOND: i64 = -62_167_219_200;
const LAST_SECOND: i64 = 253_402_300_799;
const LAST_NANO: u32 = 999_999_999;
const NANO_DIGITS: usize = 9;
/// Longer exponents name no number in range but zero.
const MAX_EXPONENT_DIGITS: usize = 4;

impl EventTime {
    /// The last instant of year 9999.
    pub fn max() -> Self {
        Self(Timestamp::new(LAST_SECOND, LAST_NANO))
    }

    /// The event time at `at`; `None` outside of the years 0000 to 9999.
    pub fn new(at: Timestamp) -> Option<Self> {
        (FIRST_SECOND..=LAST_SECOND)
            .contains(&at.seconds())
            .then_some(Self(at))
    }

    /// The instant.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Parses the text of a `String` feature: `yyyy-MM-dd'T'HH:mm:ssZ`, in UTC, with no
    /// fraction or one of exactly 3 or 9 digits: the forms that AWS documents. A date that
    /// the calendar does not have is refused.
    pub fn parse_text(text: &str) -> Result<Self, InvalidEventTime> {
        let digits = match text.split_once('.') {
            Some((_, fraction)) => fraction.len().saturating_sub(1),
            None => 0,
        };
        if !matches!(digits, 0 | 3 | 9) {
            return Err(InvalidEventTime);
        }
        let at = Timestamp::parse_iso8601(text).map_err(|_source| InvalidEventTime)?;
        Self::new(at).ok_or(InvalidEventTime)
    }

    /// Parses the text of a `Fractional` feature: Unix seconds as a decimal number, with an
    /// exponent if need be (`1.609459200123E9`), exactly and never as a float.
    ///
    /// A number finer than a nanosecond is refused; zeros behind the ninth digit are not.
    pub fn parse_decimal(text: &str) -> Result<Self, InvalidEventTime> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (seconds, nanos) = Decimal::parse(unsigned)?.split()?;
        let seconds = i64::try_from(seconds).map_err(|_source| InvalidEventTime)?;
        let at = match (negative, nanos) {
            (false, _) => Timestamp::new(seconds, nanos),
            (true, 0) => Timestamp::new(-seconds, 0),
            (true, _) => Timestamp::new(-seconds - 1, 1_000_000_000 - nanos),
        };
        Self::new(at).ok_or(InvalidEventTime)
    }

    /// Later by `span`; the end of year 9999 if that is later.
    pub fn saturating_add(self, span: Duration) -> Self {
        Self::new(self.0.saturating_add(span)).unwrap_or_else(Self::max)
    }

    /// For how long it is after `earlier`; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// Twelve bytes that sort like the time: seconds with the sign flipped, nanoseconds.
    pub fn to_bytes(self) -> [u8; 12] {
        let seconds = self.0.seconds().cast_unsigned() ^ (1 << 63);
        let wide = (u128::from(seconds) << 32) | u128::from(self.0.nanos());
        let [_, _, _, _, bytes @ ..] = wide.to_be_bytes();
        bytes
    }

    /// The time that [`Self::to_bytes`] encoded; `None` if no time has this encoding.
    pub fn from_bytes(bytes: [u8; 12]) -> Option<Self> {
        let seconds = u64::from_be_bytes(*bytes.first_chunk()?) ^ (1 << 63);
        let nanos = u32::from_be_bytes(*bytes.last_chunk()?);
        if nanos > LAST_NANO {
            return None;
        }
        Self::new(Timestamp::new(seconds.cast_signed(), nanos))
    }

    /// The time as a decimal number of Unix seconds, as short as it is exact: what
    /// [`Self::parse_decimal`] reads.
    pub fn to_decimal(self) -> String {
        let (seconds, nanos) = (self.0.seconds(), self.0.nanos());
        // What is before 1970 counts backwards, its fraction too.
        let (sign, seconds, nanos) = match (seconds, nanos) {
            (0.., _) => ("", seconds, nanos),
            (_, 0) => ("-", -seconds, 0),
            (_, _) => ("-", -(seconds + 1), 1_000_000_000 - nanos),
        };
        let text = format!("{sign}{seconds}.{nanos:09}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Hours since the beginning of year 0000: the bucket that an expiry falls in.
    pub(crate) fn hour(self) -> u32 {
        u32::try_from((self.0.seconds() - FIRST_SECOND) / 3600).unwrap_or(u32::MAX)
    }
}

/// A decimal number without its sign: digits, and where the point stands among them.
struct Decimal<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidEventTime> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let number = Self {
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
            exponent,
        };
        let is_number = mantissa.len() > usize::from(mantissa.contains('.'))
            && number.digits().all(|digit| digit.is_ascii_digit());
        is_number.then_some(number).ok_or(InvalidEventTime)
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    /// Whole seconds and nanoseconds.
    fn split(&self) -> Result<(u64, u32), InvalidEventTime> {
        let whole_length = i64::try_from(self.whole.len()).map_err(|_source| InvalidEventTime)?;
        // The number of digits before the point once the exponent has moved it.
        let mut before = whole_length + self.exponent;
        let mut seconds = 0_u64;
        let mut nanos = 0_u32;
        let mut places = 0_usize;
        // A point to the left of all digits: zeros in between.
        while before < 0 && places < NANO_DIGITS {
            places += 1;
            before += 1;
        }
        let beyond = before < 0;
        for digit in self.digits().map(|digit| u32::from(digit - b'0')) {
            if before > 0 {
                seconds = push(seconds, digit).ok_or(InvalidEventTime)?;
                before -= 1;
            } else if places < NANO_DIGITS && !beyond {
                nanos = nanos * 10 + digit;
                places += 1;
            } else if digit != 0 {
                return Err(InvalidEventTime);
            }
        }
        while before > 0 && seconds > 0 {
            seconds = push(seconds, 0).ok_or(InvalidEventTime)?;
            before -= 1;
        }
        for _ in places..NANO_DIGITS {
            nanos *= 10;
        }
        Ok((seconds, nanos))
    }
}

fn push(number: u64, digit: u32) -> Option<u64> {
    number.checked_mul(10)?.checked_add(u64::from(digit))
}

fn parse_exponent(text: &str) -> Result<i64, InvalidEventTime> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fits = (1..=MAX_EXPONENT_DIGITS).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if fits {
        text.parse().map_err(|_source| InvalidEventTime)
    } else {
        Err(InvalidEventTime)
    }
}

/// ISO 8601 in UTC with as many digits of fraction as needed: none, 3 or 9.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.to_iso8601();
        let nanos = self.0.nanos();
        let whole = whole.strip_suffix('Z').unwrap_or(&whole);
        if nanos == 0 {
            write!(f, "{whole}Z")
        } else if nanos.is_multiple_of(1_000_000) {
            write!(f, "{whole}.{:03}Z", nanos / 1_000_000)
        } else {
            write!(f, "{whole}.{nanos:09}Z")
        }
    }
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
