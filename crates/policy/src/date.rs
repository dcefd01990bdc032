//! Dates in conditions: ISO 8601, or seconds since 1970.

use std::time::Duration;

use types::Timestamp;

/// Reads a date as condition values and date keys write it.
///
/// Forms: a year, year and month or a whole date, each with or without a time of day behind a
/// `T`, which may have minutes, seconds and a fraction, and a zone (`Z`, `±hh` or `±hh:mm`);
/// and epoch seconds with an optional fraction. Four digits alone are a year. A date without a
/// time is its first instant, and one without a zone is in UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let dated = bytes.len() == 4 || bytes.iter().any(|byte| matches!(byte, b'T' | b't' | b'-'));
    if dated { civil(bytes) } else { epoch(text) }
}

/// The years that IAM reads.
const YEARS: std::ops::RangeInclusive<i64> = -292_275_054..=292_278_993;

const DAY: i64 = 86_400;

fn civil(text: &[u8]) -> Option<Timestamp> {
    let mut rest = text;
    let before_christ = skip(&mut rest, b"-");
    let year = digits(&mut rest, 1..=9)?;
    let year = if before_christ { -year } else { year };
    let mut month = 1;
    let mut day = 1;
    if skip(&mut rest, b"-") {
        month = digits(&mut rest, 1..=2)?;
        if skip(&mut rest, b"-") {
            day = digits(&mut rest, 1..=2)?;
        }
    }
    let valid = YEARS.contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day);
    if !valid {
        return None;
    }
    let midnight = Timestamp::new(days_since_1970(year, month, day).checked_mul(DAY)?, 0);
    if rest.is_empty() {
        return Some(midnight);
    }
    if !skip(&mut rest, b"Tt") {
        return None;
    }
    time_of_day(midnight, rest)
}

fn time_of_day(midnight: Timestamp, mut rest: &[u8]) -> Option<Timestamp> {
    let (mut minutes, mut seconds, mut nanos) = (0, 0, 0);
    let hours = if rest.first().is_some_and(u8::is_ascii_digit) {
        digits(&mut rest, 1..=2)?
    } else {
        0
    };
    if skip(&mut rest, b":") {
        minutes = digits(&mut rest, 2..=2)?;
        if skip(&mut rest, b":") {
            seconds = digits(&mut rest, 2..=2)?;
            if skip(&mut rest, b".") {
                nanos = fraction(&mut rest)?;
            }
        }
    }
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let local = Timestamp::new(
        midnight
            .seconds()
            .checked_add(hours * 3_600 + minutes * 60 + seconds)?,
        nanos,
    );
    if rest.is_empty() || skip(&mut rest, b"Zz") && rest.is_empty() {
        return Some(local);
    }
    let behind = skip(&mut rest, b"-");
    if !behind && !skip(&mut rest, b"+") {
        return None;
    }
    let hours = digits(&mut rest, 2..=2)?;
    let minutes = if skip(&mut rest, b":") {
        digits(&mut rest, 2..=2)?
    } else {
        0
    };
    if hours > 23 || minutes > 59 || !rest.is_empty() {
        return None;
    }
    let offset = Duration::from_secs(u64::try_from(hours * 3_600 + minutes * 60).ok()?);
    Some(if behind {
        local.saturating_add(offset)
    } else {
        local.saturating_sub(offset)
    })
}

/// Passes over one of the `wanted` bytes, if it comes next.
fn skip(rest: &mut &[u8], wanted: &[u8]) -> bool {
    match rest.split_first() {
        Some((first, behind)) if wanted.contains(first) => {
            *rest = behind;
            true
        }
        _ => false,
    }
}

/// Reads as many digits as come next, if `count` admits them.
fn digits(rest: &mut &[u8], count: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let mut number: i64 = 0;
    let mut read = 0;
    while let Some((first, behind)) = rest.split_first().filter(|(b, _)| b.is_ascii_digit()) {
        read += 1;
        if read > *count.end() {
            return None;
        }
        number = number * 10 + i64::from(first - b'0');
        *rest = behind;
    }
    count.contains(&read).then_some(number)
}

/// Nanoseconds: up to nine digits of a fraction.
fn fraction(rest: &mut &[u8]) -> Option<u32> {
    let before = rest.len();
    let mut number = digits(rest, 1..=9)?;
    for _ in before.saturating_sub(rest.len())..9 {
        number *= 10;
    }
    u32::try_from(number).ok()
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, negative before it.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March, so that the leap day is their last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (153 * month + 2) / 5;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + before_month + day - 1 - 719_468
}

fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction_text) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = match fraction_text {
        Some(text) => {
            let mut rest = text.as_bytes();
            fraction(&mut rest).filter(|_| rest.is_empty())?
        }
        None => 0,
    };
    Some(Timestamp::new(whole.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, seconds: i64, nanos: u32) {
        assert_eq!(parse(text), Some(Timestamp::new(seconds, nanos)), "{text}");
    }

    #[test]
    fn every_profile_is_read() {
        check("2026", 1_767_225_600, 0);
        check("2026-11", 1_793_491_200, 0);
        check("2026-11-23", 1_795_392_000, 0);
        check("2026-11-23T20:47Z", 1_795_466_820, 0);
        check("2026-11-23T20:47:01Z", 1_795_466_821, 0);
        check("2026-11-23T20:47:01.25Z", 1_795_466_821, 250_000_000);
    }

    #[test]
    fn less_usual_forms_are_read_as_iam_does() {
        check("01T", -62_135_596_800, 0);
        check("2026-11-23T", 1_795_392_000, 0);
        check("2026-11-23T20:47", 1_795_466_820, 0);
        check("2026-11-23t20:47:01.250z", 1_795_466_821, 250_000_000);
        check("2016-12-13t2:00:00.593194+23", 1_481_511_600, 593_194_000);
        check("2024-02-29", 1_709_164_800, 0);
        check("1969-12-31T23:59:59Z", -1, 0);
        assert!(parse("-292275054") < parse("-0001") && parse("-0001") < parse("0000"));
    }

    #[test]
    fn the_calendar_agrees_with_the_timestamps_own() {
        for year in 1..=2_500 {
            for (month, day) in [(1, 1), (2, 28), (3, 1), (12, 31)] {
                let text = format!("{year:04}-{month:02}-{day:02}");
                let expected = Timestamp::parse_iso8601(&format!("{text}T00:00:00Z")).unwrap();
                assert_eq!(parse(&text), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn offsets_lead_back_to_utc() {
        check("2026-11-23T22:47:00+02:00", 1_795_466_820, 0);
        check("2026-11-23T15:17-05:30", 1_795_466_820, 0);
    }

    #[test]
    fn epoch_seconds_are_read() {
        check("1795466820", 1_795_466_820, 0);
        check("1795466820.5", 1_795_466_820, 500_000_000);
        check("0", 0, 0);
    }

    #[test]
    fn other_text_is_no_date() {
        for text in [
            "",
            "-",
            "20x6",
            "2026-13",
            "2026-02-30",
            "2026-11-23 20:47:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T20:47:00+2:00",
            "2026-11-23T20:47:00+24:00",
            "2026-11-23T20:47:00Zulu",
            "1e9",
            "*",
            "9223372036854775808",
            "2016-12-13t2:00:00.593194+1",
            "2016-12-13t2:00:00.1999999999+10:59",
            "234-13",
            "-292275055",
            "-0.25",
            "1.",
            "2026-11-23T20:47:00-",
            "2026-11-23T20:47:60Z",
            "2026--1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
