//! What a running server is asked about requests, keys and feature groups.

use clap::Args;

use super::AskArgs;

/// Flags of `strongroom explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The server, the credentials, the region, and how the answer is printed.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The request's id.
    #[arg(value_name = "REQUEST-ID")]
    pub request: String,
    /// Whose policies decide: `now`, `request` (those that decided it then), or a time such as
    /// 2026-03-01T12:00:00Z.
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub at: String,
    /// A time on the day of the request, if it is long past.
    #[arg(long, value_name = "TIME")]
    pub near: Option<String>,
}

/// Flags of `strongroom doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The server, the credentials, the region, and how the answer is printed.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// Flags of `strongroom rekey`.
#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// The server, the credentials, the region, and how the answer is printed.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The feature group, by name or ARN.
    #[arg(value_name = "GROUP")]
    pub group: String,
    /// What to do.
    #[command(flatten)]
    pub to: RekeyTo,
    /// Wait until the last record has moved, and show how far that has come.
    #[arg(long, conflicts_with = "status")]
    pub wait: bool,
}

/// Where `strongroom rekey` moves a group, or that it only looks.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RekeyTo {
    /// The new key: id, ARN, alias or alias ARN.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Move the group to the AWS owned key, which no policy of a customer protects.
    #[arg(long)]
    pub aws_owned_key: bool,
    /// Show which keys the group is under and how far moving and renewing have come.
    #[arg(long)]
    pub status: bool,
}

/// Flags of `strongroom usage`.
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// The server, the credentials, the region, and how the answer is printed.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The month, as 2026-11 [default: the current one].
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Only the key with this ARN.
    #[arg(long, value_name = "ARN")]
    pub key: Option<String>,
}
