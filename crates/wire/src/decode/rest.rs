//! REST-JSON: what travels in the path, the query string and headers.

use std::borrow::Cow;

use http::request::Parts;
use shapes::{Binding, Characters, Location, OperationModel, Tree};

use super::malformed;
use crate::Error;
use crate::envelope::Label;
use crate::escape::{self, Pair};

/// Joins the members of the body with those that travel elsewhere.
///
/// Fails if the body has a member that belongs elsewhere with another value, if a single
/// parameter comes twice, or if text is not UTF-8.
pub(super) fn input<'b>(
    parts: &'b Parts,
    model: &'static OperationModel,
    labels: &[Label<'b>],
    members: Vec<(Characters<'b>, Tree<'b>)>,
) -> Result<Tree<'b>, Error> {
    let query = query_pairs(parts)?;
    let mut found: Vec<(&Binding, Tree<'b>)> = Vec::with_capacity(labels.len() + 4);
    for binding in model.bindings {
        let value = match binding.location {
            Location::Uri => labels
                .iter()
                .find(|label| label.name == binding.name)
                .map(|label| characters(label.value.clone())),
            Location::Query => parameters(&query, binding)?,
            Location::Header => header(parts, binding)?,
            Location::Body => None,
        };
        if let Some(value) = value {
            found.push((binding, value));
        }
    }
    let mut input = Vec::with_capacity(members.len() + found.len());
    for (name, value) in members {
        match elsewhere(model, name.as_str()) {
            Some(binding) => {
                let agrees = found
                    .iter()
                    .any(|(it, there)| *it == binding && is_same(there, &value));
                if !agrees {
                    return Err(malformed(format!(
                        "`{}` does not belong into the body",
                        binding.member
                    )));
                }
            }
            None => input.push((in_body(model, name), value)),
        }
    }
    for (binding, value) in found {
        input.push((Characters::from(binding.member), value));
    }
    Ok(Tree::Object(input))
}

fn characters(text: Cow<'_, str>) -> Tree<'_> {
    Tree::Text(match text {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    })
}

/// The parameters of the query string.
fn query_pairs(parts: &Parts) -> Result<Vec<Pair<'_>>, Error> {
    let query = parts.uri.query().unwrap_or_default();
    escape::pairs(query.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| malformed(format!("the query string: {source}")))
}

/// The values of a query parameter; a list of one is a list.
fn parameters<'b>(query: &[Pair<'b>], binding: &Binding) -> Result<Option<Tree<'b>>, Error> {
    let mut values = Vec::new();
    for pair in query {
        if pair.name.as_ref() == binding.name.as_bytes() {
            let text = escape::text(pair.value.clone())
                .ok_or_else(|| malformed(format!("`{}` is not UTF-8", binding.member)))?;
            values.push(characters(text));
        }
    }
    if binding.list {
        return Ok((!values.is_empty()).then_some(Tree::List(values)));
    }
    if values.len() > 1 {
        return Err(malformed(format!(
            "`{}` is given more than once",
            binding.member
        )));
    }
    Ok(values.pop())
}

fn header<'b>(parts: &'b Parts, binding: &Binding) -> Result<Option<Tree<'b>>, Error> {
    let headers = parts.headers.iter();
    let mut values = headers
        .filter(|(name, _)| name.as_str().eq_ignore_ascii_case(binding.name))
        .map(|(_, value)| value);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    match text {
        Some(text) => Ok(Some(Tree::Text(text.into()))),
        None => Err(malformed(format!(
            "the header `{}` must be one ASCII text",
            binding.name
        ))),
    }
}

/// Whether two places say the same, whether or not either had to be decoded.
fn is_same(there: &Tree<'_>, body: &Tree<'_>) -> bool {
    match (there, body) {
        (Tree::Text(one), Tree::Text(other)) => one.as_str() == other.as_str(),
        (Tree::List(some), Tree::List(others)) => {
            some.len() == others.len() && some.iter().zip(others).all(|(a, b)| is_same(a, b))
        }
        _ => false,
    }
}

/// The binding of a member that travels elsewhere than in the body.
fn elsewhere(model: &OperationModel, name: &str) -> Option<&'static Binding> {
    model
        .bindings
        .iter()
        .find(|binding| binding.location != Location::Body && binding.member == name)
}

/// The member's name for the name that it has in the body.
fn in_body<'b>(model: &OperationModel, name: Characters<'b>) -> Characters<'b> {
    model
        .bindings
        .iter()
        .find(|binding| binding.location == Location::Body && binding.name == name.as_str())
        .map_or(name, |binding| Characters::from(binding.member))
}
