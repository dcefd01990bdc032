//! XAES-256-GCM against C2SP's vectors and AES-CMAC, and its properties.

use aws_lc_rs::cmac;
use proptest::prelude::*;
use sha3::Shake128;
use sha3::digest::{ExtendableOutput as _, Update as _, XofReader};

use super::*;
use crate::SystemEntropy;
use crate::vectors::{self, Vector, key_of};

const VECTORS: &str = include_str!("../../testdata/c2sp_xaes_256_gcm.rsp");

fn prepared(key: &[u8]) -> XaesKey {
    XaesKey::new(&Key32::try_from(key).unwrap())
}

fn sealed_with(key: &XaesKey, nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    key.seal_with_nonce(nonce, aad, plaintext, &mut out);
    out
}

fn check_message(vector: &Vector) {
    let key = prepared(&vector.hex("K"));
    let nonce = vector.hex("N").try_into().unwrap();
    let mut derived = [0; 32];
    key.0.derive(split_nonce(&nonce).0, &mut derived);
    assert_eq!(derived.as_slice(), vector.hex("Kx"));
    let (aad, plaintext) = (vector.hex("AAD"), vector.hex("Plaintext"));
    let sealed = sealed_with(&key, &nonce, &aad, &plaintext);
    assert_eq!(sealed, [nonce.to_vec(), vector.hex("Ciphertext")].concat());
    assert_eq!(key.open(&aad, &sealed).unwrap().expose(), plaintext);
}

fn drawn<const N: usize>(random: &mut impl XofReader) -> [u8; N] {
    let mut bytes = [0; N];
    random.read(&mut bytes);
    bytes
}

fn drawn_string(random: &mut impl XofReader) -> Vec<u8> {
    let [length] = drawn(random);
    let mut bytes = vec![0; usize::from(length)];
    random.read(&mut bytes);
    bytes
}

fn check_accumulated(vector: &Vector) {
    let mut random = Shake128::default().finalize_xof();
    let mut hash = Shake128::default();
    for _ in 0..vector.number("Iterations") {
        let key = prepared(&drawn::<32>(&mut random));
        let nonce = drawn(&mut random);
        let plaintext = drawn_string(&mut random);
        let aad = drawn_string(&mut random);
        let sealed = sealed_with(&key, &nonce, &aad, &plaintext);
        assert_eq!(key.open(&aad, &sealed).unwrap().expose(), plaintext);
        hash.update(&sealed[NONCE_LEN..]);
    }
    assert_eq!(
        drawn::<32>(&mut hash.finalize_xof()).as_slice(),
        vector.hex("Hash")
    );
}

#[test]
fn published_messages_seal_and_open_as_published() {
    let vectors = vectors::read(VECTORS, "COUNT");
    let messages: Vec<_> = vectors.iter().filter(|vector| vector.has("K")).collect();
    assert_eq!(messages.len(), 2);
    messages.into_iter().for_each(check_message);
}

#[test]
fn ten_thousand_random_messages_accumulate_to_the_published_hash() {
    let vectors = vectors::read(VECTORS, "COUNT");
    let accumulated: Vec<_> = vectors.iter().filter(|vector| vector.has("Hash")).collect();
    assert_eq!(accumulated.len(), 1);
    accumulated.into_iter().for_each(check_accumulated);
}

#[test]
fn a_large_number_of_nonces_has_no_repetition() {
    let key = XaesKey::new(&key_of(7));
    let mut sealed = Vec::new();
    let mut nonces: Vec<[u8; NONCE_LEN]> = (0..1_000_000)
        .map(|_| {
            sealed.clear();
            key.seal_into(&SystemEntropy, b"", b"x", &mut sealed);
            *sealed.first_chunk().unwrap()
        })
        .collect();
    nonces.sort_unstable();
    assert!(nonces.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn every_flipped_bit_is_refused() {
    let key = XaesKey::new(&key_of(7));
    let sealed = key.seal(&SystemEntropy, b"aad", b"plaintext");
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open(b"aad", &altered).is_err(), "bit {bit}");
        assert!(
            key.open_in_place(b"aad", &mut altered).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn every_truncation_is_refused() {
    let key = XaesKey::new(&key_of(7));
    let sealed = key.seal(&SystemEntropy, b"aad", b"plaintext");
    for length in 0..sealed.len() {
        assert!(key.open(b"aad", &sealed[..length]).is_err(), "{length}");
    }
}

#[test]
fn opening_appends_and_a_refusal_leaves_the_buffer_alone() {
    let key = XaesKey::new(&key_of(7));
    let mut sealed = key.seal(&SystemEntropy, b"", b"second");
    let mut buffer = b"first ".to_vec();
    key.open_into(b"", &sealed, &mut buffer).unwrap();
    assert_eq!(buffer, b"first second");
    sealed[NONCE_LEN] ^= 1;
    assert_eq!(key.open_into(b"", &sealed, &mut buffer), Err(OpenError));
    assert_eq!(buffer, b"first second");
}

#[test]
fn a_refusal_in_place_leaves_no_plaintext() {
    let key = XaesKey::new(&key_of(7));
    let mut sealed = key.seal(&SystemEntropy, b"", b"the secret");
    *sealed.last_mut().unwrap() ^= 1;
    assert!(key.open_in_place(b"", &mut sealed).is_err());
    assert_eq!(&sealed[NONCE_LEN..][..10], &[0; 10]);
}

#[test]
fn a_message_of_many_blocks_opens() {
    let key = XaesKey::new(&key_of(7));
    let plaintext: Vec<u8> = (0..70_001).map(|n: u32| n.to_le_bytes()[0]).collect();
    let sealed = key.seal(&SystemEntropy, b"aad", &plaintext);
    assert_eq!(key.open(b"aad", &sealed).unwrap().expose(), plaintext);
}

#[test]
fn debug_shows_a_placeholder() {
    let key = XaesKey::new(&key_of(7));
    assert_eq!(format!("{key:?}"), "XaesKey(***)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derived_keys_are_the_cmac_of_counter_label_and_nonce(key: [u8; 32], selector: [u8; 12]) {
        let mut derived = [0; 32];
        prepared(&key).0.derive(&selector, &mut derived);
        let cmac_key = cmac::Key::new(cmac::AES_256, &key).unwrap();
        let half = |counter| {
            let input = [&[0, counter, b'X', 0], selector.as_slice()].concat();
            cmac::sign(&cmac_key, &input).unwrap().as_ref().to_vec()
        };
        prop_assert_eq!(derived.to_vec(), [half(1), half(2)].concat());
    }

    #[test]
    fn what_is_sealed_opens_in_all_ways(key: [u8; 32], aad: Vec<u8>, plaintext: Vec<u8>) {
        let key = prepared(&key);
        let mut sealed = key.seal(&SystemEntropy, &aad, &plaintext);
        prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        let opened = key.open(&aad, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), plaintext.as_slice());
        prop_assert_eq!(key.open_in_place(&aad, &mut sealed).unwrap(), plaintext.as_slice());
    }

    #[test]
    fn other_associated_data_is_refused(aad: Vec<u8>, other: Vec<u8>, plaintext: Vec<u8>) {
        prop_assume!(aad != other);
        let key = XaesKey::new(&key_of(7));
        let sealed = key.seal(&SystemEntropy, &aad, &plaintext);
        prop_assert!(key.open(&other, &sealed).is_err());
    }

    #[test]
    fn another_key_is_refused(key: [u8; 32], other: [u8; 32], plaintext: Vec<u8>) {
        prop_assume!(key != other);
        let sealed = prepared(&key).seal(&SystemEntropy, b"", &plaintext);
        prop_assert!(prepared(&other).open(b"", &sealed).is_err());
    }

    #[test]
    fn two_seals_of_one_message_differ(plaintext: Vec<u8>) {
        let key = XaesKey::new(&key_of(7));
        let first = key.seal(&SystemEntropy, b"", &plaintext);
        let second = key.seal(&SystemEntropy, b"", &plaintext);
        prop_assert_ne!(&first[..NONCE_LEN], &second[..NONCE_LEN]);
        prop_assert_ne!(&first[NONCE_LEN..], &second[NONCE_LEN..]);
    }
}
