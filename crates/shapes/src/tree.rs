//! The protocol-neutral tree that requests are read from.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Number, Value};
use zeroize::Zeroizing;

use crate::ReadError;

/// A request as a tree of scalars, lists and named members.
///
/// Text borrows from the request's body where it can, which spares the hot operations an
/// allocation per name and value; text that is owned wipes itself, because nobody knows
/// yet whether it is a secret.
#[derive(Clone, PartialEq)]
pub enum Tree<'a> {
    /// `null`: the member is absent.
    Null,
    /// A JSON boolean.
    Bool(bool),
    /// A JSON number.
    Number(Number),
    /// Text.
    Text(Characters<'a>),
    /// A list.
    List(Vec<Tree<'a>>),
    /// Members by name in the order of arrival; of equal names the last one counts.
    Object(Vec<(Characters<'a>, Tree<'a>)>),
}

/// How many values a JSON body may have that carries no records: a value of two bytes takes many times
/// as much as a tree, and is read before anything is decided.
const MOST_VALUES: usize = 400_000;

/// The same of a body that does. A record of 350 KB has at most 350,000 elements in the lists of its
/// features, and a batch has several records.
const MOST_VALUES_OF_RECORDS: usize = 1_000_000;

/// Text of a [`Tree`].
#[derive(Clone, PartialEq)]
pub enum Characters<'a> {
    /// A part of the request's body.
    Borrowed(&'a str),
    /// Text that had to be unescaped or decoded; wiped on drop.
    Owned(Zeroizing<String>),
}

impl Characters<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl From<String> for Characters<'_> {
    fn from(text: String) -> Self {
        Self::Owned(Zeroizing::new(text))
    }
}

impl<'a> From<&'a str> for Characters<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl<'a> Tree<'a> {
    /// Parses a JSON document, borrowing its text.
    ///
    /// Fails with [`ReadError::Serialization`] if `body` is not one JSON value in UTF-8, is nested
    /// deeper than 127 levels, or has more than 400,000 values.
    pub fn from_json(body: &'a [u8]) -> Result<Self, ReadError> {
        Self::bounded(body, MOST_VALUES)
    }

    /// The same for a body that carries records: it may have 1,000,000 values.
    pub fn from_json_of_records(body: &'a [u8]) -> Result<Self, ReadError> {
        Self::bounded(body, MOST_VALUES_OF_RECORDS)
    }

    fn bounded(body: &'a [u8], most: usize) -> Result<Self, ReadError> {
        let left = Cell::new(Some(most));
        let mut reader = serde_json::Deserializer::from_slice(body);
        let tree = Node(&left).deserialize(&mut reader);
        let read = tree.and_then(|tree| reader.end().map(|()| tree));
        read.map_err(|error| {
            if left.get().is_none() {
                ReadError::Serialization(format!("the body has more than {most} values"))
            } else {
                ReadError::not_json(&error)
            }
        })
    }

    /// Sets member `name`; a tree that is no object (an empty body) becomes one.
    pub fn set(&mut self, name: impl Into<Characters<'a>>, value: Self) {
        if let Self::Object(members) = self {
            members.push((name.into(), value));
        } else {
            *self = Self::Object(vec![(name.into(), value)]);
        }
    }

    /// What the value is, for messages: `a string`, `a list`, …
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "a structure",
        }
    }
}

impl From<Value> for Tree<'static> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(members) => Self::List(members.into_iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.into(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// Kinds and sizes only: a tree may hold secrets.
impl fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => f.write_str(self.kind()),
            Self::Text(text) => text.fmt(f),
            Self::List(members) => f.debug_list().entries(members).finish(),
            Self::Object(members) => f
                .debug_map()
                .entries(members.iter().map(|(name, value)| (name.as_str(), value)))
                .finish(),
        }
    }
}

/// The length only: the text may be a secret.
impl fmt::Debug for Characters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.as_str().len())
    }
}

/// One value of a tree, of which so many may still be read; `None` once there was one more.
#[derive(Clone, Copy)]
struct Node<'c>(&'c Cell<Option<usize>>);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let left = self.0.get().and_then(|left| left.checked_sub(1));
        self.0.set(left);
        if left.is_none() {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Characters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(CharactersVisitor)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Tree::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // JSON has no infinities; a parser that made one read no number of AWS's.
        Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Tree::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Tree::Text(text.to_owned().into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Tree::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_element_seed(self)? {
            members.push(member);
        }
        Ok(Tree::List(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key()? {
            members.push((name, access.next_value_seed(self)?));
        }
        Ok(Tree::Object(members))
    }
}

struct CharactersVisitor;

impl<'de> Visitor<'de> for CharactersVisitor {
    type Value = Characters<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(text.into())
    }
}
