//! ML-DSA against NIST's known answers, and the two libraries against each other.

use sha3::Shake256;
use sha3::digest::{ExtendableOutput as _, Update as _, XofReader as _};

use super::*;
use crate::SystemEntropy;
use crate::vectors;

const VECTORS: &str = include_str!("../../testdata/nist_ml_dsa.rsp");

/// The first 64 bytes of SHAKE256 of the parts in order.
pub(super) fn shake(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Shake256::default();
    for part in parts {
        hash.update(part);
    }
    let mut out = [0; 64];
    hash.finalize_xof().read(&mut out);
    out
}

/// The representative of a message (FIPS 204, algorithms 2 and 7).
pub(super) fn mu(public: &[u8], context: &[u8], message: &[u8]) -> [u8; 64] {
    let length = u8::try_from(context.len()).unwrap();
    shake(&[&shake(&[public]), &[0, length], context, message])
}

#[test]
fn nist_vectors_have_the_published_keys_and_signatures() {
    let vectors = vectors::read(VECTORS, "SET");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let set = match vector.number("SET") {
            44 => Set::MlDsa44,
            65 => Set::MlDsa65,
            _ => Set::MlDsa87,
        };
        let seed = Key32::try_from(vector.hex("Seed").as_slice()).unwrap();
        let pair = PqdsaKeyPair::from_seed(set.signing(), seed.expose()).unwrap();
        let pair = MlDsa { set, seed, pair };
        let public = pair.pair.public_key().as_ref();
        assert_eq!(public, vector.hex("PK"));
        let mu = mu(public, &vector.hex("Context"), &vector.hex("Msg"));
        let mut signature = vector.hex("Sig");
        assert!(pair.verify_mu(&mu, &signature));
        signature[100] ^= 1;
        assert!(!pair.verify_mu(&mu, &signature));
        assert!(!pair.verify_mu(&mu, &signature[1..]));
    }
}

#[test]
fn messages_and_their_representatives_have_the_same_signatures() {
    for set in [Set::MlDsa44, Set::MlDsa65, Set::MlDsa87] {
        let pair = MlDsa::generate(&SystemEntropy, set);
        let mu = mu(pair.pair.public_key().as_ref(), b"", b"message");
        let signature = pair.sign_mu(&SystemEntropy, &mu);
        assert!(pair.verify(b"message", &signature), "{set:?}");
        assert!(!pair.verify(b"another", &signature), "{set:?}");
        assert!(pair.verify_mu(&mu, &pair.sign(b"message")), "{set:?}");
        assert!(!pair.verify_mu(&mu, &pair.sign(b"another")), "{set:?}");
        assert_ne!(signature, pair.sign_mu(&SystemEntropy, &mu), "hedged");
    }
}
