//! Shares of a secret: any `threshold` of them give it back, fewer say nothing (Shamir, 1979).
//!
//! One polynomial over GF(2^8) for each byte of the secret, in the field of AES (FIPS 197,
//! section 4). The coefficients are uniformly random, the highest one included. All arithmetic on
//! secrets is without tables and branches, so that its time tells nothing about them.
//!
//! A share names its set, so that shares of different sets are not mixed, and ends in a
//! checksum, so that one that was mistyped is told from one that is wrong.
//!
//! ```text
//! text      `srshare1-` and hexadecimal digits of
//! 1 byte    threshold
//! 1 byte    number of the share, from 1
//! 8 bytes   set, random
//! n bytes   the polynomials' values
//! 8 bytes   the front of the SHA-256 of a label and all before
//! secret    2 bytes length, the secret, zeros up to a multiple of 32 bytes
//! ```

use std::fmt;
use std::fmt::Write as _;

use types::Entropy;
use zeroize::{Zeroize, Zeroizing};

use crate::digest::sha256;
use crate::{SecretBytes, ct_eq};

/// Begins the text of every share.
pub const PREFIX: &str = "srshare1-";

/// The longest secret that is split, in bytes.
pub const LONGEST: usize = 1024;

const BLOCK: usize = 32;
const CHECKSUM: usize = 8;
const LABEL: &[u8] = b"strongroom/share/v1";

/// The set that a share belongs to.
pub type Set = [u8; 8];

/// One share.
#[derive(Clone)]
pub struct Share {
    threshold: u8,
    number: u8,
    set: Set,
    values: SecretBytes,
}

/// Shares that do not give a secret, or a text that is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Fewer than two shares would be needed, or more than there are.
    #[error("of N shares at least two and at most N must be needed, and N is at most 255")]
    Threshold,
    /// The secret is empty or too long.
    #[error("a secret that is split has 1 to {LONGEST} bytes")]
    Length,
    /// The text is no share.
    #[error("this is not a share: it begins with `{PREFIX}` and goes on in hexadecimal digits")]
    NotAShare,
    /// A digit was mistyped or left out.
    #[error("the share is mistyped or incomplete: its checksum is wrong")]
    Mistyped,
    /// Shares of different sets were mixed.
    #[error("the shares are not of one set")]
    Mixed,
    /// One share was given twice.
    #[error("share {number} was given already")]
    Twice {
        /// Its number.
        number: u8,
    },
    /// Shares are missing.
    #[error("{missing} more shares are needed")]
    TooFew {
        /// How many.
        missing: usize,
    },
    /// The shares give no secret: one of them was made up.
    #[error("the shares do not fit together: one of them is not of this set")]
    Unfit,
}

/// Splits `secret` into `count` shares of which `threshold` give it back.
///
/// Fails with [`ShareError::Threshold`] unless 2 ≤ `threshold` ≤ `count`, and with
/// [`ShareError::Length`] for a secret that is empty or longer than [`LONGEST`].
pub fn split(
    secret: &[u8],
    threshold: u8,
    count: u8,
    entropy: &dyn Entropy,
) -> Result<Vec<Share>, ShareError> {
    if threshold < 2 || threshold > count {
        return Err(ShareError::Threshold);
    }
    let padded = padded(secret)?;
    let mut set = Set::default();
    entropy.fill(&mut set);
    let degree = usize::from(threshold) - 1;
    let mut values: Vec<Zeroizing<Vec<u8>>> = (0..count)
        .map(|_| Zeroizing::new(Vec::with_capacity(padded.len())))
        .collect();
    let mut coefficients = Zeroizing::new(vec![0; degree]);
    for byte in padded.iter() {
        entropy.fill(&mut coefficients);
        for (number, values) in (1..=count).zip(&mut values) {
            // Horner's scheme, from the highest coefficient down to the secret.
            let value = coefficients.iter().fold(0, |value, coefficient| {
                multiply(value, number) ^ coefficient
            });
            values.push(multiply(value, number) ^ byte);
        }
    }
    Ok((1..=count)
        .zip(values)
        .map(|(number, mut values)| Share {
            threshold,
            number,
            set,
            values: SecretBytes::from(std::mem::take(&mut *values)),
        })
        .collect())
}

/// The secret that `shares` give; those beyond the threshold are not looked at.
///
/// Fails with [`ShareError::Mixed`], [`ShareError::Twice`], [`ShareError::TooFew`], and with
/// [`ShareError::Unfit`] if what they give is no secret that was split.
pub fn combine(shares: &[Share]) -> Result<SecretBytes, ShareError> {
    let Some(first) = shares.first() else {
        return Err(ShareError::TooFew { missing: 2 });
    };
    for (place, share) in shares.iter().enumerate() {
        if !share.goes_with(first) {
            return Err(ShareError::Mixed);
        }
        let mut before = shares.iter().take(place);
        if before.any(|other| other.number == share.number) {
            let number = share.number;
            return Err(ShareError::Twice { number });
        }
    }
    let needed = usize::from(first.threshold);
    if shares.len() < needed {
        let missing = needed - shares.len();
        return Err(ShareError::TooFew { missing });
    }
    let used: Vec<&Share> = shares.iter().take(needed).collect();
    let mut secret = Zeroizing::new(vec![0; first.values.expose().len()]);
    for share in &used {
        let weight = weight(share.number, &used);
        for (byte, value) in secret.iter_mut().zip(share.values.expose()) {
            *byte ^= multiply(*value, weight);
        }
    }
    unpadded(&secret).ok_or(ShareError::Unfit)
}

impl Share {
    /// How many shares are needed.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// The share's number, from 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The set that it belongs to.
    pub fn set(&self) -> Set {
        self.set
    }

    /// Whether both are of one set.
    pub fn goes_with(&self, other: &Self) -> bool {
        (self.set, self.threshold) == (other.set, other.threshold)
            && self.values.expose().len() == other.values.expose().len()
    }

    /// The share as it is handed to its keeper.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = self.front();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * bytes.len()));
        text.push_str(PREFIX);
        for byte in bytes.iter() {
            let _infallible = write!(text, "{byte:02x}");
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote; white space around it and capitals do not matter.
    ///
    /// Fails with [`ShareError::NotAShare`] or [`ShareError::Mistyped`].
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let text = text.trim();
        let begins = text
            .get(..PREFIX.len())
            .is_some_and(|front| front.eq_ignore_ascii_case(PREFIX));
        let digits = text.get(PREFIX.len()..).filter(|_| begins);
        let digits = digits.ok_or(ShareError::NotAShare)?.as_bytes();
        if digits.len() > 2 * (LONGEST + 2 * BLOCK) {
            return Err(ShareError::NotAShare);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
        let (pairs, rest) = digits.as_chunks::<2>();
        for pair in pairs {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            let byte = high.zip(low).map(|(high, low)| high * 16 + low);
            let byte = byte.and_then(|byte| u8::try_from(byte).ok());
            bytes.push(byte.ok_or(ShareError::Mistyped)?);
        }
        let (front, sum) = bytes
            .split_last_chunk::<CHECKSUM>()
            .filter(|_| rest.is_empty())
            .ok_or(ShareError::Mistyped)?;
        if !ct_eq(&checksum(front), sum) {
            return Err(ShareError::Mistyped);
        }
        let mistyped = ShareError::Mistyped;
        let ([threshold, number], rest) = front.split_first_chunk().ok_or(mistyped)?;
        let (set, values) = rest.split_first_chunk().ok_or(mistyped)?;
        if *threshold < 2 || *number == 0 || values.is_empty() {
            return Err(mistyped);
        }
        Ok(Self {
            threshold: *threshold,
            number: *number,
            set: *set,
            values: SecretBytes::from(values.to_vec()),
        })
    }

    fn front(&self) -> Zeroizing<Vec<u8>> {
        let values = self.values.expose();
        let mut bytes = Zeroizing::new(Vec::with_capacity(values.len() + 32));
        bytes.extend_from_slice(&[self.threshold, self.number]);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(values);
        bytes
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, ***)", self.number)
    }
}

fn checksum(front: &[u8]) -> [u8; CHECKSUM] {
    let mut covered = Zeroizing::new(Vec::with_capacity(LABEL.len() + front.len()));
    covered.extend_from_slice(LABEL);
    covered.extend_from_slice(front);
    let mut digest = sha256(&covered);
    let mut sum = [0; CHECKSUM];
    sum.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    digest.zeroize();
    sum
}

/// The secret behind its length, filled up so that shares do not tell how long it is.
fn padded(secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    if secret.is_empty() || secret.len() > LONGEST {
        return Err(ShareError::Length);
    }
    let length = u16::try_from(secret.len()).map_err(|_source| ShareError::Length)?;
    let full = (secret.len() + 2).next_multiple_of(BLOCK);
    let mut padded = Zeroizing::new(Vec::with_capacity(full));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(secret);
    padded.resize(full, 0);
    Ok(padded)
}

fn unpadded(padded: &[u8]) -> Option<SecretBytes> {
    let (length, rest) = padded.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (secret, zeros) = rest.split_at_checked(length)?;
    let fits = (length + 2).next_multiple_of(BLOCK) == padded.len();
    let ends = zeros.iter().fold(0, |any, byte| any | byte) == 0;
    (fits && ends && length > 0).then(|| SecretBytes::from(secret.to_vec()))
}

/// What the value of share `number` counts at zero, where the secret is: Lagrange's polynomial.
fn weight(number: u8, used: &[&Share]) -> u8 {
    let others = used.iter().map(|share| share.number);
    others
        .filter(|other| *other != number)
        .fold(1, |weight, other| {
            multiply(weight, multiply(other, invert(other ^ number)))
        })
}

/// The product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, without tables or branches.
fn multiply(mut left: u8, mut right: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= left & 0_u8.wrapping_sub(right & 1);
        let overflow = 0_u8.wrapping_sub(left >> 7);
        left = (left << 1) ^ (overflow & 0x1b);
        right >>= 1;
    }
    product
}

/// The inverse: the 254th power, since the 255th of all but zero is one.
fn invert(value: u8) -> u8 {
    // 254 = 2 + 4 + 8 + 16 + 32 + 64 + 128
    let mut power = value;
    let mut inverse = 1;
    for _ in 0..7 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}

#[cfg(test)]
mod tests;
