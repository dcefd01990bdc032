//! NIST's vectors of the counter mode, and Wycheproof's newest of HKDF.

use super::*;
use crate::published::{Outcome, cavp, groups};

#[test]
fn all_nist_vectors_of_the_counter_mode_have_the_published_output() {
    let path = "KDF/nist-800-108-KBKDF-CTR.txt";
    cavp(path, ("COUNT", &[]), [40, 0, 4760], |case| {
        let form = ["PRF", "CTRLOCATION", "RLEN"].map(|name| case.text(name));
        if form != ["HMAC_SHA256", "BEFORE_FIXED", "32_BITS"] {
            return Outcome::LeftOut;
        }
        let mut out = vec![0; case.number("L") / 8];
        counter_mode(&case.hex("KI"), &case.hex("FixedInputData"), &mut out).unwrap();
        assert_eq!(out, case.hex("KO"));
        Outcome::Valid
    });
}

#[test]
fn newest_wycheproof_vectors_of_hkdf_have_the_published_output() {
    groups(
        "Protocol/wycheproof/hkdf_sha256_test.json",
        [83, 3, 0],
        |_, test| {
            let mut out = vec![0; test.number("size")];
            let outcome = hkdf_sha256(
                &test.hex("ikm"),
                &test.hex("salt"),
                &test.hex("info"),
                &mut out,
            );
            let ours = test.agrees(outcome.is_ok());
            assert!(outcome.is_err() || out == test.hex("okm"));
            ours
        },
    );
}
