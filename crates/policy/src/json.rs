//! JSON with positions: what the grammar checks need and a plain value tree does not keep.
//!
//! `serde_json` does the reading. Every value is taken as raw text first, whose place in the
//! document is known, and then opened level by level. Objects keep their order, a repeated
//! key is refused, and numbers stay the text that was written.

use std::collections::HashSet;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Fault;

/// Documents nest seven levels deep; anything beyond this is not a policy.
const MAX_DEPTH: usize = 12;

/// A JSON value and where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    /// Byte offset in the document.
    pub(crate) at: usize,
    /// Byte offset behind its last character.
    pub(crate) end: usize,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    /// `true`, `false` or a number, as written: both may stand for text.
    Bare(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Reads `text` as one JSON value.
///
/// Fails where it is not JSON, repeats a key or nests too deep.
pub(crate) fn read(text: &str) -> Result<Node, (usize, Fault)> {
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| (place(text, error.line(), error.column()), Fault::Json))?;
    open(text, raw, MAX_DEPTH)
}

fn open(text: &str, raw: &RawValue, depth: usize) -> Result<Node, (usize, Fault)> {
    let at = offset(text, raw);
    let fail = |fault| (at, fault);
    let depth = depth.checked_sub(1).ok_or_else(|| fail(Fault::TooDeep))?;
    let unreadable = |_source: serde_json::Error| fail(Fault::Json);
    let written = raw.get();
    let value = match written.as_bytes().first() {
        Some(b'{') => {
            let mut reader = serde_json::Deserializer::from_str(written);
            let members = reader.deserialize_map(Members).map_err(unreadable)?;
            let mut object = Vec::with_capacity(members.len());
            let mut known = HashSet::with_capacity(members.len());
            for (key, member) in members {
                let node = open(text, member, depth)?;
                if !known.insert(key.clone()) {
                    return Err((node.at, Fault::DuplicateKey(key)));
                }
                object.push((key, node));
            }
            Value::Object(object)
        }
        Some(b'[') => {
            let mut reader = serde_json::Deserializer::from_str(written);
            let elements = reader.deserialize_seq(Elements).map_err(unreadable)?;
            let nodes = elements
                .into_iter()
                .map(|element| open(text, element, depth));
            Value::List(nodes.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(written).map_err(unreadable)?),
        Some(b'n') => Value::Null,
        _ => Value::Bare(written.to_owned()),
    };
    Ok(Node {
        at,
        end: at.saturating_add(written.len()),
        value,
    })
}

/// The byte offset of a place that the JSON reader names by line and column, from 1 and in
/// bytes.
fn place(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = before
        .saturating_add(column.saturating_sub(1))
        .min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

/// Where `raw`, a slice of `text`, begins.
fn offset(text: &str, raw: &RawValue) -> usize {
    raw.get()
        .as_ptr()
        .addr()
        .saturating_sub(text.as_ptr().addr())
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str, fault: &Fault, line: u32, column: u32) {
        let (at, found) = read(text).unwrap_err();
        assert_eq!(&found, fault, "{text}");
        let position = crate::error::Position::of(text, at);
        assert_eq!(
            (position.line(), position.column()),
            (line, column),
            "{text}"
        );
    }

    #[test]
    fn values_keep_their_place_and_their_text() {
        let node = read("{\n  \"a\": [1.10, true, \"x\\n\"]\n}").unwrap();
        let Value::Object(members) = node.value else {
            panic!("an object")
        };
        let (key, list) = &members[0];
        let Value::List(elements) = &list.value else {
            panic!("a list")
        };
        assert_eq!((key.as_str(), list.at), ("a", 9));
        assert!(matches!(&elements[0].value, Value::Bare(text) if text == "1.10"));
        assert!(matches!(&elements[1].value, Value::Bare(text) if text == "true"));
        assert!(matches!(&elements[2].value, Value::Text(text) if text == "x\n"));
    }

    #[test]
    fn repeated_keys_are_refused_where_they_repeat() {
        fails(
            "{\"a\": 1,\n \"a\": 2}",
            &Fault::DuplicateKey("a".into()),
            2,
            7,
        );
        fails(
            "{\"b\":{\"a\":1,\"\\u0061\":2}}",
            &Fault::DuplicateKey("a".into()),
            1,
            22,
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "{} x",
            "{'a':1}",
            "{\"a\":01}",
            "[1,]",
            "nul",
            "\u{feff}{}",
        ] {
            assert_eq!(read(text).unwrap_err().1, Fault::Json, "{text}");
        }
        fails("{\"a\": \"\\ud800\"}", &Fault::Json, 1, 7);
    }

    #[test]
    fn deep_nesting_is_refused_without_recursing_into_it() {
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        fails(&text, &Fault::TooDeep, 1, 13);
    }
}
