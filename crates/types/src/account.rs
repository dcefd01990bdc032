//! AWS account ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A 12-digit AWS account id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId([u8; 12]);

/// The text is not exactly twelve ASCII digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account id has exactly 12 digits")]
pub struct InvalidAccountId;

impl AccountId {
    /// The id as its twelve digits.
    pub fn as_str(&self) -> &str {
        // INVARIANT: only `from_str` constructs the value, from ASCII digits.
        std::str::from_utf8(&self.0).unwrap_or("000000000000")
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: [u8; 12] = text
            .as_bytes()
            .try_into()
            .map_err(|_source| InvalidAccountId)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(InvalidAccountId)
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccountId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_are_an_account_id() {
        let id: AccountId = "111122223333".parse().unwrap();
        assert_eq!(id.to_string(), "111122223333");
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        for text in ["", "123456789", "1111222233334", "11112222333a", "١١١١٢٢"] {
            assert_eq!(text.parse::<AccountId>(), Err(InvalidAccountId), "{text}");
        }
    }
}
