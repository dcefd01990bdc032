//! The types of features and the values that they take.

use std::borrow::Cow;
use std::fmt;

use online::{EventTime, InvalidEventTime};
use serde::{Deserialize, Serialize};

/// The type of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureType {
    /// A signed integer of 64 bits.
    Integral,
    /// A double of IEEE 754, without NaN and infinities.
    Fractional,
    /// Text, possibly empty.
    String,
}

/// The longest identifier of a record, in bytes.
pub(crate) const IDENTIFIER_BYTES: usize = 2 * 1024;

/// The largest record: the bytes of all names and values.
pub(crate) const RECORD_BYTES: usize = 350 * 1024;

impl FeatureType {
    /// Whether `text` is a value of this type.
    ///
    /// Integers are decimal digits with an optional sign; fractions may have a point and an
    /// exponent. Nothing else is accepted: no white space, no hexadecimal, no `NaN`.
    pub(crate) fn admits(self, text: &str) -> bool {
        match self {
            Self::String => true,
            Self::Integral => text.parse::<i64>().is_ok(),
            Self::Fractional => text.parse::<f64>().is_ok_and(f64::is_finite),
        }
    }

    /// What makes two values of this type equal: the number, where it is one.
    pub(crate) fn comparable(self, text: &str) -> Cow<'_, str> {
        let number = match self {
            Self::String => None,
            Self::Integral => text.parse::<i64>().ok().map(|number| number.to_string()),
            // Adding zero makes one of the two zeros.
            Self::Fractional => (text.parse::<f64>().ok()).map(|number| (number + 0.0).to_string()),
        };
        number.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The event time that `text` says, by the forms of this type.
    pub(crate) fn event_time(self, text: &str) -> Result<EventTime, InvalidEventTime> {
        match self {
            Self::String => EventTime::parse_text(text),
            Self::Fractional => EventTime::parse_decimal(text),
            Self::Integral => Err(InvalidEventTime),
        }
    }

    /// The one text of an identifier: integers lose plus sign and leading zeros, so that one
    /// number is one record. `None` if it is no identifier: empty, too long, no integer.
    pub(crate) fn identifier(self, text: &str) -> Option<Cow<'_, str>> {
        if text.is_empty() || text.len() > IDENTIFIER_BYTES {
            return None;
        }
        match self {
            Self::String => Some(Cow::Borrowed(text)),
            Self::Integral => {
                let canonical = text.parse::<i64>().ok()?.to_string();
                Some(if canonical == text {
                    Cow::Borrowed(text)
                } else {
                    Cow::Owned(canonical)
                })
            }
            Self::Fractional => None,
        }
    }
}

impl fmt::Display for FeatureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integral => "Integral",
            Self::Fractional => "Fractional",
            Self::String => "String",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: FeatureType, text: &str, expected: bool) {
        assert_eq!(kind.admits(text), expected, "{kind} {text:?}");
    }

    #[test]
    fn integrals_are_64_bit_integers() {
        for text in [
            "0",
            "-5",
            "+5",
            "007",
            "9223372036854775807",
            "-9223372036854775808",
        ] {
            check(FeatureType::Integral, text, true);
        }
        for text in [
            "",
            " 5",
            "5.0",
            "1e3",
            "9223372036854775808",
            "0x1",
            "five",
            "1_000",
            "٥",
        ] {
            check(FeatureType::Integral, text, false);
        }
    }

    #[test]
    fn fractionals_are_finite_doubles() {
        for text in [
            "0",
            "-1.5",
            "1e3",
            "1.5E-7",
            ".5",
            "5.",
            "1e-400",
            "1.7976931348623157e308",
        ] {
            check(FeatureType::Fractional, text, true);
        }
        for text in [
            "",
            "NaN",
            "nan",
            "inf",
            "-Infinity",
            "1e400",
            "1,5",
            "1.5 ",
            "0x1p3",
        ] {
            check(FeatureType::Fractional, text, false);
        }
    }

    #[test]
    fn strings_may_be_anything() {
        for text in ["", " ", "🦀", "NaN"] {
            check(FeatureType::String, text, true);
        }
    }

    #[test]
    fn one_integer_is_one_identifier() {
        let of = |text| FeatureType::Integral.identifier(text).map(Cow::into_owned);
        assert_eq!(of("7").as_deref(), Some("7"));
        assert_eq!(of("+007").as_deref(), Some("7"));
        assert_eq!(of("-0").as_deref(), Some("0"));
        assert_eq!(of("7.0"), None);
    }

    #[test]
    fn identifiers_are_neither_empty_nor_long() {
        let of = |text: &str| FeatureType::String.identifier(text).is_some();
        assert!(of("a") && of(&"a".repeat(2048)));
        assert!(!of("") && !of(&"a".repeat(2049)) && !of(&"ü".repeat(1025)));
    }

    #[test]
    fn event_times_follow_the_type_of_their_feature() {
        assert!(
            FeatureType::String
                .event_time("2026-01-01T00:00:00Z")
                .is_ok()
        );
        assert!(FeatureType::String.event_time("1700000000").is_err());
        assert!(FeatureType::Fractional.event_time("1700000000.5").is_ok());
        assert!(
            FeatureType::Fractional
                .event_time("2026-01-01T00:00:00Z")
                .is_err()
        );
        assert!(FeatureType::Integral.event_time("1700000000").is_err());
    }
}
