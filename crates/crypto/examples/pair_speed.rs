//! Prints how long key pairs take to be made, read and used; run it with `--release`.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::hint::black_box;
use std::time::Duration;

use strongroom_crypto::rsa::OaepHash;
use strongroom_crypto::signing::{Hash, Message, Scheme};
use strongroom_crypto::{Error, KeyPair, PairSpec, SystemEntropy};
use types::{Clock as _, SystemClock};

fn main() -> Result<(), Error> {
    let rsa = Scheme::RsaPkcs1(Hash::Sha256);
    for (spec, scheme) in [
        (PairSpec::Rsa2048, Some(rsa)),
        (PairSpec::Rsa3072, Some(rsa)),
        (PairSpec::Rsa4096, Some(rsa)),
        (PairSpec::P256, Some(Scheme::Ecdsa)),
        (PairSpec::P384, Some(Scheme::Ecdsa)),
        (PairSpec::P521, Some(Scheme::Ecdsa)),
        (PairSpec::P256k1, Some(Scheme::Ecdsa)),
        (PairSpec::Ed25519, Some(Scheme::Ed25519)),
        (PairSpec::MlDsa44, Some(Scheme::MlDsa)),
        (PairSpec::MlDsa65, Some(Scheme::MlDsa)),
        (PairSpec::MlDsa87, Some(Scheme::MlDsa)),
        (PairSpec::MlKem512, None),
        (PairSpec::MlKem1024, None),
    ] {
        let name = format!("{spec:?}");
        let pair = KeyPair::generate(&SystemEntropy, spec);
        let pkcs8 = pair.to_pkcs8();
        let few = if matches!(scheme, Some(Scheme::RsaPkcs1(_))) {
            3
        } else {
            50
        };
        report(&name, "generate", few, || {
            black_box(KeyPair::generate(&SystemEntropy, spec));
        });
        report(&name, "from_pkcs8", 50, || {
            drop(black_box(KeyPair::from_pkcs8(spec, pkcs8.expose())));
        });
        if let Some(scheme) = scheme {
            uses(&name, &pair, scheme)?;
        } else {
            let (ciphertext, _) = pair.encapsulate()?;
            report(&name, "encapsulate", 50, || {
                drop(black_box(pair.encapsulate()));
            });
            report(&name, "decapsulate", 50, || {
                drop(black_box(pair.decapsulate(&ciphertext)));
            });
        }
    }
    Ok(())
}

fn uses(name: &str, pair: &KeyPair, scheme: Scheme) -> Result<(), Error> {
    let message = Message::Raw(&[7; 1024]);
    let signature = pair.sign(&SystemEntropy, scheme, message)?;
    report(name, "sign", 50, || {
        drop(black_box(pair.sign(&SystemEntropy, scheme, message)));
    });
    report(name, "verify", 50, || {
        drop(black_box(pair.verify(scheme, message, &signature)));
    });
    if scheme == Scheme::MlDsa {
        let mu = Message::Mu(&[7; 64]);
        report(name, "sign mu", 50, || {
            drop(black_box(pair.sign(&SystemEntropy, scheme, mu)));
        });
    }
    if let Ok(ciphertext) = pair.encrypt_oaep(OaepHash::Sha256, &[7; 32]) {
        report(name, "decrypt", 50, || {
            drop(black_box(pair.decrypt_oaep(OaepHash::Sha256, &ciphertext)));
        });
    }
    let public = pair.public_key();
    if pair.agree(&public).is_ok() {
        report(name, "agree", 50, || drop(black_box(pair.agree(&public))));
    }
    Ok(())
}

/// Prints the middle of so many times.
fn report(name: &str, what: &str, rounds: usize, mut work: impl FnMut()) {
    let clock = SystemClock::new();
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = clock.monotonic();
            work();
            clock.monotonic().0.saturating_sub(start.0)
        })
        .collect();
    times.sort_unstable();
    let middle = times.get(rounds / 2).copied().unwrap_or_default();
    println!(
        "{name:10} {what:12} {:>10.1} µs",
        middle.as_secs_f64() * 1e6
    );
}
