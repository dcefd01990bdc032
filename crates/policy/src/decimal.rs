//! Decimal numbers of any length, compared exactly.

use std::cmp::Ordering;

/// A decimal number as its sign, its digits without outer zeros and the place of the point.
///
/// The value is `0.<digits> × 10^point`; zero has no digits, point 0 and is not negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: Box<[u8]>,
    point: i64,
}

/// Numbers with a larger exponent are not numbers of a policy.
const MAX_EXPONENT: i64 = 1_000;

impl Decimal {
    /// About how many bytes the number takes beside its own size.
    pub(crate) fn memory(&self) -> usize {
        crate::document::heap(self.digits.len())
    }

    /// Reads `[+-]digits[.digits][e[+-]digits]`; at least one digit before or behind the point.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let only_digits = whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
        if !only_digits || whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all.iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all
            .get(leading..all.len().saturating_sub(trailing))
            .unwrap_or(&[]);
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits: Box::from([]),
                point: 0,
            });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + exponent;
        Some(Self {
            negative,
            digits: Box::from(digits),
            point,
        })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Without outer zeros, equal points make digits comparable as text.
            (false, false) => self
                .point
                .cmp(&other.point)
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let exponent: i64 = text.parse().ok()?;
    (-MAX_EXPONENT..=MAX_EXPONENT)
        .contains(&exponent)
        .then_some(exponent)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &str, right: &str, expected: Ordering) {
        let (a, b) = (
            Decimal::parse(left).unwrap(),
            Decimal::parse(right).unwrap(),
        );
        assert_eq!(a.cmp(&b), expected, "{left} and {right}");
        assert_eq!(b.cmp(&a), expected.reverse(), "{right} and {left}");
        assert_eq!(a == b, expected == Ordering::Equal, "{left} and {right}");
    }

    #[test]
    fn notation_does_not_change_the_value() {
        for other in ["10.0", "+10", "0010", "1e1", "100E-1", "10."] {
            check("10", other, Ordering::Equal);
        }
        check("0", "-0.000", Ordering::Equal);
        check(".5", "0.50", Ordering::Equal);
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        check("9", "10", Ordering::Less);
        check("0.09", "0.1", Ordering::Less);
        check("-2", "-1", Ordering::Less);
        check("-1", "0", Ordering::Less);
        check("1.25", "1.3", Ordering::Less);
        check("12", "12.000000000000000000000000001", Ordering::Less);
        check("9007199254740993", "9007199254740992", Ordering::Greater);
    }

    #[test]
    fn other_text_is_not_a_number() {
        for text in [
            "", "-", ".", "1,5", "0x10", "1e", "1e99999", "1.2.3", " 1", "NaN", "1_0",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
