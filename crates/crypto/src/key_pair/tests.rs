//! What holds for key pairs of every kind.

use super::*;
use crate::SystemEntropy;
use crate::rsa::OaepHash;

/// Without the larger RSA keys, which take long to make.
const SPECS: [PairSpec; 12] = [
    PairSpec::Rsa2048,
    PairSpec::P256,
    PairSpec::P384,
    PairSpec::P521,
    PairSpec::P256k1,
    PairSpec::Ed25519,
    PairSpec::MlDsa44,
    PairSpec::MlDsa65,
    PairSpec::MlDsa87,
    PairSpec::MlKem512,
    PairSpec::MlKem768,
    PairSpec::MlKem1024,
];

#[test]
fn pairs_read_back_from_their_stored_form_and_as_nothing_else() {
    for spec in SPECS {
        let pair = KeyPair::generate(&SystemEntropy, spec);
        let stored = pair.to_pkcs8();
        let back = KeyPair::from_pkcs8(spec, stored.expose()).unwrap();
        assert_eq!(back.public_key(), pair.public_key(), "{spec:?}");
        assert!(back.to_pkcs8().ct_eq(&stored), "{spec:?}");
        for other in SPECS.into_iter().filter(|other| *other != spec) {
            assert!(KeyPair::from_pkcs8(other, stored.expose()).is_err());
        }
        for length in 0..stored.expose().len() {
            let cut = KeyPair::from_pkcs8(spec, &stored.expose()[..length]);
            assert!(cut.is_err(), "{spec:?} {length}");
        }
    }
}

#[test]
fn another_size_of_modulus_is_refused() {
    let pair = KeyPair::generate(&SystemEntropy, PairSpec::Rsa2048).to_pkcs8();
    for spec in [PairSpec::Rsa3072, PairSpec::Rsa4096] {
        assert!(KeyPair::from_pkcs8(spec, pair.expose()).is_err());
    }
}

#[test]
fn oaep_opens_what_it_closed_with_the_same_hash_only() {
    let pair = KeyPair::generate(&SystemEntropy, PairSpec::Rsa2048);
    for (hash, other, most) in [
        (OaepHash::Sha1, OaepHash::Sha256, 214),
        (OaepHash::Sha256, OaepHash::Sha1, 190),
    ] {
        let ciphertext = pair.encrypt_oaep(hash, &vec![7; most]).unwrap();
        let opened = pair.decrypt_oaep(hash, &ciphertext).unwrap();
        assert_eq!(opened.expose(), vec![7; most]);
        assert!(pair.decrypt_oaep(other, &ciphertext).is_err());
        assert!(pair.encrypt_oaep(hash, &vec![7; most + 1]).is_err());
    }
}

#[test]
fn both_sides_agree_on_the_same_secret() {
    for (spec, length) in [
        (PairSpec::P256, 32),
        (PairSpec::P384, 48),
        (PairSpec::P521, 66),
    ] {
        let one = KeyPair::generate(&SystemEntropy, spec);
        let two = KeyPair::generate(&SystemEntropy, spec);
        let secret = one.agree(&two.public_key()).unwrap();
        assert_eq!(secret.expose().len(), length);
        assert!(two.agree(&one.public_key()).unwrap().ct_eq(&secret));
    }
}

#[test]
fn pairs_refuse_what_is_not_theirs() {
    let unfit = |outcome: Result<(), Error>| matches!(outcome, Err(Error::Unfit { .. }));
    let signing = KeyPair::generate(&SystemEntropy, PairSpec::P256k1);
    let peer = signing.public_key();
    assert!(unfit(signing.agree(&peer).map(drop)));
    assert!(unfit(signing.encapsulate().map(drop)));
    assert!(unfit(signing.encrypt_oaep(OaepHash::Sha1, b"x").map(drop)));
    assert!(signing.decrypt_oaep(OaepHash::Sha1, &[0; 256]).is_err());
    assert!(signing.decapsulate(&[0; 768]).is_err());
}

#[test]
fn debug_shows_a_placeholder() {
    let pair = KeyPair::generate(&SystemEntropy, PairSpec::Ed25519);
    assert_eq!(format!("{pair:?}"), "KeyPair(***)");
}
