//! The sealed part of a cell: the identifier, and the features in the order they were put.
//!
//! Payload of format 1: the length of the identifier and its bytes, then for each feature a
//! number, twice the feature's index in the group's definitions, and its value with a
//! length before it. For the feature that is the identifier the number is one more and no
//! value follows. Lengths and numbers are of variable length ([`crate::varint`]).

use std::fmt;
use std::ops::Range;

use crate::{Error, varint};

/// The plaintext of a record.
///
/// Not wiped: it is on its way from or to a caller, whose buffers hold it too.
pub struct Payload {
    bytes: Vec<u8>,
    /// Where in `bytes` the plaintext stands: a cell is opened in place.
    plaintext: Range<usize>,
}

/// Builds a [`Payload`].
pub struct PayloadWriter(Vec<u8>);

/// A record that borrows from its payload.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    identifier: &'a [u8],
    features: &'a [u8],
}

/// A feature of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordFeature<'a> {
    /// The feature's place in the group's definitions.
    pub index: usize,
    /// The value's text, as the caller wrote it.
    pub value: &'a [u8],
}

/// The features of a record, in the order they were put.
#[derive(Clone)]
pub struct Features<'a> {
    identifier: &'a [u8],
    rest: &'a [u8],
}

impl PayloadWriter {
    /// A record with this identifier; `capacity` guesses the length of all values.
    pub fn new(identifier: &str, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity.saturating_add(identifier.len()) + 16);
        push_bytes(&mut bytes, identifier);
        Self(bytes)
    }

    /// Appends the feature at `index` of the definitions.
    pub fn feature(&mut self, index: usize, value: &str) {
        varint::push(&mut self.0, number(index) << 1);
        push_bytes(&mut self.0, value);
    }

    /// Appends the feature that is the identifier.
    pub fn identifier_feature(&mut self, index: usize) {
        varint::push(&mut self.0, (number(index) << 1) | 1);
    }

    /// The payload.
    pub fn finish(self) -> Payload {
        let plaintext = 0..self.0.len();
        Payload::new(self.0, plaintext)
    }
}

impl Payload {
    /// A payload that stands at `plaintext` in `bytes`.
    pub(crate) fn new(bytes: Vec<u8>, plaintext: Range<usize>) -> Self {
        Self { bytes, plaintext }
    }

    /// The plaintext.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.plaintext.clone()).unwrap_or_default()
    }

    /// The length of the plaintext.
    pub fn size(&self) -> usize {
        self.plaintext.len()
    }

    /// The record.
    ///
    /// Fails with [`Error::Damaged`] if there is no identifier; damage behind it shows
    /// while reading the features.
    pub fn record(&self) -> Result<Record<'_>, Error> {
        let mut rest = self.as_bytes();
        let identifier = take_bytes(&mut rest).ok_or(Error::Damaged)?;
        Ok(Record {
            identifier,
            features: rest,
        })
    }
}

impl<'a> Record<'a> {
    /// The record's identifier.
    pub fn identifier(&self) -> &'a [u8] {
        self.identifier
    }

    /// The features, in the order they were put.
    pub fn features(&self) -> Features<'a> {
        Features {
            identifier: self.identifier,
            rest: self.features,
        }
    }
}

impl<'a> Iterator for Features<'a> {
    type Item = Result<RecordFeature<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(feature) = self.take() else {
            self.rest = &[];
            return Some(Err(Error::Damaged));
        };
        Some(Ok(feature))
    }
}

impl<'a> Features<'a> {
    #[inline]
    fn take(&mut self) -> Option<RecordFeature<'a>> {
        let head = varint::take(&mut self.rest)?;
        let value = if head & 1 == 1 {
            self.identifier
        } else {
            take_bytes(&mut self.rest)?
        };
        Some(RecordFeature {
            index: head >> 1,
            value,
        })
    }
}

fn push_bytes(target: &mut Vec<u8>, text: &str) {
    varint::push(target, number(text.len()));
    target.extend_from_slice(text.as_bytes());
}

#[inline]
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = varint::take(bytes)?;
    let (value, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(value)
}

fn number(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX >> 1)
}

/// The length only: values are secret to a log.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.size())
    }
}

impl fmt::Debug for PayloadWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadWriter({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes)", self.features.len())
    }
}

impl fmt::Debug for RecordFeature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RecordFeature({}, {} bytes)",
            self.index,
            self.value.len()
        )
    }
}

impl fmt::Debug for Features<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({} bytes)", self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(payload: &Payload) -> Vec<(usize, String)> {
        let features = payload.record().unwrap().features();
        features
            .map(|feature| {
                let feature = feature.unwrap();
                (
                    feature.index,
                    String::from_utf8(feature.value.to_vec()).unwrap(),
                )
            })
            .collect()
    }

    fn payload(bytes: &[u8]) -> Payload {
        Payload::new(bytes.to_vec(), 0..bytes.len())
    }

    fn damaged(bytes: &[u8]) -> bool {
        payload(bytes)
            .record()
            .is_ok_and(|record| record.features().any(|feature| feature.is_err()))
    }

    #[test]
    fn features_keep_their_order_and_the_identifier_is_stored_once() {
        let mut writer = PayloadWriter::new("EWR", 64);
        writer.feature(2, "39.02");
        writer.identifier_feature(0);
        writer.feature(300, "");
        let payload = writer.finish();
        let expected = [(2, "39.02"), (0, "EWR"), (300, "")];
        assert_eq!(
            listed(&payload),
            expected.map(|(index, value)| (index, value.to_owned()))
        );
        assert_eq!(payload.record().unwrap().identifier(), b"EWR");
        assert_eq!(payload.as_bytes(), b"\x03EWR\x04\x0539.02\x01\xd8\x04\x00");
    }

    #[test]
    fn cut_payloads_are_damaged() {
        assert!(damaged(b"\x03EWR\x04\x0539.0"));
        assert!(damaged(b"\x03EWR\x04"));
        assert!(damaged(b"\x03EWR\x80"));
        assert!(payload(b"\x03EW").record().is_err());
        assert!(payload(b"").record().is_err());
    }

    #[test]
    fn nothing_of_a_record_shows_in_debug_output() {
        let mut writer = PayloadWriter::new("secret-id", 0);
        writer.feature(0, "secret-value");
        let payload = writer.finish();
        let record = payload.record().unwrap();
        let shown = format!("{payload:?} {record:?} {:?}", record.features().next());
        assert!(!shown.contains("secret"), "{shown}");
    }

    proptest! {
        #[test]
        fn payloads_read_back(
            identifier in ".{1,20}",
            features in proptest::collection::vec((0_usize..2500, ".{0,30}"), 0..20),
        ) {
            let mut writer = PayloadWriter::new(&identifier, 0);
            for (index, value) in &features {
                writer.feature(*index, value);
            }
            let payload = writer.finish();
            prop_assert_eq!(payload.record().unwrap().identifier(), identifier.as_bytes());
            prop_assert_eq!(listed(&payload), features);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            damaged(&bytes);
        }
    }
}
