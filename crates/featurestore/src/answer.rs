//! Answers that are written straight from decrypted records.

use std::sync::Arc;

use online::{Elements, EventTime, Record, Value};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Error;
use crate::collections::Collection;
use crate::data_keys::Fresh;
use crate::records::GroupRecord;

/// A JSON body, written here and not by a serialiser.
#[derive(Default)]
pub struct JsonBody {
    json: Vec<u8>,
    fresh: Fresh,
}

/// The answer of a write, which has no body.
#[derive(Debug, Serialize)]
pub struct NoBody {
    #[serde(skip)]
    fresh: Fresh,
}

impl NoBody {
    /// The answer of a request that has unwrapped `fresh`.
    pub(crate) fn new(fresh: Fresh) -> Self {
        Self { fresh }
    }
}

/// The pipeline hands an answer out once the commit is done: then what the request has
/// unwrapped may serve others. If nobody takes the answer, others unwrap it again.
impl shapes::Output for NoBody {
    fn take_written(&mut self) -> Option<Vec<u8>> {
        self.fresh.keep();
        None
    }
}

/// The features that a caller asked for, by their place in the definitions.
#[derive(Debug, Clone)]
pub(crate) struct Selection(Option<Vec<bool>>);

impl JsonBody {
    /// A body with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            json: Vec::with_capacity(capacity),
            fresh: Fresh::default(),
        }
    }

    /// The body of a request that has unwrapped `fresh`.
    pub(crate) fn with_fresh(mut self, fresh: Fresh) -> Self {
        self.fresh = fresh;
        self
    }

    /// How much has been written.
    pub(crate) fn len(&self) -> usize {
        self.json.len()
    }

    /// Forgets what was written behind `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.json.truncate(length);
    }

    /// Writes JSON as it is.
    pub(crate) fn raw(&mut self, json: &str) {
        self.json.extend_from_slice(json.as_bytes());
    }

    /// Writes a string.
    pub(crate) fn string(&mut self, text: &str) {
        push_string(&mut self.json, text.as_bytes());
    }

    /// Writes a value of a generated type.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.json, value)
            .map_err(|source| Error::internal("an answer cannot be written", source))
    }

    /// Writes the list of the record's selected features, and returns whether it has any.
    ///
    /// Fails if the record is damaged, or has features that the group does not.
    pub(crate) fn record(
        &mut self,
        group: &GroupRecord,
        record: &Record<'_>,
        selection: &Selection,
    ) -> Result<bool, Error> {
        let schema = &group.schema;
        self.json.push(b'[');
        let mut first = true;
        for feature in record.features() {
            let feature = feature?;
            if !selection.contains(feature.index) {
                continue;
            }
            let definition = schema
                .feature(feature.index)
                .ok_or_else(|| Error::broken("a record has a feature that its group has not"))?;
            if !std::mem::take(&mut first) {
                self.json.push(b',');
            }
            self.json.extend_from_slice(&definition.json_head);
            match (feature.value, definition.collection) {
                (Value::Text(text), None) => push_string(&mut self.json, text),
                (Value::List(elements), Some(_)) => push_list(&mut self.json, elements)?,
                (Value::Text(_), Some(_)) | (Value::List(_), None) => {
                    return Err(Error::broken("a value is not of the kind of its feature"));
                }
            }
            self.json.push(b'}');
        }
        self.json.push(b']');
        Ok(!first)
    }

    /// Writes `,"ExpiresAt":…` if there is such a time.
    pub(crate) fn expires_at(&mut self, at: Option<EventTime>) {
        if let Some(at) = at {
            self.raw(r#","ExpiresAt":"#);
            self.string(&at.to_string());
        }
    }
}

impl Selection {
    /// The features with these names; all, if none is named.
    ///
    /// Fails if the group has no feature of a name.
    pub(crate) fn of(group: &Arc<GroupRecord>, names: Option<&[String]>) -> Result<Self, Error> {
        let Some(names) = names else {
            return Ok(Self(None));
        };
        let mut selected = vec![false; group.schema.len()];
        let mut guess = 0;
        for name in names {
            let index = group
                .schema
                .find(name, guess)
                .ok_or_else(|| unknown_feature(name))?;
            if let Some(slot) = selected.get_mut(index) {
                *slot = true;
            }
            guess = index + 1;
        }
        Ok(Self(Some(selected)))
    }

    fn contains(&self, index: usize) -> bool {
        self.0
            .as_ref()
            .is_none_or(|selected| selected.get(index).copied().unwrap_or(false))
    }
}

/// The group has no feature `name`.
pub(crate) fn unknown_feature(name: &str) -> Error {
    Error::validation(format!(
        "FeatureName `{name}` is not defined in the feature group."
    ))
}

/// The JSON of a feature's value, up to the value itself.
pub(crate) fn json_head(name: &str, collection: Option<Collection>) -> Box<[u8]> {
    let mut head = br#"{"FeatureName":"#.to_vec();
    push_string(&mut head, name.as_bytes());
    head.extend_from_slice(match collection {
        None => br#","ValueAsString":"#.as_slice(),
        Some(_) => br#","ValueAsStringList":"#.as_slice(),
    });
    head.into_boxed_slice()
}

/// Appends the elements of a collection as a JSON list.
fn push_list(out: &mut Vec<u8>, elements: Elements<'_>) -> Result<(), Error> {
    out.push(b'[');
    for (number, element) in elements.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        push_string(out, element?);
    }
    out.push(b']');
    Ok(())
}

/// Appends `text`, which is UTF-8, as a JSON string.
fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = first_special(rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else {
            break;
        };
        push_escape(out, *byte);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte stands that needs an escape. Eight bytes are looked at together, the
/// last eight of a text a second time if need be, and only if one of them may need it, one by
/// one.
fn first_special(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let may = |word: &[u8; 8]| may_need_escape(u64::from_ne_bytes(*word));
    let plain = words.iter().take_while(|word| !may(word)).count();
    let last_is_plain = || text.last_chunk().is_some_and(|word| !may(word));
    if plain == words.len() && (rest.is_empty() || last_is_plain()) {
        return None;
    }
    let tail = text.get(plain * 8..).unwrap_or_default();
    let at = tail.iter().position(|byte| needs_escape(*byte))?;
    Some(plain * 8 + at)
}

/// Whether any byte of `word` is below a space, a quote or a backslash. It may say yes where
/// the answer is no, but only for words with such a byte or one above 127.
fn may_need_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    let quote = has_zero(word ^ (ONES * 0x22));
    let backslash = has_zero(word ^ (ONES * 0x5c));
    (below_space | quote | backslash) != 0
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

impl shapes::Output for JsonBody {
    fn take_written(&mut self) -> Option<Vec<u8>> {
        self.fresh.keep();
        Some(std::mem::take(&mut self.json))
    }
}

/// For serialisers that do not take the body as it is.
impl Serialize for JsonBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue =
            serde_json::from_slice(&self.json).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// The length only: the body is a customer's data.
impl std::fmt::Debug for JsonBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JsonBody({} bytes)", self.json.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_where_json_demands_it() {
        assert_eq!(written("plain ü 🦀"), "\"plain ü 🦀\"");
        assert_eq!(
            written("a\"b\\c\n\r\t\u{1}\u{1f}"),
            r#""a\"b\\c\n\r\t\u0001\u001f""#
        );
        assert_eq!(written(""), "\"\"");
    }

    #[test]
    fn the_head_of_a_feature_is_the_json_up_to_its_value() {
        assert_eq!(
            &*json_head("temp", None),
            br#"{"FeatureName":"temp","ValueAsString":"#
        );
        assert_eq!(
            &*json_head("temps", Some(Collection::Set)),
            br#"{"FeatureName":"temps","ValueAsStringList":"#
        );
    }

    #[test]
    fn a_body_serialises_as_what_was_written() {
        let mut body = JsonBody::default();
        body.raw(r#"{"a":[1,{"b":""#);
        body.raw(r#"x"}]}"#);
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"a":[1,{"b":"x"}]}"#
        );
        assert_eq!(format!("{body:?}"), "JsonBody(19 bytes)");
        let taken = shapes::Output::take_written(&mut body).unwrap();
        assert_eq!(taken, br#"{"a":[1,{"b":"x"}]}"#);
    }

    proptest! {
        #[test]
        fn every_string_reads_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let read: String = serde_json::from_str(&written(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
