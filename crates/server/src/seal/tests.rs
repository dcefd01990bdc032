//! The seal's file: made, opened, refused, changed.

use std::os::unix::fs::PermissionsExt;

use crypto::SystemEntropy;

use super::wrapping::parse_key;
use super::*;

fn key_file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (dir, path)
}

fn root_of(data: &Path, seal: &SealConfig) -> Result<Key32, SealError> {
    match open(data, seal)? {
        Opened::Data(key) => Ok(key),
        Opened::NeedsPassphrase => panic!("a passphrase is asked for"),
    }
}

fn check_refused(text: &str) {
    let (_dir, path) = key_file(text, 0o600);
    let data = tempfile::tempdir().unwrap();
    let refused = create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy);
    assert!(matches!(refused, Err(SealError::NotAKey { .. })), "{text}");
    assert!(!exists(data.path()));
}

#[test]
fn an_empty_key_file_is_refused() {
    check_refused("");
}

#[test]
fn a_short_key_is_refused() {
    check_refused(&"ab".repeat(31));
}

#[test]
fn an_all_zero_key_is_refused() {
    check_refused(&"00".repeat(32));
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let (_dir, path) = key_file(&"ab".repeat(32), 0o644);
    let data = tempfile::tempdir().unwrap();
    let refused = create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy);
    assert!(matches!(refused, Err(SealError::Exposed { .. })));
}

#[test]
fn the_root_key_opens_again_with_the_same_key_file() {
    let data = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let seal = SealConfig::KeyFile(other.path().join("key"));
    let root = create(data.path(), &seal, &SystemEntropy).unwrap();
    assert_eq!(root_of(data.path(), &seal).unwrap().expose(), root.expose());
    let mode = fs::metadata(other.path().join("key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn another_key_or_another_kind_of_seal_does_not_open() {
    let data = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let seal = SealConfig::KeyFile(other.path().join("key"));
    create(data.path(), &seal, &SystemEntropy).unwrap();
    let (_dir, wrong) = key_file(&"ab".repeat(32), 0o600);
    assert!(matches!(
        open(data.path(), &SealConfig::KeyFile(wrong.clone())),
        Err(SealError::Wrong { .. })
    ));
    assert!(matches!(
        open(data.path(), &SealConfig::PassphraseFile(wrong)),
        Err(SealError::OtherKind { .. })
    ));
}

#[test]
fn the_root_key_opens_again_with_the_same_passphrase_only() {
    let data = tempfile::tempdir().unwrap();
    let (dir, path) = key_file("correct horse\nsecond line\n", 0o600);
    let seal = SealConfig::PassphraseFile(path);
    let root = create(data.path(), &seal, &SystemEntropy).unwrap();
    assert_eq!(root_of(data.path(), &seal).unwrap().expose(), root.expose());
    let unnamed = SealConfig::Unnamed {
        key_file: dir.path().join("none"),
    };
    assert!(matches!(
        open(data.path(), &unnamed),
        Ok(Opened::NeedsPassphrase)
    ));
    let typed = SecretBytes::from(b"correct horse".to_vec());
    let typed = open_with_passphrase(data.path(), &typed).unwrap();
    assert_eq!(typed.expose(), root.expose());
    fs::write(dir.path().join("key"), "wrong horse").unwrap();
    assert!(matches!(
        open(data.path(), &seal),
        Err(SealError::Wrong { .. })
    ));
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

#[test]
fn a_rewrapped_seal_opens_with_the_new_secret_alone() {
    let (first, second) = ("ab".repeat(32), "cd".repeat(32) + "\n");
    let (_dir, path) = key_file(&first, 0o600);
    let config = SealConfig::KeyFile(path.clone());
    let data = tempfile::tempdir().unwrap();
    let key = create(data.path(), &config, &SystemEntropy).unwrap();
    let seal = Seal::read(data.path()).unwrap();
    let by = |seal: &Seal, text: &str| seal.wrapping(Some(&secret(text)), &config).unwrap();
    let to_key = |from: &Seal, current: &Wrapping, text: &str| {
        let new = Wrapping::Key(parse_key(text.as_bytes()).unwrap());
        from.rewrapped(current, (Kind::KeyFile, &new), &SystemEntropy)
    };
    let wrong = to_key(&seal, &by(&seal, &second), &second);
    assert!(matches!(wrong, Err(SealError::Wrong { .. })));
    let none = seal.wrapping(Some(&secret("x")), &config);
    assert!(matches!(none, Err(SealError::Wrong { .. })));
    let missing = seal.wrapping(None, &config);
    assert!(matches!(missing, Err(SealError::Secret { .. })));
    let changed = to_key(&seal, &by(&seal, &first), &second).unwrap();
    changed.replace_in(data.path()).unwrap();
    let refused = root_of(data.path(), &config);
    assert!(matches!(refused, Err(SealError::Wrong { .. })));
    fs::write(&path, &second).unwrap();
    let opened = root_of(data.path(), &config).unwrap();
    assert_eq!(opened.expose(), key.expose());
    // To a passphrase, and back.
    let phrase = secret("correct horse");
    let (kind, new) = Wrapping::of_passphrase(&phrase, &SystemEntropy).unwrap();
    let changed = changed
        .rewrapped(&by(&changed, &second), (kind, &new), &SystemEntropy)
        .unwrap();
    let opened = changed.open_with_passphrase(&phrase).unwrap();
    assert_eq!(opened.expose(), key.expose());
    let back = to_key(&changed, &by(&changed, "correct horse"), &second).unwrap();
    assert_eq!(back.kind(), "key file");
}

#[test]
fn the_root_key_before_opens_nothing_after_a_rotation() {
    let text = "ab".repeat(32);
    let (_dir, path) = key_file(&text, 0o600);
    let data = tempfile::tempdir().unwrap();
    let key = create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy).unwrap();
    let seal = Seal::read(data.path()).unwrap();
    let config = SealConfig::PassphraseFile("unused".into());
    let wrapping = seal.wrapping(Some(&secret(&text)), &config).unwrap();
    let old = seal.root_key(&wrapping).unwrap();
    let rotated = seal.with_new_root(&wrapping, &SystemEntropy).unwrap();
    assert_eq!((seal.generation(), rotated.generation()), (0, 1));
    assert_eq!(rotated.data_key(&wrapping).unwrap().expose(), key.expose());
    assert!(!rotated.root_key(&wrapping).unwrap().ct_eq(&old));
    assert!(seal.under(&old).is_ok());
    assert!(matches!(
        rotated.under(&old),
        Err(SealError::Damaged { .. })
    ));
}

#[test]
fn what_a_change_that_was_cut_off_leaves_is_in_nobodys_way() {
    let text = "ab".repeat(32);
    let (_dir, path) = key_file(&text, 0o600);
    let config = SealConfig::KeyFile(path);
    let data = tempfile::tempdir().unwrap();
    let key = create(data.path(), &config, &SystemEntropy).unwrap();
    let new = data.path().join("seal.json.new");
    let rotated = |seal: Seal| {
        let current = seal.wrapping(Some(&secret(&text)), &config).unwrap();
        seal.with_new_root(&current, &SystemEntropy).unwrap()
    };
    let whole = serde_json::to_vec(&rotated(Seal::read(data.path()).unwrap()).file).unwrap();
    // At every length of the new file, and with the new one in its place.
    for length in (0..whole.len()).step_by(37) {
        fs::write(&new, &whole[..length]).unwrap();
        assert_eq!(
            root_of(data.path(), &config).unwrap().expose(),
            key.expose()
        );
    }
    rotated(Seal::read(data.path()).unwrap())
        .replace_in(data.path())
        .unwrap();
    assert!(!new.exists());
    assert_eq!(
        root_of(data.path(), &config).unwrap().expose(),
        key.expose()
    );
}

#[test]
fn a_damaged_seal_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let seal = SealConfig::KeyFile(other.path().join("key"));
    create(data.path(), &seal, &SystemEntropy).unwrap();
    fs::write(data.path().join(FILE), "{}").unwrap();
    assert!(matches!(
        open(data.path(), &seal),
        Err(SealError::Damaged { .. })
    ));
}

#[test]
fn a_seal_of_another_kind_names_both() {
    let (_dir, path) = key_file(&"ab".repeat(32), 0o600);
    let data = tempfile::tempdir().unwrap();
    create(data.path(), &SealConfig::KeyFile(path), &SystemEntropy).unwrap();
    let text = "endpoint = \"http://127.0.0.1:1\"\nregion = \"us-east-1\"\nkey = \"k\"\n";
    let settings: settings::KmsSeal = toml::from_str(text).unwrap();
    assert_eq!(settings.check(), Ok(()));
    let refused = root_of(data.path(), &SealConfig::Kms(settings)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the data directory is sealed with a key file, but the configuration names a key of \
         another KMS"
    );
}

#[test]
fn settings_of_seals_elsewhere_that_cannot_be_used_are_refused() {
    let kms = |endpoint: &str, more: &str| {
        let text = format!("endpoint = \"{endpoint}\"\nregion = \"r\"\nkey = \"k\"\n{more}");
        toml::from_str::<settings::KmsSeal>(&text).unwrap().check()
    };
    assert!(kms("https://kms.example", "").is_ok());
    for (endpoint, more) in [
        ("http://kms.example", ""),
        ("kms.example", ""),
        ("https://kms.example", "timeout_seconds = 0"),
        ("https://kms.example", "timeout_seconds = 301"),
        (
            "https://kms.example",
            "encryption_context = { \"strongroom:purpose\" = \"x\" }",
        ),
    ] {
        assert!(kms(endpoint, more).is_err(), "{endpoint} {more}");
    }
    let token = |label: &str| {
        let text = format!("module = \"m\"\ntoken = \"{label}\"\npin_file = \"p\"\n");
        toml::from_str::<settings::TokenSeal>(&text)
            .unwrap()
            .check()
    };
    assert!(token("hsm").is_ok());
    assert!(token("").is_err());
}

/// A seal that was written once, of the root key of 32 bytes 06 and the data key of 32 bytes 07.
fn fixture(name: &str) -> Seal {
    let content = match name {
        "key-file" => include_str!("../../testdata/formats/seal-key-file.json"),
        "passphrase" => include_str!("../../testdata/formats/seal-passphrase.json"),
        "kms" => include_str!("../../testdata/formats/seal-kms.json"),
        _ => include_str!("../../testdata/formats/seal-token.json"),
    };
    Seal::parse(content.as_bytes(), PathBuf::from(name)).unwrap()
}

#[test]
fn the_fixtures_of_seals_with_a_secret_open() {
    for (name, secret) in [
        ("key-file", "ab".repeat(32)),
        ("passphrase", "correct horse".to_owned()),
    ] {
        let seal = fixture(name);
        let config = SealConfig::Unnamed {
            key_file: PathBuf::from("none"),
        };
        let secret = SecretBytes::from(secret.into_bytes());
        let wrapping = seal.wrapping(Some(&secret), &config).unwrap();
        assert_eq!(
            seal.data_key(&wrapping).unwrap().expose(),
            &[7; 32],
            "{name}"
        );
        assert!(seal.is_initialised());
        assert_eq!(seal.generation(), 0);
    }
}

/// What a KMS elsewhere or a token made of the root key only they can open; the rest of the file is
/// read and authenticated here.
#[test]
fn the_fixtures_of_seals_elsewhere_are_read() {
    let root = Key32::try_from([6; 32].as_slice()).unwrap();
    for (name, kind) in [("kms", "key of another KMS"), ("token", "PKCS#11 token")] {
        let seal = fixture(name);
        assert_eq!(seal.under(&root).unwrap().expose(), &[7; 32], "{name}");
        assert_eq!((seal.kind(), seal.is_elsewhere()), (kind, true));
        assert_eq!(seal.lineage(), "0b".repeat(16));
    }
}
