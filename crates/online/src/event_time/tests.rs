//! The forms of event times, and their order.

use proptest::prelude::*;

use super::*;

fn at(seconds: i64, nanos: u32) -> EventTime {
    EventTime::new(Timestamp::new(seconds, nanos)).unwrap()
}

fn check_text(text: &str, expected: Option<(i64, u32)>) {
    let expected = expected.map(|(seconds, nanos)| at(seconds, nanos));
    assert_eq!(EventTime::parse_text(text).ok(), expected, "{text}");
}

fn check_decimal(text: &str, expected: Option<(i64, u32)>) {
    let expected = expected.map(|(seconds, nanos)| at(seconds, nanos));
    assert_eq!(EventTime::parse_decimal(text).ok(), expected, "{text}");
}

#[test]
fn the_documented_text_forms_are_accepted() {
    check_text("2013-01-01T05:00:00Z", Some((1_357_016_400, 0)));
    check_text(
        "2013-01-01T05:00:00.123Z",
        Some((1_357_016_400, 123_000_000)),
    );
    check_text(
        "2013-01-01T05:00:00.123456789Z",
        Some((1_357_016_400, 123_456_789)),
    );
    check_text("0000-01-01T00:00:00Z", Some((FIRST_SECOND, 0)));
    check_text(
        "9999-12-31T23:59:59.999999999Z",
        Some((LAST_SECOND, LAST_NANO)),
    );
}

#[test]
fn other_text_forms_are_refused() {
    for text in [
        "",
        "2013-01-01T05:00:00",
        "2013-01-01T05:00:00+00:00",
        "2013-01-01T05:00:00.1Z",
        "2013-01-01T05:00:00.123456Z",
        "2013-01-01T05:00:00.1234567890Z",
        "2013-01-01T05:00:00.Z",
        "2013-01-01T05:00:00.12aZ",
        "2013-01-01 05:00:00Z",
        "2013-02-29T05:00:00Z",
        "13-01-01T05:00:00Z",
        "+2013-01-01T05:00:00Z",
        "1357016400",
    ] {
        check_text(text, None);
    }
}

#[test]
fn decimals_are_read_exactly() {
    check_decimal("1357016400", Some((1_357_016_400, 0)));
    check_decimal("1357016400.0", Some((1_357_016_400, 0)));
    check_decimal("1357016400.", Some((1_357_016_400, 0)));
    check_decimal("1357016400.123456789", Some((1_357_016_400, 123_456_789)));
    check_decimal("0.000000001", Some((0, 1)));
    check_decimal(".5", Some((0, 500_000_000)));
    check_decimal("+7", Some((7, 0)));
    check_decimal("-0.25", Some((-1, 750_000_000)));
    check_decimal("-5", Some((-5, 0)));
    check_decimal("0009.5000000000000", Some((9, 500_000_000)));
}

#[test]
fn exponents_move_the_point() {
    check_decimal("1.609459200123E9", Some((1_609_459_200, 123_000_000)));
    check_decimal("1.6e9", Some((1_600_000_000, 0)));
    check_decimal("16e+8", Some((1_600_000_000, 0)));
    check_decimal("15e-1", Some((1, 500_000_000)));
    check_decimal("1e-9", Some((0, 1)));
    check_decimal("0.1e-8", Some((0, 1)));
    check_decimal("0e9999", Some((0, 0)));
    check_decimal("0.0e-9999", Some((0, 0)));
}

#[test]
fn what_is_finer_than_a_nanosecond_is_refused() {
    check_decimal("0.0000000001", None);
    check_decimal("1e-10", None);
    check_decimal("1e-30", None);
    check_decimal("0.30000000000000004", None);
}

#[test]
fn decimals_out_of_range_or_form_are_refused() {
    check_decimal("253402300799.999999999", Some((LAST_SECOND, LAST_NANO)));
    check_decimal("253402300800", None);
    check_decimal("-62167219200", Some((FIRST_SECOND, 0)));
    check_decimal("-62167219200.000000001", None);
    for text in [
        "",
        ".",
        "-",
        "+-1",
        "1e",
        "1e+",
        "e5",
        ".e5",
        "1.2.3",
        "0x10",
        "NaN",
        "inf",
        "1_000",
        " 1",
        "1 ",
        "1e12345",
        "99999999999999999999",
        "1e300",
        "\u{0661}",
    ] {
        check_decimal(text, None);
    }
}

#[test]
fn times_are_shown_with_the_digits_they_need() {
    for text in [
        "0000-01-01T00:00:00Z",
        "2013-01-01T05:00:00.120Z",
        "2013-01-01T05:00:00.120000001Z",
        "9999-12-31T23:59:59.999999999Z",
    ] {
        assert_eq!(EventTime::parse_text(text).unwrap().to_string(), text);
    }
}

#[test]
fn spans_beyond_year_9999_end_there() {
    let late = at(LAST_SECOND, 0);
    assert_eq!(
        late.saturating_add(Duration::from_secs(u64::MAX)),
        EventTime::max()
    );
    assert_eq!(at(10, 5).saturating_add(Duration::from_secs(7)), at(17, 5));
}

#[test]
fn a_time_is_after_earlier_ones_only() {
    assert_eq!(at(17, 5).since(at(10, 4)), Duration::new(7, 1));
    assert_eq!(at(10, 4).since(at(17, 5)), Duration::ZERO);
}

#[test]
fn bytes_that_encode_no_time_are_refused() {
    assert_eq!(EventTime::from_bytes([0; 12]), None);
    assert_eq!(EventTime::from_bytes([0xff; 12]), None);
    let mut bytes = at(0, 0).to_bytes();
    bytes[8..].copy_from_slice(&1_000_000_000_u32.to_be_bytes());
    assert_eq!(EventTime::from_bytes(bytes), None);
}

fn any_time() -> impl Strategy<Value = EventTime> {
    (FIRST_SECOND..=LAST_SECOND, 0..=LAST_NANO).prop_map(|(seconds, nanos)| at(seconds, nanos))
}

proptest! {
    #[test]
    fn encodings_sort_like_times(a in any_time(), b in any_time()) {
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
        prop_assert_eq!(EventTime::from_bytes(a.to_bytes()), Some(a));
    }

    #[test]
    fn decimals_read_back(seconds in 0..=LAST_SECOND, nanos in 0..=LAST_NANO) {
        let text = format!("{seconds}.{nanos:09}");
        prop_assert_eq!(EventTime::parse_decimal(&text), Ok(at(seconds, nanos)));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,40}") {
        let _ = EventTime::parse_decimal(&text);
        let _ = EventTime::parse_text(&text);
    }
}

proptest! {
    #[test]
    fn a_written_decimal_is_the_time_it_was(seconds in -62_167_219_200_i64..=253_402_300_799, nanos in 0_u32..1_000_000_000) {
        let time = EventTime::new(Timestamp::new(seconds, nanos)).unwrap();
        prop_assert_eq!(EventTime::parse_decimal(&time.to_decimal()), Ok(time));
    }
}

#[test]
fn decimals_are_as_short_as_they_are_exact() {
    for (seconds, nanos, text) in [
        (0, 0, "0"),
        (1_700_000_000, 0, "1700000000"),
        (1_700_000_000, 500_000_000, "1700000000.5"),
        (0, 1, "0.000000001"),
        (-1, 0, "-1"),
        (-1, 500_000_000, "-0.5"),
        (-2, 250_000_000, "-1.75"),
    ] {
        let time = EventTime::new(Timestamp::new(seconds, nanos)).unwrap();
        assert_eq!(time.to_decimal(), text);
    }
}
