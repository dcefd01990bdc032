//! What was stored and handed out once opens with today's code: `testdata/formats`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crypto::digest::sha256;
use crypto::{Key32, SecretBytes, SystemEntropy};
use store::{Key, SnapshotBuilder, View};
use testkit::SoftHsm;
use token::{Settings, Slot, Token};
use types::{ManualClock, Timestamp};

use crate::ciphertext::{Form, Header, associated_data};
use crate::context::EncryptionContext;
use crate::material::Unwrapped;
use crate::records::{KeyRow, MaterialId};
use crate::shred::{ShredKeys, is_own};
use crate::testing::{self, KEY_ID};
use crate::{Error, Keyring, import_token};

const OWN: &str = include_str!("../testdata/formats/own.txt");
const TOKEN: &str = include_str!("../testdata/formats/token.txt");

/// The words behind `name` in the first line that begins with it.
fn words<'a>(fixture: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = fixture.lines().map(|line| line.split_whitespace());
    let found = lines.find_map(|mut words| (words.next() == Some(name)).then_some(words));
    found.unwrap().collect()
}

/// What stands behind `name`, in hexadecimal.
pub(crate) fn bytes(fixture: &str, name: &str) -> Vec<u8> {
    hex::decode(words(fixture, name)[0]).unwrap()
}

pub(crate) fn context() -> EncryptionContext {
    let pairs = [("team", "ml"), ("a", "")];
    let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.into_iter().collect()
}

fn key32(byte: u8) -> Key32 {
    Key32::try_from([byte; 32].as_slice()).unwrap()
}

/// The file of shred keys, opened, and the snapshot of the rows.
pub(crate) struct Stored {
    shred: Arc<ShredKeys>,
    view: View,
}

impl Stored {
    pub(crate) fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shred.keys");
        fs::write(&path, bytes(OWN, "shred.keys")).unwrap();
        let shred = ShredKeys::open(path, &key32(7), Arc::new(SystemEntropy)).unwrap();
        let tables = crate::tables();
        let mut snapshot = SnapshotBuilder::new(&tables);
        for line in OWN.lines().filter(|line| line.starts_with("row ")) {
            let [_, table, key, record] = *line.splitn(4, ' ').collect::<Vec<_>>() else {
                panic!("{line}");
            };
            let table = tables.iter().find(|known| known.name() == table).unwrap();
            let record = table.decode(record.as_bytes()).unwrap();
            let key = Key::from_encoded(&hex::decode(key).unwrap());
            snapshot.row(*table, key, 1, record);
        }
        Self {
            shred: Arc::new(shred),
            view: View::plain(Arc::new(snapshot.build(1))),
        }
    }

    pub(crate) fn key(&self) -> KeyRow {
        testing::row(&self.view, KEY_ID)
    }

    /// The key ring over these shred keys.
    fn keyring(&self) -> Keyring {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        Keyring::new(clock, Arc::new(SystemEntropy), Arc::clone(&self.shred))
    }

    /// The key's material, ready for use.
    pub(crate) fn material(&self) -> Arc<Unwrapped> {
        self.keyring().current(&self.view, &self.key()).unwrap()
    }
}

#[test]
fn the_fixtures_of_shred_keys_rows_and_version_1_open() {
    let stored = Stored::open();
    let keyring = stored.keyring();
    let blob = bytes(OWN, "ciphertext");
    let (plaintext, _) = keyring
        .decrypt(&stored.view, &stored.key(), &context(), &blob)
        .unwrap();
    assert_eq!(plaintext.expose(), b"secret");
    let other = EncryptionContext::new();
    let refused = keyring.decrypt(&stored.view, &stored.key(), &other, &blob);
    assert!(matches!(refused, Err(Error::InvalidCiphertext)));
    // Of the account, of one imported material, of a day's tokens; a fourth was destroyed.
    let own = stored.shred.numbers(testing::account());
    assert_eq!((own.len(), own[0]), (2, 1));
    assert!(is_own(own[1]));
}

#[test]
fn the_fixture_of_an_import_token_opens() {
    let stored = Stored::open();
    let (key, token) = (stored.key(), bytes(OWN, "import-token"));
    let now = Timestamp::new(1_700_000_000, 0);
    let opened = import_token::open(&stored.shred, &key.record, now, &token).unwrap();
    let material = opened.unwrap(&bytes(OWN, "wrapped")).unwrap();
    assert_eq!(material.expose(), [9; 32]);
}

/// The header of a ciphertext, what its key is bound to, and what is sealed.
pub(crate) fn parts(blob: &[u8], form: Form) -> (MaterialId, Vec<u8>, &[u8]) {
    let (header, bytes, sealed) = Header::split(blob).unwrap();
    assert_eq!(header.form, form);
    assert_eq!(header.account, testing::account());
    assert_eq!(header.key.as_str(), KEY_ID);
    let aad = associated_data(bytes, &context()).unwrap();
    (header.material, aad, sealed)
}

#[test]
fn the_fixture_of_version_2_opens_on_its_token() {
    SoftHsm::in_own_process(|hsm| {
        let directory = hsm.tokens().join("fixture");
        fs::create_dir(&directory).unwrap();
        for line in TOKEN.lines().filter(|line| line.starts_with("file ")) {
            let [_, name, content] = *line.split(' ').collect::<Vec<_>>() else {
                panic!("{line}");
            };
            fs::write(directory.join(name), hex::decode(content).unwrap()).unwrap();
        }
        let blob = bytes(TOKEN, "ciphertext");
        let (material, aad, sealed) = parts(&blob, Form::Token);
        assert_eq!(material.0, sha256(b"fixture key"));
        let sealed = sealed.to_vec();
        let token = opened(hsm.module().as_path());
        let plaintext = token.run_blocking(move |it| it.open("fixture key", &aad, &sealed));
        assert_eq!(plaintext.unwrap().expose(), b"secret");
    });
}

fn opened(module: &Path) -> Token {
    let slot = Slot::Label("fixture".to_owned());
    let settings = Settings {
        timeout: Duration::from_secs(20),
        ..Settings::new(module.to_path_buf(), slot)
    };
    Token::open(settings, SecretBytes::from(b"fixture-pin".to_vec())).unwrap()
}
