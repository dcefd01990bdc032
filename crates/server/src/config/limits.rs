//! Bounds on what clients may use.

use std::time::Duration;

use pipeline::sources::WriteBudgets;
use serde::Deserialize;
use store::HistoryBounds;

/// Bounds on what clients may use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: usize,
    /// Seconds that a client may take to send a request's head.
    pub header_seconds: u64,
    /// Seconds for which a connection stays open after an answer until the next head begins.
    pub idle_seconds: u64,
    /// Seconds that a client may take to send a request's body.
    pub body_seconds: u64,
    /// Seconds that a client may take to read each MiB of its answer.
    pub write_seconds: u64,
    /// Bytes of request bodies held in memory at a time, over all connections.
    pub body_memory: usize,
    /// Bytes of large answers that clients have not read yet, over all connections.
    pub response_memory: usize,
    /// Bytes of sealed records kept in memory for reading; `None` is a share of what there is.
    pub cache_memory: Option<usize>,
    /// Management calls a second that each principal may make of services other than KMS.
    pub calls_per_second: u32,
    /// Bytes of metadata, history included, that the calls of an account may write in a day.
    pub account_metadata_bytes: u64,
    /// Bytes of audit records that they may.
    pub account_log_bytes: u64,
    /// Days for which a version of metadata is kept after another one replaced it; 0 is for ever.
    pub history_days: u64,
    /// Versions of each row that are kept when they are [`LEAST_HISTORY_DAYS`] old; 0 is all.
    pub history_versions: usize,
    /// Calls of `LookupEvents` a second, for each account and region.
    pub lookups_per_second: u32,
    /// Seconds for which data keys are kept unwrapped whose KMS keys are held outside.
    pub outside_key_seconds: u64,
    /// Days after which the data key of a feature group is renewed.
    pub data_key_days: u64,
    /// Records after which it is.
    pub data_key_records: u64,
    /// Bytes of records that may wait for the offline stores of all groups together.
    pub outbox_bytes: u64,
    /// The same of one account; `None` is half of it.
    pub outbox_account_bytes: Option<u64>,
    /// Seconds that open requests get to finish at shutdown.
    pub shutdown_seconds: u64,
    /// Seconds by which a signature's time may differ from the server's.
    pub clock_skew_seconds: u64,
    /// Calls without a signature that an address may make a second.
    pub unsigned_calls: u32,
    /// Feature groups that an account may have in a region.
    pub feature_groups: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_seconds: 10,
            idle_seconds: 60,
            body_seconds: 30,
            write_seconds: 30,
            body_memory: 64 << 20,
            response_memory: 256 << 20,
            cache_memory: None,
            calls_per_second: pipeline::sources::CALLS_PER_SECOND,
            account_metadata_bytes: WriteBudgets::default().metadata,
            account_log_bytes: WriteBudgets::default().log,
            history_days: 0,
            history_versions: 0,
            lookups_per_second: cloudtrail::PER_SECOND,
            outside_key_seconds: 10,
            data_key_days: 90,
            data_key_records: 1 << 32,
            outbox_bytes: 10 << 30,
            outbox_account_bytes: None,
            shutdown_seconds: 10,
            clock_skew_seconds: 300,
            unsigned_calls: 20,
            feature_groups: 100,
        }
    }
}

/// For so many days every version of metadata is kept: until the records are gone, whole days of
/// them, that are explained by it.
const LEAST_HISTORY_DAYS: u64 = audit::RETENTION_DAYS + 2;

impl Limits {
    /// How much of the history of metadata is kept.
    pub fn history(&self) -> HistoryBounds {
        let days = |days: u64| Duration::from_secs(days.saturating_mul(24 * 60 * 60));
        HistoryBounds {
            least: days(LEAST_HISTORY_DAYS),
            most: (self.history_days > 0).then(|| days(self.history_days)),
            versions: (self.history_versions > 0).then_some(self.history_versions),
        }
    }

    /// Bytes of records of one account that may wait for the offline stores.
    pub fn outbox_of_account(&self) -> u64 {
        self.outbox_account_bytes.unwrap_or(self.outbox_bytes / 2)
    }

    /// Refuses what no server could work with.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        const MANY: u64 = 1_000_000;
        const HOUR: u64 = 3600;
        let size = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let calls = u64::from(self.calls_per_second);
        let cache = size(self.cache_memory.unwrap_or_default());
        within("connections", size(self.connections), 1, MANY)?;
        within("body_memory", size(self.body_memory), 16 << 20, 1 << 40)?;
        let answers = size(self.response_memory);
        within("response_memory", answers, 64 << 20, 1 << 40)?;
        within("cache_memory", cache, 0, 1 << 40)?;
        within("calls_per_second", calls, 1, MANY)?;
        let (metadata, log) = (self.account_metadata_bytes, self.account_log_bytes);
        within("account_metadata_bytes", metadata, 1 << 20, 1 << 50)?;
        within("account_log_bytes", log, 1 << 20, 1 << 50)?;
        if self.history_days > 0 {
            let days = self.history_days;
            within("history_days", days, LEAST_HISTORY_DAYS, 3650)?;
        }
        within("history_versions", size(self.history_versions), 0, 100_000)?;
        let lookups = u64::from(self.lookups_per_second);
        within("lookups_per_second", lookups, 1, 1000)?;
        within("unsigned_calls", self.unsigned_calls.into(), 1, MANY)?;
        within("feature_groups", size(self.feature_groups), 1, MANY)?;
        within("header_seconds", self.header_seconds, 1, HOUR)?;
        within("idle_seconds", self.idle_seconds, 1, HOUR)?;
        within("body_seconds", self.body_seconds, 1, HOUR)?;
        within("write_seconds", self.write_seconds, 1, HOUR)?;
        within("outside_key_seconds", self.outside_key_seconds, 0, 10)?;
        within("data_key_days", self.data_key_days, 1, 3650)?;
        within("data_key_records", self.data_key_records, 1000, 1 << 48)?;
        within("outbox_bytes", self.outbox_bytes, 1 << 10, 1 << 50)?;
        let of_account = self.outbox_of_account();
        within("outbox_account_bytes", of_account, 1 << 9, 1 << 50)?;
        within("shutdown_seconds", self.shutdown_seconds, 0, HOUR)?;
        within("clock_skew_seconds", self.clock_skew_seconds, 1, HOUR)
    }
}

/// Fails with the setting's name, and why, unless its value lies between these two.
fn within(
    name: &'static str,
    value: u64,
    least: u64,
    most: u64,
) -> Result<(), (&'static str, String)> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let reason = format!("`limits.{name}` must be between {least} and {most}");
    Err((name, reason))
}
