//! Segmented append-only logs: audit events, outbox entries.

use crate::Revision;

/// An append-only log that is read from a cursor and dropped by time segment.
///
/// Entries are sealed by the store under a key of the log, bound to their position.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Log {
    /// The name on disk; never changes once released.
    pub name: &'static str,
}

/// The position of an entry: by segment, then commit, then place in the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogCursor {
    /// The time segment, numbered by the log's owner (hours since the epoch, say).
    pub segment: u64,
    /// The commit that appended the entry.
    pub revision: Revision,
    /// The entry's place among the appends of that commit.
    pub index: u32,
}

/// An entry as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where it stands.
    pub cursor: LogCursor,
    /// The opened payload.
    pub payload: Vec<u8>,
}
