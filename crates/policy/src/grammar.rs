//! The grammar of policy documents: from text to compiled statements.
//!
//! A document is read to its end whatever is wrong with it: IAM reports the fault of its first
//! failing pass, the lint reports all.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::action::ServiceSet;
use crate::document::{Document, DocumentKind};
use crate::error::{Fault, ParseError, Places, Position};
use crate::index::Index;
use crate::json::{self, Node, Value};

mod statement;

/// Beyond this many faults only one of an earlier pass is still kept.
const MAX_FAULTS: usize = 100;

/// Parses a document of this kind. With `newer`, only `Version` `2012-10-17` will do.
///
/// Fails with what is wrong with it: the fault that AWS would report first, the others in the
/// order in which they stand.
pub(crate) fn parse(text: &str, kind: DocumentKind, newer: bool) -> Result<Document, Faults> {
    let faults = Collected::default();
    let reader = Reader {
        text,
        kind,
        variables: false,
        faults: &faults,
    };
    let document = read(reader, newer);
    match document {
        Some(document) if faults.0.borrow().is_empty() => Ok(document),
        _ => Err(faults.in_order(text)),
    }
}

/// What is wrong with a document; never empty.
#[derive(Debug)]
pub(crate) struct Faults {
    /// What AWS reports.
    pub(crate) first: ParseError,
    pub(crate) others: Vec<ParseError>,
}

fn read(reader: Reader<'_>, newer: bool) -> Option<Document> {
    let Reader { text, kind, .. } = reader;
    if text.len() > Document::MAX_BYTES {
        let max = Document::MAX_BYTES;
        return reader.fail(0, Fault::TooLong { max });
    }
    if let Some((at, character)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        reader.report(at, Fault::Character(character));
    }
    let root = json::read(text)
        .map_err(|(at, fault)| reader.report(at, fault))
        .ok()?;
    let at = root.at;
    let mut members = reader.object(root, "the document")?;
    let version = version(&reader, at, members.take("Version"), newer);
    let reader = Reader {
        variables: version == Version::V2012,
        ..reader
    };
    if let Some(id) = members.take("Id") {
        if !kind.has_principals() || kind == DocumentKind::ResourceControl {
            reader.report(id.at, Fault::NotSupported("Id"));
        }
        reader.text(id, "Id");
    }
    let statement = members
        .take("Statement")
        .or_else(|| reader.fail(at, Fault::NoStatement));
    members.finish();
    let statement = statement?;
    let nodes = match statement.value {
        Value::List(nodes) if nodes.is_empty() => {
            return reader.fail(statement.at, Fault::NoStatement);
        }
        Value::List(nodes) => nodes,
        Value::Object(_) | Value::Null | Value::Bare(_) | Value::Text(_) => vec![statement],
    };
    let mut statements = Vec::with_capacity(nodes.len());
    let mut sids = HashSet::new();
    let mut places = Places::new(text);
    for node in nodes {
        statements.extend(statement::parse(&reader, node, &mut sids, &mut places));
    }
    let services = statements
        .iter()
        .map(|statement| statement.actions.services)
        .fold(ServiceSet::NONE, ServiceSet::with);
    Some(Document {
        text: Arc::from(text),
        kind,
        variables: reader.variables,
        index: Index::new(&statements),
        statements,
        services,
    })
}

/// The version of the policy language. Variables exist in the later one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V2008,
    V2012,
}

fn version(reader: &Reader<'_>, at: usize, node: Option<Node>, newer: bool) -> Version {
    let Some(node) = node else {
        // KMS insists on the element; elsewhere its absence means the first version.
        if newer || reader.kind == DocumentKind::KeyPolicy {
            reader.report(at, Fault::OldVersion);
        }
        return Version::V2008;
    };
    match node.value {
        Value::Text(version) if version == "2012-10-17" => return Version::V2012,
        Value::Text(version) if version == "2008-10-17" => {
            if newer {
                reader.report(node.at, Fault::OldVersion);
            }
        }
        Value::Text(_) | Value::Bare(_) | Value::Null | Value::List(_) | Value::Object(_) => {
            reader.report(node.at, Fault::Version);
        }
    }
    Version::V2008
}

/// Tab, line feed, carriage return and U+0020 to U+00FF.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

/// The faults found so far, each with its place.
#[derive(Debug, Default)]
struct Collected(RefCell<Vec<(usize, Fault)>>);

impl Collected {
    fn add(&self, at: usize, fault: Fault) {
        let mut faults = self.0.borrow_mut();
        let earlier_pass = || {
            let first = faults.iter().map(|(_, known)| known.pass()).min();
            first.is_none_or(|first| fault.pass() < first)
        };
        if faults.len() < MAX_FAULTS || earlier_pass() {
            faults.push((at, fault));
        }
    }

    fn in_order(self, text: &str) -> Faults {
        let mut faults = self.0.into_inner();
        faults.sort_by_key(|(at, _)| *at);
        let error = |(at, fault): (usize, Fault)| ParseError::new(fault, Position::of(text, at));
        let first = faults
            .iter()
            .enumerate()
            .min_by_key(|(_, (_, fault))| fault.pass())
            .map(|(index, _)| index);
        let first = first.map_or((0, Fault::Json), |index| faults.remove(index));
        Faults {
            first: error(first),
            others: faults.into_iter().map(error).collect(),
        }
    }
}

/// What reading any element needs.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    kind: DocumentKind,
    /// Whether policy variables are understood.
    variables: bool,
    faults: &'a Collected,
}

impl<'a> Reader<'a> {
    /// Notes a fault; reading goes on.
    fn report(&self, at: usize, fault: Fault) {
        self.faults.add(at, fault);
    }

    /// Notes a fault in place of a value.
    fn fail<T>(&self, at: usize, fault: Fault) -> Option<T> {
        self.report(at, fault);
        None
    }

    fn wrong_type<T>(&self, at: usize, element: &'static str, expected: &'static str) -> Option<T> {
        self.fail(at, Fault::Type { element, expected })
    }

    fn object(&self, node: Node, element: &'static str) -> Option<Members<'a>> {
        match node.value {
            Value::Object(members) => Some(Members {
                reader: *self,
                members,
            }),
            Value::Null | Value::Bare(_) | Value::Text(_) | Value::List(_) => {
                self.wrong_type(node.at, element, "an object")
            }
        }
    }

    fn text(&self, node: Node, element: &'static str) -> Option<String> {
        match node.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bare(_) | Value::List(_) | Value::Object(_) => {
                self.wrong_type(node.at, element, "a string")
            }
        }
    }

    /// One value or a list of values, each with its place. Booleans and numbers may be
    /// written without quotes.
    fn values(&self, node: Node, element: &'static str) -> Option<Vec<(usize, String)>> {
        let nodes = match node.value {
            Value::List(nodes) => nodes,
            Value::Null | Value::Bare(_) | Value::Text(_) | Value::Object(_) => vec![node],
        };
        let mut values = Vec::with_capacity(nodes.len());
        let mut complete = true;
        for node in nodes {
            match node.value {
                Value::Text(text) | Value::Bare(text) => values.push((node.at, text)),
                Value::Null | Value::List(_) | Value::Object(_) => {
                    complete = false;
                    let expected = "a string or a list of strings";
                    self.report(node.at, Fault::Type { element, expected });
                }
            }
        }
        complete.then_some(values)
    }
}

/// The members of an object that are still to be read.
#[derive(Debug)]
struct Members<'a> {
    reader: Reader<'a>,
    members: Vec<(String, Node)>,
}

impl Members<'_> {
    fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.remove(at).1)
    }

    /// Notes members that are left: no policy has them.
    fn finish(self) {
        for (name, node) in self.members {
            self.reader.report(node.at, Fault::UnknownElement(name));
        }
    }
}

#[cfg(test)]
mod tests;
