//! NIST's and Wycheproof's newest vectors of AES-256-GCM.

use super::*;
use crate::published::{Case, Outcome, cavp, groups};
use crate::vectors;

const ACVP: &str = include_str!("../../testdata/nist_acvp_gcm.rsp");

/// Nonces of 96 bits and whole tags; neither of the formats has others.
fn is_offered(case: &Case) -> bool {
    case.number("IVlen") == 96 && case.number("Taglen") == 128
}

/// What is sealed, and what opens, if anything.
fn both(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    body: &[u8],
) -> [Option<Vec<u8>>; 2] {
    let key = GcmKey::new(key.try_into().unwrap());
    let nonce: [u8; 12] = nonce.try_into().unwrap();
    let (mut sealed, mut opened, mut buffer) = (Vec::new(), Vec::new(), body.to_vec());
    key.seal(nonce, aad, plaintext, &mut sealed);
    let outcome = key.open(nonce, aad, body, &mut opened);
    let in_place = key.open_in_place(nonce, aad, &mut buffer);
    assert_eq!(
        in_place.map(|opened| opened.to_vec()),
        outcome.map(|()| opened.clone())
    );
    [Some(sealed), outcome.is_ok().then_some(opened)]
}

fn check(case: &Case) -> Outcome {
    if !is_offered(case) {
        return Outcome::LeftOut;
    }
    let body = [case.hex("CT"), case.hex("Tag")].concat();
    let plaintext = case.hex("PT");
    let [sealed, opened] = both(
        &case.hex("Key"),
        &case.hex("IV"),
        &case.hex("AAD"),
        &plaintext,
        &body,
    );
    let valid = !case.has("FAIL");
    assert_eq!(opened, valid.then_some(plaintext));
    assert_eq!(sealed == Some(body), valid);
    Outcome::of(valid)
}

#[test]
fn nist_vectors_seal_and_open_as_published() {
    let layout = ("Count", [].as_slice());
    let directory = "ciphers/AES/GCM";
    cavp(
        &format!("{directory}/gcmEncryptExtIV256.rsp"),
        layout,
        [375, 0, 7500],
        check,
    );
    cavp(
        &format!("{directory}/gcmDecrypt256.rsp"),
        layout,
        [184, 191, 7500],
        check,
    );
}

#[test]
fn newest_wycheproof_vectors_seal_and_open_as_published() {
    groups(
        "Cipher/wycheproof/aes_gcm_test.json",
        [39, 27, 250],
        |group, test| {
            let sizes = ["keySize", "ivSize", "tagSize"].map(|name| group.number(name));
            if sizes != [256, 96, 128] {
                return Outcome::LeftOut;
            }
            let body = [test.hex("ct"), test.hex("tag")].concat();
            let plaintext = test.hex("msg");
            let [sealed, opened] = both(
                &test.hex("key"),
                &test.hex("iv"),
                &test.hex("aad"),
                &plaintext,
                &body,
            );
            assert_eq!(opened.is_some(), sealed == Some(body));
            let ours = test.agrees(opened.is_some());
            assert!(opened.is_none_or(|opened| opened == plaintext));
            ours
        },
    );
}

#[test]
fn nist_questions_are_answered_as_published() {
    let vectors = vectors::read(ACVP, "COUNT");
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let [key, nonce, aad] = ["K", "N", "AAD"].map(|name| vector.hex(name));
        let body = [vector.hex("C"), vector.hex("T")].concat();
        let [sealed, opened] = both(&key, &nonce, &aad, &vector.hex("P"), &body);
        let valid = vector.has("P");
        assert_eq!(opened, valid.then(|| vector.hex("P")));
        assert_eq!(sealed == Some(body), valid);
    }
}
