//! `cargo xtask tidy`: the rules of the house that neither compiler nor lints check.
//!
//! Crates depend downwards only, dependency versions stand in one table, primitives are
//! called in one crate, `unsafe` stands in one module, files have headers and an end, the
//! tests that the page of lessons names exist, and no member of a request is left unread.

mod layers;
mod lessons;
mod lexer;
mod manifests;
mod members;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::say;

/// Directories that hold no sources of ours.
const SKIPPED: &[&str] = &["target", "data", "__pycache__", "node_modules"];

/// A breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, from the root of the checkout.
    file: String,
    /// The line, where there is one.
    line: Option<usize>,
    problem: String,
    /// Warnings are printed but do not fail.
    warning: bool,
}

impl Finding {
    fn error(file: &str, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            problem: problem.into(),
            warning: false,
        }
    }

    fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    fn into_warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.warning { "warning: " } else { "" };
        match self.line {
            Some(line) => write!(f, "{}:{line}: {kind}{}", self.file, self.problem),
            None => write!(f, "{}: {kind}{}", self.file, self.problem),
        }
    }
}

/// Checks the whole checkout; fails if there is a finding that is no warning.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    let (mut findings, mut texts) = (Vec::new(), Vec::new());
    for path in &files {
        let name = path
            .strip_prefix(root)?
            .to_string_lossy()
            .replace('\\', "/");
        let text = || {
            std::fs::read_to_string(path)
                .with_context(|| format!("reading {} failed", path.display()))
        };
        if is_rust(path) {
            let text = text()?;
            findings.extend(sources::check(&name, &text));
            texts.push((name, text));
        } else if manifests::is_member(&name) {
            findings.extend(manifests::check(&name, &text()?));
        }
    }
    findings.extend(members::check(&texts));
    findings.extend(lessons::check(root));
    for finding in &findings {
        say(&finding.to_string());
    }
    let errors = findings.iter().filter(|finding| !finding.warning).count();
    if errors == 0 {
        say(&format!("tidy: {} files are in order", files.len()));
        Ok(ExitCode::SUCCESS)
    } else {
        say(&format!("tidy: {errors} findings"));
        Ok(ExitCode::FAILURE)
    }
}

/// Collects the `.rs` and `Cargo.toml` files below `directory`.
fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(directory)
        .with_context(|| format!("reading {} failed", directory.display()))?
    {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
            walk(&entry.path(), files)?;
        } else if kind.is_file() && (name == "Cargo.toml" || is_rust(&entry.path())) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}
