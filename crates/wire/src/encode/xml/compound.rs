//! Elements with elements inside: lists, maps, structures.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::{Element, XmlError, element};

/// A list that is being written.
pub(super) struct Members<'a>(pub(super) Element<'a>);

/// A map that is being written.
pub(super) struct Entries<'a>(pub(super) Element<'a>);

/// A structure that is being written.
pub(super) struct Structure<'a>(pub(super) Element<'a>);

impl Members<'_> {
    fn member<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), XmlError> {
        element("member", value, self.0.out)
    }
}

impl SerializeSeq for Members<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), XmlError> {
        self.member(value)
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}

impl SerializeTuple for Members<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), XmlError> {
        self.member(value)
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}

impl SerializeTupleStruct for Members<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), XmlError> {
        self.member(value)
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}

impl SerializeTupleVariant for Members<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), XmlError> {
        self.member(value)
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), XmlError> {
        self.0.out.push_str("<entry>");
        element("key", key, self.0.out)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), XmlError> {
        element("value", value, self.0.out)?;
        self.0.out.push_str("</entry>");
        Ok(())
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}

impl Structure<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), XmlError> {
        element(name, value, self.0.out)
    }
}

impl SerializeStruct for Structure<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), XmlError> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}

impl SerializeStructVariant for Structure<'_> {
    type Ok = ();
    type Error = XmlError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), XmlError> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), XmlError> {
        self.0.close();
        Ok(())
    }
}
