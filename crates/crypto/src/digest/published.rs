//! NIST's vectors of SHA-256, and of the hashes that other schemes here build on.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA224, SHA384, SHA512};
use ed25519_dalek::Digest as _;

use super::*;
use crate::published::{Counts, Outcome, cavp};

fn messages(path: &str, expected: Counts, hash: impl Fn(&[u8]) -> Vec<u8>) {
    cavp(&format!("hashes/{path}"), ("Len", &[]), expected, |case| {
        let mut message = case.hex("Msg");
        message.truncate(case.number("Len") / 8);
        assert_eq!(hash(&message), case.hex("MD"), "{path}");
        Outcome::Valid
    });
}

/// NIST's chain: each digest hashes the three before it, and every 1,000th is published.
fn chain(path: &str, hash: impl Fn(&[u8]) -> Vec<u8>) {
    let mut seed = None;
    cavp(
        &format!("hashes/{path}"),
        ("COUNT", &["Seed"]),
        [100, 0, 0],
        |case| {
            let first = seed.take().unwrap_or_else(|| case.hex("Seed"));
            let mut last = [first.clone(), first.clone(), first];
            for _ in 0..1_000 {
                let next = hash(&last.concat());
                last.rotate_left(1);
                last[2] = next;
            }
            assert_eq!(last[2], case.hex("MD"), "{path}");
            seed = Some(last[2].clone());
            Outcome::Valid
        },
    );
}

fn all(name: &str, [short, long]: [usize; 2], hash: impl Fn(&[u8]) -> Vec<u8>) {
    messages(&format!("{name}ShortMsg.rsp"), [short, 0, 0], &hash);
    messages(&format!("{name}LongMsg.rsp"), [long, 0, 0], &hash);
    chain(&format!("{name}Monte.rsp"), hash);
}

fn by(algorithm: &'static Algorithm) -> impl Fn(&[u8]) -> Vec<u8> {
    move |message| digest(algorithm, message).as_ref().to_vec()
}

#[test]
fn nist_messages_have_the_published_digests() {
    all("SHA2/SHA256", [65, 64], |message| sha256(message).to_vec());
}

/// SHA-1 in OAEP, SHA-224 in HMAC, the longer ones in signatures.
#[test]
fn nist_messages_have_the_published_digests_of_the_other_hashes() {
    all("SHA1/SHA1", [65, 64], by(&SHA1_FOR_LEGACY_USE_ONLY));
    all("SHA2/SHA224", [65, 64], by(&SHA224));
    all("SHA2/SHA384", [129, 128], by(&SHA384));
    all("SHA2/SHA512", [129, 128], by(&SHA512));
}

/// The other library's, which Ed25519ph uses.
#[test]
fn nist_messages_have_the_published_digests_in_ed25519ph() {
    all("SHA2/SHA512", [129, 128], |message| {
        ed25519_dalek::Sha512::digest(message).to_vec()
    });
}
