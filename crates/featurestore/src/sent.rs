//! The value of a feature as a caller sends it.

use online::PayloadWriter;
use shapes::featurestore_runtime::FeatureValue;

use crate::Error;
use crate::schema::Feature;

/// A value that is of the type of its feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent<'a> {
    /// `ValueAsString`.
    Text(&'a str),
    /// `ValueAsStringList`.
    List(&'a [String]),
}

impl<'a> Sent<'a> {
    /// The value that `value` has for the feature `known`.
    ///
    /// Collections take lists and nothing else, other features texts and nothing else, and
    /// every text has to be of the feature's type.
    pub(crate) fn of(value: &'a FeatureValue, known: &Feature) -> Result<Self, Error> {
        let name = &value.feature_name;
        let (text, list) = (&value.value_as_string, &value.value_as_string_list);
        if text.is_none() && list.is_none() {
            return Err(Error::validation(format!(
                "FeatureName `{name}` has no value; leave the feature out to set it to null."
            )));
        }
        let kind = known.kind;
        match (text, list, known.collection) {
            (Some(text), None, None) if kind.admits(text) => Ok(Self::Text(text)),
            (Some(_), None, None) => Err(Error::validation(format!(
                "the value of FeatureName `{name}` is not of type {kind}."
            ))),
            (_, _, None) => Err(Error::validation(format!(
                "FeatureName `{name}` is not a collection: ValueAsStringList is not allowed."
            ))),
            (None, Some(elements), Some(collection)) => {
                collection.check(name, kind, elements)?;
                Ok(Self::List(elements))
            }
            (_, _, Some(_)) => Err(Error::validation(format!(
                "FeatureName `{name}` is a collection: ValueAsString is not allowed."
            ))),
        }
    }

    /// The bytes of its text, or of all its elements with one more for each: an empty one takes
    /// room too.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(elements) => elements.iter().map(|element| element.len() + 1).sum(),
        }
    }

    /// Its text, unless it is a list.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }

    /// Writes it as the value of the feature at `index`.
    pub(crate) fn put(self, payload: &mut PayloadWriter, index: usize) -> Result<(), Error> {
        match self {
            Self::Text(text) => payload.feature(index, text),
            Self::List(elements) => payload.list(index, elements.iter().map(String::as_str))?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::Collection;
    use crate::values::FeatureType;

    fn check(text: Option<&str>, list: Option<&[&str]>, collection: bool, refusal: Option<&str>) {
        let known = Feature {
            name: "x".into(),
            kind: FeatureType::Integral,
            collection: collection.then_some(Collection::List),
            json_head: Box::default(),
        };
        let list = list.map(|list| list.iter().map(|one| (*one).to_owned()).collect());
        let value = FeatureValue {
            feature_name: "x".to_owned(),
            value_as_string: text.map(str::to_owned),
            value_as_string_list: list,
        };
        let sent = Sent::of(&value, &known).map_err(|error| error.to_string());
        match refusal {
            None => assert!(sent.is_ok(), "{sent:?}"),
            Some(part) => assert!(sent.unwrap_err().contains(part)),
        }
    }

    #[test]
    fn collections_take_lists_and_others_take_texts() {
        check(Some("1"), None, false, None);
        check(None, Some(&["1", "2"]), true, None);
        check(None, Some(&[]), true, None);
        check(None, Some(&["1"]), false, Some("is not a collection"));
        check(Some("1"), None, true, Some("is a collection"));
    }

    #[test]
    fn a_value_is_a_text_or_a_list_and_not_both() {
        check(Some("1"), Some(&["1"]), false, Some("is not a collection"));
        check(Some("1"), Some(&["1"]), true, Some("is a collection"));
        check(None, None, false, Some("has no value"));
        check(None, None, true, Some("has no value"));
    }

    #[test]
    fn texts_are_of_the_type_of_the_feature() {
        check(Some("x"), None, false, Some("not of type Integral"));
        check(None, Some(&["1", "x"]), true, Some("not of type Integral"));
    }
}
