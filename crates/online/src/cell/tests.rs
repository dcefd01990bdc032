//! Sealing and opening, and the fixtures of the formats.

use crypto::SystemEntropy;
use types::Timestamp;

use super::*;
use crate::{EventTime, PayloadWriter, Version};

fn key32(byte: u8) -> Key32 {
    Key32::try_from(&[byte; 32][..]).unwrap()
}

fn data_key(number: u32) -> DataKey {
    DataKey::new(number, &key32(7))
}

fn cell_key(group: u64, identifier: &str) -> CellKey {
    CellKey::new(GroupNumber(group), &IndexKey::new(&key32(9)), identifier)
}

fn header() -> Header {
    Header {
        data_key: 3,
        version: Version {
            event_time: EventTime::parse_text("2013-01-01T05:00:00.123Z").unwrap(),
            sequence: 42,
        },
        expires_at: EventTime::new(Timestamp::new(2_000_000_000, 0)),
        deleted: false,
    }
}

fn payload() -> Payload {
    let mut writer = PayloadWriter::new("EWR", 64);
    writer.identifier_feature(0);
    writer.feature(1, "2013-01-01T05:00:00.123Z");
    writer.feature(2, "39.02");
    writer.finish()
}

fn sealed() -> SealedCell {
    let key = cell_key(1, "EWR");
    SealedCell::seal(&SystemEntropy, &data_key(3), &key, header(), &payload()).unwrap()
}

fn opens(stored: Vec<u8>, data_key: &DataKey, key: &CellKey) -> bool {
    SealedCell::from_stored(stored).is_ok_and(|cell| cell.open(data_key, key).is_ok())
}

#[test]
fn a_cell_opens_to_what_was_sealed() {
    let stored = sealed().into_stored();
    let cell = SealedCell::from_stored(stored).unwrap();
    assert_eq!(*cell.header(), header());
    let opened = cell.open(&data_key(3), &cell_key(1, "EWR")).unwrap();
    assert_eq!(opened.as_bytes(), payload().as_bytes());
}

#[test]
fn nothing_of_the_record_is_stored_in_clear() {
    let stored = sealed().into_stored();
    for secret in [&b"EWR"[..], b"39.02", b"2013-01-01"] {
        assert!(!stored.windows(secret.len()).any(|window| window == secret));
        let key = cell_key(1, "EWR");
        assert!(
            !key.as_bytes()
                .windows(secret.len())
                .any(|window| window == secret)
        );
    }
}

#[test]
fn a_cell_moved_to_another_record_or_group_does_not_open() {
    let stored = sealed().into_stored();
    assert!(opens(stored.clone(), &data_key(3), &cell_key(1, "EWR")));
    assert!(!opens(stored.clone(), &data_key(3), &cell_key(1, "JFK")));
    assert!(!opens(stored, &data_key(3), &cell_key(2, "EWR")));
}

#[test]
fn a_cell_with_any_bit_changed_does_not_open() {
    let stored = sealed().into_stored();
    for at in 0..stored.len() {
        let mut edited = stored.clone();
        edited[at] ^= 1;
        assert!(
            !opens(edited, &data_key(3), &cell_key(1, "EWR")),
            "byte {at}"
        );
    }
    assert!(!opens(
        stored[..stored.len() - 1].to_vec(),
        &data_key(3),
        &cell_key(1, "EWR")
    ));
}

#[test]
fn a_cell_opens_only_under_its_data_key() {
    let stored = sealed().into_stored();
    let other = DataKey::new(3, &key32(8));
    assert!(!opens(stored.clone(), &other, &cell_key(1, "EWR")));
    assert!(!opens(stored, &data_key(4), &cell_key(1, "EWR")));
}

#[test]
fn a_header_must_name_the_key_that_seals() {
    let key = cell_key(1, "EWR");
    let sealed = SealedCell::seal(&SystemEntropy, &data_key(4), &key, header(), &payload());
    assert!(matches!(sealed, Err(Error::Sealing)));
}

#[test]
fn overwriting_a_record_never_repeats_a_nonce() {
    let nonces: std::collections::HashSet<Vec<u8>> = (0..100_000)
        .map(|_| sealed().into_stored()[Header::LENGTH..Header::LENGTH + NONCE_LEN].to_vec())
        .collect();
    assert_eq!(nonces.len(), 100_000);
}

#[test]
fn cells_of_one_group_are_neighbours_in_the_order_of_groups() {
    assert!(cell_key(1, "z") < cell_key(2, "a"));
    assert_eq!(cell_key(1, "a").as_bytes()[..8], 1_u64.to_be_bytes());
    assert_ne!(cell_key(1, "a"), cell_key(1, "b"));
}

/// A payload with lists.
fn payload_with_lists() -> Payload {
    let mut writer = PayloadWriter::with_lists("EWR", 64);
    writer.identifier_feature(0);
    writer.feature(1, "2013-01-01T05:00:00.123Z");
    writer.list(2, ["39.02", "", "40"].into_iter()).unwrap();
    writer.finish()
}

#[test]
fn a_payload_with_lists_opens_to_what_was_sealed_and_to_no_other_format() {
    let key = cell_key(1, "EWR");
    let payload = payload_with_lists();
    let sealed = SealedCell::seal(&SystemEntropy, &data_key(3), &key, header(), &payload);
    let stored = sealed.unwrap().into_stored();
    assert_eq!(stored[0], 2);
    let cell = SealedCell::from_stored(stored.clone()).unwrap();
    let opened = cell.open(&data_key(3), &key).unwrap();
    assert_eq!(opened.as_bytes(), payload.as_bytes());
    assert_eq!(opened.format(), Format::Lists);
    let mut other = stored;
    other[0] = 1;
    assert!(!opens(other, &data_key(3), &key));
}

/// Cells as earlier releases wrote them must open for ever.
#[test]
fn the_fixture_of_format_1_opens() {
    check_fixture(include_str!("../../testdata/cell-format-1.txt"), &payload());
}

#[test]
fn the_fixture_of_format_2_opens() {
    let fixture = include_str!("../../testdata/cell-format-2.txt");
    check_fixture(fixture, &payload_with_lists());
}

fn check_fixture(fixture: &str, payload: &Payload) {
    let field = |name: &str| {
        let line = fixture
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        hex::decode(line.trim()).unwrap()
    };
    let key = cell_key(1, "EWR");
    assert_eq!(field("key:"), key.as_bytes());
    let cell = SealedCell::from_stored(field("value:")).unwrap();
    assert_eq!(*cell.header(), header());
    let opened = cell.open(&data_key(3), &key).unwrap();
    assert_eq!(opened.as_bytes(), payload.as_bytes());
}
