//! Ciphertexts open as they were made or not at all; cached materials die with their key.

use std::collections::HashSet;

use crypto::{Key32, SystemEntropy};
use proptest::prelude::*;
use types::{ManualClock, Timestamp};

use super::*;
use crate::records::{KEYS, KeyRecord, KeyState, ShredGenerations, material_row, shred_row};
use crate::testing::{self, KEY_ID, commit, row, view, with_keys};

const OTHER_ID: &str = "aaaaaaaa-12ab-34cd-56ef-1234567890ab";

struct Ring {
    clock: Arc<ManualClock>,
    keyring: Keyring,
}

fn ring() -> Ring {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let shared: Arc<dyn Clock> = clock.clone();
    let keyring = Keyring::new(shared, Arc::new(SystemEntropy), testing::shred());
    Ring { clock, keyring }
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn opened(
    keyring: &Keyring,
    view: &View,
    id: &str,
    context: &EncryptionContext,
    blob: &[u8],
) -> Option<Vec<u8>> {
    match keyring.decrypt(view, &row(view, id), context, blob) {
        Ok((plaintext, _)) => Some(plaintext.expose().to_vec()),
        Err(Error::InvalidCiphertext) => None,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_was_encrypted_is_decrypted() {
    let snapshot = with_keys(&[KEY_ID, OTHER_ID]);
    let view = view(&snapshot);
    let keyring = ring().keyring;
    let context = context(&[("a", "1"), ("b", "2")]);
    let blob = keyring
        .encrypt(&view, &row(&view, KEY_ID), &context, b"secret")
        .unwrap();
    assert_eq!(
        opened(&keyring, &view, KEY_ID, &context, &blob).unwrap(),
        b"secret"
    );
    assert_eq!(
        opened(&keyring, &view, OTHER_ID, &context, &blob),
        None,
        "another key"
    );
}

#[test]
fn the_longest_plaintext_fits_the_longest_ciphertext() {
    let snapshot = with_keys(&[KEY_ID]);
    let view = view(&snapshot);
    let plaintext = vec![0; 4096];
    let blob = ring()
        .keyring
        .encrypt(&view, &row(&view, KEY_ID), &context(&[]), &plaintext);
    assert!(blob.unwrap().len() <= 6144);
}

#[test]
fn the_same_plaintext_never_looks_the_same() {
    let snapshot = with_keys(&[KEY_ID]);
    let view = view(&snapshot);
    let keyring = ring().keyring;
    let key = row(&view, KEY_ID);
    let encrypt = |_| keyring.encrypt(&view, &key, &context(&[]), b"").unwrap();
    let blobs: HashSet<Vec<u8>> = (0..1000).map(encrypt).collect();
    // Header, then the version of the sealed form, then the message's random value.
    let values: HashSet<&[u8]> = blobs.iter().map(|blob| &blob[56..88]).collect();
    assert_eq!(values.len(), 1000);
}

#[test]
fn a_ciphertext_whose_header_names_another_key_does_not_open() {
    let snapshot = with_keys(&[KEY_ID, OTHER_ID]);
    let view = view(&snapshot);
    let keyring = ring().keyring;
    let none = context(&[]);
    let first = keyring
        .encrypt(&view, &row(&view, KEY_ID), &none, b"first")
        .unwrap();
    let second = keyring
        .encrypt(&view, &row(&view, OTHER_ID), &none, b"second")
        .unwrap();
    let swapped = [&first[..55], &second[55..]].concat();
    assert_eq!(opened(&keyring, &view, KEY_ID, &none, &swapped), None);
    assert_eq!(opened(&keyring, &view, OTHER_ID, &none, &swapped), None);
}

#[test]
fn every_bit_of_a_ciphertext_counts() {
    let snapshot = with_keys(&[KEY_ID]);
    let view = view(&snapshot);
    let keyring = ring().keyring;
    let none = context(&[]);
    let blob = keyring
        .encrypt(&view, &row(&view, KEY_ID), &none, b"secret")
        .unwrap();
    for bit in 0..blob.len() * 8 {
        let mut edited = blob.clone();
        edited[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            opened(&keyring, &view, KEY_ID, &none, &edited),
            None,
            "bit {bit}"
        );
    }
    for length in 0..blob.len() {
        assert_eq!(
            opened(&keyring, &view, KEY_ID, &none, &blob[..length]),
            None,
            "{length}"
        );
    }
    let longer = [blob.as_slice(), &[0]].concat();
    assert_eq!(opened(&keyring, &view, KEY_ID, &none, &longer), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_same_context_opens(
        sealed in prop::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..3),
        given in prop::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..3),
        plaintext in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let snapshot = with_keys(&[KEY_ID]);
        let view = view(&snapshot);
        let keyring = ring().keyring;
        let blob = keyring.encrypt(&view, &row(&view, KEY_ID), &sealed, &plaintext).unwrap();
        let expected = (sealed == given).then_some(plaintext);
        prop_assert_eq!(opened(&keyring, &view, KEY_ID, &given, &blob), expected);
    }

    #[test]
    fn bytes_from_elsewhere_do_not_open(blob in prop::collection::vec(any::<u8>(), 0..200)) {
        let snapshot = with_keys(&[KEY_ID]);
        let view = view(&snapshot);
        prop_assert_eq!(opened(&ring().keyring, &view, KEY_ID, &context(&[]), &blob), None);
    }
}

/// Without its material row, a key works only as long as the cache has the material.
fn without_material(snapshot: &Snapshot) -> Snapshot {
    let view = view(snapshot);
    let key = row(&view, KEY_ID);
    let mut batch = Batch::default();
    batch.delete(
        &MATERIALS,
        material_row(&key.record, key.record.material.unwrap()),
    );
    commit(snapshot, snapshot.revision() + 1, &batch)
}

fn works(ring: &Ring, snapshot: &Snapshot) -> bool {
    let view = view(snapshot);
    ring.keyring
        .encrypt(&view, &row(&view, KEY_ID), &context(&[]), b"x")
        .is_ok()
}

#[test]
fn an_unwrapped_material_is_kept_for_five_minutes() {
    let snapshot = with_keys(&[KEY_ID]);
    let ring = ring();
    assert!(works(&ring, &snapshot));
    let snapshot = without_material(&snapshot);
    ring.clock.advance(Duration::from_secs(299));
    assert!(works(&ring, &snapshot), "still in the cache");
    ring.clock.advance(Duration::from_secs(1));
    assert!(!works(&ring, &snapshot), "its time is over");
}

#[test]
fn nothing_is_kept_with_a_lifetime_of_zero() {
    let snapshot = with_keys(&[KEY_ID]);
    let Ring { clock, keyring } = ring();
    let ring = Ring {
        clock,
        keyring: keyring.with_lifetime(Duration::ZERO),
    };
    assert!(works(&ring, &snapshot));
    assert!(!works(&ring, &without_material(&snapshot)));
}

fn changed(snapshot: &Snapshot) -> Snapshot {
    let view = view(snapshot);
    let record = KeyRecord {
        state: KeyState::Disabled,
        ..KeyRecord::clone(&row(&view, KEY_ID).record)
    };
    let mut batch = Batch::default();
    batch.put(&KEYS, record.row_key(), record);
    commit(snapshot, snapshot.revision() + 1, &batch)
}

#[test]
fn a_change_of_the_key_makes_the_cached_material_useless() {
    let snapshot = with_keys(&[KEY_ID]);
    let ring = ring();
    assert!(works(&ring, &snapshot));
    assert!(!works(&ring, &without_material(&changed(&snapshot))));
}

#[test]
fn sweeping_wipes_what_is_over_or_belongs_to_changed_keys() {
    let snapshot = with_keys(&[KEY_ID, OTHER_ID]);
    let ring = ring();
    let view = view(&snapshot);
    let kept = || ring.keyring.cache.len();
    for id in [KEY_ID, OTHER_ID] {
        ring.keyring
            .encrypt(&view, &row(&view, id), &context(&[]), b"x")
            .unwrap();
    }
    ring.keyring.sweep(&snapshot);
    assert_eq!(kept(), 2);
    ring.keyring.sweep(&changed(&snapshot));
    assert_eq!(kept(), 1);
    ring.clock.advance(Duration::from_mins(5));
    ring.keyring.sweep(&snapshot);
    assert_eq!(kept(), 0);
}

#[test]
fn a_material_that_was_moved_to_another_key_does_not_unwrap() {
    let snapshot = with_keys(&[KEY_ID, OTHER_ID]);
    let before = view(&snapshot);
    let (key, other) = (row(&before, KEY_ID), row(&before, OTHER_ID));
    let from = material_row(&other.record, other.record.material.unwrap());
    let stolen = before.get(&MATERIALS, &from).unwrap().record.clone();
    let mut batch = Batch::default();
    batch.put(
        &MATERIALS,
        material_row(&key.record, key.record.material.unwrap()),
        stolen,
    );
    let after = view(&commit(&snapshot, 9, &batch));
    let failed = ring()
        .keyring
        .encrypt(&after, &row(&after, KEY_ID), &context(&[]), b"x");
    assert!(matches!(failed, Err(Error::Internal { .. })));
}

#[test]
fn owned_keys_are_made_once_and_are_apart_for_each_service_and_region() {
    let keyring = ring().keyring;
    let region = testing::region();
    let nowhere = view(&testing::empty());
    let none = context(&[]);
    assert!(
        keyring
            .encrypt_owned(&nowhere, Service::SageMaker, &region, &none, b"x")
            .is_err()
    );
    let ensure = |view: &View, service| keyring.ensure_owned_key(view, service, &region).unwrap();
    let first = ensure(&nowhere, Service::SageMaker).unwrap();
    let one = commit(&testing::empty(), 1, &first);
    assert!(
        ensure(&view(&one), Service::SageMaker).is_none(),
        "it is there"
    );
    let two = commit(&one, 2, &ensure(&view(&one), Service::CloudTrail).unwrap());
    let seen = view(&two);
    let blob = keyring
        .encrypt_owned(&seen, Service::SageMaker, &region, &none, b"secret")
        .unwrap();
    let decrypt = |service| keyring.decrypt_owned(&seen, service, &region, &none, &blob);
    assert_eq!(decrypt(Service::SageMaker).unwrap().expose(), b"secret");
    assert!(matches!(
        decrypt(Service::CloudTrail),
        Err(Error::InvalidCiphertext)
    ));
}

/// Draws 0, 1, 2, … so that every byte of a ciphertext is known.
#[derive(Debug)]
struct Counting;

impl Entropy for Counting {
    fn fill(&self, target: &mut [u8]) {
        for (byte, number) in target.iter_mut().zip((0..=u8::MAX).cycle()) {
            *byte = number;
        }
    }
}

#[test]
fn the_form_of_ciphertexts_stays_readable() {
    let key = testing::new_key_with(KEY_ID, &Counting);
    let mut batch = Batch::default();
    let (nothing, shred) = (view(&testing::empty()), testing::shred());
    key.store(&nothing, &shred, &Counting, &mut batch).unwrap();
    let view = view(&commit(&testing::empty(), 1, &batch));
    let context = context(&[("team", "ml")]);
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let keyring = Keyring::new(clock, Arc::new(Counting), testing::shred());
    let blob = keyring
        .encrypt(&view, &row(&view, KEY_ID), &context, b"secret")
        .unwrap();
    assert_eq!(hex::encode(&blob), VERSION_1);
    let stored = hex::decode(VERSION_1).unwrap();
    assert_eq!(
        opened(&keyring, &view, KEY_ID, &context, &stored).unwrap(),
        b"secret"
    );
}

/// `secret` under the material 00…1f of the key 1234abcd-…, in the context team = ml.
const VERSION_1: &str = concat!(
    "010019df6690e51234abcd12ab34cd56ef1234567890abef2bfcc34b732031556a25d5aa727a283e",
    "8a2dfb580ca9be45f4b73094f7257101000102030405060708090a0b0c0d0e0f1011121314151617",
    "18191a1b1c1d1e1fa3033b28fb0a4be7b990e87a7a5352ebc07e06549c76d3c1e1e18657e297aace",
    "d4802414e65c499d49b45d46cfe1cfb30d5921123c22",
);

#[test]
fn a_material_whose_shred_key_is_gone_is_noticed_before_it_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let data_key = Key32::generate(&SystemEntropy);
    let path = directory.path().join("shred.keys");
    let shred = ShredKeys::open(path, &data_key, Arc::new(SystemEntropy)).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let keyring = Keyring::new(clock, Arc::new(SystemEntropy), Arc::new(shred));
    // The store was set back to where what survives a deletion was not all wrapped anew.
    keyring.shred.create(testing::account(), 2).unwrap();
    let mut batch = Batch::default();
    let started = ShredGenerations {
        current: 2,
        retiring: Some(1),
    };
    batch.put(&SHRED_GENERATIONS, shred_row(testing::account()), started);
    let with_key = commit(&with_keys(&[KEY_ID]), 9, &batch);
    let refused = keyring.check(&with_key);
    assert!(matches!(refused, Err(ShredError::Missing { .. })));
    keyring
        .check(&commit(&testing::empty(), 9, &batch))
        .unwrap();
}

/// The random values of so many ciphertexts under one key, from which their keys are derived.
/// They are 256 bits; half of each is enough to tell whether two are the same.
fn random_values(keyring: &Keyring, number: usize) -> Vec<u128> {
    let snapshot = with_keys(&[KEY_ID]);
    let view = view(&snapshot);
    let (key, none) = (row(&view, KEY_ID), context(&[]));
    let value = |_| {
        let blob = keyring.encrypt(&view, &key, &none, b"").unwrap();
        u128::from_be_bytes(blob[56..72].try_into().unwrap())
    };
    (0..number).map(value).collect()
}

fn has_repetition(mut values: Vec<u128>) -> bool {
    values.sort_unstable();
    values.windows(2).any(|pair| pair[0] == pair[1])
}

/// `make kms-nightly` draws ten million.
#[test]
fn no_random_value_repeats_under_one_key() {
    let number = std::env::var("KMS_NONCES").ok();
    let number = number.map_or(20_000, |text| text.parse().unwrap());
    assert!(!has_repetition(random_values(&ring().keyring, number)));
}

/// Draws 24 bits, which repeat within some thousand drawings.
#[derive(Debug)]
struct Short;

impl Entropy for Short {
    fn fill(&self, target: &mut [u8]) {
        target.fill(0);
        SystemEntropy.fill(&mut target[..3]);
    }
}

#[test]
fn random_values_that_are_too_short_would_be_found() {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let keyring = Keyring::new(clock, Arc::new(Short), testing::shred());
    assert!(has_repetition(random_values(&keyring, 30_000)));
}
