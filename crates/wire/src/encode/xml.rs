//! XML of the Query protocol, as a serialiser.
//!
//! Members become elements in order, lists `<member>`, maps `<entry><key/><value/></entry>`,
//! absent values nothing at all. XML has no way to carry most control characters, not even
//! escaped: they are replaced by U+FFFD, so that the document stays readable.

mod compound;

use std::fmt::{self, Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, Serialize, Serializer};

use compound::{Entries, Members, Structure};

/// Why a value cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct XmlError(String);

impl serde::ser::Error for XmlError {
    fn custom<T: Display>(problem: T) -> Self {
        Self(problem.to_string())
    }
}

/// Appends `value` as element `name`.
///
/// Fails for enumerations with content, which no shape of AWS has.
pub(super) fn element<T: Serialize + ?Sized>(
    name: &str,
    value: &T,
    out: &mut String,
) -> Result<(), XmlError> {
    value.serialize(Element { name, out })
}

/// Appends `text` with all that would end it, or be changed by a reader, escaped.
pub(super) fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Readers turn a bare carriage return into a line feed.
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(letter),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
}

/// Writes one value as an element.
struct Element<'a> {
    name: &'a str,
    out: &'a mut String,
}

impl Element<'_> {
    fn open(self) -> Self {
        self.out.extend(["<", self.name, ">"]);
        self
    }

    fn close(self) {
        self.out.extend(["</", self.name, ">"]);
    }

    /// An element whose text needs no escaping.
    fn plain(self, value: impl Display) -> Result<(), XmlError> {
        let element = self.open();
        write!(element.out, "{value}").map_err(XmlError::custom)?;
        element.close();
        Ok(())
    }
}

/// Escapes what a `Display` writes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(text, self.0);
        Ok(())
    }
}

fn no_such_shape<T>() -> Result<T, XmlError> {
    Err(XmlError::custom("no shape has an enumeration with content"))
}

impl<'a> Serializer for Element<'a> {
    type Ok = ();
    type Error = XmlError;
    type SerializeSeq = Members<'a>;
    type SerializeTuple = Members<'a>;
    type SerializeTupleStruct = Members<'a>;
    type SerializeTupleVariant = Members<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Structure<'a>;
    type SerializeStructVariant = Structure<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), XmlError> {
        self.plain(value)
    }

    fn serialize_char(self, value: char) -> Result<(), XmlError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), XmlError> {
        let element = self.open();
        escape(value, element.out);
        element.close();
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), XmlError> {
        let element = self.open();
        write!(Escaped(element.out), "{value}").map_err(XmlError::custom)?;
        element.close();
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), XmlError> {
        let element = self.open();
        STANDARD.encode_string(value, element.out);
        element.close();
        Ok(())
    }

    fn serialize_none(self) -> Result<(), XmlError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), XmlError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), XmlError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), XmlError> {
        self.open().close();
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), XmlError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), XmlError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), XmlError> {
        no_such_shape()
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Members<'a>, XmlError> {
        Ok(Members(self.open()))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Members<'a>, XmlError> {
        Ok(Members(self.open()))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Members<'a>, XmlError> {
        Ok(Members(self.open()))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Members<'a>, XmlError> {
        no_such_shape()
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries<'a>, XmlError> {
        Ok(Entries(self.open()))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Structure<'a>, XmlError> {
        Ok(Structure(self.open()))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Structure<'a>, XmlError> {
        no_such_shape()
    }
}

#[cfg(test)]
mod tests;
