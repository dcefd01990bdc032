//! What an expert would say about a policy: everything that is wrong with it, and what is
//! allowed but hardly meant.

use std::fmt;

use crate::document::{Document, DocumentKind, Effect, Statement};
use crate::error::Position;
use crate::grammar;
use crate::json::{self, Node, Value};

mod breadth;
mod conditions;
mod kind;
mod names;
mod overlap;
mod principals;
mod statements;
mod vocabulary;

pub use kind::likely_kind;
pub use vocabulary::{KeyType, KnownKey, Vocabulary};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document would be refused.
    Error,
    /// The document is accepted and probably does not do what its author wants.
    Warning,
    /// The document is right and names what is at AWS only: here it has no effect.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One thing to say about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// A short name for the kind of finding, which does not change.
    pub code: &'static str,
    /// What is wrong, or what would be better.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} [{}]: {}",
            self.line, self.column, self.severity, self.code, self.message
        )
    }
}

/// Checks a document of this kind, with the global condition keys as the only names known.
///
/// The findings come in the order of the document. A document with an error has no warnings:
/// what it means is open.
pub fn lint(text: &str, kind: DocumentKind) -> Vec<Finding> {
    lint_with(text, kind, &Vocabulary::GLOBAL)
}

/// Checks a document of this kind: as [`lint`], with the actions and condition keys that
/// exist.
pub fn lint_with(text: &str, kind: DocumentKind, names: &Vocabulary<'_>) -> Vec<Finding> {
    let document = match grammar::parse(text, kind, false) {
        Ok(document) => document,
        Err(faults) => return errors(faults),
    };
    let Ok(root) = json::read(text) else {
        return Vec::new();
    };
    let mut report = Report {
        text,
        findings: Vec::new(),
    };
    of_document(&mut report, &document, &root);
    let nodes = statement_nodes(&root);
    for (statement, node) in document.statements.iter().zip(nodes) {
        let subject = Subject {
            document: &document,
            statement,
            node,
        };
        names::check(&mut report, &subject, names);
        breadth::check(&mut report, &subject);
        statements::check(&mut report, &subject);
        principals::check(&mut report, &subject);
        conditions::check(&mut report, &subject, names);
    }
    overlap::check(&mut report, &document);
    report.in_order()
}

fn errors(faults: grammar::Faults) -> Vec<Finding> {
    let mut all = faults.others;
    all.push(faults.first);
    all.sort_by_key(|error| (error.line(), error.column()));
    let finding = |error: &crate::ParseError| Finding {
        severity: Severity::Error,
        line: error.line(),
        column: error.column(),
        code: error.fault().code(),
        message: error.fault().to_string(),
    };
    all.iter().map(finding).collect()
}

/// What concerns the document as a whole.
fn of_document(report: &mut Report<'_>, document: &Document, root: &Node) {
    let version = member(root, "Version");
    if version.is_none() {
        report.warn(
            root.at,
            "missing-version",
            "without `Version` the language of 2008 applies; write `2012-10-17`",
        );
    }
    let literal = document.text.find("${").filter(|_| !document.variables);
    if let Some(at) = literal {
        report.warn(
            at,
            "variable-not-replaced",
            "in this version of the language a policy variable is ordinary text",
        );
    }
    let quota = document.kind.quota();
    let size = document.kind.size_of(&document.text);
    if size > quota {
        report.warn(
            root.at,
            "over-quota",
            format!("the document counts {size} characters, the quota is {quota}"),
        );
    }
    let manages = |statement: &&Statement| {
        statement.effect == Effect::Allow
            && statement.actions.cover(
                &crate::Action::from_static("kms:PutKeyPolicy"),
                &crate::Steps::default(),
            )
    };
    if document.kind == DocumentKind::KeyPolicy
        && document.statements.iter().find(manages).is_none()
    {
        report.warn(
            root.at,
            "unmanageable-key",
            "nobody may change this key policy: no statement allows `kms:PutKeyPolicy`",
        );
    }
}

/// A statement, compiled and as it is written.
#[derive(Clone, Copy)]
struct Subject<'a> {
    document: &'a Document,
    statement: &'a Statement,
    node: &'a Node,
}

impl<'a> Subject<'a> {
    fn allows(&self) -> bool {
        self.statement.effect == Effect::Allow
    }

    /// An element of the statement.
    fn element(&self, name: &str) -> Option<&'a Node> {
        member(self.node, name)
    }

    /// `Action` or `NotAction`, whichever the statement has.
    fn action_element(&self) -> &'static str {
        if self.statement.actions.inverted {
            "NotAction"
        } else {
            "Action"
        }
    }

    /// The place of an element, or of the statement if it has none of this name.
    fn place(&self, name: &str) -> usize {
        self.element(name).map_or(self.node.at, |node| node.at)
    }

    /// Each text of an element, with its place.
    fn texts(&self, name: &str) -> Vec<(usize, &'a str)> {
        self.element(name).map(texts).unwrap_or_default()
    }

    /// Whether a condition on one of these keys (names in lower case, without suffix) narrows
    /// the statement.
    fn is_narrowed_by(&self, names: &[&str]) -> bool {
        self.statement
            .conditions
            .iter()
            .any(|condition| names.contains(&condition.key.name()))
    }
}

/// The findings so far.
struct Report<'a> {
    text: &'a str,
    findings: Vec<Found>,
}

/// A finding, at a byte offset of the document.
struct Found {
    at: usize,
    severity: Severity,
    code: &'static str,
    message: String,
}

impl Report<'_> {
    /// More than these help nobody.
    const MAX: usize = 500;

    fn warn(&mut self, at: usize, code: &'static str, message: impl Into<String>) {
        self.say(at, Severity::Warning, code, message.into());
    }

    fn note(&mut self, at: usize, code: &'static str, message: impl Into<String>) {
        self.say(at, Severity::Note, code, message.into());
    }

    fn say(&mut self, at: usize, severity: Severity, code: &'static str, message: String) {
        if self.findings.len() < Self::MAX {
            self.findings.push(Found {
                at,
                severity,
                code,
                message,
            });
        }
    }

    fn in_order(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|found| found.at);
        let text = self.text;
        let finding = |found: Found| {
            let position = Position::of(text, found.at);
            Finding {
                severity: found.severity,
                line: position.line(),
                column: position.column(),
                code: found.code,
                message: found.message,
            }
        };
        self.findings.into_iter().map(finding).collect()
    }
}

fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    members(node)
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, node)| node)
}

fn members(node: &Node) -> &[(String, Node)] {
    match &node.value {
        Value::Object(members) => members,
        Value::Null | Value::Bare(_) | Value::Text(_) | Value::List(_) => &[],
    }
}

fn statement_nodes(root: &Node) -> &[Node] {
    match member(root, "Statement") {
        Some(Node {
            value: Value::List(nodes),
            ..
        }) => nodes,
        Some(node) => std::slice::from_ref(node),
        None => &[],
    }
}

fn texts(node: &Node) -> Vec<(usize, &str)> {
    match &node.value {
        Value::Text(text) | Value::Bare(text) => vec![(node.at, text.as_str())],
        Value::List(nodes) => nodes.iter().flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
