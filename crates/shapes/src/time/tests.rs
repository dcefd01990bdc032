//! Timestamps in both directions and both forms.

use std::fmt;

use serde::ser::Impossible;

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

#[test]
fn serialisers_for_machines_get_iso_8601() {
    let wire = Wire(Timestamp::new(1_795_466_820, 5_000_000));
    assert_eq!(wire.serialize(Xml), Ok("2026-11-23T20:47:00Z".to_owned()));
}

/// Takes text only, and is not human-readable: the side of `wire`'s XML serialiser that
/// timestamps see.
struct Xml;

macro_rules! refuse {
    ($($name:ident($($kind:ty),*) -> $answer:ty;)+) => {
        $(
            fn $name(self, $(_: $kind),*) -> Result<$answer, Self::Error> {
                Err(Self::Error::custom(stringify!($name)))
            }
        )+
    };
}

type No = Impossible<String, fmt::Error>;

impl Serializer for Xml {
    type Ok = String;
    type Error = fmt::Error;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_str(self, text: &str) -> Result<String, fmt::Error> {
        Ok(text.to_owned())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<String, fmt::Error> {
        value.serialize(self)
    }

    refuse! {
        serialize_bool(bool) -> String;
        serialize_i8(i8) -> String;
        serialize_i16(i16) -> String;
        serialize_i32(i32) -> String;
        serialize_i64(i64) -> String;
        serialize_u8(u8) -> String;
        serialize_u16(u16) -> String;
        serialize_u32(u32) -> String;
        serialize_u64(u64) -> String;
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
        serialize_char(char) -> String;
        serialize_bytes(&[u8]) -> String;
        serialize_none() -> String;
        serialize_unit() -> String;
        serialize_unit_struct(&'static str) -> String;
        serialize_unit_variant(&'static str, u32, &'static str) -> String;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}
