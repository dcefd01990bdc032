//! Segmented append-only logs: audit events, outbox entries.

use crate::Revision;

/// An append-only log that is read from a cursor and dropped by time segment.
///
/// Entries are sealed by the store under a key of the log, bound to their position, numbered
/// and chained within their segment.
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
    /// Its number in its segment: 1 for the first, without gaps over all streams.
    pub sequence: u64,
    /// The opened payload.
    pub payload: Vec<u8>,
}

/// What checking a log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Each segment, oldest first.
    pub segments: Vec<SegmentReport>,
}

/// What checking one segment of a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// The segment.
    pub segment: u64,
    /// How many entries were appended to it.
    pub entries: u64,
    /// The first thing that is wrong with it, from its end on.
    pub fault: Option<LogFault>,
}

/// What is wrong with a segment of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFault {
    /// An entry is missing, and with it the way to those before it.
    Missing {
        /// Its number.
        sequence: u64,
    },
    /// An entry was edited, moved or exchanged.
    Damaged {
        /// Its number.
        sequence: u64,
    },
    /// Entries that are not part of the chain: they were dropped, or never committed.
    Surplus {
        /// How many.
        entries: u64,
    },
    /// The record of how far the segment goes is missing, edited or set back.
    Head,
}

impl LogReport {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.segments.iter().all(|segment| segment.fault.is_none())
    }
}
