//! The `strongroom` binary: parse, run, and one clear line if it cannot.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use server::cli::{Cli, Command, PolicyCheckArgs, PolicyCommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let run = match cli.command {
        Command::Serve(args) => server::serve::run(&args),
        Command::Recover(args) => server::recover::run(&args),
        Command::Unseal(args) => server::unseal_client::run(&args),
        Command::Account(command) => server::account::run(&command),
        Command::Policy(PolicyCommand::Check(args)) => return check_policies(&args),
        Command::Docs { page } => server::docs::print(page),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // `{:#}` puts the causes on the same line.
            let _closed = writeln!(std::io::stderr(), "strongroom: {failed:#}");
            ExitCode::FAILURE
        }
    }
}

/// `strongroom policy check` has an exit status of its own for what it finds.
fn check_policies(args: &PolicyCheckArgs) -> ExitCode {
    match server::policy_check::run(args) {
        Ok(outcome) => ExitCode::from(outcome.status()),
        Err(failed) => {
            let _closed = writeln!(std::io::stderr(), "strongroom: {failed:#}");
            ExitCode::from(2)
        }
    }
}
