//! Dates in conditions: the W3C profile of ISO 8601, or seconds since 1970.

use std::time::Duration;

use types::Timestamp;

/// Reads a date as condition values and date keys write it.
///
/// Forms: `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, `YYYY-MM-DDThh:mm[:ss[.fraction]]` followed by `Z`
/// or `±hh:mm`, and epoch seconds with an optional fraction. Four digits are a year. A date
/// without a time is its first instant, UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    match text.len() {
        4 if text.bytes().all(|byte| byte.is_ascii_digit()) => civil(text, "-01-01", "00:00:00"),
        7 if text.as_bytes().get(4) == Some(&b'-') => civil(text, "-01", "00:00:00"),
        10 if text.as_bytes().get(4) == Some(&b'-') => civil(text, "", "00:00:00"),
        _ => match text.split_once('T') {
            Some((date, time)) => with_time(date, time),
            None => epoch(text),
        },
    }
}

fn civil(date: &str, rest: &str, time: &str) -> Option<Timestamp> {
    Timestamp::parse_iso8601(&format!("{date}{rest}T{time}Z")).ok()
}

fn with_time(date: &str, time: &str) -> Option<Timestamp> {
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at_checked(at)?,
        None => return None,
    };
    let clock = if clock.len() == 5 {
        format!("{clock}:00")
    } else {
        clock.to_owned()
    };
    let local = civil(date, "", &clock)?;
    if zone == "Z" {
        return Some(local);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let offset = Duration::from_secs(60 * (60 * below(hours, 24)? + below(minutes, 60)?));
    Some(if zone.starts_with('-') {
        local.saturating_add(offset)
    } else {
        local.saturating_sub(offset)
    })
}

/// Two digits that stay below `limit`.
fn below(text: &str, limit: u64) -> Option<u64> {
    let two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = text.parse().ok()?;
    (two_digits && number < limit).then_some(number)
}

fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if unsigned.is_empty() || !digits(unsigned) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    if whole.starts_with('-') && nanos > 0 {
        let span = Duration::from_nanos(u64::from(nanos));
        return Some(Timestamp::new(seconds, 0).saturating_sub(span));
    }
    Some(Timestamp::new(seconds, nanos))
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
    fn offsets_lead_back_to_utc() {
        check("2026-11-23T22:47:00+02:00", 1_795_466_820, 0);
        check("2026-11-23T15:17-05:30", 1_795_466_820, 0);
    }

    #[test]
    fn epoch_seconds_are_read() {
        check("1795466820", 1_795_466_820, 0);
        check("1795466820.5", 1_795_466_820, 500_000_000);
        check("0", 0, 0);
        check("-0.25", -1, 750_000_000);
    }

    #[test]
    fn other_text_is_no_date() {
        for text in [
            "",
            "-",
            "20x6",
            "2026-13",
            "2026-02-30",
            "2026-11-23T20:47",
            "2026-11-23 20:47:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T20:47:00+2:00",
            "2026-11-23T20:47:00+24:00",
            "2026-11-23T20:47:00Zulu",
            "1e9",
            "*",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
