//! SHA-256 against NIST's vectors.

use proptest::prelude::*;

use super::*;
use crate::vectors;

const SHORT: &str = include_str!("../../testdata/nist_sha256_shortmsg.rsp");
const MONTE: &str = include_str!("../../testdata/nist_sha256_monte.rsp");

#[test]
fn short_messages_have_the_published_digests() {
    let vectors = vectors::read(SHORT, "Len");
    assert_eq!(vectors.len(), 65);
    for vector in vectors {
        let mut message = vector.hex("Msg");
        message.truncate(vector.number("Len") / 8);
        assert_eq!(sha256(&message).as_slice(), vector.hex("MD"));
    }
}

/// NIST's chain: each digest hashes the three before it, and every 1,000th is published.
#[test]
fn the_monte_carlo_chain_has_the_published_digests() {
    let vectors = vectors::read(MONTE, "COUNT");
    assert_eq!(vectors.len(), 100);
    let seed_line = MONTE.lines().find_map(|line| line.strip_prefix("Seed = "));
    let mut seed: [u8; 32] = hex::decode(seed_line.unwrap()).unwrap().try_into().unwrap();
    for vector in vectors {
        let mut last = [seed; 3];
        for _ in 0..1_000 {
            let mut hash = Sha256::new();
            for digest in &last {
                hash.update(digest);
            }
            last = [last[1], last[2], hash.finish()];
        }
        seed = last[2];
        assert_eq!(seed.as_slice(), vector.hex("MD"));
    }
}

#[test]
fn debug_shows_a_placeholder() {
    assert_eq!(format!("{:?}", Sha256::default()), "Sha256(..)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_have_the_digest_of_the_whole(parts: Vec<Vec<u8>>) {
        let mut hash = Sha256::new();
        for part in &parts {
            hash.update(part);
        }
        prop_assert_eq!(hash.finish(), sha256(&parts.concat()));
    }
}
