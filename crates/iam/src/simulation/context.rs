//! The condition keys of a simulated request.

use std::borrow::Cow;
use std::collections::HashMap;

use policy::{ConditionKey, ConditionKeys, ValueType, Values};
use shapes::iam::{ContextEntry, ContextKeyTypeEnum};
use types::{AccountId, Principal, same_but_for_case};

use super::fault::Fault;
use super::sources::Caller;

/// What the caller of the simulator says of the request, by the keys in lower case.
#[derive(Debug, Default)]
pub(crate) struct Entries(HashMap<String, Given>);

#[derive(Debug)]
enum Given {
    One(String),
    Many(Vec<String>),
}

impl Entries {
    /// Reads the entries.
    ///
    /// Fails with `InvalidInput` for an entry without name or type, for a key that is given
    /// twice, for a value that is not of its type, and for several values of a type that is no
    /// list. An entry without values says nothing.
    pub(crate) fn read(list: Option<&[ContextEntry]>) -> Result<Self, Fault> {
        let mut entries = Self::default();
        for entry in list.unwrap_or_default() {
            let name = entry.context_key_name.as_deref().unwrap_or_default();
            let refused = |problem| Fault::Context {
                name: name.to_owned(),
                problem,
            };
            if name.is_empty() {
                return Err(refused("it has no name"));
            }
            let Some(kind) = entry.context_key_type else {
                return Err(refused("it has no type"));
            };
            let (kind, list) = value_type(kind);
            let values = entry.context_key_values.clone().unwrap_or_default();
            if !values.iter().all(|value| kind.reads(value)) {
                return Err(refused("a value is not of the type"));
            }
            let key = ConditionKey::new(name);
            if entries.0.contains_key(key.as_str()) {
                return Err(refused("the key is given twice"));
            }
            let given = match (list, <[String; 1]>::try_from(values)) {
                (false, Ok([value])) => Given::One(value),
                (true, Ok([value])) => Given::Many(vec![value]),
                (_, Err(values)) if values.is_empty() => continue,
                (true, Err(values)) => Given::Many(values),
                (false, Err(_)) => return Err(refused("the type has one value only")),
            };
            entries.0.insert(key.as_str().to_owned(), given);
        }
        Ok(entries)
    }
}

/// The type of values, and whether there can be several.
fn value_type(kind: ContextKeyTypeEnum) -> (ValueType, bool) {
    match kind {
        ContextKeyTypeEnum::String => (ValueType::Text, false),
        ContextKeyTypeEnum::StringList => (ValueType::Text, true),
        ContextKeyTypeEnum::Numeric => (ValueType::Number, false),
        ContextKeyTypeEnum::NumericList => (ValueType::Number, true),
        ContextKeyTypeEnum::Boolean => (ValueType::Truth, false),
        ContextKeyTypeEnum::BooleanList => (ValueType::Truth, true),
        ContextKeyTypeEnum::Ip => (ValueType::Address, false),
        ContextKeyTypeEnum::IpList => (ValueType::Address, true),
        ContextKeyTypeEnum::Binary => (ValueType::Binary, false),
        ContextKeyTypeEnum::BinaryList => (ValueType::Binary, true),
        ContextKeyTypeEnum::Date => (ValueType::Date, false),
        ContextKeyTypeEnum::DateList => (ValueType::Date, true),
    }
}

/// All condition keys of one simulated request: those that were given, and what the caller and
/// the resource say by themselves.
#[derive(Debug)]
pub(crate) struct SimulatedKeys<'a> {
    pub(crate) entries: &'a Entries,
    pub(crate) caller: &'a Caller,
    pub(crate) owner: Option<AccountId>,
}

impl ConditionKeys for SimulatedKeys<'_> {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        if let Some(given) = self.entries.0.get(key.as_str()) {
            return Some(match given {
                Given::One(value) => one(value),
                Given::Many(values) => {
                    let values = values.iter().map(String::as_str);
                    Values::Many(values.map(Cow::Borrowed).collect())
                }
            });
        }
        match (key.name(), key.suffix()) {
            ("aws:principaltag", Some(tag)) => {
                let (_, tags) = self.caller.own.as_ref()?;
                let (_, value) = tags.iter().find(|(name, _)| same_but_for_case(name, tag))?;
                Some(one(value))
            }
            (name, None) => self.of_the_caller(name),
            (_, Some(_)) => None,
        }
    }
}

impl SimulatedKeys<'_> {
    /// Whether the request has the key; however many values it has, none is looked at.
    pub(crate) fn has(&self, key: &ConditionKey) -> bool {
        self.entries.0.contains_key(key.as_str()) || self.lookup(key).is_some()
    }

    fn of_the_caller(&self, name: &str) -> Option<Values<'_>> {
        let caller = self.caller;
        match name {
            "aws:principalaccount" => caller.principal.account().map(owned),
            "aws:resourceaccount" => self.owner.map(owned),
            "aws:principalarn" => Some(one(caller.arn.as_ref()?.as_str())),
            "aws:username" => caller.user_name().map(one),
            "aws:principaltype" => match (&caller.principal, caller.user_name()) {
                (_, Some(_)) => Some(one("User")),
                (Principal::AssumedRole { .. }, None) => Some(one("AssumedRole")),
                _ => None,
            },
            // Of a role this is the session's, which there is none of.
            "aws:userid" => {
                let (id, _) = caller
                    .own
                    .as_ref()
                    .filter(|_| caller.user_name().is_some())?;
                Some(one(id.as_str()))
            }
            _ => None,
        }
    }
}

fn one(value: &str) -> Values<'_> {
    Values::One(Cow::Borrowed(value))
}

fn owned(account: AccountId) -> Values<'static> {
    Values::One(Cow::Owned(account.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: ContextKeyTypeEnum, values: &[&str]) -> ContextEntry {
        ContextEntry {
            context_key_name: Some(name.to_owned()),
            context_key_type: Some(kind),
            context_key_values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        }
    }

    fn check(entries: &[ContextEntry], expected: Option<&str>) {
        let read = Entries::read(Some(entries));
        let problem = read.err().map(|fault| fault.to_string());
        assert_eq!(problem.as_deref(), expected);
    }

    #[test]
    fn every_type_reads_its_values() {
        for (kind, good, bad) in [
            (ContextKeyTypeEnum::Numeric, "5", "five"),
            (ContextKeyTypeEnum::NumericList, "5", "five"),
            (ContextKeyTypeEnum::Boolean, "true", "1"),
            (ContextKeyTypeEnum::BooleanList, "true", "1"),
            (ContextKeyTypeEnum::Ip, "203.0.113.5", "here"),
            (ContextKeyTypeEnum::IpList, "203.0.113.5", "here"),
            (ContextKeyTypeEnum::Binary, "QUJD", "?"),
            (ContextKeyTypeEnum::BinaryList, "QUJD", "?"),
            (ContextKeyTypeEnum::Date, "2026-01-31T10:00:00Z", "then"),
            (ContextKeyTypeEnum::DateList, "2026-01-31T10:00:00Z", "then"),
        ] {
            check(&[entry("a:key", kind, &[good])], None);
            let refused = Some("Invalid context entry a:key: a value is not of the type.");
            check(&[entry("a:key", kind, &[bad])], refused);
        }
        check(&[entry("a:key", ContextKeyTypeEnum::String, &["x"])], None);
        check(
            &[entry("a:key", ContextKeyTypeEnum::StringList, &["x", "y"])],
            None,
        );
    }

    #[test]
    fn entries_are_complete_and_given_once() {
        let string = ContextKeyTypeEnum::String;
        let two = Some("Invalid context entry a:key: the type has one value only.");
        check(&[entry("a:key", string, &["x", "y"])], two);
        let twice = Some("Invalid context entry A:KEY: the key is given twice.");
        check(
            &[
                entry("a:key", string, &["x"]),
                entry("A:KEY", string, &["y"]),
            ],
            twice,
        );
        let untyped = ContextEntry {
            context_key_type: None,
            ..entry("a:key", string, &["x"])
        };
        let no_type = Some("Invalid context entry a:key: it has no type.");
        check(&[untyped], no_type);
        check(
            &[ContextEntry::default()],
            Some("Invalid context entry : it has no name."),
        );
    }

    #[test]
    fn an_entry_without_values_says_nothing() {
        let list = [entry("a:key", ContextKeyTypeEnum::String, &[])];
        assert!(Entries::read(Some(&list)).unwrap().0.is_empty());
    }
}
