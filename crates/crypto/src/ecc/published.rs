//! NIST's vectors of ECDSA and ECDH on the curves offered, and Wycheproof's newest.

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::digest::digest;

use super::tests::der;
use super::{verify, *};
use crate::jws::{self, SignatureAlgorithm, VerifyingKey};
use crate::published::{Case, Counts, Outcome, cavp, cavp_more, groups};

const ECDSA: &str = "asymmetric/ECDSA";

/// The curve of this name, and the length of its numbers.
fn curve_of(name: &str) -> Option<(Curve, usize)> {
    match name {
        "P-256" | "secp256r1" => Some((Curve::P256, 32)),
        "P-384" | "secp384r1" => Some((Curve::P384, 48)),
        "P-521" | "secp521r1" => Some((Curve::P521, 66)),
        "K-256" | "secp256k1" => Some((Curve::P256k1, 32)),
        _ => None,
    }
}

/// The curve of a section `curve,hash`, if ECDSA on it is offered with that hash.
fn signing_curve(case: &Case) -> Option<(Curve, usize)> {
    let (curve, hash) = case.text("section").split_once(',')?;
    curve_of(curve).filter(|(curve, _)| match curve.hash() {
        Hash::Sha256 => hash == "SHA-256",
        Hash::Sha384 => hash == "SHA-384",
        Hash::Sha512 => hash == "SHA-512",
    })
}

/// The coordinates of the point with these names.
fn point(case: &Case, x: &str, y: &str, length: usize) -> Vec<u8> {
    [vec![4], case.padded(x, length), case.padded(y, length)].concat()
}

/// The verdict of tokens on a signature of two numbers; `None` for a curve that they lack.
fn as_token(
    curve: Curve,
    length: usize,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let (curve, algorithm) = match curve {
        Curve::P256 => (jws::Curve::P256, SignatureAlgorithm::Es256),
        Curve::P384 => (jws::Curve::P384, SignatureAlgorithm::Es384),
        Curve::P521 => (jws::Curve::P521, SignatureAlgorithm::Es512),
        Curve::P256k1 => return None,
    };
    let (x, y) = point[1..].split_at(length.min(point.len() - 1));
    let key = VerifyingKey::ec(curve, x, y);
    Some(key.is_ok_and(|key| key.verify(algorithm, message, signature).is_ok()))
}

fn signature_of_nist(case: &Case) -> Outcome {
    let Some((curve, length)) = signing_curve(case) else {
        return Outcome::LeftOut;
    };
    let (key, message) = (point(case, "Qx", "Qy", length), case.hex("Msg"));
    let signature = der(&case.hex("R"), &case.hex("S"));
    let ours = verify(curve, &key, Message::Raw(&message), &signature).unwrap();
    let valid = !case.has("Result") || case.passes();
    assert_eq!(ours, valid, "{}", case.text("Result"));
    let digest = digest(curve.hash().algorithm(), &message);
    let of_digest = verify(curve, &key, Message::Digest(digest.as_ref()), &signature);
    assert_eq!(of_digest.unwrap(), valid);
    let fixed = [case.padded("R", length), case.padded("S", length)].concat();
    let token = as_token(curve, length, &key, &message, &fixed);
    assert!(token.is_none_or(|token| token == valid));
    if case.has("d") {
        let scalar = case.padded("d", length);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), &scalar, &key);
        let pair = Ecc {
            curve,
            pair: pair.unwrap(),
        };
        let again = pair.sign(Message::Raw(&message)).unwrap();
        assert!(verify(curve, &key, Message::Raw(&message), &again).unwrap());
    }
    Outcome::of(valid)
}

#[test]
fn all_nist_ecdsa_signatures_verify_as_published() {
    let layout = ("Msg", [].as_slice());
    cavp(
        &format!("{ECDSA}/FIPS_186-3/SigVer.rsp"),
        layout,
        [9, 36, 1080],
        signature_of_nist,
    );
    cavp(
        &format!("{ECDSA}/FIPS_186-3/SigGen.txt"),
        layout,
        [45, 0, 1080],
        signature_of_nist,
    );
    cavp_more(
        "Signature/ECDSA/SigVer.rsp",
        layout,
        [9, 36, 255],
        signature_of_nist,
    );
    cavp_more(
        "Signature/ECDSA/SigGen.txt",
        layout,
        [45, 0, 195],
        signature_of_nist,
    );
}

/// With SHA-1, SHA-512/224 and SHA-512/256.
#[test]
fn nist_ecdsa_files_of_other_hashes_are_left_out() {
    let layout = ("Msg", [].as_slice());
    cavp(
        &format!("{ECDSA}/FIPS_186-2/SigVer.rsp"),
        layout,
        [0, 0, 225],
        signature_of_nist,
    );
    cavp(
        &format!("{ECDSA}/FIPS_186-2/SigGen.rsp"),
        layout,
        [0, 0, 225],
        signature_of_nist,
    );
    let truncated = "Signature/ECDSA/SigVer_TruncatedSHAs.rsp";
    cavp_more(truncated, layout, [0, 0, 150], signature_of_nist);
}

/// NIST has none on secp256k1; these are from the makers of the package.
#[test]
fn signatures_on_secp256k1_verify() {
    let path = format!("{ECDSA}/SECP256K1/SigGen.txt");
    cavp(&path, ("Msg", &[]), [225, 0, 900], signature_of_nist);
}

/// The curve is a section before those on how the keys were made.
fn pairs(edition: &str, expected: Counts) {
    let path = format!("{ECDSA}/{edition}/KeyPair.rsp");
    cavp(&path, ("d", &[]), expected, |case| {
        let found = curve_of(case.text("section")).or_else(|| curve_of(case.text("outer")));
        let Some((curve, length)) = found else {
            return Outcome::LeftOut;
        };
        let (scalar, key) = (case.padded("d", length), point(case, "Qx", "Qy", length));
        let own = PrivateKey::from_private_key(curve.agreement().unwrap(), &scalar).unwrap();
        assert_eq!(own.compute_public_key().unwrap().as_ref(), key);
        assert!(is_pair(curve, &scalar, &key));
        Outcome::Valid
    });
}

fn is_pair(curve: Curve, scalar: &[u8], key: &[u8]) -> bool {
    EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), scalar, key).is_ok()
}

/// The public key of a point on `curve`, as it must be written for an agreement.
fn spki(curve: Curve, point: &[u8]) -> Vec<u8> {
    let own = Ecc::generate(curve);
    let (spki, length) = (own.public_key(), own.pair.public_key().as_ref().len());
    [&spki[..spki.len() - length], point].concat()
}

fn key_of_nist(case: &Case) -> Outcome {
    let Some((curve, length)) = curve_of(case.text("section")) else {
        return Outcome::LeftOut;
    };
    let key = point(case, "Qx", "Qy", length);
    let agreed = Ecc::generate(curve).agree(&spki(curve, &key));
    assert_eq!(agreed.is_ok(), case.passes(), "{}", case.text("Result"));
    let (x, y) = (case.padded("Qx", length), case.padded("Qy", length));
    let of_token = match curve {
        Curve::P256 => VerifyingKey::ec(jws::Curve::P256, &x, &y),
        Curve::P384 => VerifyingKey::ec(jws::Curve::P384, &x, &y),
        _ => VerifyingKey::ec(jws::Curve::P521, &x, &y),
    };
    assert_eq!(of_token.is_ok(), case.passes(), "{}", case.text("Result"));
    Outcome::of(case.passes())
}

#[test]
fn nist_public_keys_are_taken_or_refused_as_published() {
    let layout = ("Qx", [].as_slice());
    cavp(
        &format!("{ECDSA}/FIPS_186-3/PKV.rsp"),
        layout,
        [12, 24, 144],
        key_of_nist,
    );
    cavp(
        &format!("{ECDSA}/FIPS_186-2/PKV.rsp"),
        layout,
        [12, 24, 144],
        key_of_nist,
    );
}

#[test]
fn nist_key_pairs_belong_together() {
    pairs("FIPS_186-3", [30, 0, 120]);
    pairs("FIPS_186-2", [30, 0, 120]);
}

/// The secret that `d` and the point of these names agree on.
fn agreed(curve: Curve, scalar: &[u8], peer: &[u8]) -> Option<Vec<u8>> {
    let own = PrivateKey::from_private_key(curve.agreement().unwrap(), scalar).ok()?;
    let secret = agree_with(&own, &spki(curve, peer)).ok()?;
    Some(secret.expose().to_vec())
}

#[test]
fn nist_secrets_are_agreed_on_as_published() {
    let path = "Protocol/KAS_ECC_CDH_PrimitiveTest.txt";
    cavp_more(path, ("COUNT", &[]), [75, 0, 50], |case| {
        let Some((curve, length)) = curve_of(case.text("section")) else {
            return Outcome::LeftOut;
        };
        let scalar = case.padded("dIUT", length);
        assert!(is_pair(
            curve,
            &scalar,
            &point(case, "QIUTx", "QIUTy", length)
        ));
        let secret = agreed(curve, &scalar, &point(case, "QCAVSx", "QCAVSy", length));
        assert_eq!(secret.unwrap(), case.padded("ZIUT", length));
        Outcome::Valid
    });
}

/// Keys that are no points, pairs that do not belong together, and other secrets are refused.
fn agreement_of_nist(case: &Case) -> Outcome {
    let found = match case.text("section") {
        "EC - SHA256" => curve_of("P-256"),
        "ED - SHA384" => curve_of("P-384"),
        "EE - SHA512" => curve_of("P-521"),
        _ => None,
    };
    let Some((curve, length)) = found else {
        return Outcome::LeftOut;
    };
    let scalar = case.padded("dsIUT", length);
    let own = is_pair(curve, &scalar, &point(case, "QsIUTx", "QsIUTy", length));
    let secret = agreed(curve, &scalar, &point(case, "QsCAVSx", "QsCAVSy", length));
    let hashed = secret.map(|secret| digest(curve.hash().algorithm(), &secret).as_ref().to_vec());
    let ours = own && hashed == Some(case.hex("CAVSHashZZ"));
    assert_eq!(ours, case.passes(), "{}", case.text("Result"));
    Outcome::of(ours)
}

#[test]
fn nist_agreements_hold_or_fail_as_published() {
    for role in ["init", "resp"] {
        let path =
            format!("asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_{role}.fax");
        cavp(&path, ("COUNT", &[]), [54, 36, 60], agreement_of_nist);
    }
}

fn signatures(name: &str, expected: Counts) {
    let path = format!("Signature/wycheproof/ecdsa_{name}_test.json");
    groups(&path, expected, |group, test| {
        let (curve, length) = curve_of(group.text("publicKey.curve")).unwrap();
        let (key, message) = (group.hex("publicKey.uncompressed"), test.hex("msg"));
        let signature = test.hex("sig");
        if group.text("type") == "EcdsaP1363Verify" {
            return match as_token(curve, length, &key, &message, &signature) {
                Some(ours) => test.agrees(ours),
                None => Outcome::LeftOut,
            };
        }
        let ours = verify(curve, &key, Message::Raw(&message), &signature).unwrap();
        let spki = group.hex("publicKeyDer");
        let of_spki = verify(curve, &spki, Message::Raw(&message), &signature);
        assert_eq!(of_spki.unwrap(), ours);
        test.agrees(ours)
    });
}

#[test]
fn newest_wycheproof_signatures_verify_as_published() {
    signatures("secp256r1_sha256", [174, 310, 0]);
    signatures("secp384r1_sha384", [194, 310, 0]);
    signatures("secp521r1_sha512", [232, 310, 0]);
    signatures("secp256k1_sha256", [168, 308, 0]);
    signatures("secp256r1_sha256_p1363", [173, 89, 0]);
    signatures("secp384r1_sha384_p1363", [193, 87, 0]);
    signatures("secp521r1_sha512_p1363", [231, 87, 0]);
}

/// Points stand for keys that are written as they must be, the other form for all others.
fn agreements(name: &str, expected: Counts) {
    let path = format!("Protocol/wycheproof/ecdh_{name}_test.json");
    groups(&path, expected, |group, test| {
        let (curve, length) = curve_of(group.text("curve")).unwrap();
        let number = test.hex("private");
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = &number[zeros..];
        let padded = [
            vec![0; length.saturating_sub(number.len())],
            number.to_vec(),
        ]
        .concat();
        let peer = match group.text("encoding") {
            "ecpoint" => spki(curve, &test.hex("public")),
            _ => test.hex("public"),
        };
        let own = PrivateKey::from_private_key(curve.agreement().unwrap(), &padded).ok();
        let ours = own.and_then(|own| agree_with(&own, &peer).ok());
        let outcome = test.agrees(ours.is_some());
        assert!(ours.is_none_or(|ours| ours.expose() == test.hex("shared")));
        outcome
    });
}

#[test]
fn newest_wycheproof_secrets_are_agreed_on_as_published() {
    agreements("secp256r1", [330, 282, 0]);
    agreements("secp256r1_ecpoint", [330, 25, 0]);
    agreements("secp384r1", [771, 276, 0]);
    agreements("secp384r1_ecpoint", [771, 19, 0]);
    agreements("secp521r1", [632, 284, 0]);
    agreements("secp521r1_ecpoint", [632, 29, 0]);
}
