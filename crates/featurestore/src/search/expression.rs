//! Search expressions: filters joined by `And` and `Or`, read once and asked for every entity.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::pin::Pin;

use shapes::sagemaker::{BooleanOperator, Filter, NestedFilters, Operator, SearchExpression};
use types::Timestamp;

use super::property::Type;
use super::work::{Spent, Work};
use super::{Entity, Kind, Property, Value};
use crate::Error;
use crate::records::Definition;

/// Filters, nested filters and expressions of one expression.
const MOST_ELEMENTS: usize = 20;

/// The same of an expression with all that are within it.
const MOST_IN_ALL: usize = 50;

/// An expression.
#[derive(Debug)]
pub(crate) struct Expression {
    /// Whether all of its parts have to be true, and not only one.
    all: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Filter(Condition),
    /// One feature of the group for which all of these are true.
    Nested(Vec<Condition>),
    Expression(Expression),
}

/// A filter.
#[derive(Debug)]
struct Condition {
    property: Property,
    /// Whether it is true where the comparison is not.
    negated: bool,
    comparison: Comparison,
}

#[derive(Debug)]
enum Comparison {
    Exists,
    Equals(Operand),
    Greater(Operand),
    Less(Operand),
    Contains(String),
    In(BTreeSet<String>),
}

#[derive(Debug)]
enum Operand {
    Text(String),
    /// In whole seconds, which is all that a filter can say.
    Time(i64),
    Number(f64),
}

impl Expression {
    /// Reads an expression about entities of `kind`.
    ///
    /// Fails for one that is empty or too large, for properties that do not exist, and for
    /// operators and values that do not go with the property.
    pub(crate) fn parse(kind: Kind, expression: &SearchExpression) -> Result<Self, Error> {
        check_size(expression)?;
        Self::read(kind, expression)
    }

    fn read(kind: Kind, expression: &SearchExpression) -> Result<Self, Error> {
        let mut parts = Vec::new();
        for filter in expression.filters.iter().flatten() {
            parts.push(Part::Filter(Condition::read(kind, filter)?));
        }
        for nested in expression.nested_filters.iter().flatten() {
            parts.push(Part::Nested(nested_conditions(kind, nested)?));
        }
        for inner in expression.sub_expressions.iter().flatten() {
            parts.push(Part::Expression(Self::read(kind, inner)?));
        }
        Ok(Self {
            all: expression.operator != Some(BooleanOperator::Or),
            parts,
        })
    }

    /// Fails with the name of a property that others' groups cannot be searched by, if it has one.
    pub(crate) fn check_across(kind: Kind, expression: &SearchExpression) -> Result<(), Error> {
        for filter in expression.filters.iter().flatten() {
            check_across(kind, &filter.name)?;
        }
        for nested in expression.nested_filters.iter().flatten() {
            check_across(kind, &nested.nested_property_name)?;
        }
        let mut inner = expression.sub_expressions.iter().flatten();
        inner.try_for_each(|inner| Self::check_across(kind, inner))
    }

    /// Whether it has a filter for the status of offline stores.
    pub(crate) fn asks_offline_status(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Filter(condition) => condition.property.is_offline_status(),
            Part::Nested(_) => false,
            Part::Expression(inner) => inner.asks_offline_status(),
        })
    }

    /// Whether it is true of `entity`. Others have their turn in between.
    ///
    /// Fails if the work is more than it may be.
    pub(crate) async fn admits(
        &self,
        entity: &Entity<'_>,
        work: &mut Work<'_>,
    ) -> Result<bool, Spent> {
        for part in &self.parts {
            work.pause().await;
            let admitted = match part {
                Part::Filter(condition) => condition.admits(entity, work)?,
                Part::Nested(conditions) => any_feature(conditions, entity, work).await?,
                Part::Expression(inner) => inner.boxed(entity, work).await?,
            };
            if admitted != self.all {
                return Ok(admitted);
            }
        }
        Ok(self.all)
    }

    /// [`Self::admits`] of an expression within another.
    fn boxed<'f>(
        &'f self,
        entity: &'f Entity<'_>,
        work: &'f mut Work<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Spent>> + Send + 'f>> {
        Box::pin(self.admits(entity, work))
    }
}

/// Fails for a property of `kind` that others' groups cannot be searched or sorted by.
pub(crate) fn check_across(kind: Kind, name: &str) -> Result<(), Error> {
    match Property::parse(kind, name) {
        Some(property) if !property.is_across_accounts(kind) => Err(Error::validation(format!(
            "`{name}` is not a property that groups of other accounts can be searched by."
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Checks the size of an expression, whatever it is about.
pub(crate) fn check_size(expression: &SearchExpression) -> Result<(), Error> {
    let mut in_all = 0;
    count(expression, &mut in_all)?;
    if in_all > MOST_IN_ALL {
        return Err(Error::validation(format!(
            "a SearchExpression has at most {MOST_IN_ALL} Filters, NestedFilters and \
             SubExpressions in all; {in_all} are given."
        )));
    }
    Ok(())
}

fn count(expression: &SearchExpression, in_all: &mut usize) -> Result<(), Error> {
    let filters = expression.filters.as_ref().map_or(0, Vec::len);
    let nested = expression.nested_filters.as_ref().map_or(0, Vec::len);
    let inner = expression.sub_expressions.as_ref().map_or(0, Vec::len);
    let elements = filters + nested + inner;
    if elements == 0 {
        return Err(Error::validation(
            "a SearchExpression needs at least one of Filters, NestedFilters and SubExpressions.",
        ));
    }
    if elements > MOST_ELEMENTS {
        return Err(Error::validation(format!(
            "a SearchExpression has at most {MOST_ELEMENTS} elements; {elements} are given."
        )));
    }
    let within = expression.nested_filters.iter().flatten();
    *in_all += elements + within.map(|nested| nested.filters.len()).sum::<usize>();
    for expression in expression.sub_expressions.iter().flatten() {
        count(expression, in_all)?;
    }
    Ok(())
}

/// The property of a nested filter that there is: the features of a group.
const NESTED: &str = "FeatureDefinitions";

fn nested_conditions(kind: Kind, nested: &NestedFilters) -> Result<Vec<Condition>, Error> {
    if kind != Kind::Groups || nested.nested_property_name != NESTED {
        return Err(Error::validation(format!(
            "`{}` is no property for NestedFilters of this resource.",
            nested.nested_property_name
        )));
    }
    let condition = |filter: &Filter| {
        let within = (filter.name.strip_prefix(NESTED)).is_some_and(|rest| rest.starts_with('.'));
        if !within {
            return Err(Error::validation(format!(
                "`{}` is not a property within `{NESTED}`.",
                filter.name
            )));
        }
        Condition::read(kind, filter)
    };
    nested.filters.iter().map(condition).collect()
}

/// Whether one feature of the group is so that all conditions are true of it.
async fn any_feature(
    conditions: &[Condition],
    entity: &Entity<'_>,
    work: &mut Work<'_>,
) -> Result<bool, Spent> {
    let group = entity.group();
    for feature in &group.definitions {
        work.pause().await;
        if all_of_one(conditions, feature, work)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all_of_one(
    conditions: &[Condition],
    feature: &Definition,
    work: &mut Work<'_>,
) -> Result<bool, Spent> {
    for condition in conditions {
        let property = &condition.property;
        let found = condition.any(work, |test| property.any_of_definition(feature, test))?;
        if found.any == condition.negated {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a condition has found.
struct Seen {
    /// Whether the comparison is true of a value.
    any: bool,
    /// Whether there is a value.
    exists: bool,
}

impl Condition {
    fn read(kind: Kind, filter: &Filter) -> Result<Self, Error> {
        let name = &filter.name;
        let property = Property::parse(kind, name).ok_or_else(|| {
            Error::validation(format!("`{name}` is not a property of this resource."))
        })?;
        let operator = filter.operator.unwrap_or(Operator::Equals);
        let comparison = match operator {
            Operator::Exists | Operator::NotExists => {
                if filter.value.is_some() {
                    return Err(Error::validation(format!(
                        "the Operator {operator} of `{name}` takes no Value."
                    )));
                }
                Comparison::Exists
            }
            Operator::Equals | Operator::NotEquals => {
                Comparison::Equals(operand(filter, &property)?)
            }
            Operator::GreaterThan | Operator::LessThanOrEqualTo => {
                Comparison::Greater(ordered(filter, &property, operator)?)
            }
            Operator::LessThan | Operator::GreaterThanOrEqualTo => {
                Comparison::Less(ordered(filter, &property, operator)?)
            }
            Operator::Contains => {
                Comparison::Contains(text(filter, &property, operator)?.to_owned())
            }
            Operator::In => {
                let texts = text(filter, &property, operator)?.split(',');
                Comparison::In(texts.map(|text| text.trim().to_owned()).collect())
            }
        };
        Ok(Self {
            negated: matches!(
                operator,
                Operator::NotExists
                    | Operator::NotEquals
                    | Operator::LessThanOrEqualTo
                    | Operator::GreaterThanOrEqualTo
            ),
            property,
            comparison,
        })
    }

    fn admits(&self, entity: &Entity<'_>, work: &mut Work<'_>) -> Result<bool, Spent> {
        let seen = self.any(work, |test| self.property.any(entity, test))?;
        // What is not there is neither smaller nor larger than anything.
        let ordered = matches!(
            self.comparison,
            Comparison::Greater(_) | Comparison::Less(_)
        );
        Ok(seen.any != self.negated && (seen.exists || !ordered))
    }

    /// Asks for each value that `values` has, until the comparison is true of one.
    fn any<'v>(
        &self,
        work: &mut Work<'_>,
        values: impl FnOnce(&mut dyn FnMut(Value<'v>) -> bool) -> bool,
    ) -> Result<Seen, Spent> {
        work.spend(1)?;
        let (mut spent, mut exists) = (Ok(()), false);
        let any = values(&mut |value| {
            exists = true;
            spent = work.spend(self.comparison.looks(&value));
            spent.is_err() || self.comparison.admits(&value)
        });
        spent.map(|()| Seen { any, exists })
    }
}

fn value(filter: &Filter) -> Result<&str, Error> {
    filter.value.as_deref().ok_or_else(|| {
        Error::validation(format!("the filter for `{}` needs a Value.", filter.name))
    })
}

/// The value of an operator that texts only have.
fn text<'f>(filter: &'f Filter, property: &Property, operator: Operator) -> Result<&'f str, Error> {
    if property.kind() == Type::Text {
        return value(filter);
    }
    Err(Error::validation(format!(
        "the Operator {operator} is for texts only, which `{}` is not.",
        filter.name
    )))
}

/// The value of an operator that texts do not have.
fn ordered(filter: &Filter, property: &Property, operator: Operator) -> Result<Operand, Error> {
    if property.kind() != Type::Text {
        return operand(filter, property);
    }
    Err(Error::validation(format!(
        "the Operator {operator} is not for texts, of which `{}` is one.",
        filter.name
    )))
}

fn operand(filter: &Filter, property: &Property) -> Result<Operand, Error> {
    let text = value(filter)?;
    match property.kind() {
        Type::Text => Ok(Operand::Text(text.to_owned())),
        Type::Time => read_time(text).map(Operand::Time).ok_or_else(|| {
            Error::validation(format!(
                "the Value for `{}` must have the form YYYY-mm-dd'T'HH:MM:SS.",
                filter.name
            ))
        }),
        Type::Number => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Operand::Number).ok_or_else(|| {
                Error::validation(format!("the Value for `{}` must be a number.", filter.name))
            })
        }
    }
}

/// The seconds of a time without a zone, which is UTC, or with `Z`.
fn read_time(text: &str) -> Option<i64> {
    let whole = text.strip_suffix('Z').unwrap_or(text);
    let is_whole = whole.len() == "YYYY-mm-ddTHH:MM:SS".len();
    let time = Timestamp::parse_iso8601(&format!("{whole}Z")).ok()?;
    is_whole.then(|| time.seconds())
}

/// How many bytes a search for a text in another goes through in the time of a look.
const BYTES_OF_LOOK: usize = 64;

impl Comparison {
    /// How many looks it costs to ask for `value`.
    fn looks(&self, value: &Value<'_>) -> u64 {
        let bytes = match (self, value) {
            (Self::Contains(part), Value::Text(text)) if part.len() <= text.len() => {
                part.len().saturating_add(text.len())
            }
            // It is looked for in what is sorted, by its first letters mostly.
            (Self::In(_), Value::Text(_)) => BYTES_OF_LOOK,
            _ => 0,
        };
        u64::try_from(1 + bytes / BYTES_OF_LOOK).unwrap_or(u64::MAX)
    }

    fn admits(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(operand) => operand.order(value).is_some_and(std::cmp::Ordering::is_eq),
            Self::Greater(operand) => operand.order(value).is_some_and(std::cmp::Ordering::is_gt),
            Self::Less(operand) => operand.order(value).is_some_and(std::cmp::Ordering::is_lt),
            // A text that is too long is told without being read.
            Self::Contains(part) => {
                text_of(value).is_some_and(|text| part.len() <= text.len() && text.contains(part))
            }
            Self::In(texts) => text_of(value).is_some_and(|text| texts.contains(&*text)),
        }
    }
}

fn text_of<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Number(_) | Value::Time(_) => None,
    }
}

impl Operand {
    /// How `value` compares with this.
    fn order(&self, value: &Value<'_>) -> Option<std::cmp::Ordering> {
        match (self, value) {
            (Self::Text(text), Value::Text(value)) => Some((**value).cmp(text)),
            (Self::Time(seconds), Value::Time(value)) => Some(value.seconds().cmp(seconds)),
            (Self::Number(number), Value::Number(value)) => as_float(*value)?.partial_cmp(number),
            (Self::Text(_) | Self::Time(_) | Self::Number(_), _) => None,
        }
    }
}

/// A number of a property, all of which fit 32 bits.
fn as_float(number: i64) -> Option<f64> {
    u32::try_from(number).ok().map(f64::from)
}

#[cfg(test)]
mod tests;
