//! What secrets show, compare, accept, and leave in memory.

use std::fmt::Display;

use super::*;
use crate::SystemEntropy;
use crate::vectors::key_of;

fn secret(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

/// Compiles only while no `$secret` implements `$ability`: the call would be ambiguous.
macro_rules! lacks {
    ($secret:ty, $ability:path) => {{
        trait Either<Which> {
            fn found() {}
        }
        struct Implemented;
        impl<T: ?Sized> Either<()> for T {}
        impl<T: ?Sized + $ability> Either<Implemented> for T {}
        <$secret as Either<_>>::found();
    }};
}

#[test]
fn secrets_cannot_be_displayed_or_copied_or_made_text() {
    lacks!(SecretBytes, Display);
    lacks!(SecretBytes, Copy);
    lacks!(SecretBytes, AsRef<[u8]>);
    lacks!(Key32, Display);
    lacks!(Key32, Copy);
    lacks!(Key32, AsRef<[u8]>);
}

#[test]
fn debug_shows_a_placeholder() {
    assert_eq!(format!("{:?}", secret("hunter2")), "SecretBytes(***)");
    assert_eq!(format!("{:#?}", key_of(1)), "Key32(***)");
}

#[test]
fn equal_secrets_compare_equal() {
    assert!(secret("a").ct_eq(&secret("a")));
    assert!(!secret("a").ct_eq(&secret("b")));
    assert!(!secret("a").ct_eq(&secret("aa")));
    assert!(key_of(1).ct_eq(&key_of(1)));
    assert!(!key_of(1).ct_eq(&key_of(2)));
}

#[test]
fn a_clone_outlives_its_original() {
    let (bytes, key) = (secret("a"), key_of(1));
    let copies = (bytes.clone(), key.clone());
    drop((bytes, key));
    assert_eq!(copies.0.expose(), b"a");
    assert_eq!(copies.1.expose(), &[1; 32]);
}

#[test]
fn keys_of_other_lengths_are_refused() {
    for length in [0, 16, 31, 33, 64] {
        let outcome = Key32::try_from(vec![1; length].as_slice());
        assert!(matches!(outcome, Err(Error::KeyLength { length: said }) if said == length));
    }
}

#[test]
fn an_all_zero_key_is_recognised() {
    assert!(key_of(0).is_all_zero());
    for place in 0..32 {
        let key = Key32::filled(|bytes| bytes[place] = 1);
        assert!(!key.is_all_zero(), "{place}");
    }
}

#[test]
fn generated_keys_differ() {
    let (first, second) = (
        Key32::generate(&SystemEntropy),
        Key32::generate(&SystemEntropy),
    );
    assert!(!first.ct_eq(&second));
    assert!(!first.is_all_zero());
}

#[test]
fn generated_bytes_differ_and_have_the_length_asked_for() {
    let generated = |length| SecretBytes::generate(&SystemEntropy, length);
    assert!(!generated(16).ct_eq(&generated(16)));
    for length in [0, 1, 16, 1024] {
        assert_eq!(generated(length).expose().len(), length);
    }
}
