//! Conditions: operators, and how they treat absent and multivalued keys.

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use types::{Timestamp, same_but_for_case};

use crate::address::Range;
use crate::context::{ConditionKey, ConditionKeys, Values};
use crate::date;
use crate::decimal::Decimal;
use crate::document::heap;
use crate::error::Fault;
use crate::steps::Steps;
use crate::text::{Dialect, Text};

/// One key of one operator in a `Condition` block. All conditions of a statement must hold.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) key: ConditionKey,
    /// The operator as written.
    pub(crate) operator: Box<str>,
    pub(crate) quantifier: Quantifier,
    pub(crate) if_exists: bool,
    pub(crate) negated: bool,
    test: Test,
}

/// The set operator in front of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// None: for single-valued keys.
    Single,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// What an operator compares with. The values of a condition are alternatives.
#[derive(Debug, Clone)]
enum Test {
    /// `Null`: whether the key is to be absent.
    Null(Vec<bool>),
    Equals(Vec<Text>),
    EqualsIgnoreCase(Vec<Text>),
    Like(Vec<Text>),
    /// The ARN operators.
    Arn(Vec<Text>),
    Bool(Vec<Text>),
    Number(Comparison, Vec<Decimal>),
    Date(Comparison, Vec<Timestamp>),
    Binary(Vec<Vec<u8>>),
    Address(Vec<Range>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Compiles one key of the block `operator`.
    ///
    /// Fails if there is no such operator, or if it cannot read one of the values.
    pub(crate) fn parse(
        operator: &str,
        key: ConditionKey,
        values: &[String],
        variables: bool,
    ) -> Result<Self, Fault> {
        let (quantifier, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            _ => (Quantifier::Single, operator),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let unknown = || Fault::Operator(operator.to_owned());
        if base == "Null" && (if_exists || quantifier != Quantifier::Single) {
            return Err(unknown());
        }
        let (family, negated) = Family::of(base).ok_or_else(unknown)?;
        let test = family
            .compile(values, variables)
            .map_err(|fault| match fault {
                Unreadable::Variable(value) => Fault::Variable(value),
                Unreadable::Value(value) => Fault::ConditionValue {
                    operator: operator.to_owned(),
                    value,
                },
            })?;
        Ok(Self {
            key,
            operator: Box::from(operator),
            quantifier,
            if_exists,
            negated,
            test,
        })
    }

    /// The condition keys that variables in the values stand for.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &ConditionKey> {
        let texts = match &self.test {
            Test::Equals(texts)
            | Test::EqualsIgnoreCase(texts)
            | Test::Like(texts)
            | Test::Arn(texts)
            | Test::Bool(texts) => texts.as_slice(),
            Test::Null(_)
            | Test::Number(..)
            | Test::Date(..)
            | Test::Binary(_)
            | Test::Address(_) => &[],
        };
        texts.iter().flat_map(Text::variables)
    }

    /// About how many bytes the condition takes.
    pub(crate) fn memory(&self) -> usize {
        let test = match &self.test {
            Test::Equals(texts)
            | Test::EqualsIgnoreCase(texts)
            | Test::Like(texts)
            | Test::Arn(texts)
            | Test::Bool(texts) => {
                let inside = texts.iter().map(Text::memory).sum::<usize>();
                heap(size_of_val(texts.as_slice())) + inside
            }
            Test::Null(wanted) => heap(wanted.len()),
            Test::Number(_, numbers) => {
                let digits = numbers.iter().map(Decimal::memory).sum::<usize>();
                heap(size_of_val(numbers.as_slice())) + digits
            }
            Test::Date(_, dates) => heap(size_of_val(dates.as_slice())),
            Test::Binary(blobs) => blobs
                .iter()
                .map(|blob| size_of_val(blob) + heap(blob.len()))
                .sum(),
            Test::Address(ranges) => heap(size_of_val(ranges.as_slice())),
        };
        size_of::<Self>() + self.key.memory() + heap(self.operator.len()) + test
    }

    /// Whether the condition holds for a request; that means nothing where `steps` are spent.
    pub(crate) fn holds(&self, keys: &dyn ConditionKeys, steps: &Steps) -> bool {
        let values = keys.lookup(&self.key);
        if let Some(Values::Many(values)) = &values {
            steps.take(values.len());
        }
        if let Test::Null(wanted) = &self.test {
            let absent = values.as_ref().is_none_or(Values::is_null);
            return wanted.contains(&absent);
        }
        let Some(values) = values.filter(|values| !values.as_slice().is_empty()) else {
            return match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => self.if_exists,
                Quantifier::Single => self.if_exists || self.negated,
            };
        };
        let holds = |value: &str| {
            steps.take(self.test.len() + value.len() / 8);
            !steps.are_spent() && self.test.matches(value, keys, steps) != self.negated
        };
        match (self.quantifier, &values) {
            // Negated operators included: a multivalued key needs a set operator.
            (Quantifier::Single, Values::Many(_)) => false,
            (Quantifier::Single, Values::One(value)) => holds(value),
            (Quantifier::All, _) => {
                values.is_null() || values.as_slice().iter().all(|value| holds(value))
            }
            (Quantifier::Any, _) => {
                !values.is_null() && values.as_slice().iter().any(|value| holds(value))
            }
        }
    }
}

/// The operators without `Not` and suffixes.
#[derive(Debug, Clone, Copy)]
enum Family {
    Null,
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Binary,
    Address,
    Number(Comparison),
    Date(Comparison),
}

/// A value that its operator cannot read.
enum Unreadable {
    Variable(String),
    Value(String),
}

impl Family {
    /// The family of an operator, and whether it is the negated form. Names are
    /// case-sensitive.
    fn of(name: &str) -> Option<(Self, bool)> {
        Some(match name {
            "StringEquals" => (Self::Equals, false),
            "StringNotEquals" => (Self::Equals, true),
            "StringEqualsIgnoreCase" => (Self::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Self::EqualsIgnoreCase, true),
            "StringLike" => (Self::Like, false),
            "StringNotLike" => (Self::Like, true),
            "ArnEquals" | "ArnLike" => (Self::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Self::Arn, true),
            "Bool" => (Self::Bool, false),
            "BinaryEquals" => (Self::Binary, false),
            "IpAddress" => (Self::Address, false),
            "NotIpAddress" => (Self::Address, true),
            "Null" => (Self::Null, false),
            _ => {
                if let Some(rest) = name.strip_prefix("Numeric") {
                    let (comparison, negated) = Comparison::of(rest)?;
                    (Self::Number(comparison), negated)
                } else {
                    let (comparison, negated) = Comparison::of(name.strip_prefix("Date")?)?;
                    (Self::Date(comparison), negated)
                }
            }
        })
    }

    fn compile(self, values: &[String], variables: bool) -> Result<Test, Unreadable> {
        let texts = |dialect| {
            let compile = |value: &String| {
                Text::compile(value, dialect, variables)
                    .map_err(|_malformed| Unreadable::Variable(value.clone()))
            };
            values.iter().map(compile).collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            Self::Equals => Test::Equals(texts(Dialect::Exact)?),
            Self::EqualsIgnoreCase => Test::EqualsIgnoreCase(texts(Dialect::Exact)?),
            Self::Like => Test::Like(texts(Dialect::Like)?),
            Self::Arn => Test::Arn(texts(Dialect::Arn)?),
            Self::Bool => {
                let has_variable = |value: &String| variables && value.contains("${");
                each(values, |value| {
                    (has_variable(value) || truth(value).is_some()).then_some(())
                })?;
                Test::Bool(texts(Dialect::Exact)?)
            }
            Self::Null => Test::Null(each(values, |value| truth(value))?),
            Self::Binary => Test::Binary(each(values, |value| BASE64.decode(value).ok())?),
            Self::Address => Test::Address(each(values, |value| Range::parse(value))?),
            Self::Number(comparison) => {
                Test::Number(comparison, each(values, |value| Decimal::parse(value))?)
            }
            Self::Date(comparison) => {
                Test::Date(comparison, each(values, |value| date::parse(value))?)
            }
        })
    }
}

fn each<T>(values: &[String], read: impl Fn(&String) -> Option<T>) -> Result<Vec<T>, Unreadable> {
    values
        .iter()
        .map(|value| read(value).ok_or_else(|| Unreadable::Value(value.clone())))
        .collect()
}

impl Comparison {
    /// The comparison behind `Numeric` or `Date`, and whether it is negated.
    fn of(name: &str) -> Option<(Self, bool)> {
        Some(match name {
            "Equals" => (Self::Equal, false),
            "NotEquals" => (Self::Equal, true),
            "LessThan" => (Self::Less, false),
            "LessThanEquals" => (Self::LessOrEqual, false),
            "GreaterThan" => (Self::Greater, false),
            "GreaterThanEquals" => (Self::GreaterOrEqual, false),
            _ => return None,
        })
    }

    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Test {
    /// How many values there are to compare with.
    fn len(&self) -> usize {
        match self {
            Self::Equals(texts)
            | Self::EqualsIgnoreCase(texts)
            | Self::Like(texts)
            | Self::Arn(texts)
            | Self::Bool(texts) => texts.len(),
            Self::Null(wanted) => wanted.len(),
            Self::Number(_, numbers) => numbers.len(),
            Self::Date(_, dates) => dates.len(),
            Self::Binary(blobs) => blobs.len(),
            Self::Address(ranges) => ranges.len(),
        }
    }

    /// Whether one value of the request matches one of the condition's values. A value that
    /// is not of the operator's type matches nothing, nor does a variable without a value.
    fn matches(&self, value: &str, keys: &dyn ConditionKeys, steps: &Steps) -> bool {
        match self {
            Self::Null(_) => false,
            Self::Equals(texts) => texts.iter().any(|text| {
                text.literal(keys, steps)
                    .is_some_and(|text| *text == *value)
            }),
            Self::EqualsIgnoreCase(texts) => texts.iter().any(|text| {
                text.literal(keys, steps)
                    .is_some_and(|text| same_but_for_case(&text, value))
            }),
            Self::Like(texts) => texts
                .iter()
                .any(|text| text.matches(value, keys, steps) == Some(true)),
            // Six parts are compared: text with fewer is not an ARN.
            Self::Arn(texts) => {
                value.matches(':').count() >= 5
                    && texts
                        .iter()
                        .any(|text| text.matches(value, keys, steps) == Some(true))
            }
            Self::Bool(texts) => truth(value).is_some_and(|value| {
                let wanted = |text: &Text| truth(&text.literal(keys, steps)?);
                texts.iter().any(|text| wanted(text) == Some(value))
            }),
            Self::Number(comparison, numbers) => Decimal::parse(value).is_some_and(|value| {
                numbers
                    .iter()
                    .any(|number| comparison.admits(value.cmp(number)))
            }),
            Self::Date(comparison, dates) => date::parse(value)
                .is_some_and(|value| dates.iter().any(|date| comparison.admits(value.cmp(date)))),
            Self::Binary(blobs) => BASE64
                .decode(value)
                .is_ok_and(|value| blobs.contains(&value)),
            Self::Address(ranges) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| ranges.iter().any(|range| range.contains(address))),
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
