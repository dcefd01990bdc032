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
mod tests {
    use crate::{Action, Document, DocumentKind};

    /// The statements that the index gives for an action are those that cover it, in order.
    fn check(actions: &[&str]) {
        let statements: Vec<String> = actions
            .iter()
            .map(|action| format!(r#"{{"Effect":"Allow",{action},"Resource":"*"}}"#))
            .collect();
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
            statements.join(",")
        );
        let document = Document::parse(&text, DocumentKind::Identity).unwrap();
        for action in [
            "kms:Decrypt",
            "KMS:DECRYPT",
            "kms:Encrypt",
            "s3:GetObject",
            "s3:X",
        ] {
            let action = Action::parse(action).unwrap();
            let covers = |number: &usize| document.statements[*number].actions.cover(&action);
            let all: Vec<usize> = (0..document.statements.len()).filter(covers).collect();
            let candidates = document.index.candidates(&action, "*");
            let given: Vec<usize> = candidates
                .filter(|(number, surely)| *surely || covers(number))
                .map(|(number, _)| number)
                .collect();
            assert_eq!(given, all, "{action} in {text}");
        }
    }

    #[test]
    fn the_index_gives_the_statements_that_cover_an_action_in_order() {
        check(&[r#""Action":"kms:Decrypt""#]);
        check(&[
            r#""Action":["kms:decrypt","KMS:Decrypt","s3:GetObject"]"#,
            r#""Action":"kms:*""#,
            r#""Action":["kms:Encrypt","kms:Decrypt"]"#,
            r#""NotAction":"kms:Decrypt""#,
            r#""Action":["s3:GetObject","kms:D*"]"#,
            r#""Action":"s3:getobject""#,
            r#""Action":"*""#,
            r#""Action":"kms:Decrypt""#,
        ]);
    }

    #[test]
    fn statements_about_other_resources_are_left_out() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket-a/*"},
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-b/*"},
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-a/x"},
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-?/y"},
            {"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::bucket-b/*"},
            {"Effect":"Allow","Action":"s3:GetObject",
             "Resource":["arn:aws:s3:::bucket-b/*","arn:aws:s3:::bucket-a/*"]},
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/*"},
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
        let document = Document::parse(text, DocumentKind::Identity).unwrap();
        let action = Action::from_static("s3:GetObject");
        let numbers = |resource| -> Vec<usize> {
            let candidates = document.index.candidates(&action, resource);
            candidates.map(|(number, _)| number).collect()
        };
        assert_eq!(numbers("arn:aws:s3:::bucket-a/x"), [0, 2, 3, 4, 5, 6, 7]);
        assert_eq!(numbers("arn:aws:s3:::bucket-b/x"), [1, 3, 4, 5, 6, 7]);
        assert_eq!(numbers("arn:aws:s3:::b"), [4, 5, 6, 7]);
        assert_eq!(numbers("*"), [4, 5, 6, 7]);
    }

    #[test]
    fn an_exact_action_is_not_asked_again() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"},
            {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"},
            {"Effect":"Allow","Action":"kms:D*","Resource":"*"}]}"#;
        let document = Document::parse(text, DocumentKind::Identity).unwrap();
        let action = Action::from_static("kms:Decrypt");
        let candidates: Vec<_> = document.index.candidates(&action, "*").collect();
        assert_eq!(candidates, [(0, true), (2, false)]);
    }
}
