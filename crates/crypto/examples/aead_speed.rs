//! Prints how long sealing and opening take; run it with `--release`.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::hint::black_box;

use strongroom_crypto::{
    CommittingKey, HmacSha256Key, Key32, OpenError, SystemEntropy, XaesKey, aead, kdf,
};
use types::{Clock as _, Entropy as _, SystemClock};

const ROUNDS: u32 = 200_000;
const AAD: &[u8] = b"forty-eight bytes of header and key, more or less";

fn main() -> Result<(), OpenError> {
    let root = Key32::generate(&SystemEntropy);
    for length in [64, 1_024, 16_384] {
        let plaintext = vec![7; length];
        payload(&root, &plaintext)?;
    }
    let committing = CommittingKey::new(&root);
    let wrapped = committing.seal(&SystemEntropy, AAD, root.expose());
    report("committing seal, 32 bytes", || {
        black_box(committing.seal(&SystemEntropy, AAD, root.expose()));
    });
    report("committing open, 32 bytes", || {
        drop(black_box(committing.open(AAD, &wrapped)));
    });
    let mut nonce = [0; aead::NONCE_LEN];
    report("24 random bytes", || {
        SystemEntropy.fill(black_box(&mut nonce));
    });
    let mac = HmacSha256Key::new(root.expose());
    report("HMAC-SHA-256 tag, 16 bytes", || {
        black_box(mac.tag(b"record-000000001"));
    });
    report("derive_key", || {
        black_box(kdf::derive_key(&root, "label", b"context"));
    });
    report("XaesKey::new", || {
        black_box(XaesKey::new(&root));
    });
    Ok(())
}

fn payload(root: &Key32, plaintext: &[u8]) -> Result<(), OpenError> {
    let key = XaesKey::new(root);
    let length = plaintext.len();
    let mut buffer = Vec::new();
    report(&format!("seal_into, {length} bytes"), || {
        buffer.clear();
        key.seal_into(&SystemEntropy, AAD, black_box(plaintext), &mut buffer);
    });
    let sealed = key.seal(&SystemEntropy, AAD, plaintext);
    key.open(AAD, &sealed)?;
    report(&format!("open, {length} bytes"), || {
        drop(black_box(key.open(AAD, &sealed)));
    });
    report(&format!("open_into, {length} bytes"), || {
        buffer.clear();
        black_box(key.open_into(AAD, &sealed, &mut buffer).is_ok());
    });
    report(
        &format!("open_in_place, {length} bytes (with a copy)"),
        || {
            buffer.clear();
            buffer.extend_from_slice(&sealed);
            black_box(key.open_in_place(AAD, &mut buffer).is_ok());
        },
    );
    Ok(())
}

fn report(name: &str, mut call: impl FnMut()) {
    let clock = SystemClock::new();
    for _ in 0..ROUNDS / 10 {
        call();
    }
    let start = clock.monotonic();
    for _ in 0..ROUNDS {
        call();
    }
    let spent = clock.monotonic().0.saturating_sub(start.0);
    println!("{:>8} ns  {name}", spent.as_nanos() / u128::from(ROUNDS));
}
