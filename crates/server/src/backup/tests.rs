//! What is written is read; nothing that was changed, cut or exchanged is.

use std::fs;

use crypto::SystemEntropy;

use super::*;

const SEAL: &[u8] = b"{\"a\": \"seal\"}";

fn about() -> About {
    About {
        revision: 7,
        made: "2026-11-27T00:00:00Z".to_owned(),
        release: "0".to_owned(),
        lineage: "line".to_owned(),
    }
}

fn deleted() -> BTreeSet<DeletedKey> {
    let text = |number: u32| format!("arn:aws:kms:us-east-1:111122223333:key/k{number} 7.5");
    (0..3).map(|number| text(number).parse().unwrap()).collect()
}

/// More than one piece.
fn shred() -> Vec<u8> {
    vec![7; CHUNK + 5]
}

fn written(data_key: &Key32) -> Vec<u8> {
    let entropy = SystemEntropy;
    let mut writer = Writer::begin(Vec::new(), (SEAL, data_key), &about(), &entropy).unwrap();
    writer.deleted(&deleted()).unwrap();
    writer.shred(&shred()).unwrap();
    for number in 0..40_u8 {
        let keyspace = if number < 20 { "rows" } else { "space.cells" };
        writer
            .item(keyspace, &[number], &vec![number; 100_000])
            .unwrap();
    }
    let (length, digest, bytes) = writer.end().unwrap();
    assert_eq!(length, u64::try_from(bytes.len()).unwrap());
    assert_eq!(digest, sha256(&bytes));
    bytes
}

fn read(bytes: &[u8], data_key: &Key32) -> Result<Vec<Item>, BackupError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    fs::write(&path, bytes).unwrap();
    let mut reader = Sealed::open(&path)?.unsealed(data_key)?;
    assert_eq!((reader.about(), reader.deleted()), (&about(), &deleted()));
    assert_eq!(reader.shred(), shred());
    let mut items = Vec::new();
    while let Some(item) = reader.item()? {
        items.push(item);
    }
    Ok(items)
}

#[test]
fn what_is_written_is_read() {
    let data_key = Key32::generate(&SystemEntropy);
    let items = read(&written(&data_key), &data_key).unwrap();
    assert_eq!(items.len(), 40);
    for (number, item) in (0..40_u8).zip(items) {
        assert_eq!(
            item.keyspace,
            if number < 20 { "rows" } else { "space.cells" }
        );
        assert_eq!(
            (item.key, item.value),
            (vec![number], vec![number; 100_000])
        );
    }
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let (data_key, entropy) = (Key32::generate(&SystemEntropy), SystemEntropy);
    let mut writer = Writer::begin(Vec::new(), (SEAL, &data_key), &about(), &entropy).unwrap();
    let longest = usize::try_from(LONGEST_FIELD).unwrap();
    let refused = writer.item("rows", b"k", &vec![0; longest + 1]);
    assert!(matches!(refused, Err(BackupError::TooLarge)));
}

#[test]
fn every_cut_is_refused() {
    let data_key = Key32::generate(&SystemEntropy);
    let bytes = written(&data_key);
    // Between and within all parts, chunk ends included.
    let mut ends = vec![0, 1, 9, 41, 45, 46, bytes.len() - 1];
    ends.extend((0..bytes.len()).step_by(29_989));
    let mut at = 46 + SEAL.len();
    while let Some(length) = bytes.get(at..at + 4) {
        ends.extend([at, at + 4]);
        at += 4 + usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap();
    }
    assert_eq!(at, bytes.len());
    for end in ends {
        assert!(read(&bytes[..end], &data_key).is_err(), "{end}");
    }
    let more = [&bytes[..], b"x"].concat();
    assert!(matches!(
        read(&more, &data_key),
        Err(BackupError::Damaged { .. })
    ));
}

#[test]
fn every_changed_byte_is_noticed() {
    let data_key = Key32::generate(&SystemEntropy);
    let bytes = written(&data_key);
    let mut places: Vec<usize> = (0..200).collect();
    places.extend((0..bytes.len()).step_by(30_011));
    places.push(bytes.len() - 1);
    for place in places {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(read(&changed, &data_key).is_err(), "{place}");
    }
}

#[test]
fn chunks_cannot_be_exchanged_and_another_key_opens_nothing() {
    let data_key = Key32::generate(&SystemEntropy);
    let (bytes, other) = (written(&data_key), written(&data_key));
    let mut chunks = Vec::new();
    let mut at = 46 + SEAL.len();
    while let Some(length) = bytes.get(at..at + 4) {
        let end = at + 4 + usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap();
        chunks.push(at..end);
        at = end;
    }
    assert!(chunks.len() > 3);
    let swapped = [
        &bytes[..chunks[1].start],
        &bytes[chunks[2].clone()],
        &bytes[chunks[1].clone()],
        &bytes[chunks[3].start..],
    ]
    .concat();
    assert!(matches!(
        read(&swapped, &data_key),
        Err(BackupError::Damaged { chunk: 1 })
    ));
    let mixed = [&bytes[..chunks[1].start], &other[chunks[1].start..]].concat();
    assert!(matches!(
        read(&mixed, &data_key),
        Err(BackupError::Damaged { chunk: 1 })
    ));
    let foreign = Key32::generate(&SystemEntropy);
    assert!(matches!(
        read(&bytes, &foreign),
        Err(BackupError::Damaged { chunk: 0 })
    ));
}

/// A backup that was made once opens: its seal, under which its data key is, and all its parts.
#[test]
fn the_fixture_of_a_backup_is_read() {
    let text = include_str!("../../testdata/formats/backup-1.txt");
    let bytes = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    let data_key = Key32::try_from([7; 32].as_slice()).unwrap();
    let sealed = Sealed::read(&*bytes).unwrap();
    assert_eq!(sealed.seal(), SEAL);
    let mut reader = sealed.unsealed(&backups_key(&data_key)).unwrap();
    assert_eq!((reader.about(), reader.deleted()), (&about(), &deleted()));
    assert_eq!(reader.shred(), [5; 512]);
    let mut items = Vec::new();
    while let Some(item) = reader.item().unwrap() {
        items.push((item.keyspace, item.key, item.value));
    }
    let item = |keyspace: &str, byte| (keyspace.to_owned(), vec![byte], vec![byte; 3]);
    assert_eq!(items, [item("chain", 1), item("rows", 2), item("rows", 3)]);
}
