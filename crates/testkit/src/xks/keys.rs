//! The proxy's keys: AES-256 on a token, used there with AES-GCM.

use std::path::Path;
use std::sync::Mutex;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

/// A session with the token of the keys.
#[derive(Debug)]
pub struct Keys(Mutex<Session>);

/// Initialization vector, and ciphertext with its tag.
pub(super) type Sealed = (Vec<u8>, Vec<u8>);

impl Keys {
    /// Logs in to the token of this label and makes the keys of these ids that it does not have.
    pub fn open(module: &Path, label: &str, pin: &str, ids: &[String]) -> Self {
        let pkcs11 = Pkcs11::new(module).unwrap();
        let locking = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match pkcs11.initialize(locking) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(failed) => panic!("{failed}"),
        }
        let slots = pkcs11.get_slots_with_initialized_token().unwrap();
        let slot = slots
            .into_iter()
            .find(|slot| pkcs11.get_token_info(*slot).unwrap().label() == label)
            .unwrap();
        let session = pkcs11.open_rw_session(slot).unwrap();
        let pin = AuthPin::new(pin.into());
        session.login(UserType::User, Some(&pin)).unwrap();
        let keys = Self(Mutex::new(session));
        for id in ids {
            keys.make(id);
        }
        keys
    }

    fn make(&self, id: &str) {
        let session = self.0.lock().unwrap();
        if !session.find_objects(&named(id)).unwrap().is_empty() {
            return;
        }
        let mut template = named(id);
        template.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
        ]);
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .unwrap();
    }

    /// Encrypts under the key `id`; `None` if there is none.
    pub(super) fn encrypt(&self, id: &str, aad: &[u8], plaintext: &[u8]) -> Option<Sealed> {
        let session = self.0.lock().unwrap();
        let key = find(&session, id)?;
        let mut iv = session.generate_random_vec(12).unwrap();
        let given = iv.clone();
        let params = GcmParams::new(&mut iv, aad, 128.into()).unwrap();
        let sealed = session.encrypt(&Mechanism::AesGcm(params), key, plaintext);
        Some((given, sealed.unwrap()))
    }

    /// Decrypts under the key `id`; `None` if there is none, or it was not encrypted so.
    pub(super) fn decrypt(&self, id: &str, aad: &[u8], (iv, sealed): Sealed) -> Option<Vec<u8>> {
        let session = self.0.lock().unwrap();
        let key = find(&session, id)?;
        let mut iv = iv;
        let params = GcmParams::new(&mut iv, aad, 128.into()).ok()?;
        session
            .decrypt(&Mechanism::AesGcm(params), key, &sealed)
            .ok()
    }
}

fn named(id: &str) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Label(id.as_bytes().to_vec()),
    ]
}

fn find(session: &Session, id: &str) -> Option<ObjectHandle> {
    session.find_objects(&named(id)).unwrap().first().copied()
}
