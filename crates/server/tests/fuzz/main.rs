//! The fuzz targets without libFuzzer: the corpus as it is, and some thousand mutations of it.
//!
//! Everything that is drawn comes from a fixed seed, so that a failure comes again. `make fuzz`
//! is the long form.
#![expect(clippy::panic, reason = "test code")]
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

mod mutator;
#[path = "../../../../fuzz/src/targets/mod.rs"]
mod targets;

use mutator::Mutator;

/// Mutations for each target.
const MUTATIONS: usize = 3_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("corpus").join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn dictionary(name: &str) -> Vec<Vec<u8>> {
    let file = root().join("dictionaries").join(format!("{name}.dict"));
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().filter_map(mutator::word).collect()
}

fn check(name: &str) {
    let target = targets::ALL
        .iter()
        .find(|target| target.name == name)
        .unwrap();
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "no corpus");
    let run = |input: &[u8]| {
        let outcome = std::panic::catch_unwind(|| (target.run)(input));
        outcome.unwrap_or_else(|_said| panic!("{name} fails on {}", input.escape_ascii()))
    };
    // A target that its parser keeps out of proves nothing.
    let read = corpus.iter().filter(|input| run(input)).count();
    assert!(read > 0, "none of the corpus is read");
    let mut mutator = Mutator::new(corpus, dictionary(name));
    let read = (0..MUTATIONS).filter(|_| run(&mutator.next())).count();
    assert!(
        read > 0 && read < MUTATIONS,
        "{read} of the mutations are read"
    );
}

#[test]
fn every_target_has_a_test_a_corpus_and_a_dictionary() {
    let mut tested = [
        "authorization",
        "backups",
        "cell",
        "ciphertext",
        "config",
        "events",
        "imports",
        "names",
        "policies",
        "presigned",
        "requests",
        "rows",
        "sessions",
        "shares",
        "times",
        "tokens",
    ]
    .into_iter();
    for target in targets::ALL {
        assert_eq!(tested.next(), Some(target.name));
        assert!(!corpus(target.name).is_empty());
        assert!(!dictionary(target.name).is_empty());
    }
    assert_eq!(tested.next(), None);
}

#[test]
fn authorization_headers() {
    check("authorization");
}

#[test]
fn backups() {
    check("backups");
}

#[test]
fn cells() {
    check("cell");
}

#[test]
fn ciphertexts() {
    check("ciphertext");
}

#[test]
fn configuration_files() {
    check("config");
}

#[test]
fn audit_records() {
    check("events");
}

#[test]
fn import_and_grant_tokens() {
    check("imports");
}

#[test]
fn names() {
    check("names");
}

#[test]
fn policies() {
    check("policies");
}

#[test]
fn presigned_queries() {
    check("presigned");
}

#[test]
fn requests() {
    check("requests");
}

#[test]
fn rows() {
    check("rows");
}

#[test]
fn session_tokens() {
    check("sessions");
}

#[test]
fn shares_of_a_passphrase() {
    check("shares");
}

#[test]
fn times() {
    check("times");
}

#[test]
fn tokens_of_identity_providers() {
    check("tokens");
}
