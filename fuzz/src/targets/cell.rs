//! Stored cells: the clear header, and payloads whose seal is whole whatever they say.

use crypto::{Key32, XaesKey};
use online::{CellKey, DataKey, Header, SealedCell};
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
            data.get(..Header::LENGTH),
            Some(cell.header().to_bytes().as_slice())
        );
        assert_eq!(cell.clone().into_stored(), data);
        // Nobody has sealed this.
        assert!(cell.open(&data_key(), &place()).is_err());
    }
    sealed(data)
}

/// A payload of these bytes, under a right seal.
fn sealed(payload: &[u8]) -> bool {
    let header = clear();
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
            .map(|feature| feature.value.len())
            .sum();
        let identifier = record.identifier().len();
        assert!(identifier <= payload.len());
        // The identifier may stand for a feature's value any number of times.
        assert!(length <= payload.len() * (identifier + 1));
    }
    record.is_ok_and(|record| record.features().all(|feature| feature.is_ok()))
}

/// A header: format, no flags, data key 0, event time and sequence 0, no expiry.
fn clear() -> Vec<u8> {
    let zero = online::EventTime::parse_decimal("0").map(online::EventTime::to_bytes);
    let time = zero.unwrap_or_default();
    [&[1, 0, 0, 0, 0, 0], time.as_slice(), &[0; 20]].concat()
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
