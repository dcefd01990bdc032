//! NIST's vectors of key wrap with padding under AES-256, and Wycheproof's newest.

use super::*;
use crate::published::{Outcome, cavp, groups};

#[test]
fn all_nist_vectors_wrap_and_unwrap_as_published() {
    let path = |name| format!("keywrap/kwtestvectors/KWP_{name}_256.txt");
    let layout = ("COUNT", [].as_slice());
    cavp(&path("AE"), layout, [500, 0, 0], |case| {
        let key = Key32::try_from(case.hex("K").as_slice()).unwrap();
        assert_eq!(wrap(&key, &case.hex("P")).unwrap(), case.hex("C"));
        assert_eq!(
            unwrap(&key, &case.hex("C")).unwrap().expose(),
            case.hex("P")
        );
        Outcome::Valid
    });
    cavp(&path("AD"), layout, [400, 100, 0], |case| {
        let key = Key32::try_from(case.hex("K").as_slice()).unwrap();
        let ours = unwrap(&key, &case.hex("C")).ok();
        let valid = !case.has("FAIL");
        assert_eq!(
            ours.map(|ours| ours.expose().to_vec()),
            valid.then(|| case.hex("P"))
        );
        Outcome::of(valid)
    });
}

#[test]
fn newest_wycheproof_vectors_unwrap_as_published() {
    groups(
        "Cipher/wycheproof/aes_kwp_test.json",
        [25, 69, 160],
        |group, test| {
            if group.number("keySize") != 256 {
                return Outcome::LeftOut;
            }
            let key = Key32::try_from(test.hex("key").as_slice()).unwrap();
            let ours = unwrap(&key, &test.hex("ct")).ok();
            let outcome = test.agrees(ours.is_some());
            if let Some(ours) = ours {
                assert_eq!(ours.expose(), test.hex("msg"));
                assert_eq!(wrap(&key, &test.hex("msg")).unwrap(), test.hex("ct"));
            }
            outcome
        },
    );
}
