//! The grammar of policy documents: from text to compiled statements.

use std::collections::HashSet;
use std::sync::Arc;

use crate::document::{Document, DocumentKind};
use crate::error::{Fault, ParseError, Position};
use crate::json::{self, Node, Value};

mod statement;

/// Parses a document of this kind, or says what is first wrong with it.
pub(crate) fn parse(text: &str, kind: DocumentKind) -> Result<Document, ParseError> {
    let reader = Reader {
        text,
        kind,
        variables: false,
    };
    if text.len() > Document::MAX_BYTES {
        return Err(reader.fail(
            0,
            Fault::TooLong {
                max: Document::MAX_BYTES,
            },
        ));
    }
    if let Some((at, character)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        return Err(reader.fail(at, Fault::Character(character)));
    }
    let root = json::read(text)?;
    let at = root.at;
    let mut members = reader.object(root, "the document")?;
    let version = version(&reader, at, members.take("Version"))?;
    let reader = Reader {
        variables: version == Version::V2012,
        ..reader
    };
    if let Some(id) = members.take("Id") {
        if !kind.has_principals() || kind == DocumentKind::ResourceControl {
            return Err(reader.fail(id.at, Fault::NotSupported("Id")));
        }
        reader.text(id, "Id")?;
    }
    let statement = members
        .take("Statement")
        .ok_or_else(|| reader.fail(at, Fault::NoStatement))?;
    members.finish()?;
    let nodes = match statement.value {
        Value::List(nodes) if nodes.is_empty() => {
            return Err(reader.fail(statement.at, Fault::NoStatement));
        }
        Value::List(nodes) => nodes,
        Value::Object(_) | Value::Null | Value::Bare(_) | Value::Text(_) => vec![statement],
    };
    let mut statements = Vec::with_capacity(nodes.len());
    let mut sids = HashSet::new();
    for node in nodes {
        let at = node.at;
        let statement = statement::parse(&reader, node)?;
        if let Some(sid) = &statement.sid
            && !sids.insert(sid.clone())
        {
            return Err(reader.fail(at, Fault::DuplicateSid(sid.to_string())));
        }
        statements.push(statement);
    }
    Ok(Document {
        text: Arc::from(text),
        kind,
        statements,
    })
}

/// The version of the policy language. Variables exist in the later one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V2008,
    V2012,
}

fn version(reader: &Reader<'_>, at: usize, node: Option<Node>) -> Result<Version, ParseError> {
    let Some(node) = node else {
        // KMS insists on the element; elsewhere its absence means the first version.
        return if reader.kind == DocumentKind::KeyPolicy {
            Err(reader.fail(at, Fault::Version))
        } else {
            Ok(Version::V2008)
        };
    };
    let at = node.at;
    match node.value {
        Value::Text(version) if version == "2012-10-17" => Ok(Version::V2012),
        Value::Text(version) if version == "2008-10-17" => Ok(Version::V2008),
        Value::Text(_) | Value::Bare(_) | Value::Null | Value::List(_) | Value::Object(_) => {
            Err(reader.fail(at, Fault::Version))
        }
    }
}

/// Tab, line feed, carriage return and U+0020 to U+00FF.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

/// What reading any element needs.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    kind: DocumentKind,
    /// Whether policy variables are understood.
    variables: bool,
}

impl<'a> Reader<'a> {
    fn fail(&self, at: usize, fault: Fault) -> ParseError {
        ParseError::new(fault, Position::of(self.text, at))
    }

    fn wrong_type(&self, at: usize, element: &'static str, expected: &'static str) -> ParseError {
        self.fail(at, Fault::Type { element, expected })
    }

    fn object(&self, node: Node, element: &'static str) -> Result<Members<'a>, ParseError> {
        match node.value {
            Value::Object(members) => Ok(Members {
                reader: *self,
                members,
            }),
            Value::Null | Value::Bare(_) | Value::Text(_) | Value::List(_) => {
                Err(self.wrong_type(node.at, element, "an object"))
            }
        }
    }

    fn text(&self, node: Node, element: &'static str) -> Result<String, ParseError> {
        match node.value {
            Value::Text(text) => Ok(text),
            Value::Null | Value::Bare(_) | Value::List(_) | Value::Object(_) => {
                Err(self.wrong_type(node.at, element, "a string"))
            }
        }
    }

    /// One value or a list of values, each with its place. Booleans and numbers may be
    /// written without quotes.
    fn values(
        &self,
        node: Node,
        element: &'static str,
    ) -> Result<Vec<(usize, String)>, ParseError> {
        let nodes = match node.value {
            Value::List(nodes) => nodes,
            Value::Null | Value::Bare(_) | Value::Text(_) | Value::Object(_) => vec![node],
        };
        let value = |node: Node| match node.value {
            Value::Text(text) | Value::Bare(text) => Ok((node.at, text)),
            Value::Null | Value::List(_) | Value::Object(_) => {
                Err(self.wrong_type(node.at, element, "a string or a list of strings"))
            }
        };
        nodes.into_iter().map(value).collect()
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
        Some(self.members.swap_remove(at).1)
    }

    /// Fails if a member is left: no policy has it.
    fn finish(self) -> Result<(), ParseError> {
        match self.members.into_iter().next() {
            Some((name, node)) => Err(self.reader.fail(node.at, Fault::UnknownElement(name))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
