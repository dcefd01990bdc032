//! JSON bodies.

use std::collections::HashSet;

use shapes::{Characters, Tree};

use super::malformed;
use crate::Error;

/// Above this many members a set finds repeated names, below it comparing is faster.
const FEW: usize = 12;

/// The members of an object.
type Members<'a> = Vec<(Characters<'a>, Tree<'a>)>;

/// The members of the object in `body`; an empty body has none.
///
/// Fails if it is not one JSON object in UTF-8, nested at most 127 levels deep and of at most
/// 400,000 values, in which no object has a name twice.
pub(super) fn members(body: &[u8]) -> Result<Members<'_>, Error> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    of_object(Tree::from_json(body)?)
}

/// The same of a body that may carry records: of at most 1,000,000 values.
pub(super) fn members_of_records(body: &[u8]) -> Result<Members<'_>, Error> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    of_object(Tree::from_json_of_records(body)?)
}

fn of_object(tree: Tree<'_>) -> Result<Members<'_>, Error> {
    refuse_repeated(&tree)?;
    match tree {
        Tree::Object(members) => Ok(members),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => {
            Err(malformed("the body must be a JSON object"))
        }
    }
}

/// Refuses objects that have a name twice: readers disagree about which one counts.
fn refuse_repeated(tree: &Tree<'_>) -> Result<(), Error> {
    match tree {
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => Ok(()),
        Tree::List(items) => items.iter().try_for_each(refuse_repeated),
        Tree::Object(members) => {
            if has_repeated(members) {
                return Err(malformed("a JSON object has a name twice"));
            }
            members
                .iter()
                .try_for_each(|(_, value)| refuse_repeated(value))
        }
    }
}

fn has_repeated(members: &[(Characters<'_>, Tree<'_>)]) -> bool {
    if members.len() > FEW {
        let mut seen = HashSet::with_capacity(members.len());
        return !members.iter().all(|(name, _)| seen.insert(name.as_str()));
    }
    let mut rest = members;
    while let Some(((name, _), others)) = rest.split_first() {
        if others
            .iter()
            .any(|(other, _)| other.as_str() == name.as_str())
        {
            return true;
        }
        rest = others;
    }
    false
}
