//! The form of ciphertexts under symmetric KMS keys.
//!
//! ```text
//! 1 byte    format version: 1, or another for keys in custom key stores (`crate::key_stores`)
//! 1 byte    form of the key id: 0 UUID, 1 multi-Region (`mrk-`)
//! 5 bytes   account of the key, as a number, big-endian
//! 16 bytes  key id
//! 32 bytes  material id
//! n bytes   sealed plaintext (`crypto::committing`), 81 bytes longer than the plaintext
//! ```
//!
//! Associated data is a fixed label, these 55 bytes of header and the canonical encryption
//! context. So a ciphertext opens only under the key, the material and the context that it
//! was made with; the region is not bound, because related multi-Region keys read each
//! other's ciphertexts. The sealing key is derived from the material and the key id, and the
//! sealed part commits to it. Nothing outside this module reads the form.

use types::{AccountId, KeyId};

use crate::Error;
use crate::context::{EncryptionContext, canonical};
use crate::records::MaterialId;

/// The bytes before the sealed plaintext.
const HEADER_LEN: usize = 55;

const UUID: u8 = 0;
const MULTI_REGION: u8 = 1;

/// Keeps KMS ciphertexts apart from everything else that is sealed.
const LABEL: &[u8] = b"strongroom/kms/ciphertext/v1";

/// What holds the key of a ciphertext, as the format version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// KMS itself.
    Own,
    /// A token.
    Token,
    /// KMS and an external key manager, one within the other.
    Proxy,
    /// The same, as it was made before: it does not say which message of KMS it holds.
    ProxyUnnamed,
}

impl Form {
    fn version(self) -> u8 {
        match self {
            Self::Own => 1,
            Self::Token => 2,
            Self::ProxyUnnamed => 3,
            Self::Proxy => 4,
        }
    }

    fn of_version(version: u8) -> Option<Self> {
        let all = [Self::Own, Self::Token, Self::ProxyUnnamed, Self::Proxy];
        all.into_iter().find(|form| form.version() == version)
    }
}

/// What a ciphertext says of itself: which key and which of its materials made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) form: Form,
    pub(crate) account: AccountId,
    pub(crate) key: KeyId,
    pub(crate) material: MaterialId,
}

/// The bytes are not a ciphertext of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Header {
    /// The header's bytes.
    ///
    /// Fails for a key id that is not in lower case, which none of ours is.
    pub(crate) fn encode(&self) -> Result<[u8; HEADER_LEN], Malformed> {
        let text = self.key.as_str();
        let (form, digits) = match text.strip_prefix("mrk-") {
            Some(digits) => (MULTI_REGION, digits.to_owned()),
            None => (UUID, text.replace('-', "")),
        };
        let mut id = [0; 16];
        hex::decode_to_slice(digits, &mut id).map_err(|_source| Malformed)?;
        let account: u64 = self.account.as_str().parse().map_err(|_source| Malformed)?;
        let [_, _, _, account @ ..] = account.to_be_bytes();
        let version = self.form.version();
        let parts: [&[u8]; 4] = [&[version, form], &account, &id, &self.material.0];
        let bytes = parts
            .concat()
            .try_into()
            .map_err(|_wrong_length| Malformed)?;
        let back = Self::decode(&bytes)?;
        if back == *self {
            Ok(bytes)
        } else {
            Err(Malformed)
        }
    }

    /// Splits a ciphertext into its header, the header's bytes and the sealed part.
    pub(crate) fn split(blob: &[u8]) -> Result<(Self, &[u8; HEADER_LEN], &[u8]), Malformed> {
        let (bytes, sealed) = blob.split_first_chunk().ok_or(Malformed)?;
        Ok((Self::decode(bytes)?, bytes, sealed))
    }

    fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, Malformed> {
        let ([version, form], rest) = bytes.split_first_chunk().ok_or(Malformed)?;
        let (account, rest) = rest.split_first_chunk::<5>().ok_or(Malformed)?;
        let (id, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
        let material: [u8; 32] = rest.try_into().map_err(|_wrong_length| Malformed)?;
        Ok(Self {
            form: Form::of_version(*version).ok_or(Malformed)?,
            account: account_of(*account)?,
            key: key_id_of(*form, id)?,
            material: MaterialId(material),
        })
    }
}

/// The associated data of the sealed part.
///
/// Fails for a context without a [canonical form](canonical).
pub(crate) fn associated_data(
    header: &[u8; HEADER_LEN],
    context: &EncryptionContext,
) -> Result<Vec<u8>, Error> {
    Ok([LABEL, header, &canonical(context)?].concat())
}

fn account_of(bytes: [u8; 5]) -> Result<AccountId, Malformed> {
    let number = bytes
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:012}")
        .parse()
        .map_err(|_thirteen_digits| Malformed)
}

fn key_id_of(form: u8, id: &[u8; 16]) -> Result<KeyId, Malformed> {
    let digits = hex::encode(id);
    let text = match form {
        MULTI_REGION => format!("mrk-{digits}"),
        UUID => {
            let mut text = String::with_capacity(36);
            for (at, digit) in digits.chars().enumerate() {
                if matches!(at, 8 | 12 | 16 | 20) {
                    text.push('-');
                }
                text.push(digit);
            }
            text
        }
        _ => return Err(Malformed),
    };
    text.parse().map_err(|_source| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(key: &str, account: &str) -> Header {
        Header {
            form: Form::Own,
            account: account.parse().unwrap(),
            key: key.parse().unwrap(),
            material: MaterialId([7; 32]),
        }
    }

    fn reads_back(key: &str, account: &str) {
        let header = header(key, account);
        let mut blob = header.encode().unwrap().to_vec();
        blob.extend_from_slice(b"sealed");
        let (read, bytes, sealed) = Header::split(&blob).unwrap();
        assert_eq!((read, sealed), (header, b"sealed".as_slice()));
        assert_eq!(bytes.len(), HEADER_LEN);
    }

    #[test]
    fn both_forms_of_key_ids_read_back() {
        reads_back("1234abcd-12ab-34cd-56ef-1234567890ab", "111122223333");
        reads_back("mrk-1234abcd12ab34cd56ef1234567890ab", "999999999999");
        reads_back("1234abcd-12ab-34cd-56ef-1234567890ab", "000000000000");
    }

    #[test]
    fn every_form_has_a_version_of_its_own() {
        for form in [Form::Own, Form::Token, Form::ProxyUnnamed, Form::Proxy] {
            let header = Header {
                form,
                ..header("1234abcd-12ab-34cd-56ef-1234567890ab", "111122223333")
            };
            let bytes = header.encode().unwrap();
            assert_eq!(Header::split(&bytes).unwrap().0, header);
        }
    }

    #[test]
    fn key_ids_in_upper_case_are_not_ours() {
        let header = header("1234ABCD-12ab-34cd-56ef-1234567890ab", "111122223333");
        assert_eq!(header.encode(), Err(Malformed));
    }

    #[test]
    fn truncated_headers_are_malformed() {
        let bytes = header("1234abcd-12ab-34cd-56ef-1234567890ab", "111122223333")
            .encode()
            .unwrap();
        for length in 0..HEADER_LEN {
            assert_eq!(Header::split(&bytes[..length]), Err(Malformed), "{length}");
        }
    }

    #[test]
    fn unknown_versions_forms_and_accounts_are_malformed() {
        let bytes = header("1234abcd-12ab-34cd-56ef-1234567890ab", "111122223333")
            .encode()
            .unwrap();
        for (at, value) in [(0, 0), (0, 5), (1, 2), (1, 255), (2, 255)] {
            let mut bytes = bytes;
            bytes[at] = value;
            assert_eq!(Header::split(&bytes), Err(Malformed), "byte {at} = {value}");
        }
    }
}
