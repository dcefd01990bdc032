//! What keys and calls cost, by a table of prices.

use std::fmt;

/// An amount of money in billionths of the currency's unit: exact where prices have up to nine
/// decimal places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(u128);

/// A price that is refused: not a number from 0 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a price must be between 0 and 1000000")]
pub struct PriceError;

/// Billionths of a unit.
const UNIT: u128 = 1_000_000_000;

impl Money {
    /// So many thousandths of the unit.
    pub fn thousandths(number: u32) -> Self {
        Self(u128::from(number) * (UNIT / 1_000))
    }

    /// A price as the configuration has it; what is beyond nine decimal places is cut off.
    ///
    /// Fails if it is negative, no number, or above a million.
    pub fn of(number: f64) -> Result<Self, PriceError> {
        if !(0.0..=1_000_000.0).contains(&number) {
            return Err(PriceError);
        }
        let text = format!("{number:.9}").replace('.', "");
        text.parse().map(Self).map_err(|_no_number| PriceError)
    }

    /// This price for `part` of `whole`.
    pub(crate) fn for_part(self, part: u64, whole: u64) -> Self {
        Self(self.0.saturating_mul(part.into()) / u128::from(whole.max(1)))
    }
}

impl std::ops::Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| sum + amount)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / UNIT, self.0 % UNIT)
    }
}

crate::records::text_enum! {
    /// What a call costs by.
    pub(crate) Class {
        /// Symmetric encryption and HMAC keys, and RSA keys of 2,048 bits.
        Usual = "requests",
        /// Other key pairs.
        Asymmetric = "asymmetric_requests",
        /// Data key pairs on elliptic curves, and ML-KEM.
        EccDataKeyPair = "ecc_data_key_pairs",
        /// RSA data key pairs.
        RsaDataKeyPair = "rsa_data_key_pairs",
    }
}

/// The prices. A shared part of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// The currency, such as `USD`.
    pub currency: String,
    /// A customer managed key for a month.
    pub key_month: Money,
    /// Each of the first two rotations of a key, for a month.
    pub rotation_month: Money,
    /// 10,000 calls with symmetric, HMAC and RSA-2048 keys.
    pub requests: Money,
    /// 10,000 calls with other key pairs.
    pub asymmetric_requests: Money,
    /// 10,000 data key pairs on elliptic curves, or of ML-KEM.
    pub ecc_data_key_pairs: Money,
    /// 10,000 RSA data key pairs.
    pub rsa_data_key_pairs: Money,
}

impl Default for Prices {
    /// AWS's public prices in most regions, in US dollars, without its free tier.
    fn default() -> Self {
        Self {
            currency: "USD".to_owned(),
            key_month: Money::thousandths(1_000),
            rotation_month: Money::thousandths(1_000),
            requests: Money::thousandths(30),
            asymmetric_requests: Money::thousandths(150),
            ecc_data_key_pairs: Money::thousandths(100),
            rsa_data_key_pairs: Money::thousandths(12_000),
        }
    }
}

impl Prices {
    /// What so many calls cost.
    pub(crate) fn of_calls(&self, class: Class, number: u64) -> Money {
        let of_10_000 = match class {
            Class::Usual => self.requests,
            Class::Asymmetric => self.asymmetric_requests,
            Class::EccDataKeyPair => self.ecc_data_key_pairs,
            Class::RsaDataKeyPair => self.rsa_data_key_pairs,
        };
        of_10_000.for_part(number, 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let prices = Prices::default();
        let of = |class, number| prices.of_calls(class, number).to_string();
        assert_eq!(of(Class::Usual, 1), "0.000003000");
        assert_eq!(of(Class::Usual, 10_000), "0.030000000");
        assert_eq!(of(Class::Asymmetric, 3), "0.000045000");
        assert_eq!(
            of(Class::RsaDataKeyPair, 1_000_000_000),
            "1200000.000000000"
        );
        assert_eq!(Money::of(0.03).unwrap(), Money::thousandths(30));
        assert_eq!(Money::of(12.5).unwrap().to_string(), "12.500000000");
        for wrong in [-0.01, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Money::of(wrong), Err(PriceError), "{wrong}");
        }
    }
}
