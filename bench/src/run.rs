//! `strongroom-bench run`: every row, in one run.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;

use crate::machine::{Machine, load_average};
use crate::process::Scratch;
use crate::report::Report;
use crate::rows::{self, Row};
use crate::stage::{Size, Stage};

/// The report of the latest run.
const LATEST: &str = "latest.json";

/// Flags of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Smaller sets and fewer repetitions; to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Only these rows.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Row>,
    /// Records of a uniform set.
    #[arg(long, default_value_t = 1_000_000, env = "SR_BENCH_UNIFORM")]
    uniform: u64,
    /// Records that are overwritten ten times for the disk use.
    #[arg(long, default_value_t = 100_000, env = "SR_BENCH_OVERWRITTEN")]
    overwritten: u64,
    /// The server's program [default: `strongroom` beside this one].
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where data is written [default: `target/bench`].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// Prints one line; a closed pipe is no reason to fail.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{line}");
}

/// Where programs and data are.
#[derive(Debug)]
pub(crate) struct Places {
    /// The program of the server.
    pub server: PathBuf,
    directory: PathBuf,
}

impl Places {
    /// Finds the server beside this program unless told where it is.
    pub(crate) fn find(server: Option<&Path>, directory: Option<&Path>) -> anyhow::Result<Self> {
        let here = std::env::current_exe()?;
        let beside = here.with_file_name("strongroom");
        let server = server.map_or(beside, Path::to_owned);
        ensure!(
            server.is_file(),
            "no server at `{}`: cargo build --release --package strongroom",
            server.display()
        );
        let target = here
            .parent()
            .and_then(Path::parent)
            .context("no target directory")?;
        let directory = directory.map_or_else(|| target.join("bench"), Path::to_owned);
        Ok(Self { server, directory })
    }

    /// A scratch directory of this process.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.directory.join(format!("work.{}", std::process::id()))
    }
}

/// Measures, prints the table, and keeps it as JSON.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let places = Places::find(args.server.as_deref(), args.scratch.as_deref())?;
    let size = if args.quick {
        Size::quick()
    } else {
        Size::full(args.uniform, args.overwritten)
    };
    let rows: Vec<Row> = if args.only.is_empty() {
        rows::STANDARD.to_vec()
    } else {
        args.only.clone()
    };
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("strongroom-bench {}", command.join(" "));
    let mut report = Report::new(Machine::this(&command));
    let scratch = Scratch::make(places.scratch())?;
    let stage = Stage::set(size, &places, &scratch)?;
    for row in &rows {
        say(&format!("{row:?}"));
        let measured = row.measure(&stage, &mut report);
        measured.with_context(|| format!("measuring {row:?} failed"))?;
    }
    if rows.contains(&Row::Restart) {
        rows::loaded(stage, &mut report)?;
    }
    report.load_after = load_average();
    say(&format!("\n{}", report.text()));
    let kept = places.directory.join(LATEST);
    std::fs::write(&kept, serde_json::to_string_pretty(&report)?)?;
    say(&format!("kept in {}", kept.display()));
    Ok(())
}

/// Prints a kept report as Markdown.
pub(crate) fn markdown(report: Option<&Path>) -> anyhow::Result<()> {
    let here = std::env::current_exe()?;
    let target = here
        .parent()
        .and_then(Path::parent)
        .context("no target directory")?;
    let latest = target.join("bench").join(LATEST);
    let path = report.unwrap_or(&latest);
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading `{}` failed", path.display()))?;
    let report: Report = serde_json::from_str(&text)?;
    say(&report.text());
    Ok(())
}
