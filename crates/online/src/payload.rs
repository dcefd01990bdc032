//! The sealed part of a cell: the identifier, and the features in the order they were put.
//!
//! Payload of format 1: the length of the identifier and its bytes, then for each feature a
//! number, twice the feature's index in the group's definitions, and its value with a
//! length before it. For the feature that is the identifier the number is one more and no
//! value follows. Lengths and numbers are of variable length ([`crate::varint`]).
//!
//! Format 2, for groups that have collections: the number is four times the index, and one
//! more for the identifier. Two more says that the value is a list: its elements, each with
//! its length before it. Which format it is stands in the header of the cell.

use std::fmt;
use std::ops::Range;

use crate::header::Format;
use crate::{Error, varint};

/// The plaintext of a record.
///
/// Not wiped: it is on its way from or to a caller, whose buffers hold it too.
pub struct Payload {
    bytes: Vec<u8>,
    /// Where in `bytes` the plaintext stands: a cell is opened in place.
    plaintext: Range<usize>,
    format: Format,
}

/// Builds a [`Payload`].
pub struct PayloadWriter {
    bytes: Vec<u8>,
    format: Format,
}

/// A record that borrows from its payload.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    identifier: &'a [u8],
    features: &'a [u8],
    format: Format,
}

/// A feature of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordFeature<'a> {
    /// The feature's place in the group's definitions.
    pub index: usize,
    /// The value.
    pub value: Value<'a>,
}

/// The value of a feature, as the caller wrote it.
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// One text.
    Text(&'a [u8]),
    /// The texts of a collection.
    List(Elements<'a>),
}

/// The elements of a collection, in the order they were put.
#[derive(Clone, PartialEq, Eq)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

/// The features of a record, in the order they were put.
#[derive(Clone)]
pub struct Features<'a> {
    identifier: &'a [u8],
    rest: &'a [u8],
    format: Format,
}

/// Of a feature's number in format 2: the value is a list.
const LIST: u64 = 2;

impl PayloadWriter {
    /// A record with this identifier, of texts only; `capacity` guesses the length of all
    /// values.
    pub fn new(identifier: &str, capacity: usize) -> Self {
        Self::of(Format::Texts, identifier, capacity)
    }

    /// A record with this identifier, whose values may be lists.
    pub fn with_lists(identifier: &str, capacity: usize) -> Self {
        Self::of(Format::Lists, identifier, capacity)
    }

    fn of(format: Format, identifier: &str, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity.saturating_add(identifier.len()) + 16);
        push_bytes(&mut bytes, identifier);
        Self { bytes, format }
    }

    /// Appends the feature at `index` of the definitions.
    pub fn feature(&mut self, index: usize, value: &str) {
        self.head(index, 0);
        push_bytes(&mut self.bytes, value);
    }

    /// Appends the feature that is the identifier.
    pub fn identifier_feature(&mut self, index: usize) {
        self.head(index, 1);
    }

    /// Appends the feature at `index` of the definitions, which is a collection.
    ///
    /// Fails with [`Error::Sealing`] if the record was begun for texts only.
    pub fn list<'e>(
        &mut self,
        index: usize,
        elements: impl Iterator<Item = &'e str> + Clone,
    ) -> Result<(), Error> {
        if self.format != Format::Lists {
            return Err(Error::Sealing);
        }
        self.head(index, LIST);
        let lengths = elements.clone().map(|element| {
            let length = number(element.len());
            varint::length(length) + element.len()
        });
        varint::push(&mut self.bytes, number(lengths.sum()));
        for element in elements {
            push_bytes(&mut self.bytes, element);
        }
        Ok(())
    }

    fn head(&mut self, index: usize, kind: u64) {
        let shift = self.format.kind_bits();
        varint::push(&mut self.bytes, (number(index) << shift) | kind);
    }

    /// The payload.
    pub fn finish(self) -> Payload {
        let plaintext = 0..self.bytes.len();
        Payload::new(self.bytes, plaintext, self.format)
    }
}

impl Payload {
    /// A payload that stands at `plaintext` in `bytes`.
    pub(crate) fn new(bytes: Vec<u8>, plaintext: Range<usize>, format: Format) -> Self {
        Self {
            bytes,
            plaintext,
            format,
        }
    }

    /// The format that it is laid out by.
    pub(crate) fn format(&self) -> Format {
        self.format
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
            format: self.format,
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
            format: self.format,
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
        let shift = self.format.kind_bits();
        let value = match head & ((1 << shift) - 1) {
            0 => Value::Text(take_bytes(&mut self.rest)?),
            1 => Value::Text(self.identifier),
            2 => Value::List(Elements {
                rest: take_bytes(&mut self.rest)?,
            }),
            _ => return None,
        };
        Some(RecordFeature {
            index: head >> shift,
            value,
        })
    }
}

impl Value<'_> {
    /// The bytes that it takes in the payload, without what stands before them.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(elements) => elements.rest.len(),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let element = take_bytes(&mut self.rest);
        if element.is_none() {
            self.rest = &[];
        }
        Some(element.ok_or(Error::Damaged))
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
        write!(f, "PayloadWriter({} bytes)", self.bytes.len())
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
            self.value.size()
        )
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.size())
    }
}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Elements({} bytes)", self.rest.len())
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

    /// A value as the tests compare it.
    #[derive(Debug, Clone, PartialEq)]
    enum Known {
        Text(String),
        List(Vec<String>),
    }

    fn text(value: &str) -> Known {
        Known::Text(value.to_owned())
    }

    fn string(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn listed(payload: &Payload) -> Vec<(usize, Known)> {
        let features = payload.record().unwrap().features();
        features
            .map(|feature| {
                let feature = feature.unwrap();
                let known = match feature.value {
                    Value::Text(bytes) => Known::Text(string(bytes)),
                    Value::List(elements) => {
                        Known::List(elements.map(|element| string(element.unwrap())).collect())
                    }
                };
                (feature.index, known)
            })
            .collect()
    }

    fn payload(bytes: &[u8]) -> Payload {
        Payload::new(bytes.to_vec(), 0..bytes.len(), Format::Texts)
    }

    fn payload_with_lists(bytes: &[u8]) -> Payload {
        Payload::new(bytes.to_vec(), 0..bytes.len(), Format::Lists)
    }

    fn is_damaged(payload: &Payload) -> bool {
        payload.record().is_ok_and(|record| {
            record.features().any(|feature| match feature {
                Err(_) => true,
                Ok(feature) => match feature.value {
                    Value::Text(_) => false,
                    Value::List(mut elements) => elements.any(|element| element.is_err()),
                },
            })
        })
    }

    fn damaged(bytes: &[u8]) -> bool {
        is_damaged(&payload(bytes))
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
            expected.map(|(index, value)| (index, text(value)))
        );
        assert_eq!(payload.record().unwrap().identifier(), b"EWR");
        assert_eq!(payload.as_bytes(), b"\x03EWR\x04\x0539.02\x01\xd8\x04\x00");
    }

    #[test]
    fn lists_keep_their_elements() {
        let mut writer = PayloadWriter::with_lists("a", 16);
        writer.identifier_feature(0);
        writer.list(1, ["x", "", "yz"].into_iter()).unwrap();
        writer.feature(2, "t");
        writer.list(3, [].into_iter()).unwrap();
        let payload = writer.finish();
        let list =
            |elements: &[&str]| Known::List(elements.iter().map(|one| (*one).to_owned()).collect());
        let expected = [
            (0, text("a")),
            (1, list(&["x", "", "yz"])),
            (2, text("t")),
            (3, list(&[])),
        ];
        assert_eq!(listed(&payload), expected);
        assert_eq!(
            payload.as_bytes(),
            b"\x01a\x01\x06\x06\x01x\x00\x02yz\x08\x01t\x0e\x00"
        );
    }

    #[test]
    fn a_record_of_texts_takes_no_list() {
        let mut writer = PayloadWriter::new("a", 16);
        let refused = writer.list(1, ["x"].into_iter());
        assert!(matches!(refused, Err(Error::Sealing)));
    }

    #[test]
    fn cut_lists_and_unknown_kinds_are_damaged() {
        for bytes in [
            &b"\x01a\x06\x02\x02x"[..],
            b"\x01a\x06\x03\x01x\x80",
            b"\x01a\x06\x04\x01x",
            b"\x01a\x07",
        ] {
            assert!(is_damaged(&payload_with_lists(bytes)), "{bytes:?}");
        }
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
            let features: Vec<_> = features
                .iter()
                .map(|(index, value)| (*index, text(value)))
                .collect();
            prop_assert_eq!(listed(&payload), features);
        }

        #[test]
        fn payloads_with_lists_read_back(
            features in proptest::collection::vec(
                (0_usize..2500, proptest::collection::vec(".{0,5}", 0..200)), 0..5),
        ) {
            let mut writer = PayloadWriter::with_lists("a", 0);
            for (index, elements) in &features {
                writer.list(*index, elements.iter().map(String::as_str)).unwrap();
            }
            let features: Vec<_> = features
                .into_iter()
                .map(|(index, elements)| (index, Known::List(elements)))
                .collect();
            prop_assert_eq!(listed(&writer.finish()), features);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            damaged(&bytes);
            is_damaged(&payload_with_lists(&bytes));
        }
    }
}
