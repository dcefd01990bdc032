//! `strongroom policy check`: what is wrong with policy documents, and what is hardly meant.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;
use policy::{Document, DocumentKind, Finding, Severity, Vocabulary};
use serde_json::{Value, json};

use crate::cli::{PolicyCheckArgs, PolicyKind};
use crate::client;

mod vocabulary;

use vocabulary::Names;

/// The worst that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing, or notes only.
    Clean,
    /// Errors or warnings.
    Found,
    /// A file could not be read.
    Unreadable,
}

impl Outcome {
    /// The exit status that says so.
    pub fn status(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Found => 1,
            Self::Unreadable => 2,
        }
    }
}

/// Checks the documents and prints what there is to say, in the order of the files.
///
/// Fails if standard output is closed; a file that cannot be read is part of the outcome.
pub fn run(args: &PolicyCheckArgs) -> anyhow::Result<Outcome> {
    let names = Names::known();
    let at_aws = names.at_aws();
    let names = names.vocabulary(&at_aws);
    let files = args.files.iter();
    let checked: Vec<Checked> = files
        .map(|path| Checked::new(path, args.kind, &names))
        .collect();
    let text = if args.json {
        let all: Vec<Value> = checked.iter().map(Checked::json).collect();
        serde_json::to_string_pretty(&all).context("writing the findings failed")? + "\n"
    } else {
        checked.iter().map(Checked::text).collect()
    };
    client::print(&text)?;
    for Checked { name, found } in &checked {
        if let Err(failed) = found {
            let _closed = writeln!(
                io::stderr(),
                "strongroom: reading `{name}` failed: {failed}"
            );
        }
    }
    let outcomes = checked.iter().map(Checked::outcome);
    Ok(outcomes.max().unwrap_or(Outcome::Clean))
}

/// One document, and what was found.
struct Checked {
    name: String,
    found: io::Result<Found>,
}

struct Found {
    kind: PolicyKind,
    /// Whether nobody said the kind.
    guessed: bool,
    findings: Vec<Finding>,
}

impl Checked {
    fn new(path: &Path, kind: Option<PolicyKind>, names: &Vocabulary<'_>) -> Self {
        let input = path.as_os_str() == "-";
        let name = if input {
            "standard input".to_owned()
        } else {
            printable(&path.display().to_string())
        };
        let bytes = if input {
            read(io::stdin().lock())
        } else {
            File::open(path).and_then(read)
        };
        let found = bytes.map(|bytes| Found::in_document(&bytes, kind, names));
        Self { name, found }
    }

    fn outcome(&self) -> Outcome {
        match &self.found {
            Err(_) => Outcome::Unreadable,
            Ok(found) if found.of(Severity::Error) + found.of(Severity::Warning) > 0 => {
                Outcome::Found
            }
            Ok(_) => Outcome::Clean,
        }
    }

    /// A line for each finding, and one that says how the document was read.
    fn text(&self) -> String {
        let Ok(found) = &self.found else {
            return String::new();
        };
        let mut text = String::new();
        for finding in &found.findings {
            let _infallible = writeln!(text, "{}:{}", self.name, printable(&finding.to_string()));
        }
        let counts = [
            (Severity::Error, "error"),
            (Severity::Warning, "warning"),
            (Severity::Note, "note"),
        ];
        let counts = counts.map(|(severity, name)| match found.of(severity) {
            0 => None,
            1 => Some(format!("1 {name}")),
            count => Some(format!("{count} {name}s")),
        });
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        let counts = if counts.is_empty() {
            "nothing to say".to_owned()
        } else {
            counts.join(", ")
        };
        let kind = found.kind.title();
        let guessed = if found.guessed {
            ", from what it looks like"
        } else {
            ""
        };
        let _infallible = writeln!(text, "{}: {counts} (read as {kind}{guessed})", self.name);
        text
    }

    fn json(&self) -> Value {
        match &self.found {
            Err(failed) => json!({ "file": self.name, "error": failed.to_string() }),
            Ok(found) => {
                let findings = found.findings.iter();
                let findings: Vec<Value> = findings
                    .map(|finding| {
                        json!({
                            "severity": finding.severity.to_string(),
                            "line": finding.line,
                            "column": finding.column,
                            "code": finding.code,
                            "message": finding.message,
                        })
                    })
                    .collect();
                json!({
                    "file": self.name,
                    "kind": found.kind.name(),
                    "guessed": found.guessed,
                    "findings": findings,
                })
            }
        }
    }
}

impl Found {
    fn in_document(bytes: &[u8], kind: Option<PolicyKind>, names: &Vocabulary<'_>) -> Self {
        let guessed = kind.is_none();
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let kind = kind.unwrap_or_else(|| PolicyKind::of(policy::likely_kind(text)));
                let findings = policy::lint_with(text, kind.document(), names);
                Self {
                    kind,
                    guessed,
                    findings,
                }
            }
            Err(error) => Self {
                kind: kind.unwrap_or(PolicyKind::Identity),
                guessed,
                findings: vec![not_text(bytes, error.valid_up_to())],
            },
        }
    }

    fn of(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    }
}

/// The finding that the byte at `at` belongs to no text.
fn not_text(bytes: &[u8], at: usize) -> Finding {
    let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
    let last = before.rsplit('\n').next().unwrap_or_default();
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).saturating_add(1);
    Finding {
        severity: Severity::Error,
        line: count(before.matches('\n').count()),
        column: count(last.chars().count()),
        code: "invalid-utf8",
        message: "the document is not UTF-8".to_owned(),
    }
}

/// As much of a document as is looked at, and one byte more where it is longer.
fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let most = u64::try_from(Document::MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text with what a terminal would obey written out.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

impl PolicyKind {
    const ALL: [Self; 8] = [
        Self::Identity,
        Self::Resource,
        Self::Key,
        Self::Trust,
        Self::Boundary,
        Self::Session,
        Self::Scp,
        Self::Rcp,
    ];

    fn document(self) -> DocumentKind {
        match self {
            Self::Identity => DocumentKind::Identity,
            Self::Resource => DocumentKind::Resource,
            Self::Key => DocumentKind::KeyPolicy,
            Self::Trust => DocumentKind::Trust,
            Self::Boundary => DocumentKind::Boundary,
            Self::Session => DocumentKind::Session,
            Self::Scp => DocumentKind::ServiceControl,
            Self::Rcp => DocumentKind::ResourceControl,
        }
    }

    fn of(document: DocumentKind) -> Self {
        let mut kinds = Self::ALL.into_iter();
        kinds
            .find(|kind| kind.document() == document)
            .unwrap_or(Self::Identity)
    }

    /// As the command line names it.
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Resource => "resource",
            Self::Key => "key",
            Self::Trust => "trust",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::Scp => "scp",
            Self::Rcp => "rcp",
        }
    }

    /// As a sentence names it.
    fn title(self) -> &'static str {
        match self {
            Self::Identity => "an identity policy",
            Self::Resource => "the policy of a resource",
            Self::Key => "a key policy",
            Self::Trust => "a trust policy",
            Self::Boundary => "a permissions boundary",
            Self::Session => "a session policy",
            Self::Scp => "a service control policy",
            Self::Rcp => "a resource control policy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8], kind: Option<PolicyKind>) -> Checked {
        let names = Names::known();
        let at_aws = names.at_aws();
        Checked {
            name: "p".to_owned(),
            found: Ok(Found::in_document(bytes, kind, &names.vocabulary(&at_aws))),
        }
    }

    #[test]
    fn a_clean_document_says_how_it_was_read() {
        let text = br#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
            "Action": "sagemaker:GetRecord", "Resource": "*"}}"#;
        let checked = found(text, None);
        let line = "p: nothing to say (read as an identity policy, from what it looks like)\n";
        assert_eq!(
            (checked.outcome(), checked.text().as_str()),
            (Outcome::Clean, line)
        );
        let checked = found(text, Some(PolicyKind::Session));
        assert_eq!(
            checked.text(),
            "p: nothing to say (read as a session policy)\n"
        );
    }

    #[test]
    fn what_is_no_text_is_an_error_at_its_place() {
        let checked = found(b"{\n \xc3\xa9\xff", None);
        assert_eq!(checked.outcome(), Outcome::Found);
        assert!(checked.text().starts_with("p:2:3: error [invalid-utf8]: "));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let text = br#"{"Version": "2012-10-17", "Statement": {"Effect": "Al\u001b[2Jlow",
            "Action": "kms:*", "Resource": "*"}}"#;
        let printed = found(text, None).text();
        assert!(
            !printed.chars().any(|c| c.is_control() && c != '\n'),
            "{printed}"
        );
        assert_eq!(printable("a\u{9b}b\u{1b}"), "a\\u{9b}b\\u{1b}");
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_comes_back() {
        for kind in PolicyKind::ALL {
            assert_eq!(PolicyKind::of(kind.document()), kind);
            let parsed = <PolicyKind as clap::ValueEnum>::from_str(kind.name(), false);
            assert_eq!(parsed, Ok(kind));
        }
    }
}
