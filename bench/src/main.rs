//! `strongroom-bench`: measures strongroom next to bare hyper, its own engine, and its peers.

mod bare;
mod client;
mod clock;
mod compare;
mod histogram;
mod large;
mod load;
mod machine;
mod numbers;
mod process;
mod profile;
mod report;
mod requests;
mod rows;
mod run;
mod sign;
mod stage;
mod subject;
mod versus;
mod world;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures strongroom next to bare hyper, its own engine, and its peers.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything and print one table.
    Run(run::RunArgs),
    /// Keep a server under load, for a profiler to look at.
    Profile(profile::ProfileArgs),
    /// Compare two programs of the server in turns.
    Versus(versus::VersusArgs),
    /// Print a report of `run` as Markdown.
    Markdown {
        /// The report [default: the latest].
        report: Option<PathBuf>,
    },
    /// Answer every request with the same bytes.
    #[command(hide = true)]
    Bare {
        /// The answer's file: head and body as captured.
        answer: PathBuf,
    },
}

fn main() -> ExitCode {
    let ran = match Cli::parse().command {
        Command::Run(args) => process::clean_up_on_signals().and_then(|()| run::run(&args)),
        Command::Profile(args) => process::clean_up_on_signals().and_then(|()| profile::run(&args)),
        Command::Versus(args) => process::clean_up_on_signals().and_then(|()| versus::run(&args)),
        Command::Markdown { report } => run::markdown(report.as_deref()),
        Command::Bare { answer } => bare::run(&answer),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // `{:#}` puts the causes on the same line.
            let _closed = writeln!(std::io::stderr(), "strongroom-bench: {failed:#}");
            ExitCode::FAILURE
        }
    }
}
