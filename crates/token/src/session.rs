//! What can be done on a session: keys by their labels, sealing, opening, random bytes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crypto::{CommittingKey, Key32, SecretBytes};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session as RawSession;
use tokio::time::Instant;
use types::Entropy;
use zeroize::Zeroizing;

use crate::Error;

/// A session with a token, logged in. Tasks of [`Token::run`](crate::Token::run) get one.
pub struct Session {
    raw: RawSession,
    /// Whose keys these are, see [`Settings::owner`](crate::Settings::owner).
    owner: Option<String>,
    /// Keys that were found.
    keys: RefCell<HashMap<String, Found>>,
}

/// A key that was looked at.
#[derive(Debug, Clone, Copy)]
struct Found {
    handle: ObjectHandle,
    at: Instant,
}

/// How long a key is used before it is looked at again: somebody else may have claimed it.
const LOOKED_AT: Duration = Duration::from_secs(10);

/// Bytes of the random value that a message key is derived from.
const VALUE: usize = 32;

/// Keeps message keys of the token apart from everything else that its keys might authenticate.
const LABEL: &[u8] = b"strongroom/token/message-key/v1";

impl Session {
    pub(crate) fn new(raw: RawSession, owner: Option<String>) -> Self {
        Self {
            raw,
            owner,
            keys: RefCell::default(),
        }
    }

    /// Makes an AES-256 key of this label, unless there is one: on the token, kept there, private
    /// to its user, and for the derivation of message keys only.
    ///
    /// Fails with [`Error::SeveralKeys`], [`Error::Unfit`] or [`Error::Foreign`] if what there
    /// is cannot be used.
    pub fn make_key(&self, label: &str) -> Result<(), Error> {
        match self.find(label) {
            Err(Error::NoKey { .. }) => {}
            found => return found.map(|_handle| ()),
        }
        let length = 32_usize.try_into()?;
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(length),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(self.id(label)),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Verify(false),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
        ];
        self.raw.generate_key(&Mechanism::AesKeyGen, &template)?;
        // Two makers at once leave two keys: neither is used before that is known.
        self.find(label).map(|_handle| ())
    }

    /// Fails with [`Error::NoKey`], [`Error::SeveralKeys`], [`Error::Unfit`] or
    /// [`Error::Foreign`] unless the token has one key of this label that can be used. The token
    /// is asked.
    pub fn check_key(&self, label: &str) -> Result<(), Error> {
        self.find(label).map(|_handle| ())
    }

    /// Destroys the keys of this label that belong here, and says whether others are left, which
    /// belong to somebody else; one that does not exist is no failure.
    pub fn destroy_key(&self, label: &str) -> Result<bool, Error> {
        self.keys.borrow_mut().remove(label);
        let mut others = false;
        for handle in self.raw.find_objects(&template(label))? {
            if self.is_own(handle, label)? {
                self.raw.destroy_object(handle)?;
            } else {
                others = true;
            }
        }
        Ok(others)
    }

    /// Writes on the keys of this label that they belong here, whoever they belonged to: from then
    /// on nobody else uses or destroys them. Says whether there is one.
    pub fn claim_key(&self, label: &str) -> Result<bool, Error> {
        self.keys.borrow_mut().remove(label);
        let found = self.raw.find_objects(&template(label))?;
        for handle in &found {
            if !self.is_own(*handle, label)? {
                let ours = [Attribute::Id(self.id(label))];
                self.raw.update_attributes(*handle, &ours)?;
            }
        }
        Ok(!found.is_empty())
    }

    /// Seals `plaintext` under the key of this label, bound to `aad`. The result is 113 bytes
    /// longer than the plaintext.
    pub fn seal(
        &self,
        label: &str,
        entropy: &dyn Entropy,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut value = [0; VALUE];
        entropy.fill(&mut value);
        let key = CommittingKey::new(&self.derive(label, &value)?);
        let mut sealed = value.to_vec();
        sealed.extend_from_slice(&key.seal(entropy, aad, plaintext));
        Ok(sealed)
    }

    /// Opens what [`Session::seal`] sealed under the key of this label with the same `aad`.
    ///
    /// Fails with [`Error::Sealed`] if it was not that.
    pub fn open(&self, label: &str, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, Error> {
        let Some((value, sealed)) = sealed.split_first_chunk::<VALUE>() else {
            return Err(Error::Sealed(crypto::OpenError));
        };
        let key = CommittingKey::new(&self.derive(label, value)?);
        key.open(aad, sealed).map_err(Error::Sealed)
    }

    /// `length` bytes of the token's generator.
    pub fn random(&self, length: usize) -> Result<SecretBytes, Error> {
        let mut bytes = vec![0; length];
        self.raw.generate_random_slice(&mut bytes)?;
        Ok(SecretBytes::from(bytes))
    }

    /// The 256-bit key that the token derives from `value` with its key of this label: SP 800-108
    /// in counter mode with CMAC-AES-256. The fixed input is a label, a zero byte, `value` and the
    /// output's length in bits; the 32-bit counter stands in front.
    fn derive(&self, label: &str, value: &[u8; VALUE]) -> Result<Key32, Error> {
        let mut derived = Zeroizing::new(Vec::with_capacity(32));
        for counter in 1_u32..=2 {
            let length = 256_u32.to_be_bytes();
            let input = [&counter.to_be_bytes(), LABEL, &[0], value, &length].concat();
            let block = Zeroizing::new(self.cmac(label, &input)?);
            derived.extend_from_slice(&block);
        }
        // A token that shortens its codes derives no key.
        Key32::try_from(derived.as_slice())
            .map_err(|_length| Error::Failed(cryptoki::error::Error::InvalidValue))
    }

    fn cmac(&self, label: &str, input: &[u8]) -> Result<Vec<u8>, Error> {
        let known = self.keys.borrow().get(label).copied();
        if let Some(Found { handle, .. }) = known.filter(|it| it.at.elapsed() < LOOKED_AT) {
            match self.raw.sign(&Mechanism::AesCMac, handle, input) {
                Ok(code) => return Ok(code),
                Err(failed) => {
                    let failed = Error::from(failed);
                    self.keys.borrow_mut().remove(label);
                    if !failed.is_stale_handle() {
                        return Err(failed);
                    }
                }
            }
        }
        let handle = self.find(label)?;
        Ok(self.raw.sign(&Mechanism::AesCMac, handle, input)?)
    }

    /// Asks the token for the key, and remembers its handle.
    fn find(&self, label: &str) -> Result<ObjectHandle, Error> {
        self.keys.borrow_mut().remove(label);
        let found = self.raw.find_objects(&template(label))?;
        let named = || label.to_owned();
        let handle = match found.as_slice() {
            [one] => *one,
            [] => return Err(Error::NoKey { label: named() }),
            _ => return Err(Error::SeveralKeys { label: named() }),
        };
        let wanted = properties();
        let kinds: Vec<AttributeType> = wanted.iter().map(Attribute::attribute_type).collect();
        let found = self.raw.get_attributes(handle, &kinds)?;
        if !wanted.iter().all(|property| found.contains(property)) {
            return Err(Error::Unfit { label: named() });
        }
        if !self.is_own(handle, label)? {
            return Err(Error::Foreign { label: named() });
        }
        let at = Instant::now();
        self.keys.borrow_mut().insert(named(), Found { handle, at });
        Ok(handle)
    }

    /// Whether the key says that it belongs here.
    fn is_own(&self, handle: ObjectHandle, label: &str) -> Result<bool, Error> {
        if self.owner.is_none() {
            return Ok(true);
        }
        let found = self.raw.get_attributes(handle, &[AttributeType::Id])?;
        Ok(found.contains(&Attribute::Id(self.id(label))))
    }

    /// What stands in the `CKA_ID` of keys that belong here.
    fn id(&self, label: &str) -> Vec<u8> {
        match &self.owner {
            Some(owner) => format!("strongroom:{owner}").into_bytes(),
            None => label.as_bytes().to_vec(),
        }
    }
}

/// What a key must be, so that one which somebody else put there does not pass for one of ours:
/// made on the token, never off it, and for nothing but message keys.
fn properties() -> [Attribute; 12] {
    [
        Attribute::Local(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::AlwaysSensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
        Attribute::ValueLen(32.into()),
        Attribute::Sign(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Wrap(false),
        Attribute::Derive(false),
    ]
}

/// What a key of this label is found by.
fn template(label: &str) -> [Attribute; 5] {
    [
        Attribute::Private(true),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.raw)
    }
}
