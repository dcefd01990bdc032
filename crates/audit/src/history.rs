//! The event history: records in a log of the store, one stream per account and region.

use serde::Deserialize;
use serde_json::Value;
use store::{Batch, Log, LogAppend, LogCursor, LogReport, Store};
use types::{AccountId, Region, Timestamp};

use crate::{Error, Record};

/// Where audit records are kept.
pub static EVENTS: Log = Log { name: "audit" };

/// How long the event history reaches back (CloudTrail: 90 days).
pub const RETENTION_DAYS: u64 = 90;

/// A page of records, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// Position and record.
    pub events: Vec<(LogCursor, Record)>,
    /// Whether older entries may exist.
    pub more: bool,
    /// The oldest entry that was opened, whether or not it was this account's.
    pub oldest: Option<LogCursor>,
}

/// Adds `record`, made at `at`, to the history of `account` in `region`.
///
/// Fails if the record cannot be written as JSON.
pub fn append(
    batch: &mut Batch,
    account: Option<AccountId>,
    region: &Region,
    at: Timestamp,
    record: &Record,
) -> Result<(), Error> {
    let payload = serde_json::to_vec(record).map_err(|source| Error::Encode { source })?;
    push(batch, account, region, at, payload);
    Ok(())
}

/// Adds `record` like [`append`], and beside it, as JSON, what the decision depended on. That
/// belongs to no record: only [`of_request`] reads it. Fails as [`append`] does.
pub fn append_with(
    batch: &mut Batch,
    account: AccountId,
    region: &Region,
    at: Timestamp,
    record: &Record,
    evaluated: Option<&[u8]>,
) -> Result<(), Error> {
    let mut payload = serde_json::to_vec(record).map_err(|source| Error::Encode { source })?;
    if let Some(evaluated) = evaluated {
        // One more member of the record's object, which is never empty.
        payload.pop();
        payload.extend_from_slice(br#","evaluated":"#);
        payload.extend_from_slice(evaluated);
        payload.push(b'}');
    }
    push(batch, Some(account), region, at, payload);
    Ok(())
}

/// What is kept beside a record.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    evaluated: Option<Value>,
}

fn push(
    batch: &mut Batch,
    account: Option<AccountId>,
    region: &Region,
    at: Timestamp,
    payload: Vec<u8>,
) {
    batch.append(LogAppend {
        log: &EVENTS,
        segment: segment_of(at),
        stream: stream_of(account, region),
        payload,
    });
}

/// The records of the request `id` of `account` in `region`, oldest first, each with what its
/// decision depended on.
///
/// Looks through at most `most` entries, from the newest one on, or from those of the day of
/// `near` backwards, as long as it is `wanted`. Fails if the store cannot be read or an entry is no record.
pub fn of_request(
    store: &dyn Store,
    (account, region): (AccountId, &Region),
    id: &str,
    (near, now): (Option<Timestamp>, Timestamp),
    most: usize,
    wanted: &dyn Fn() -> bool,
) -> Result<Vec<(Record, Option<Value>)>, Error> {
    const CHUNK: usize = 500;
    let stream = stream_of(Some(account), region);
    let mut before = near.map(|near| LogCursor {
        segment: segment_of(near) + 1,
        revision: 0,
        index: 0,
    });
    let mut found = Vec::new();
    let mut seen = 0;
    while seen < most && wanted() {
        let oldest = oldest_kept_segment(now);
        let entries = store
            .log_newest_first(&EVENTS, stream, before, oldest, CHUNK)
            .map_err(|source| Error::Store { source })?;
        let known = found.len();
        for entry in &entries {
            if !contains(&entry.payload, id.as_bytes()) {
                continue;
            }
            let decode = |source| Error::Decode { source };
            let record: Record = serde_json::from_slice(&entry.payload).map_err(decode)?;
            let own = record.recipient_account_id == account.as_str()
                && record.aws_region == region.as_str();
            if own && record.request_id == id {
                let beside: Beside = serde_json::from_slice(&entry.payload).map_err(decode)?;
                found.push((record, beside.evaluated));
            }
        }
        seen += entries.len();
        before = entries.last().map(|entry| entry.cursor);
        // The records of a request stand close together.
        let over = known > 0 && found.len() == known;
        if over || entries.len() < CHUNK {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

fn contains(payload: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && payload.windows(part.len()).any(|window| window == part)
}

/// The place in the log behind everything that had happened by `at`: events are appended a moment
/// after they happened, on the next day at the latest.
pub fn behind(at: Timestamp) -> LogCursor {
    LogCursor {
        segment: segment_of(at).saturating_add(2),
        revision: 0,
        index: 0,
    }
}

/// Whether what stands at `cursor` is of a day before that of `at`, and so is all behind it.
pub fn is_of_a_day_before(cursor: LogCursor, at: Timestamp) -> bool {
    cursor.segment < segment_of(at)
}

/// Reads records of `account` in `region`, newest first, older than `before`.
///
/// At most `limit` entries are opened. Fails if the store cannot be read or an entry is no record.
pub fn newest_first(
    store: &dyn Store,
    account: AccountId,
    region: &Region,
    before: Option<LogCursor>,
    now: Timestamp,
    limit: usize,
) -> Result<EventPage, Error> {
    let stream = stream_of(Some(account), region);
    let entries = store
        .log_newest_first(&EVENTS, stream, before, oldest_kept_segment(now), limit)
        .map_err(|source| Error::Store { source })?;
    let more = entries.len() == limit;
    let oldest = entries.last().map(|entry| entry.cursor);
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        let record: Record =
            serde_json::from_slice(&entry.payload).map_err(|source| Error::Decode { source })?;
        // Streams are hashes: another account's records may share one.
        if record.recipient_account_id == account.as_str() && record.aws_region == region.as_str() {
            events.push((entry.cursor, record));
        }
    }
    Ok(EventPage {
        events,
        more,
        oldest,
    })
}

/// Checks that every record of the kept history, of all accounts and regions, is there as it was
/// written, and nothing else; reads all of them.
///
/// Records are numbered without gaps and chained within their day, so one that was removed,
/// edited, duplicated, exchanged or set back shows, and so does a missing day. An end that is
/// missing together with everything that was committed since shows only when the store is opened
/// beside its `commit.mark`. Fails if the store cannot be read or cannot tell.
pub fn verify(store: &dyn Store, now: Timestamp) -> Result<LogReport, Error> {
    store
        .verify_log(&EVENTS, oldest_kept_segment(now))
        .map_err(|source| Error::Store { source })
}

/// The oldest segment that the history keeps at `now`; older ones are dropped whole.
pub fn oldest_kept_segment(now: Timestamp) -> u64 {
    segment_of(now).saturating_sub(RETENTION_DAYS)
}

/// Days since the epoch.
fn segment_of(at: Timestamp) -> u64 {
    u64::try_from(at.seconds().div_euclid(86_400)).unwrap_or(0)
}

/// A number that spreads accounts and regions over streams (FNV-1a); readers filter again.
fn stream_of(account: Option<AccountId>, region: &Region) -> u32 {
    let account = account.map(String::from).unwrap_or_default();
    account
        .bytes()
        .chain([b'/'])
        .chain(region.as_str().bytes())
        .fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_days_and_the_oldest_is_ninety_back() {
        let now = Timestamp::new(100 * 86_400 + 5, 0);
        assert_eq!((segment_of(now), oldest_kept_segment(now)), (100, 10));
    }

    #[test]
    fn accounts_and_regions_have_streams_of_their_own() {
        let account: AccountId = "111122223333".parse().unwrap();
        let other: AccountId = "444455556666".parse().unwrap();
        let (here, there) = ("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap());
        let streams = [(account, &here), (account, &there), (other, &here)]
            .map(|(a, r)| stream_of(Some(a), r));
        assert!(streams[0] != streams[1] && streams[0] != streams[2]);
    }
}
