//! The committing format: fixtures, properties, and one ciphertext made for two keys.

use std::ops::Range;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use proptest::prelude::*;

use super::*;
use crate::SystemEntropy;
use crate::vectors::{self, key_of};

const FIXTURES: &str = include_str!("../../testdata/own_committing_v1.rsp");

const COMMITMENT: Range<usize> = 33..65;

/// Gives the bytes it was made of.
#[derive(Debug)]
struct Given(Vec<u8>);

impl Entropy for Given {
    fn fill(&self, target: &mut [u8]) {
        target.copy_from_slice(&self.0);
    }
}

fn key(byte: u8) -> CommittingKey {
    CommittingKey::new(&key_of(byte))
}

#[test]
fn released_messages_open_and_are_sealed_alike() {
    let vectors = vectors::read(FIXTURES, "COUNT");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let key = Key32::try_from(vector.hex("Key").as_slice()).unwrap();
        let key = CommittingKey::new(&key);
        let (aad, plaintext, sealed) = (
            vector.hex("AAD"),
            vector.hex("Plaintext"),
            vector.hex("Sealed"),
        );
        let entropy = Given(vector.hex("Value"));
        assert_eq!(key.seal(&entropy, &aad, &plaintext), sealed);
        assert_eq!(key.open(&aad, &sealed).unwrap().expose(), plaintext);
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let sealed = key(1).seal(&SystemEntropy, b"aad", b"plaintext");
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(key(1).open(b"aad", &altered).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let sealed = key(1).seal(&SystemEntropy, b"aad", b"plaintext");
    for length in 0..sealed.len() {
        assert!(key(1).open(b"aad", &sealed[..length]).is_err(), "{length}");
    }
}

#[test]
fn other_format_versions_are_refused() {
    let mut sealed = key(1).seal(&SystemEntropy, b"", b"plaintext");
    for version in (0..=u8::MAX).filter(|version| *version != FORMAT_VERSION) {
        sealed[0] = version;
        assert!(key(1).open(b"", &sealed).is_err(), "{version}");
    }
}

#[test]
fn commitment_and_message_key_are_unrelated_values() {
    let value = [3; 32];
    let encryption = key(1).derive(ENCRYPTION_LABEL, &value);
    assert!(!encryption.ct_eq(&key(1).commitment(&value)));
}

#[test]
fn a_ciphertext_made_for_two_keys_opens_under_one() {
    let value = [3; VALUE_LEN];
    let keys = [key(1), key(2)];
    let body = crafted(
        keys.each_ref()
            .map(|key| key.derive(ENCRYPTION_LABEL, &value)),
    );
    // The control: to AES-GCM alone the ciphertext is authentic under both keys.
    for key in &keys {
        let mut plaintext = Vec::new();
        key.message_key(&value)
            .open(NONCE, b"", &body, &mut plaintext)
            .unwrap();
        assert_eq!(plaintext.len(), 32);
    }
    for (committed, other) in [(0, 1), (1, 0)] {
        let commitment = keys[committed].commitment(&value);
        let message = [&[FORMAT_VERSION], &value[..], commitment.expose(), &body].concat();
        assert!(keys[committed].open(b"", &message).is_ok());
        assert!(keys[other].open(b"", &message).is_err());
    }
}

#[test]
fn a_commitment_to_another_key_is_refused_though_the_ciphertext_is_authentic() {
    let mut sealed = key(1).seal(&Given(vec![3; 32]), b"", b"plaintext");
    sealed[COMMITMENT].copy_from_slice(key(2).commitment(&[3; 32]).expose());
    assert!(key(1).open(b"", &sealed).is_err());
    assert!(key(2).open(b"", &sealed).is_err());
}

#[test]
fn debug_shows_a_placeholder() {
    assert_eq!(format!("{:?}", key(1)), "CommittingKey(***)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens(key_byte: u8, aad: Vec<u8>, plaintext: Vec<u8>) {
        let sealed = key(key_byte).seal(&SystemEntropy, &aad, &plaintext);
        prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        let opened = key(key_byte).open(&aad, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), plaintext.as_slice());
    }

    #[test]
    fn other_associated_data_is_refused(aad: Vec<u8>, other: Vec<u8>, plaintext: Vec<u8>) {
        prop_assume!(aad != other);
        let sealed = key(1).seal(&SystemEntropy, &aad, &plaintext);
        prop_assert!(key(1).open(&other, &sealed).is_err());
    }

    #[test]
    fn another_key_is_refused(first: u8, second: u8, plaintext: Vec<u8>) {
        prop_assume!(first != second);
        let sealed = key(first).seal(&SystemEntropy, b"", &plaintext);
        prop_assert!(key(second).open(b"", &sealed).is_err());
    }

    #[test]
    fn two_seals_of_one_message_share_nothing(plaintext in proptest::collection::vec(any::<u8>(), 16..64)) {
        let first = key(1).seal(&SystemEntropy, b"", &plaintext);
        let second = key(1).seal(&SystemEntropy, b"", &plaintext);
        prop_assert_ne!(&first[1..33], &second[1..33]);
        prop_assert_ne!(&first[COMMITMENT], &second[COMMITMENT]);
        prop_assert_ne!(&first[65..81], &second[65..81]);
    }
}

/// Two ciphertext blocks and a tag that are authentic under both message keys.
///
/// The tag is a polynomial in the hash key of each message key. Setting both tags equal gives
/// one linear equation, which the second block is chosen to solve.
fn crafted(keys: [Key32; 2]) -> Vec<u8> {
    let [(h, mask), (other_h, other_mask)] = keys.map(|key| {
        let hash_key = encrypted_block(&key, 0);
        (hash_key, encrypted_block(&key, 1))
    });
    let first = u128::from_be_bytes(*b"any block at all");
    let bit_lengths = 256;
    let square = multiply(h, h);
    let other_square = multiply(other_h, other_h);
    let known = multiply(first, multiply(square, h) ^ multiply(other_square, other_h))
        ^ multiply(bit_lengths, h ^ other_h)
        ^ mask
        ^ other_mask;
    let second = multiply(known, inverse(square ^ other_square));
    let tag = multiply(first, multiply(square, h))
        ^ multiply(second, square)
        ^ multiply(bit_lengths, h)
        ^ mask;
    [first, second, tag].map(u128::to_be_bytes).concat()
}

fn encrypted_block(key: &Key32, block: u128) -> u128 {
    let cipher = UnboundCipherKey::new(&AES_256, key.expose()).and_then(EncryptingKey::ecb);
    let mut bytes = block.to_be_bytes();
    cipher.unwrap().encrypt(&mut bytes).unwrap();
    u128::from_be_bytes(bytes)
}

/// The product in the field of GHASH, whose lowest coefficient is the highest bit.
fn multiply(left: u128, right: u128) -> u128 {
    let (mut product, mut shifted) = (0, right);
    for place in (0..128).rev() {
        product ^= shifted * (left >> place & 1);
        shifted = (shifted >> 1) ^ ((shifted & 1) * (0xe1 << 120));
    }
    product
}

/// The power 2^128 - 2, which is the inverse.
fn inverse(element: u128) -> u128 {
    let (mut result, mut power) = (1 << 127, element);
    for _ in 1..128 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}
