//! The rows of the table, in the order in which they are measured.

mod batches;
mod budget;
mod decisions;
mod disk;
mod engine;
mod groups;
mod keys;
mod kms;
mod kms_growth;
mod peers;
mod puts;
mod redis;
mod start;
mod switching;
mod traffic;

use clap::ValueEnum;

use crate::report::Report;
use crate::stage::Stage;

pub(crate) use start::loaded;
pub(crate) use traffic::HOT_NAME;

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Start-up to the first answer, and idle memory.
    Start,
    /// `GetRecord` of the hot sets.
    GetHot,
    /// Where the time of a `GetRecord` goes.
    Budget,
    /// Decisions of policies, beside Cedar; alone, without a server.
    Decisions,
    /// `GetRecord` under a customer key beside the AWS owned key.
    Keys,
    /// `GetRecord` over many groups with a key each, and starts with them.
    Groups,
    /// `BatchGetRecord` of 100, and the largest batches that are legal.
    Batch,
    /// Cryptographic calls of KMS, beside bare hyper and their primitives.
    Kms,
    /// KMS with many keys and grants.
    KmsGrowth,
    /// `PutRecord` at 1, 16 and 64 connections, beside the engine alone and Redis.
    Put,
    /// `DisableKey` during saturated ingestion.
    DisableKey,
    /// Disk use after overwriting everything ten times.
    Disk,
    /// `GetRecord` of the uniform sets.
    GetUniform,
    /// Start-up with everything loaded; always the last.
    Restart,
    /// `GetRecord` beside Feast's feature server; only with `make bench-peers`.
    Peers,
}

/// What `run` measures unless told otherwise.
pub(crate) const STANDARD: &[Row] = &[
    Row::Start,
    Row::GetHot,
    Row::Budget,
    Row::Decisions,
    Row::Keys,
    Row::Groups,
    Row::Batch,
    Row::Kms,
    Row::KmsGrowth,
    Row::Put,
    Row::DisableKey,
    Row::Disk,
    Row::GetUniform,
    Row::Restart,
];

impl Row {
    /// Measures, and adds what was found.
    pub(crate) fn measure(self, stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Start => start::fresh(stage, report),
            Self::GetHot => traffic::get_hot(stage, report),
            Self::Budget => {
                // The other rows do not depend on it.
                if let Err(failed) = budget::measure(stage, report) {
                    report.missing.push(format!("the budget: {failed:#}"));
                }
                Ok(())
            }
            Self::Decisions => decisions::measure(report),
            Self::Keys => keys::measure(stage, report),
            Self::Groups => groups::measure(stage, report),
            Self::Batch => batches::measure(stage, report),
            Self::Kms => kms::calls(stage, report),
            Self::KmsGrowth => kms_growth::measure(stage, report),
            Self::Put => puts::measure(stage, report),
            Self::DisableKey => switching::measure(stage, report),
            Self::Disk => disk::measure(stage, report),
            Self::GetUniform => traffic::get_uniform(stage, report),
            Self::Restart => start::prepare_restart(stage),
            Self::Peers => peers::measure(stage, report),
        }
    }
}
