//! NIST's vectors of RSA signatures, and Wycheproof's newest.

use super::*;
use crate::jws::{SignatureAlgorithm, VerifyingKey};
use crate::published::{Case, Counts, Json, Outcome, cavp, cavp_more, groups};
use crate::vectors;

/// What comes before the cases that a key is for.
const KEY: [&str; 5] = ["n", "p", "q", "e", "d"];

/// The same where a key has several exponents, each with its cases.
const MODULUS: [&str; 3] = ["n", "p", "q"];

/// The private keys of the files `SigGen15`, in the form that is stored here.
const OWN_KEYS: &str = include_str!("../../testdata/nist_rsa_siggen15_keys.rsp");

/// The hash of this name, if signatures with it are offered.
fn hash_of(name: &str) -> Option<Hash> {
    match name {
        "SHA256" | "SHA-256" => Some(Hash::Sha256),
        "SHA384" | "SHA-384" => Some(Hash::Sha384),
        "SHA512" | "SHA-512" => Some(Hash::Sha512),
        _ => None,
    }
}

/// The size of this many bits, if it is offered.
fn size_of(bits: usize) -> Option<Size> {
    match bits {
        2048 => Some(Size::Bits2048),
        3072 => Some(Size::Bits3072),
        4096 => Some(Size::Bits4096),
        _ => None,
    }
}

/// The hash of a case of NIST's, if it is offered with the size of its modulus.
fn offered(case: &Case) -> Option<Hash> {
    size_of(case.number("mod")).and_then(|_| hash_of(case.text("SHAAlg")))
}

/// Whether the case's signature verifies; whoever has the digest alone must find the same.
fn verifies(case: &Case, scheme: Scheme, hash: Hash) -> bool {
    let (n, e) = (case.number_bytes("n"), case.number_bytes("e"));
    let key = aws_lc_rs::signature::RsaPublicKeyComponents { n, e };
    let key: Result<PublicKeyX509Der<'_>, _> = key.as_der();
    let (key, message, signature) = (key.unwrap(), case.hex("Msg"), case.hex("S"));
    let ours = verify(key.as_ref(), scheme, Message::Raw(&message), &signature).unwrap();
    let digest = aws_lc_rs::digest::digest(hash.algorithm(), &message);
    let of_digest = verify(
        key.as_ref(),
        scheme,
        Message::Digest(digest.as_ref()),
        &signature,
    );
    assert_eq!(of_digest.unwrap(), ours);
    ours
}

fn as_token(case: &Case, hash: Hash) -> bool {
    let algorithm = match hash {
        Hash::Sha256 => SignatureAlgorithm::Rs256,
        Hash::Sha384 => SignatureAlgorithm::Rs384,
        Hash::Sha512 => SignatureAlgorithm::Rs512,
    };
    let key = VerifyingKey::rsa(&case.number_bytes("n"), &case.number_bytes("e"));
    key.is_ok_and(|key| {
        key.verify(algorithm, &case.hex("Msg"), &case.hex("S"))
            .is_ok()
    })
}

fn pkcs1_of_nist(case: &Case) -> Outcome {
    let Some(hash) = offered(case) else {
        return Outcome::LeftOut;
    };
    let ours = verifies(case, Scheme::RsaPkcs1(hash), hash);
    let valid = !case.has("Result") || case.passes();
    assert_eq!(ours, valid, "{}", case.text("Result"));
    assert_eq!(as_token(case, hash), valid);
    Outcome::of(valid)
}

#[test]
fn all_nist_pkcs1_signatures_verify_as_published() {
    let per_exponent = ("SHAAlg", MODULUS.as_slice());
    let rsa = "asymmetric/RSA";
    cavp(
        &format!("{rsa}/FIPS_186-2/SigVer15_186-3.rsp"),
        per_exponent,
        [27, 135, 288],
        pkcs1_of_nist,
    );
    cavp(
        &format!("{rsa}/SigVer15EMTest.txt"),
        per_exponent,
        [0, 54, 96],
        pkcs1_of_nist,
    );
    let more = "Signature/PKCS1-v1.5/SigVer15_186-3.rsp";
    cavp_more(more, per_exponent, [18, 90, 162], pkcs1_of_nist);
    let generated = format!("{rsa}/FIPS_186-2/SigGen15_186-3.rsp");
    cavp(&generated, ("SHAAlg", &KEY), [90, 0, 160], pkcs1_of_nist);
}

/// Also signed again: the scheme has one signature for a message.
fn generated_of_nist(case: &Case) -> Outcome {
    let outcome = pkcs1_of_nist(case);
    if let Some(hash) = offered(case) {
        let keys = vectors::read(OWN_KEYS, "n");
        let key = keys
            .iter()
            .find(|key| key.hex("n") == case.number_bytes("n"))
            .unwrap();
        let size = size_of(case.number("mod")).unwrap();
        let pair = Rsa::from_pkcs8(size, &key.hex("PKCS8")).unwrap();
        let signed = pair.sign(Scheme::RsaPkcs1(hash), Message::Raw(&case.hex("Msg")));
        assert_eq!(signed.unwrap(), case.hex("S"));
    }
    outcome
}

#[test]
fn nist_pkcs1_signatures_are_reproduced() {
    let layout = ("SHAAlg", KEY.as_slice());
    let path = |edition| format!("Signature/PKCS1-v1.5/SigGen15_186-{edition}.txt");
    cavp_more(&path(2), layout, [90, 0, 160], generated_of_nist);
    cavp_more(&path(3), layout, [60, 0, 20], generated_of_nist);
}

/// A salt of another length than the hash's is refused, whatever the publication says.
fn pss_of_nist(case: &Case) -> Outcome {
    let Some(hash) = offered(case) else {
        return Outcome::LeftOut;
    };
    let ours = verifies(case, Scheme::RsaPss(hash), hash);
    if case.hex("SaltVal").len() != hash.digest_len() {
        assert!(!ours);
        return Outcome::LeftOut;
    }
    let valid = !case.has("Result") || case.passes();
    assert_eq!(ours, valid, "{}", case.text("Result"));
    Outcome::of(valid)
}

#[test]
fn all_nist_pss_signatures_verify_as_published() {
    let (per_key, per_exponent) = (("SHAAlg", KEY.as_slice()), ("SHAAlg", MODULUS.as_slice()));
    let older = "asymmetric/RSA/FIPS_186-2";
    cavp_more(
        "Signature/PKCS1-PSS/SigVerPSS_186-3.rsp",
        per_exponent,
        [9, 45, 216],
        pss_of_nist,
    );
    cavp_more(
        "Signature/PKCS1-PSS/SigGenPSS_186-3.txt",
        per_key,
        [20, 0, 60],
        pss_of_nist,
    );
    cavp_more(
        "Signature/PKCS1-PSS/SigGenPSS_186-2.txt",
        per_key,
        [0, 0, 250],
        pss_of_nist,
    );
    cavp(
        &format!("{older}/SigVerPSS_186-3.rsp"),
        per_exponent,
        [0, 0, 450],
        pss_of_nist,
    );
    cavp(
        &format!("{older}/SigGenPSS_186-3.rsp"),
        per_key,
        [0, 0, 250],
        pss_of_nist,
    );
}

/// Whether the test's signature verifies under the group's key.
fn of_wycheproof(group: &Json, test: &Json, scheme: Scheme) -> bool {
    let (message, signature) = (test.hex("msg"), test.hex("sig"));
    let ours = |key: &str| {
        let key = group.hex(key);
        verify(&key, scheme, Message::Raw(&message), &signature).unwrap()
    };
    let verified = ours("publicKeyAsn");
    assert_eq!(ours("publicKeyDer"), verified);
    verified
}

fn pkcs1(name: &str, expected: Counts) {
    let path = format!("Signature/wycheproof/rsa_signature_{name}_test.json");
    groups(&path, expected, |group, test| {
        let hash = hash_of(group.text("sha")).unwrap();
        test.agrees(of_wycheproof(group, test, Scheme::RsaPkcs1(hash)))
    });
}

#[test]
fn newest_wycheproof_pkcs1_signatures_verify_as_published() {
    pkcs1("2048_sha256", [9, 250, 0]);
    pkcs1("2048_sha384", [7, 251, 0]);
    pkcs1("2048_sha512", [8, 251, 0]);
    pkcs1("3072_sha256", [8, 251, 0]);
    pkcs1("3072_sha384", [7, 252, 0]);
    pkcs1("3072_sha512", [8, 252, 0]);
    pkcs1("4096_sha256", [7, 251, 0]);
    pkcs1("4096_sha384", [7, 252, 0]);
    pkcs1("4096_sha512", [7, 252, 0]);
    // Tokens may be signed with such keys.
    pkcs1("8192_sha256", [7, 251, 0]);
    pkcs1("8192_sha384", [7, 252, 0]);
    pkcs1("8192_sha512", [7, 252, 0]);
}

fn generated(bits: usize, expected: Counts) {
    let path = format!("Signature/wycheproof/rsa_pkcs1_{bits}_sig_gen_test.json");
    groups(&path, expected, |group, test| {
        let Some(hash) = hash_of(group.text("sha")) else {
            return Outcome::LeftOut;
        };
        let size = size_of(group.number("keySize")).unwrap();
        let pair = Rsa::from_pkcs8(size, &group.hex("privateKeyPkcs8")).unwrap();
        let signed = pair.sign(Scheme::RsaPkcs1(hash), Message::Raw(&test.hex("msg")));
        test.agrees(signed.unwrap() == test.hex("sig"))
    });
}

#[test]
fn newest_wycheproof_pkcs1_signatures_are_reproduced() {
    generated(2048, [27, 0, 16]);
    generated(3072, [26, 0, 0]);
    generated(4096, [24, 0, 0]);
}

/// Another salt, or another hash in MGF1, is refused, whatever the publication says.
fn pss(name: &str, expected: Counts) {
    let path = format!("Signature/wycheproof/rsa_pss_{name}_test.json");
    groups(&path, expected, |group, test| {
        let Some(hash) = hash_of(group.text("sha")) else {
            return Outcome::LeftOut;
        };
        let (message, signature) = (test.hex("msg"), test.hex("sig"));
        let key = group.hex("publicKeyAsn");
        let ours = verify(
            &key,
            Scheme::RsaPss(hash),
            Message::Raw(&message),
            &signature,
        );
        let same = hash_of(group.text("mgfSha")) == Some(hash);
        if !same || group.number("sLen") != hash.digest_len() {
            return Outcome::LeftOut;
        }
        test.agrees(ours.unwrap())
    });
}

#[test]
fn newest_wycheproof_pss_signatures_verify_as_published() {
    pss("2048_sha256_mgf1_32", [63, 45, 0]);
    pss("2048_sha384_mgf1_48", [95, 46, 0]);
    pss("3072_sha256_mgf1_32", [63, 45, 0]);
    pss("4096_sha256_mgf1_32", [63, 45, 0]);
    pss("4096_sha384_mgf1_48", [95, 46, 0]);
    pss("4096_sha512_mgf1_64", [132, 47, 0]);
    pss("misc", [3, 0, 147]);
    pss("2048_sha256_mgf1_32_params", [63, 45, 0]);
    pss("3072_sha256_mgf1_32_params", [63, 45, 0]);
    pss("4096_sha512_mgf1_64_params", [132, 47, 0]);
    pss("misc_params", [3, 0, 147]);
    // The salt is not as long as the hash.
    pss("2048_sha256_mgf1_0", [0, 0, 103]);
    pss("2048_sha256_mgf1_0_params", [0, 0, 103]);
    pss("2048_sha256_mgf1sha1_20", [0, 0, 108]);
    pss("4096_sha512_mgf1_32", [0, 0, 177]);
    pss("4096_sha512_mgf1_32_params", [0, 0, 177]);
    pss("2048_sha512_mgf1sha256_32_params", [0, 0, 178]);
}

fn oaep(name: &str, expected: Counts) {
    let path = format!("Cipher/wycheproof/rsa_oaep_{name}_test.json");
    groups(&path, expected, |group, test| {
        let hash = match (group.text("sha"), group.text("mgfSha")) {
            ("SHA-1", "SHA-1") => OaepHash::Sha1,
            ("SHA-256", "SHA-256") => OaepHash::Sha256,
            _ => return Outcome::LeftOut,
        };
        let Some(size) = size_of(group.number("keySize")) else {
            return Outcome::LeftOut;
        };
        let pair = Rsa::from_pkcs8(size, &group.hex("privateKeyPkcs8")).unwrap();
        let plaintext = pair.decrypt_oaep(hash, &test.hex("ct"));
        if !test.text("label").is_empty() {
            // KMS knows no labels.
            assert!(plaintext.is_err());
            return Outcome::LeftOut;
        }
        let outcome = test.agrees(plaintext.is_ok());
        assert!(plaintext.is_err() || plaintext.unwrap().expose() == test.hex("msg"));
        outcome
    });
}

#[test]
fn newest_wycheproof_oaep_ciphertexts_open_as_published() {
    oaep("2048_sha1_mgf1sha1", [10, 19, 7]);
    oaep("2048_sha256_mgf1sha256", [10, 19, 8]);
    oaep("3072_sha256_mgf1sha256", [10, 19, 8]);
    oaep("4096_sha256_mgf1sha256", [10, 19, 8]);
    oaep("misc", [18, 0, 377]);
}
