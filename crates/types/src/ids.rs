//! Identifiers: access keys, IAM unique ids, KMS key ids, request ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Entropy};

/// The text does not have the form of this identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier of this kind")]
pub struct InvalidId;

/// What a unique id or access key id identifies, by AWS's prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UniqueIdKind {
    /// `AKIA`: a long-term access key.
    AccessKey,
    /// `ASIA`: a temporary access key.
    TemporaryKey,
    /// `AIDA`: a user.
    User,
    /// `AROA`: a role.
    Role,
    /// `AGPA`: a group.
    Group,
    /// `ANPA`: a managed policy.
    ManagedPolicy,
}

impl UniqueIdKind {
    /// The four characters that ids of this kind begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::AccessKey => "AKIA",
            Self::TemporaryKey => "ASIA",
            Self::User => "AIDA",
            Self::Role => "AROA",
            Self::Group => "AGPA",
            Self::ManagedPolicy => "ANPA",
        }
    }
}

/// Random bits of the id of a temporary access key.
const RANDOM_BITS: u32 = 39;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn random_base32(entropy: &dyn Entropy, prefix: &str, length: usize) -> String {
    let mut bytes = vec![0_u8; length];
    entropy.fill(&mut bytes);
    let mut text = String::with_capacity(prefix.len() + length);
    text.push_str(prefix);
    for byte in bytes {
        let letter = BASE32.get(usize::from(byte & 31)).copied().unwrap_or(b'A');
        text.push(char::from(letter));
    }
    text
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }
    };
}

text_id! {
    /// The public half of a credential: 16 to 128 word characters (`AKIA…`, `ASIA…`).
    AccessKeyId
}

text_id! {
    /// The id of an IAM principal or policy that outlives renames (`AIDA…`, `AROA…`).
    UniqueId
}

text_id! {
    /// The id of a KMS key: a UUID, or `mrk-` and 32 hex digits for a multi-Region key.
    KeyId
}

impl AccessKeyId {
    /// A new random id of 20 characters with AWS's prefix.
    pub fn generate(entropy: &dyn Entropy, kind: UniqueIdKind) -> Self {
        Self(Arc::from(random_base32(entropy, kind.prefix(), 16)))
    }

    /// A new id of a temporary access key, which names its account as AWS's ids do: of the
    /// eighty bits behind the prefix, the first is set, forty are the account's number, the
    /// others random.
    pub fn temporary(entropy: &dyn Entropy, account: AccountId) -> Self {
        let mut random = [0_u8; 8];
        entropy.fill(&mut random);
        let random = u128::from(u64::from_be_bytes(random)) & ((1 << RANDOM_BITS) - 1);
        let number = account.as_str().parse::<u64>().unwrap_or_default();
        let bits = 1 << 79 | u128::from(number) << RANDOM_BITS | random;
        let mut text = String::from(UniqueIdKind::TemporaryKey.prefix());
        for place in (0..16_u32).rev() {
            let letter = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
            text.push(char::from(BASE32.get(letter).copied().unwrap_or(b'A')));
        }
        Self(Arc::from(text))
    }

    /// The account that a temporary access key names; `None` for keys of other kinds.
    pub fn temporary_account(&self) -> Option<AccountId> {
        let letters = self.0.strip_prefix(UniqueIdKind::TemporaryKey.prefix())?;
        if letters.len() != 16 {
            return None;
        }
        let mut bits = 0_u128;
        for letter in letters.bytes() {
            let value = BASE32.iter().position(|other| *other == letter)?;
            bits = bits << 5 | u128::try_from(value).ok()?;
        }
        let number = bits >> RANDOM_BITS & ((1 << 40) - 1);
        format!("{number:012}").parse().ok()
    }
}

impl UniqueId {
    /// A new random id of 21 characters with AWS's prefix.
    pub fn generate(entropy: &dyn Entropy, kind: UniqueIdKind) -> Self {
        Self(Arc::from(random_base32(entropy, kind.prefix(), 17)))
    }
}

fn word_characters(text: &str) -> Result<Arc<str>, InvalidId> {
    let fits = (16..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits {
        Ok(Arc::from(text))
    } else {
        Err(InvalidId)
    }
}

impl FromStr for AccessKeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        word_characters(text).map(Self)
    }
}

impl FromStr for UniqueId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        word_characters(text).map(Self)
    }
}

impl KeyId {
    /// A new random version-4 UUID.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Arc::from(ascii(&uuid_v4(entropy))))
    }

    /// A new random id of a multi-Region key.
    pub fn generate_multi_region(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(Arc::from(format!(
            "mrk-{:032x}",
            u128::from_be_bytes(bytes)
        )))
    }
}

impl FromStr for KeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = match text.strip_prefix("mrk-") {
            Some(hex) => hex.len() == 32 && hex.bytes().all(is_lower_hex),
            None => is_uuid(text),
        };
        if fits {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId)
        }
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if matches!(at, 8 | 13 | 18 | 23) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

/// The text of a random version-4 UUID.
fn uuid_v4(entropy: &dyn Entropy) -> [u8; 36] {
    /// Where in the text the digits of each byte stand.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0_u8; 16];
    entropy.fill_id(&mut bytes);
    if let Some(byte) = bytes.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x40;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let digit = |nibble: u8| HEX.get(usize::from(nibble & 0x0f)).copied().unwrap_or(b'0');
    let mut text = [b'-'; 36];
    for (place, byte) in PLACES.iter().zip(bytes) {
        if let Some([high, low]) = text.get_mut(*place..).and_then(<[u8]>::first_chunk_mut) {
            (*high, *low) = (digit(byte >> 4), digit(byte));
        }
    }
    text
}

/// INVARIANT: only called for what [`uuid_v4`] wrote.
fn ascii(text: &[u8; 36]) -> &str {
    std::str::from_utf8(text).unwrap_or("")
}

/// The id of one request: answered in a header, logged, and part of the audit record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 36]);

impl RequestId {
    /// A new random version-4 UUID.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(uuid_v4(entropy))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, target: &mut [u8]) {
            for (at, byte) in target.iter_mut().enumerate() {
                *byte = u8::try_from(at % 256).unwrap();
            }
        }
    }

    #[test]
    fn generated_ids_have_the_prefix_and_length_of_aws() {
        let key = AccessKeyId::generate(&Counting, UniqueIdKind::AccessKey);
        assert_eq!(
            (key.as_str().len(), key.as_str().starts_with("AKIA")),
            (20, true)
        );
        let user = UniqueId::generate(&Counting, UniqueIdKind::User);
        assert_eq!(
            (user.as_str().len(), user.as_str().starts_with("AIDA")),
            (21, true)
        );
    }

    #[test]
    fn temporary_keys_name_their_account() {
        for account in ["000000000000", "111122223333", "999999999999"] {
            let account: AccountId = account.parse().unwrap();
            let key = AccessKeyId::temporary(&Counting, account);
            assert_eq!(
                (key.as_str().len(), key.temporary_account()),
                (20, Some(account))
            );
        }
        let other: AccessKeyId = "AKIAEXAMPLEEXAMPLE23".parse().unwrap();
        assert_eq!(other.temporary_account(), None);
    }

    #[test]
    fn the_account_of_a_temporary_key_is_where_aws_puts_it() {
        // A published example of the encoding: ASIAQNZGKIQY belongs to 029608264753.
        let key: AccessKeyId = "ASIAQNZGKIQY56JQ7WML".parse().unwrap();
        assert_eq!(key.temporary_account(), "029608264753".parse().ok());
    }

    #[test]
    fn request_ids_are_version_4_uuids() {
        assert_eq!(
            RequestId::generate(&Counting).as_str(),
            "00010203-0405-4607-8809-0a0b0c0d0e0f"
        );
    }

    #[test]
    fn key_ids_are_uuids_or_multi_region_ids() {
        assert!(
            "1234abcd-12ab-34cd-56ef-1234567890ab"
                .parse::<KeyId>()
                .is_ok()
        );
        assert!(
            "mrk-1234abcd12ab34cd56ef1234567890ab"
                .parse::<KeyId>()
                .is_ok()
        );
        assert!("1234abcd12ab34cd56ef1234567890ab".parse::<KeyId>().is_err());
        assert!(
            "mrk-1234ABCD12ab34cd56ef1234567890ab"
                .parse::<KeyId>()
                .is_err()
        );
    }
}
