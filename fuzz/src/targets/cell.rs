//! Stored cells: the clear header, and payloads whose seal is whole whatever they say.

use crypto::{Key32, XaesKey};
use online::{CellKey, DataKey, Header, RecordFeature, SealedCell, Value};
use types::Entropy;

#[derive(Debug)]
struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, target: &mut [u8]) {
        target.fill(0);
    }
}

pub(crate) fn run(data: &[u8]) -> bool {
    if let Ok(cell) = SealedCell::from_stored(data.to_vec()) {
        assert_eq!(
            data.get(1..Header::LENGTH),
            cell.header().to_bytes().get(1..)
        );
        assert!(matches!(data.first(), Some(1 | 2)));
        assert_eq!(cell.clone().into_stored(), data);
        // Nobody has sealed this.
        assert!(cell.open(&data_key(), &place()).is_err());
    }
    let texts = sealed(1, data);
    let lists = sealed(2, data);
    texts || lists
}

/// A payload of these bytes and this format, under a right seal.
fn sealed(format: u8, payload: &[u8]) -> bool {
    let header = clear(format);
    let aad = [place().as_bytes().as_slice(), header.as_slice()].concat();
    let mut stored = header;
    XaesKey::new(&key()).seal_into(&Zeros, &aad, payload, &mut stored);
    let opened = SealedCell::from_stored(stored).and_then(|cell| cell.open(&data_key(), &place()));
    let Ok(opened) = opened else {
        panic!("a right seal does not open");
    };
    let record = opened.record();
    if let Ok(record) = &record {
        let length: usize = record
            .features()
            .flatten()
            .map(|feature| feature.value.size())
            .sum();
        let identifier = record.identifier().len();
        assert!(identifier <= payload.len());
        // The identifier may stand for a feature's value any number of times.
        assert!(length <= payload.len() * (identifier + 1));
    }
    record.is_ok_and(|record| record.features().all(|feature| is_whole(feature.ok())))
}

fn is_whole(feature: Option<RecordFeature<'_>>) -> bool {
    match feature.map(|feature| feature.value) {
        None => false,
        Some(Value::Text(_)) => true,
        Some(Value::List(mut elements)) => elements.all(|element| element.is_ok()),
    }
}

/// A header: format, no flags, data key 0, event time and sequence 0, no expiry.
fn clear(format: u8) -> Vec<u8> {
    let zero = online::EventTime::parse_decimal("0").map(online::EventTime::to_bytes);
    let time = zero.unwrap_or_default();
    [&[format, 0, 0, 0, 0, 0], time.as_slice(), &[0; 20]].concat()
}

fn key() -> Key32 {
    Key32::generate(&Zeros)
}

fn data_key() -> DataKey {
    DataKey::new(0, &key())
}

fn place() -> CellKey {
    CellKey::from_bytes(&[7; CellKey::LENGTH]).unwrap_or_else(|| panic!("any 40 bytes are a place"))
}
