//! NIST's vectors of ML-DSA (ACVP), known answers, and Wycheproof's newest vectors.

use ml_dsa::ExpandedSigningKey;

use super::tests::{mu, shake};
use super::*;
use crate::published::{Counts, Json, Outcome, acvp, cavp, groups};

/// Gives the bytes it was made of.
#[derive(Debug)]
struct Given([u8; 32]);

impl Entropy for Given {
    fn fill(&self, target: &mut [u8]) {
        target.copy_from_slice(&self.0);
    }
}

/// What makes signatures the deterministic ones (FIPS 204, algorithm 2).
const ZEROS: Given = Given([0; 32]);

fn pair(set: Set, seed: &[u8]) -> MlDsa {
    let seed = Key32::try_from(seed).unwrap();
    let pair = PqdsaKeyPair::from_seed(set.signing(), seed.expose()).unwrap();
    MlDsa { set, seed, pair }
}

/// The verdict on a signature of a mu under a public key in bytes.
fn verified_mu(set: Set, key: &[u8], mu: &[u8; 64], signature: &[u8]) -> bool {
    match set {
        Set::MlDsa44 => verify_mu::<MlDsa44>(key, mu, signature),
        Set::MlDsa65 => verify_mu::<MlDsa65>(key, mu, signature),
        Set::MlDsa87 => verify_mu::<MlDsa87>(key, mu, signature),
    }
}

fn verified(set: Set, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = UnparsedPublicKey::new(set.verification(), key);
    key.verify(message, signature).is_ok()
}

const SETS: [(Set, usize); 3] = [(Set::MlDsa44, 44), (Set::MlDsa65, 65), (Set::MlDsa87, 87)];

#[test]
fn all_known_answers_are_given() {
    for (set, number) in SETS {
        let path = format!("asymmetric/MLDSA/kat_MLDSA_{number}_det_pure.rsp");
        cavp(&path, ("count", &[]), [100, 0, 0], |case| {
            let pair = pair(set, &case.hex("xi"));
            let public = pair.pair.public_key().as_ref();
            assert_eq!(public, case.hex("pk"));
            let (message, mut signature) = (case.hex("msg"), case.hex("sm"));
            assert!(signature.ends_with(&message));
            signature.truncate(signature.len() - message.len());
            let mu = mu(public, &case.hex("ctx"), &message);
            assert_eq!(pair.sign_mu(&ZEROS, &mu), signature);
            assert!(pair.verify_mu(&mu, &signature));
            signature[100] ^= 1;
            assert!(!pair.verify_mu(&mu, &signature));
            Outcome::Valid
        });
    }
}

/// The representative of a test's message, if its context is short enough to have one.
fn mu_of(test: &Json, public: &[u8]) -> Option<[u8; 64]> {
    if test.has("mu") && !test.has("msg") {
        return test.hex("mu").try_into().ok();
    }
    let context = test.hex("ctx");
    (context.len() < 256).then(|| mu(public, &context, &test.hex("msg")))
}

/// What a test says was drawn for its signature, or zeros.
fn entropy_of(test: &Json) -> Given {
    let drawn = test.has("rnd").then(|| test.hex("rnd"));
    drawn.map_or(ZEROS, |drawn| Given(drawn.try_into().unwrap()))
}

fn signed(set: Set, number: usize, expected: Counts) {
    let path = format!("Signature/wycheproof/mldsa_{number}_sign_seed_test.json");
    groups(&path, expected, |group, test| {
        let Ok(seed) = Key32::try_from(group.hex("privateSeed").as_slice()) else {
            return test.agrees(false);
        };
        let pair = pair(set, seed.expose());
        let public = pair.pair.public_key().as_ref();
        assert_eq!(public, group.hex("publicKey"));
        let entropy = entropy_of(test);
        let signature = mu_of(test, public).map(|mu| pair.sign_mu(&entropy, &mu));
        test.agrees(signature.is_some_and(|signature| signature == test.hex("sig")))
    });
}

fn checked(set: Set, number: usize, expected: Counts) {
    let path = format!("Signature/wycheproof/mldsa_{number}_verify_test.json");
    groups(&path, expected, |group, test| {
        let (key, signature) = (group.hex("publicKey"), test.hex("sig"));
        let mu = mu_of(test, &key);
        let ours = mu.is_some_and(|mu| verified_mu(set, &key, &mu, &signature));
        if test.has("msg") && test.hex("ctx").is_empty() {
            assert_eq!(verified(set, &key, &test.hex("msg"), &signature), ours);
        }
        test.agrees(ours)
    });
}

#[test]
fn newest_wycheproof_signatures_are_reproduced_and_verify_as_published() {
    signed(Set::MlDsa44, 44, [82, 4, 0]);
    signed(Set::MlDsa65, 65, [101, 4, 0]);
    signed(Set::MlDsa87, 87, [92, 4, 0]);
    checked(Set::MlDsa44, 44, [77, 103, 0]);
    checked(Set::MlDsa65, 65, [79, 131, 0]);
    checked(Set::MlDsa87, 87, [71, 170, 0]);
}

/// The set that a group of NIST's is for.
fn set_of(group: &Json) -> Set {
    match group.text("parameterSet") {
        "ML-DSA-44" => Set::MlDsa44,
        "ML-DSA-65" => Set::MlDsa65,
        name => {
            assert_eq!(name, "ML-DSA-87");
            Set::MlDsa87
        }
    }
}

#[test]
fn nist_keys_are_as_published() {
    acvp("ML-DSA-keyGen-FIPS204", [75, 0, 0], |group, test| {
        let pair = pair(set_of(group), &test.hex("seed"));
        assert_eq!(pair.pair.public_key().as_ref(), test.hex("pk"));
        let expanded = match pair.set {
            Set::MlDsa44 => expanded::<MlDsa44>(&pair.seed),
            Set::MlDsa65 => expanded::<MlDsa65>(&pair.seed),
            Set::MlDsa87 => expanded::<MlDsa87>(&pair.seed),
        };
        assert_eq!(expanded, test.hex("sk"));
        Outcome::Valid
    });
}

/// The representative of a test of NIST's, if it is not of HashML-DSA, which is not offered. `tr`
/// is the hash of the public key.
fn mu_of_nist(group: &Json, test: &Json, tr: &[u8]) -> Option<[u8; 64]> {
    if group.text("signatureInterface") == "external" {
        let (context, message) = (test.hex("context"), test.hex("message"));
        let length = u8::try_from(context.len()).unwrap();
        let pure = group.text("preHash") == "pure";
        return pure.then(|| shake(&[tr, &[0, length], &context, &message]));
    }
    if group.is("externalMu") {
        return test.hex("mu").try_into().ok();
    }
    Some(shake(&[tr, &test.hex("message")]))
}

#[test]
fn nist_signatures_are_reproduced() {
    acvp("ML-DSA-sigGen-FIPS204", [270, 0, 90], |group, test| {
        let private = test.hex("sk");
        let Some(mu) = mu_of_nist(group, test, &private[64..128]) else {
            return Outcome::LeftOut;
        };
        assert_ne!(group.is("deterministic"), test.has("rnd"));
        let entropy = entropy_of(test);
        let set = set_of(group);
        let (public, signature) = match set {
            Set::MlDsa44 => signed_by_expanded::<MlDsa44>(&private, &entropy, &mu),
            Set::MlDsa65 => signed_by_expanded::<MlDsa65>(&private, &entropy, &mu),
            Set::MlDsa87 => signed_by_expanded::<MlDsa87>(&private, &entropy, &mu),
        };
        assert_eq!(signature, test.hex("signature"));
        assert!(verified_mu(set, &public, &mu, &signature));
        Outcome::Valid
    });
}

#[test]
fn nist_signatures_verify_as_published() {
    acvp("ML-DSA-sigVer-FIPS204", [27, 108, 45], |group, test| {
        let (public, signature) = (test.hex("pk"), test.hex("signature"));
        let Some(mu) = mu_of_nist(group, test, &shake(&[&public])) else {
            return Outcome::LeftOut;
        };
        let set = set_of(group);
        let ours = verified_mu(set, &public, &mu, &signature);
        assert_eq!(ours, test.is("testPassed"), "{}", test.number("tcId"));
        if test.has("context") && test.hex("context").is_empty() {
            assert_eq!(
                verified(set, &public, &test.hex("message"), &signature),
                ours
            );
        }
        Outcome::of(ours)
    });
}

fn expanded<P: MlDsaParams>(seed: &Key32) -> Vec<u8> {
    let key = SigningKey::<P>::from_seed(seed.expose().into());
    #[expect(deprecated, reason = "NIST publishes keys in this form")]
    key.expanded_key().to_expanded().to_vec()
}

/// The public key, and the signature of a mu, of a key that is not given by its seed.
fn signed_by_expanded<P: MlDsaParams>(
    private: &[u8],
    entropy: &Given,
    mu: &[u8; 64],
) -> (Vec<u8>, Vec<u8>) {
    #[expect(deprecated, reason = "NIST publishes keys in this form")]
    let key = ExpandedSigningKey::<P>::from_expanded(private.try_into().unwrap());
    let signature = key
        .sign_mu_randomized(mu.into(), &mut Hedge(entropy))
        .unwrap();
    (
        key.verifying_key().encode().to_vec(),
        signature.encode().to_vec(),
    )
}
