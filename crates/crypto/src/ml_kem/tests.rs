//! ML-KEM against NIST's known answers.

use super::*;
use crate::SystemEntropy;
use crate::vectors;

const VECTORS: &str = include_str!("../../testdata/nist_ml_kem.rsp");

pub(super) const SETS: [(Set, usize); 3] = [
    (Set::MlKem512, 768),
    (Set::MlKem768, 1088),
    (Set::MlKem1024, 1568),
];

#[test]
fn nist_vectors_have_the_published_keys_and_secrets() {
    let vectors = vectors::read(VECTORS, "SET");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let set = match vector.number("SET") {
            512 => Set::MlKem512,
            768 => Set::MlKem768,
            _ => Set::MlKem1024,
        };
        let seed: [u8; 64] = vector.hex("Seed").try_into().unwrap();
        let pair = MlKem::from_seed(set, Box::new(Zeroizing::new(seed)));
        assert_eq!(pair.public, vector.hex("PK"));
        let secret = |name| {
            pair.decapsulate(&vector.hex(name))
                .unwrap()
                .expose()
                .to_vec()
        };
        assert_eq!(secret("CT"), vector.hex("SS"));
        assert_eq!(secret("WrongCT"), vector.hex("WrongSS"));
    }
}

#[test]
fn secrets_come_back_and_ciphertexts_of_the_wrong_length_are_refused() {
    for (set, length) in SETS {
        let pair = MlKem::generate(&SystemEntropy, set);
        let (ciphertext, secret) = pair.encapsulate();
        assert_eq!((ciphertext.len(), secret.expose().len()), (length, 32));
        assert!(pair.decapsulate(&ciphertext).unwrap().ct_eq(&secret));
        assert!(pair.decapsulate(&ciphertext[1..]).is_err());
        let longer = [ciphertext.as_slice(), b"\0"].concat();
        assert!(pair.decapsulate(&longer).is_err());
    }
}
