//! The vectors of Ed25519's authors, and Wycheproof's newest.

use super::*;
use crate::published::{Outcome, groups, lines};

/// Seed ‖ public key, public key, message, signature ‖ message, with colons between them.
#[test]
fn the_authors_signatures_are_reproduced() {
    lines("asymmetric/Ed25519/sign.input", [1024, 0, 0], |line| {
        let fields: Vec<Vec<u8>> = line
            .split(':')
            .map(|field| hex::decode(field).unwrap())
            .collect();
        let (seed, public) = fields[0].split_at(32);
        let (signature, message) = fields[3].split_at(64);
        let seed = Key32::try_from(seed).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).unwrap();
        let pair = Ed25519 { seed, pair };
        assert_eq!(pair.pair.public_key().as_ref(), public);
        assert_eq!(
            (public, message),
            (fields[1].as_slice(), fields[2].as_slice())
        );
        assert_eq!(pair.sign(message), signature);
        assert!(pair.verify(message, signature));
        Outcome::Valid
    });
}

#[test]
fn newest_wycheproof_vectors_verify_as_published() {
    groups(
        "Signature/wycheproof/ed25519_test.json",
        [146, 64, 0],
        |group, test| {
            let key = UnparsedPublicKey::new(&ED25519, group.hex("publicKey.pk"));
            test.agrees(key.verify(&test.hex("msg"), &test.hex("sig")).is_ok())
        },
    );
}
