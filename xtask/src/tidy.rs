//! `cargo xtask tidy`: what the compiler and the lints do not check.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

pub(crate) fn run(_root: &Path) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
