//! Decisions of the policy crate beside Cedar's, which a program of its own measures: nothing
//! else builds Cedar.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::report::{Fact, Report};

/// Runs the program and adds its facts.
pub(super) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let program = std::env::var_os("SR_BENCH_DECISIONS").map(PathBuf::from);
    let program = program.context("SR_BENCH_DECISIONS names no program: use make bench")?;
    let told = Command::new(&program).arg("--json").output();
    let told = told.with_context(|| format!("running `{}` failed", program.display()))?;
    let complaint = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "it failed: {complaint}");
    let facts: Vec<Fact> = serde_json::from_slice(&told.stdout)?;
    for fact in facts {
        report.add(fact);
    }
    Ok(())
}
