//! NIST's vectors of ML-KEM (ACVP), known answers, and Wycheproof's newest vectors.

use super::tests::SETS;
use super::*;
use crate::published::{Json, Outcome, acvp, cavp, groups};

fn pair(set: Set, seed: &[u8]) -> Option<MlKem> {
    let seed: [u8; 64] = seed.try_into().ok()?;
    Some(MlKem::from_seed(set, Box::new(Zeroizing::new(seed))))
}

fn opened(set: Set, private: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let key = DecapsulationKey::new(set.algorithm(), private).ok()?;
    let secret = key.decapsulate(Ciphertext::from(ciphertext)).ok()?;
    Some(secret.as_ref().to_vec())
}

#[test]
fn all_known_answers_are_given() {
    for (set, _) in SETS {
        let path = format!("asymmetric/MLKEM/kat_MLKEM_{}.rsp", bits(set));
        cavp(&path, ("count", &[]), [1_000, 0, 0], |case| {
            let seed = [case.hex("d"), case.hex("z")].concat();
            let pair = pair(set, &seed).unwrap();
            assert_eq!(pair.public, case.hex("pk"));
            let secret = |name| pair.decapsulate(&case.hex(name)).unwrap();
            assert_eq!(secret("ct").expose(), case.hex("ss"));
            // The wrong ciphertext, which is rejected by a secret of its own.
            assert_eq!(secret("ct_n").expose(), case.hex("ss_n"));
            assert_eq!(
                opened(set, &case.hex("sk"), &case.hex("ct")),
                Some(case.hex("ss"))
            );
            Outcome::Valid
        });
    }
}

fn bits(set: Set) -> usize {
    match set {
        Set::MlKem512 => 512,
        Set::MlKem768 => 768,
        Set::MlKem1024 => 1024,
    }
}

fn check(suffix: &str, expected: [[usize; 3]; 3], check: impl Fn(Set, &Json) -> Outcome) {
    for ((set, _), expected) in SETS.into_iter().zip(expected) {
        let path = format!("Protocol/wycheproof/mlkem_{}_{suffix}_test.json", bits(set));
        groups(&path.replace("__", "_"), expected, |_, test| {
            check(set, test)
        });
    }
}

#[test]
fn newest_wycheproof_keys_and_secrets_are_as_published() {
    check("keygen_seed", [[100, 0, 0]; 3], |set, test| {
        let pair = pair(set, &test.hex("seed"));
        let ours = pair
            .as_ref()
            .is_some_and(|pair| pair.public == test.hex("ek"));
        test.agrees(ours)
    });
    check(
        "",
        [[160, 40, 0], [161, 40, 0], [162, 40, 0]],
        |set, test| {
            let pair = pair(set, &test.hex("seed"));
            let secret = pair.and_then(|pair| pair.decapsulate(&test.hex("c")).ok());
            let outcome = test.agrees(secret.is_some());
            assert!(secret.is_none_or(|secret| secret.expose() == test.hex("K")));
            outcome
        },
    );
    check("semi_expanded_decaps", [[3, 6, 0]; 3], |set, test| {
        let secret = opened(set, &test.hex("dk"), &test.hex("c"));
        let outcome = test.agrees(secret.is_some());
        assert!(secret.is_none_or(|secret| secret == test.hex("K")));
        outcome
    });
}

/// What is drawn for a secret cannot be given, so that of these the keys are read.
#[test]
fn newest_wycheproof_public_keys_are_taken_or_refused_as_published() {
    let expected = [[133, 128, 0], [133, 132, 0], [133, 136, 0]];
    check("encaps", expected, |set, test| {
        let key = EncapsulationKey::new(set.algorithm(), &test.hex("ek"));
        test.agrees(key.is_ok_and(|key| key.encapsulate().is_ok()))
    });
}

/// The set that a group of NIST's is for.
fn set_of(group: &Json) -> Set {
    match group.text("parameterSet") {
        "ML-KEM-512" => Set::MlKem512,
        "ML-KEM-768" => Set::MlKem768,
        name => {
            assert_eq!(name, "ML-KEM-1024");
            Set::MlKem1024
        }
    }
}

#[test]
fn nist_keys_are_as_published() {
    acvp("ML-KEM-keyGen-FIPS203", [75, 0, 0], |group, test| {
        let seed = [test.hex("d"), test.hex("z")].concat();
        let pair = pair(set_of(group), &seed).unwrap();
        assert_eq!(pair.public, test.hex("ek"));
        let private = pair.private.key_bytes().unwrap();
        assert_eq!(private.as_ref(), test.hex("dk"));
        Outcome::Valid
    });
}

/// What is drawn for a secret cannot be given: the 75 encapsulations are left out, but that the
/// keys are taken, and that the ciphertexts open.
#[test]
fn nist_secrets_and_verdicts_on_keys_are_as_published() {
    acvp("ML-KEM-encapDecap-FIPS203", [60, 30, 75], |group, test| {
        let set = set_of(group);
        let usable = || {
            let key = EncapsulationKey::new(set.algorithm(), &test.hex("ek"));
            key.is_ok_and(|key| key.encapsulate().is_ok())
        };
        let passed = test.is("testPassed");
        match group.text("function") {
            "decapsulation" => {
                let secret = opened(set, &test.hex("dk"), &test.hex("c"));
                assert_eq!(secret.unwrap(), test.hex("k"));
                Outcome::Valid
            }
            "encapsulation" => {
                assert!(usable());
                let secret = opened(set, &test.hex("dk"), &test.hex("c"));
                assert_eq!(secret.unwrap(), test.hex("k"));
                Outcome::LeftOut
            }
            "encapsulationKeyCheck" => {
                assert_eq!(usable(), passed);
                Outcome::of(passed)
            }
            name => {
                assert_eq!(name, "decapsulationKeyCheck");
                let length = SETS.into_iter().find(|(other, _)| *other == set);
                let ciphertext = vec![0; length.unwrap().1];
                assert_eq!(opened(set, &test.hex("dk"), &ciphertext).is_some(), passed);
                Outcome::of(passed)
            }
        }
    });
}
