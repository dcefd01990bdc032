//! Which statements of a document can match an action on a resource, found without asking each.

use crate::action::Action;
use crate::document::Statement;
use crate::resource::Beginning;

/// The statements of a document by the actions that they list and by how their resources begin.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    /// The actions that are listed by their whole names, in lower case, by hash.
    names: Box<[Name]>,
    /// The statements that list only whole names: those of each name in a row, in order.
    listed: Box<[Entry]>,
    /// The other statements, in order: they have to be asked.
    open: Box<[Entry]>,
}

/// A statement, with what rules most of them out before anything else is read.
#[derive(Debug, Clone)]
struct Entry {
    number: usize,
    /// How each resource begins that the statement covers, if it is known.
    beginning: Option<Beginning>,
}

impl Entry {
    fn new(number: usize, statement: &Statement) -> Self {
        let resources = statement.resources.as_ref();
        Self {
            number,
            beginning: resources.and_then(crate::resource::Resources::beginning),
        }
    }

    fn may_cover(&self, resource: &str) -> bool {
        let beginning = self.beginning.as_ref();
        beginning.is_none_or(|beginning| beginning.is_of(resource))
    }
}

#[derive(Debug, Clone)]
struct Name {
    hash: u64,
    text: Box<str>,
    /// The statements, in [`Index::listed`].
    from: usize,
    to: usize,
}

impl Index {
    /// What a name takes that one statement lists, beside its text.
    pub(crate) const PER_NAME: usize = size_of::<Name>() + size_of::<Entry>();

    /// The index of these statements.
    pub(crate) fn new(statements: &[Statement]) -> Self {
        let mut open = Vec::new();
        let mut found: Vec<(u64, String, usize)> = Vec::new();
        for (number, statement) in statements.iter().enumerate() {
            let Some(names) = statement.actions.names() else {
                open.push(Entry::new(number, statement));
                continue;
            };
            found.extend(names.map(|(hash, text)| (hash, text.to_ascii_lowercase(), number)));
        }
        found.sort();
        found.dedup();
        let numbers = found.iter().map(|(.., number)| *number);
        let listed = numbers
            .filter_map(|number| Some(Entry::new(number, statements.get(number)?)))
            .collect();
        let mut names: Vec<Name> = Vec::new();
        for (at, (hash, text, _)) in found.into_iter().enumerate() {
            match names.last_mut() {
                Some(last) if *last.text == *text => last.to = at.saturating_add(1),
                _ => names.push(Name {
                    hash,
                    text: text.into_boxed_str(),
                    from: at,
                    to: at.saturating_add(1),
                }),
            }
        }
        Self {
            names: names.into_boxed_slice(),
            listed,
            open: open.into_boxed_slice(),
        }
    }

    /// An index that rules nothing out: every statement has to be asked.
    #[cfg(test)]
    fn of_all(statements: &[Statement]) -> Self {
        let open = (0..statements.len()).map(|number| Entry {
            number,
            beginning: None,
        });
        Self {
            names: Box::default(),
            listed: Box::default(),
            open: open.collect(),
        }
    }

    /// The statements that can match `action` on `resource`, in order, and of each whether it
    /// surely covers the action; the others have to be asked.
    pub(crate) fn candidates<'a>(&'a self, action: &Action, resource: &'a str) -> Candidates<'a> {
        let hash = action.hash();
        let first = self.names.partition_point(|name| name.hash < hash);
        let equal = self.names.get(first..).unwrap_or_default().iter();
        // Equal hashes only suggest equal names.
        let named = equal
            .take_while(|name| name.hash == hash)
            .find(|name| name.text.eq_ignore_ascii_case(action.as_str()))
            .and_then(|name| self.listed.get(name.from..name.to));
        Candidates {
            listed: named.unwrap_or_default(),
            open: &self.open,
            resource,
        }
    }
}

/// The statements that can match.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    listed: &'a [Entry],
    open: &'a [Entry],
    resource: &'a str,
}

impl Candidates<'_> {
    fn next_of_all(&mut self) -> Option<(&Entry, bool)> {
        match (self.listed.split_first(), self.open.split_first()) {
            (Some((entry, rest)), open)
                if open.is_none_or(|(other, _)| entry.number < other.number) =>
            {
                self.listed = rest;
                Some((entry, true))
            }
            (_, Some((entry, rest))) => {
                self.open = rest;
                Some((entry, false))
            }
            (_, None) => None,
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = (usize, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let resource = self.resource;
        loop {
            let (entry, listed) = self.next_of_all()?;
            if entry.may_cover(resource) {
                return Some((entry.number, listed));
            }
        }
    }
}

#[cfg(test)]
mod tests;
