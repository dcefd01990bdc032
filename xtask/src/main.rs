//! Repository chores: `cargo xtask shapes`, `cargo xtask tidy`, `cargo xtask deny`.

mod deny;
mod shapes;
mod tidy;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Repository chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Generate crates/shapes from the service models in botocore.
    Shapes(shapes::Arguments),
    /// Check what the compiler does not: layers, headers, sizes, dependencies.
    Tidy,
    /// Check licences, banned packages and registries where cargo-deny is missing.
    Deny,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let root = root()?;
    match &arguments.chore {
        Chore::Shapes(arguments) => shapes::run(&root, arguments),
        Chore::Tidy => tidy::run(&root),
        Chore::Deny => deny::run(&root),
    }
}

/// The checkout that this program was built from.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().context("xtask has no parent directory")?;
    Ok(root.to_owned())
}

/// Prints one line; a closed pipe is no reason to fail.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{line}");
}
