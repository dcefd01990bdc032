//! Whose turn it is, and whose seal stays as it is.

use std::fs;
use std::path::Path;

use types::ManualClock;

use super::*;
use crate::seal;

const NEW: &str = "another horse";

fn keeper(data: &Path, seal: SealConfig) -> (Keeper, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(types::Timestamp::new(1_700_000_000, 0)));
    let keeper = Keeper::new(data.to_path_buf(), seal, clock.clone(), Arc::default());
    (keeper, clock)
}

/// A directory that is sealed with a key file, and what the file says.
fn sealed(dir: &Path) -> (SealConfig, String) {
    let file = dir.join("data.key");
    let config = SealConfig::KeyFile(file.clone());
    seal::create(dir, &config, &SystemEntropy).unwrap();
    (config, fs::read_to_string(file).unwrap())
}

#[test]
fn a_seal_that_others_hold_is_not_taken_from_them() {
    let dir = tempfile::tempdir().unwrap();
    let (config, key) = sealed(dir.path());
    let path = dir.path().join("seal.json");
    for kind in [
        r#"{"kind": "kms", "key": "k", "encryption_context": {}}"#,
        r#"{"kind": "token", "label": "strongroom-root"}"#,
    ] {
        let mut file: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        file["seal"] = serde_json::from_str(kind).unwrap();
        fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
        let before = fs::read(&path).unwrap();
        let (keeper, _clock) = keeper(dir.path(), config.clone());
        for current in [None, Some(key.as_str())] {
            let refused = keeper.rewrap(current, SealKind::Passphrase, NEW);
            assert!(
                matches!(refused, Err(SealRefused::Elsewhere)),
                "{refused:?}"
            );
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn one_turn_at_a_time_and_ever_later_for_whoever_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let (config, key) = sealed(dir.path());
    let (keeper, clock) = keeper(dir.path(), config);
    let turn = keeper.turn("bob").unwrap();
    assert!(keeper.turn("alice").is_err());
    drop(turn);
    for seconds in [1, 2, 4] {
        let mut turn = keeper.turn("bob").unwrap();
        let wrong = keeper.rotate(Some(&"ab".repeat(32)));
        assert!(matches!(wrong, Err(SealRefused::Wrong)));
        turn.tried(true);
        drop(turn);
        let wait = Duration::from_secs(seconds);
        assert_eq!(keeper.turn("bob").err(), Some(wait));
        assert!(keeper.turn("alice").is_ok());
        clock.advance(wait);
    }
    let mut turn = keeper.turn("bob").unwrap();
    assert_eq!(keeper.rotate(Some(&key)).unwrap().generation, 1);
    turn.tried(false);
    drop(turn);
    assert!(keeper.turn("bob").is_ok());
}
