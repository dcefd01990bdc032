//! What holds for signatures of every scheme.

use super::*;
use crate::{PairSpec, SystemEntropy, digest};

const MESSAGE: &[u8] = b"message";

fn check(pair: &KeyPair, scheme: Scheme) {
    let signed = pair.sign(&SystemEntropy, scheme, Message::Raw(MESSAGE));
    let signature = signed.unwrap();
    let verified = |message, signature: &[u8]| pair.verify(scheme, message, signature).unwrap();
    assert!(verified(Message::Raw(MESSAGE), &signature), "{scheme:?}");
    assert!(
        !verified(Message::Raw(b"massage"), &signature),
        "{scheme:?}"
    );
    assert!(!verified(Message::Raw(MESSAGE), &[]), "{scheme:?}");
    assert!(!verified(Message::Raw(MESSAGE), &signature[1..]));
    for byte in (0..signature.len()).step_by(7) {
        let mut altered = signature.clone();
        altered[byte] ^= 1;
        assert!(!verified(Message::Raw(MESSAGE), &altered), "{scheme:?}");
    }
}

#[test]
fn signatures_verify_and_altered_ones_do_not() {
    let rsa = KeyPair::generate(&SystemEntropy, PairSpec::Rsa2048);
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        check(&rsa, Scheme::RsaPss(hash));
        check(&rsa, Scheme::RsaPkcs1(hash));
    }
    for (spec, scheme) in [
        (PairSpec::P256, Scheme::Ecdsa),
        (PairSpec::P384, Scheme::Ecdsa),
        (PairSpec::P521, Scheme::Ecdsa),
        (PairSpec::P256k1, Scheme::Ecdsa),
        (PairSpec::Ed25519, Scheme::Ed25519),
        (PairSpec::Ed25519, Scheme::Ed25519ph),
        (PairSpec::MlDsa44, Scheme::MlDsa),
        (PairSpec::MlDsa65, Scheme::MlDsa),
        (PairSpec::MlDsa87, Scheme::MlDsa),
    ] {
        check(&KeyPair::generate(&SystemEntropy, spec), scheme);
    }
}

#[test]
fn a_digest_and_its_message_have_the_same_signatures() {
    let digest = digest::sha256(MESSAGE);
    let rsa = KeyPair::generate(&SystemEntropy, PairSpec::Rsa2048);
    let curve = KeyPair::generate(&SystemEntropy, PairSpec::P256);
    for (pair, scheme) in [
        (&rsa, Scheme::RsaPss(Hash::Sha256)),
        (&rsa, Scheme::RsaPkcs1(Hash::Sha256)),
        (&curve, Scheme::Ecdsa),
    ] {
        let forms = [Message::Raw(MESSAGE), Message::Digest(&digest)];
        for (form, other) in [(forms[0], forms[1]), (forms[1], forms[0])] {
            let signature = pair.sign(&SystemEntropy, scheme, form).unwrap();
            assert!(pair.verify(scheme, other, &signature).unwrap());
        }
        let short = Message::Digest(&digest[1..]);
        assert!(pair.sign(&SystemEntropy, scheme, short).is_err());
        assert!(pair.verify(scheme, short, &[0; 64]).is_err());
    }
}

#[test]
fn schemes_of_other_keys_and_other_forms_of_message_are_refused() {
    let ed25519 = KeyPair::generate(&SystemEntropy, PairSpec::Ed25519);
    let mu = [0; 64];
    for (scheme, message) in [
        (Scheme::Ecdsa, Message::Raw(MESSAGE)),
        (Scheme::MlDsa, Message::Raw(MESSAGE)),
        (Scheme::RsaPss(Hash::Sha256), Message::Raw(MESSAGE)),
        (Scheme::Ed25519, Message::Digest(&mu)),
        (Scheme::Ed25519ph, Message::Digest(&mu)),
        (Scheme::Ed25519, Message::Mu(&mu)),
    ] {
        let signed = ed25519.sign(&SystemEntropy, scheme, message);
        assert!(matches!(signed, Err(Error::Unfit { .. })), "{scheme:?}");
        let verified = ed25519.verify(scheme, message, &[0; 64]);
        assert!(matches!(verified, Err(Error::Unfit { .. })), "{scheme:?}");
    }
    let rsa = KeyPair::generate(&SystemEntropy, PairSpec::Rsa2048);
    let scheme = Scheme::RsaPkcs1(Hash::Sha512);
    assert!(rsa.sign(&SystemEntropy, scheme, Message::Mu(&mu)).is_err());
}
