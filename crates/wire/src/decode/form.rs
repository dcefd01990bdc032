//! Query forms: `Tags.member.1.Key=a` as a tree.
//!
//! A level whose only name is `member` is a list, one whose only name is `entry` a map of
//! `key` and `value`. Positions order a list but take no room: `member.999999999` costs as
//! much as `member.1`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Method;
use http::request::Parts;
use shapes::{Characters, OperationModel, ServiceModel, Tree};

use super::malformed;
use crate::Error;
use crate::envelope::{found, has_content_type, is_root, shown};
use crate::escape;

/// The most parameters that a request may have.
const MOST_PARAMETERS: usize = 4096;

/// The most dots that a parameter's name may have.
const DEEPEST: usize = 32;

/// Finds the operation and reads its parameters.
///
/// The form is in the body; only a request without a body has it in the query string. A
/// request with both is refused, because half of its readers would see the other half.
pub(super) fn input<'b>(
    parts: &'b Parts,
    model: &'static ServiceModel,
    body: &'b [u8],
) -> Result<(&'static OperationModel, Tree<'b>), Error> {
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let is_form = has_content_type(parts, "application/x-www-form-urlencoded");
    if !is_root(parts) || !matches!(parts.method, Method::GET | Method::POST) {
        return Err(Error::MissingAction);
    }
    let mut parameters = parameters(query)?;
    if !body.is_empty() {
        if !parameters.is_empty() {
            return Err(malformed(
                "parameters are in the body and in the query string",
            ));
        }
        if parts.method != Method::POST || !is_form {
            return Err(malformed("a body must be a form sent with POST"));
        }
        parameters = self::parameters(body)?;
    }
    let mut take = |name: &str| {
        let at = parameters.iter().position(|(other, _)| other == name)?;
        Some(parameters.swap_remove(at).1)
    };
    let action = take("Action").ok_or(Error::MissingAction)?;
    let version = take("Version");
    let invalid = || Error::InvalidAction {
        operation: shown(&action),
        version: shown(version.as_deref().unwrap_or("NO_VERSION_SPECIFIED")),
    };
    if version.as_deref() != Some(model.api_version) {
        return Err(invalid());
    }
    let operation = match found(Some(model), &action) {
        Ok(Some(operation)) => operation,
        Err(unsupported @ Error::Unsupported { .. }) => return Err(unsupported),
        Ok(None) | Err(_) => return Err(invalid()),
    };
    Ok((operation, tree(parameters)?))
}

type Parameter<'b> = (Cow<'b, str>, Cow<'b, str>);

/// The parameters but those of a presigned signature; names are unique.
fn parameters(raw: &[u8]) -> Result<Vec<Parameter<'_>>, Error> {
    let mut found = Vec::new();
    for pair in escape::pairs(raw) {
        let pair = pair.map_err(|source| malformed(format!("the form: {source}")))?;
        let (Some(name), Some(value)) = (escape::text(pair.name), escape::text(pair.value)) else {
            return Err(malformed("the form is not UTF-8"));
        };
        if found.len() >= MOST_PARAMETERS {
            return Err(malformed(format!(
                "the form has more than {MOST_PARAMETERS} parameters"
            )));
        }
        if !name.starts_with("X-Amz-") {
            found.push((name, value));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    for pair in found.windows(2) {
        if let [(one, _), (other, _)] = pair
            && one == other
        {
            return Err(malformed(format!(
                "parameter `{}` is given more than once",
                shown(one)
            )));
        }
    }
    Ok(found)
}

/// A parameter, or a level of names with dots.
enum Node<'b> {
    Leaf(Cow<'b, str>),
    Level(BTreeMap<String, Node<'b>>),
}

fn tree(parameters: Vec<Parameter<'_>>) -> Result<Tree<'_>, Error> {
    let mut root = BTreeMap::new();
    for (name, value) in parameters {
        if name.split('.').count() > DEEPEST {
            return Err(malformed(format!(
                "parameter `{}` is nested too deeply",
                shown(&name)
            )));
        }
        insert(&mut root, &name, name.split('.'), value)?;
    }
    let members = root
        .into_iter()
        .map(|(name, node)| Ok((name.into(), convert(node)?)));
    Ok(Tree::Object(members.collect::<Result<_, Error>>()?))
}

fn insert<'b, 'n>(
    level: &mut BTreeMap<String, Node<'b>>,
    full: &str,
    mut names: impl Iterator<Item = &'n str> + Clone,
    value: Cow<'b, str>,
) -> Result<(), Error> {
    let mut level = level;
    let mut name = names.next().unwrap_or_default();
    for next in names {
        let node = level
            .entry(name.to_owned())
            .or_insert_with(|| Node::Level(BTreeMap::new()));
        match node {
            Node::Level(inner) => level = inner,
            Node::Leaf(_) => return Err(both(full)),
        }
        name = next;
    }
    if level.insert(name.to_owned(), Node::Leaf(value)).is_some() {
        return Err(both(full));
    }
    Ok(())
}

fn both(name: &str) -> Error {
    malformed(format!(
        "parameter `{}` is a value and a structure",
        shown(name)
    ))
}

fn convert(node: Node<'_>) -> Result<Tree<'_>, Error> {
    let mut level = match node {
        Node::Leaf(Cow::Borrowed(text)) => return Ok(Tree::Text(text.into())),
        Node::Leaf(Cow::Owned(text)) => return Ok(Tree::Text(text.into())),
        Node::Level(level) => level,
    };
    if level.len() == 1 {
        if let Some(Node::Level(items)) = level.remove("member") {
            let items = in_order(items)?.into_iter().map(convert);
            return Ok(Tree::List(items.collect::<Result<_, _>>()?));
        }
        if let Some(Node::Level(items)) = level.remove("entry") {
            let entries = in_order(items)?.into_iter().map(entry);
            return Ok(Tree::Object(entries.collect::<Result<_, _>>()?));
        }
    }
    let members = level
        .into_iter()
        .map(|(name, node)| Ok((Characters::from(name), convert(node)?)));
    Ok(Tree::Object(members.collect::<Result<_, Error>>()?))
}

/// The items of a list by position; positions start at 1 and may have gaps.
fn in_order(items: BTreeMap<String, Node<'_>>) -> Result<Vec<Node<'_>>, Error> {
    let mut ordered = BTreeMap::new();
    for (position, node) in items {
        let number = position.parse::<u32>().ok().filter(|number| {
            // One spelling for each: no sign, no leading zero.
            *number > 0 && !position.starts_with(['0', '+'])
        });
        let Some(number) = number else {
            return Err(malformed(format!(
                "`{}` is no position in a list",
                shown(&position)
            )));
        };
        ordered.insert(number, node);
    }
    Ok(ordered.into_values().collect())
}

fn entry(node: Node<'_>) -> Result<(Characters<'_>, Tree<'_>), Error> {
    let bad = || malformed("an entry of a map must have a `key` and a `value`");
    let Node::Level(mut level) = node else {
        return Err(bad());
    };
    match (level.remove("key"), level.remove("value"), level.is_empty()) {
        (Some(Node::Leaf(key)), Some(value), true) => {
            let key = match key {
                Cow::Borrowed(text) => text.into(),
                Cow::Owned(text) => text.into(),
            };
            Ok((key, convert(value)?))
        }
        _ => Err(bad()),
    }
}
