//! The types that values of condition keys can have.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::date;
use crate::decimal::Decimal;

/// What a value of a condition key is, for the operators that compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Any text.
    Text,
    /// An integer or decimal number.
    Number,
    /// `true` or `false`.
    Truth,
    /// An IPv4 or IPv6 address.
    Address,
    /// Bytes in base64.
    Binary,
    /// A time: ISO 8601 or seconds since the epoch.
    Date,
}

impl ValueType {
    /// Whether the operators of this type understand `text`; what they do not understand
    /// matches nothing.
    pub fn reads(self, text: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Number => Decimal::parse(text).is_some(),
            Self::Truth => ["true", "false"]
                .iter()
                .any(|truth| truth.eq_ignore_ascii_case(text)),
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::Binary => BASE64.decode(text).is_ok(),
            Self::Date => date::parse(text).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ValueType, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(kind.reads(text), "{kind:?} {text}");
        }
        for text in bad {
            assert!(!kind.reads(text), "{kind:?} {text}");
        }
    }

    #[test]
    fn values_are_of_their_type() {
        check(ValueType::Text, &["", "x"], &[]);
        check(ValueType::Number, &["5", "-5.25"], &["", "five", "0x5"]);
        check(ValueType::Truth, &["true", "False"], &["", "1", "yes"]);
        check(
            ValueType::Address,
            &["203.0.113.5", "2001:db8::1"],
            &["203.0.113.0/24", "host"],
        );
        check(ValueType::Binary, &["", "QUJD"], &["QUJ", "?"]);
        check(
            ValueType::Date,
            &["2026-01-31T10:00:00Z", "1700000000"],
            &["yesterday", "2026-13-01"],
        );
    }
}
