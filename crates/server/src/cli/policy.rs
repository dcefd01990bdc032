//! `strongroom policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what is wrong with policy documents, and what is hardly meant.
    ///
    /// Errors are what would be refused when the policy is stored. Warnings are what is accepted
    /// and probably wrong: statements that never matter, names that no request has, principals
    /// and rights that are wider than they look. Notes name what AWS has and this release does
    /// not, so that it has no effect here. Each comes with line, column, and a code in brackets
    /// that stays the same; the codes are in docs/policy-check.md.
    #[command(after_help = "EXIT STATUS:\n  \
        0  nothing, or notes only\n  \
        1  errors or warnings\n  \
        2  a file could not be read, or the command line is wrong\n\n\
        EXAMPLES:\n  strongroom policy check policy.json\n  \
        strongroom policy check --kind scp --json policies/*.json\n  \
        aws kms get-key-policy --key-id KEY --query Policy --output text \\\n    \
        | strongroom policy check --kind key -")]
    Check(PolicyCheckArgs),
}

/// Flags of `strongroom policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// The documents; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// What the policies are attached to [default: what each looks like].
    #[arg(long, value_enum)]
    pub kind: Option<PolicyKind>,
    /// Print one JSON array, with an object for each document.
    #[arg(long)]
    pub json: bool,
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PolicyKind {
    /// A user, group or role, inline or managed.
    Identity,
    /// A resource other than a key, a bucket for instance.
    Resource,
    /// A KMS key.
    Key,
    /// A role: who may assume it.
    Trust,
    /// A user or role: the most that it may do.
    Boundary,
    /// A session, when it is made.
    Session,
    /// The organization: a service control policy.
    Scp,
    /// The organization: a resource control policy.
    Rcp,
}
