//! The `strongroom` binary: parse, run, and one clear line if it cannot.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use server::cli::{AuditCommand, Cli, Command, CredentialsCommand, PolicyCheckArgs, PolicyCommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) if is_misuse(&refused) => return misused(&refused),
        // Help, or the version.
        Err(shown) => shown.exit(),
    };
    // Before any secret is read; `serve` says what was refused.
    drop(server::harden());
    let run = match cli.command {
        Command::Serve(args) => server::serve::run(&args),
        Command::Recover(args) => server::recover::run(&args),
        Command::Backup(command) => server::backup_commands::run(&command),
        Command::Restore(args) => server::restore::run(&args),
        Command::Resume(args) => server::restore::resume(&args),
        Command::Audit(AuditCommand::Verify(args)) => server::audit_log::verify(&args),
        Command::Credentials(CredentialsCommand::Reset(args)) => server::reset::run(&args),
        Command::Seal(command) => server::seal_commands::run(&command),
        Command::Unseal(args) => server::unseal_client::run(&args),
        Command::Account(command) => server::account::run(&command),
        Command::Bucket(command) => server::buckets::run(&command),
        Command::Policy(PolicyCommand::Check(args)) => return check_policies(&args),
        Command::Explain(args) => server::explain::run(&args),
        Command::Usage(args) => server::usage::run(&args),
        Command::Doctor(args) => server::doctor::run(&args),
        Command::Rekey(args) => server::rekey::run(&args),
        Command::Docs { page } => server::docs::print(page),
    };
    server::settle();
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

fn is_misuse(refused: &clap::Error) -> bool {
    let helps = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    refused.use_stderr() && refused.kind() != helps
}

/// One line for a command line that is not understood, and the exit code of such.
fn misused(refused: &clap::Error) -> ExitCode {
    let text = refused.render().to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let what: Vec<&str> = what.split_whitespace().collect();
    let what = what.join(" ");
    let _closed = writeln!(std::io::stderr(), "strongroom: {what} (try --help)");
    ExitCode::from(2)
}
