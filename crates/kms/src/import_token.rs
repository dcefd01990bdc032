//! Import tokens: the private half of a wrapping key, sealed, in the hands of whoever imports.
//!
//! ```text
//! 4 bytes   day on which the validity ends, counted from 1970, big-endian
//! rest      sealed:
//!   1 byte    format version (2)
//!   1 byte    wrapping algorithm
//!   1 byte    size of the wrapping key
//!   8 bytes   end of validity, seconds since 1970, big-endian
//!   n bytes   the private key as PKCS#8
//! ```
//!
//! It is sealed (`crypto::committing`) under the shred key of the day; associated data are a
//! label, the day and the row key of the KMS key, so that a token serves that key only. Nothing
//! of it is kept here. When the day is over its shred key is overwritten: whoever kept a token
//! and what was wrapped for it has nothing then, not even with the data key.

use std::sync::Arc;

use crypto::rsa::OaepHash;
use crypto::{CommittingKey, Key32, KeyPair, PairSpec, SecretBytes, key_wrap};
use shapes::kms::{AlgorithmSpec, WrappingKeySpec};
use types::{Entropy, Timestamp};

use crate::Error;
use crate::material::unwritable;
use crate::new_key::owner_account;
use crate::records::{KeyRecord, KeySpec};
use crate::shred::{ShredKeys, of_tokens};
use crate::specs::Family;

const FORMAT_VERSION: u8 = 2;

/// The day of `time`, counted from 1970.
pub(crate) fn day(time: Timestamp) -> u32 {
    u32::try_from(time.seconds().div_euclid(86_400)).unwrap_or(0)
}

/// The token for importing material of `key` wrapped under `pair` until `valid_to`.
///
/// Fails if the file of shred keys cannot be written, where the first token of a day has its key
/// put.
pub(crate) fn seal(
    shred: &ShredKeys,
    entropy: &dyn Entropy,
    key: &KeyRecord,
    (wrapping, pair): (Wrapping, &KeyPair),
    valid_to: Timestamp,
) -> Result<Vec<u8>, Error> {
    let day = day(valid_to);
    let sealing = shred.create(owner_account()?, of_tokens(day));
    let sealing = sealing.map_err(unwritable)?;
    let private = pair.to_pkcs8();
    let head = [
        FORMAT_VERSION,
        wrapping.algorithm.tag(),
        wrapping.size.tag(),
    ];
    let end = valid_to.seconds().to_be_bytes();
    let parts: [&[u8]; 3] = [&head, &end, private.expose()];
    let content = SecretBytes::from(parts.concat());
    let sealed = sealing.seal(entropy, &associated_data(key, day), content.expose());
    Ok([&day.to_be_bytes(), sealed.as_slice()].concat())
}

/// What is in `token`.
///
/// Fails with `InvalidImportTokenException` if it is not one for `key`, and with
/// `ExpiredImportTokenException`.
pub(crate) fn open(
    shred: &ShredKeys,
    key: &KeyRecord,
    now: Timestamp,
    token: &[u8],
) -> Result<Opened, Error> {
    let (end, sealed) = token.split_first_chunk().ok_or(Error::InvalidImportToken)?;
    let end = u32::from_be_bytes(*end);
    if end < day(now) {
        return Err(Error::ExpiredImportToken);
    }
    let sealing: Option<Arc<CommittingKey>> = shred.get(owner_account()?, of_tokens(end));
    let sealing = sealing.ok_or(Error::InvalidImportToken)?;
    let content = sealing.open(&associated_data(key, end), sealed);
    let content = content.map_err(|_silent| Error::InvalidImportToken)?;
    let opened = Opened::parse(content.expose()).ok_or(Error::InvalidImportToken)?;
    if opened.valid_to <= now {
        return Err(Error::ExpiredImportToken);
    }
    Ok(opened)
}

/// The content of a token.
#[derive(Debug)]
pub(crate) struct Opened {
    wrapping: Wrapping,
    valid_to: Timestamp,
    private: SecretBytes,
}

impl Opened {
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let ([version, algorithm, size], rest) = content.split_first_chunk()?;
        let (end, private) = rest.split_first_chunk()?;
        if *version != FORMAT_VERSION {
            return None;
        }
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|known| known.tag() == *algorithm)?;
        let size = Size::ALL.into_iter().find(|known| known.tag() == *size)?;
        Some(Self {
            wrapping: Wrapping { algorithm, size },
            valid_to: Timestamp::new(i64::from_be_bytes(*end), 0),
            private: SecretBytes::from(private.to_vec()),
        })
    }

    /// Unwraps key material. Takes as long as RSA does.
    ///
    /// Fails with `InvalidCiphertextException`.
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, Error> {
        self.unwrapped(wrapped).ok_or(Error::InvalidCiphertext)
    }

    fn unwrapped(&self, wrapped: &[u8]) -> Option<SecretBytes> {
        let (algorithm, size) = (self.wrapping.algorithm, self.wrapping.size);
        let pair = KeyPair::from_pkcs8(size.pair(), self.private.expose()).ok()?;
        if !algorithm.has_aes_key() {
            return pair.decrypt_oaep(algorithm.hash(), wrapped).ok();
        }
        let (key, material) = wrapped.split_at_checked(size.bytes())?;
        let key = pair.decrypt_oaep(algorithm.hash(), key).ok()?;
        let key = Key32::try_from(key.expose()).ok()?;
        key_wrap::unwrap(&key, material).ok()
    }
}

/// How key material is wrapped: algorithm and size of the RSA key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrapping {
    algorithm: Algorithm,
    pub(crate) size: Size,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    OaepSha1,
    OaepSha256,
    AesSha1,
    AesSha256,
}

impl Algorithm {
    const ALL: [Self; 4] = [
        Self::OaepSha1,
        Self::OaepSha256,
        Self::AesSha1,
        Self::AesSha256,
    ];

    fn tag(self) -> u8 {
        match self {
            Self::OaepSha1 => 1,
            Self::OaepSha256 => 2,
            Self::AesSha1 => 3,
            Self::AesSha256 => 4,
        }
    }

    fn hash(self) -> OaepHash {
        match self {
            Self::OaepSha1 | Self::AesSha1 => OaepHash::Sha1,
            Self::OaepSha256 | Self::AesSha256 => OaepHash::Sha256,
        }
    }

    /// Whether RSA wraps an AES key, which wraps the material.
    fn has_aes_key(self) -> bool {
        matches!(self, Self::AesSha1 | Self::AesSha256)
    }
}

/// The size of a wrapping key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

impl Size {
    const ALL: [Self; 3] = [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    fn tag(self) -> u8 {
        match self {
            Self::Rsa2048 => 1,
            Self::Rsa3072 => 2,
            Self::Rsa4096 => 3,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
        }
    }

    /// The kind of pair.
    pub(crate) fn pair(self) -> PairSpec {
        match self {
            Self::Rsa2048 => PairSpec::Rsa2048,
            Self::Rsa3072 => PairSpec::Rsa3072,
            Self::Rsa4096 => PairSpec::Rsa4096,
        }
    }
}

impl Wrapping {
    /// What a caller asks for.
    ///
    /// Fails with `UnsupportedOperationException` for what AWS no longer takes or only the
    /// China Regions have.
    pub(crate) fn of_request(
        algorithm: AlgorithmSpec,
        spec: WrappingKeySpec,
    ) -> Result<Self, Error> {
        let unsupported = |what: String| Err(Error::Unsupported(what.into()));
        let algorithm = match algorithm {
            AlgorithmSpec::RsaesOaepSha1 => Algorithm::OaepSha1,
            AlgorithmSpec::RsaesOaepSha256 => Algorithm::OaepSha256,
            AlgorithmSpec::RsaAesKeyWrapSha1 => Algorithm::AesSha1,
            AlgorithmSpec::RsaAesKeyWrapSha256 => Algorithm::AesSha256,
            AlgorithmSpec::RsaesPkcs1V15 | AlgorithmSpec::Sm2pke => {
                return unsupported(format!("the wrapping algorithm {algorithm}"));
            }
        };
        let size = match spec {
            WrappingKeySpec::Rsa2048 => Size::Rsa2048,
            WrappingKeySpec::Rsa3072 => Size::Rsa3072,
            WrappingKeySpec::Rsa4096 => Size::Rsa4096,
            WrappingKeySpec::Sm2 => {
                return unsupported(format!("the wrapping key spec {spec}"));
            }
        };
        Ok(Self { algorithm, size })
    }

    /// Checks that material of `spec` may be, and can be, wrapped so.
    ///
    /// Fails with `ValidationException`: RSA keys do not fit under OAEP, P-521 keys not under
    /// OAEP with 2048 bits, and the other way is for private keys only.
    pub(crate) fn check(self, spec: KeySpec) -> Result<(), Error> {
        let aes = self.algorithm.has_aes_key();
        let fits = match spec.family() {
            Family::Symmetric | Family::Mac(_) => !aes,
            Family::Pair(PairSpec::Rsa2048 | PairSpec::Rsa3072 | PairSpec::Rsa4096) => aes,
            Family::Pair(PairSpec::P521) => aes || self.size != Size::Rsa2048,
            Family::Pair(_) => true,
        };
        if fits {
            return Ok(());
        }
        let text = format!("the wrapping algorithm and key spec are not compatible with {spec}");
        Err(Error::Validation(text.into()))
    }
}

fn associated_data(key: &KeyRecord, day: u32) -> Vec<u8> {
    [
        b"strongroom/kms/import-token/v2".as_slice(),
        &day.to_be_bytes(),
        key.row_key().as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;
    use types::ServiceError as _;

    use super::*;
    use crate::testing;

    fn wrapping(algorithm: AlgorithmSpec) -> Wrapping {
        Wrapping::of_request(algorithm, WrappingKeySpec::Rsa2048).unwrap()
    }

    fn refusal(outcome: Result<Opened, Error>) -> String {
        outcome.unwrap_err().code().into_owned()
    }

    /// A token in a deployment of its own, and the wrapping key.
    struct Sealed {
        shred: ShredKeys,
        token: Vec<u8>,
        pair: KeyPair,
    }

    impl Sealed {
        /// A token for `key` that ends at `end`.
        fn new(key: &KeyRecord, wrapping: Wrapping, end: Timestamp) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (path, data_key) = (
                directory.path().join("shred.keys"),
                Key32::generate(&SystemEntropy),
            );
            let shred = ShredKeys::open(path, &data_key, Arc::new(SystemEntropy)).unwrap();
            let pair = KeyPair::generate(&SystemEntropy, PairSpec::Rsa2048);
            let token = seal(&shred, &SystemEntropy, key, (wrapping, &pair), end).unwrap();
            Self { shred, token, pair }
        }

        fn open(&self, key: &KeyRecord, now: Timestamp) -> Result<Opened, Error> {
            open(&self.shred, key, now, &self.token)
        }
    }

    #[test]
    fn a_token_opens_for_its_key_until_its_end() {
        let key = testing::key_record();
        let end = Timestamp::new(100, 0);
        let mut sealed = Sealed::new(&key, wrapping(AlgorithmSpec::RsaesOaepSha256), end);
        let content = sealed.open(&key, Timestamp::new(99, 0)).unwrap();
        let wrapped = sealed
            .pair
            .encrypt_oaep(OaepHash::Sha256, &[7; 32])
            .unwrap();
        assert_eq!(content.unwrap(&wrapped).unwrap().expose(), [7; 32]);
        assert!(content.unwrap(&wrapped[1..]).is_err());
        assert_eq!(
            refusal(sealed.open(&key, end)),
            "ExpiredImportTokenException"
        );
        let other = testing::new_key("aaaaaaaa-12ab-34cd-56ef-1234567890ab").record;
        let now = Timestamp::EPOCH;
        assert_eq!(
            refusal(sealed.open(&other, now)),
            "InvalidImportTokenException"
        );
        for at in [0, 3, 40] {
            sealed.token[at] ^= 1;
            assert_eq!(
                refusal(sealed.open(&key, now)),
                "InvalidImportTokenException",
                "{at}"
            );
            sealed.token[at] ^= 1;
        }
        sealed.token.truncate(3);
        assert_eq!(
            refusal(sealed.open(&key, now)),
            "InvalidImportTokenException"
        );
    }

    #[test]
    fn a_token_dies_with_its_day() {
        let key = testing::key_record();
        let end = Timestamp::new(20 * 86_400 + 5, 0);
        let sealed = Sealed::new(&key, wrapping(AlgorithmSpec::RsaesOaepSha256), end);
        let (shred, holder) = (&sealed.shred, owner_account().unwrap());
        let start = Timestamp::new(20 * 86_400 + 4, 0);
        shred.end_tokens(holder, day(start)).unwrap();
        sealed.open(&key, start).unwrap();
        let next = Timestamp::new(21 * 86_400, 0);
        shred.end_tokens(holder, day(next)).unwrap();
        // Whatever the clock says from now on.
        assert_eq!(
            refusal(sealed.open(&key, start)),
            "InvalidImportTokenException"
        );
        assert_eq!(
            refusal(sealed.open(&key, next)),
            "ExpiredImportTokenException"
        );
    }

    #[test]
    fn material_under_an_aes_key_is_unwrapped() {
        let key = testing::key_record();
        let aes = wrapping(AlgorithmSpec::RsaAesKeyWrapSha1);
        let sealed = Sealed::new(&key, aes, Timestamp::new(99, 0));
        let content = sealed.open(&key, Timestamp::EPOCH).unwrap();
        let inner = Key32::generate(&SystemEntropy);
        let mut wrapped = sealed
            .pair
            .encrypt_oaep(OaepHash::Sha1, inner.expose())
            .unwrap();
        wrapped.extend(key_wrap::wrap(&inner, b"a private key").unwrap());
        assert_eq!(content.unwrap(&wrapped).unwrap().expose(), b"a private key");
        for length in [0, 255, 256, wrapped.len() - 1] {
            assert!(content.unwrap(&wrapped[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn material_that_does_not_fit_is_refused_before_it_is_wrapped() {
        let check = |algorithm, size, spec| {
            let wrapping = Wrapping::of_request(algorithm, size).unwrap();
            wrapping.check(spec).is_ok()
        };
        let (small, large) = (WrappingKeySpec::Rsa2048, WrappingKeySpec::Rsa4096);
        let (oaep, aes) = (
            AlgorithmSpec::RsaesOaepSha256,
            AlgorithmSpec::RsaAesKeyWrapSha256,
        );
        assert!(check(oaep, small, KeySpec::SymmetricDefault));
        assert!(!check(aes, large, KeySpec::SymmetricDefault));
        assert!(check(oaep, small, KeySpec::Hmac512));
        assert!(!check(oaep, large, KeySpec::Rsa2048));
        assert!(check(aes, small, KeySpec::Rsa4096));
        assert!(check(oaep, small, KeySpec::EccNistP384));
        assert!(!check(oaep, small, KeySpec::EccNistP521));
        assert!(check(oaep, large, KeySpec::EccNistP521));
        assert!(check(aes, small, KeySpec::EccNistP521));
        assert!(Wrapping::of_request(AlgorithmSpec::RsaesPkcs1V15, small).is_err());
        assert!(Wrapping::of_request(oaep, WrappingKeySpec::Sm2).is_err());
    }
}
