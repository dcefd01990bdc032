//! When a write replaces what is stored.

use store::{CellRule, CellWrite};
use types::Timestamp;

use crate::embedded::expiry_row;
use crate::header::{Header, Version};
use crate::{CellKey, EXPIRY, EventTime};

/// The condition of a write, decided at its commit.
///
/// An expired cell counts as absent, whether it has been swept or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The version is newer than the stored one: a later event time, or an equal one that
    /// was accepted later. Applying the same write twice changes nothing.
    Put,
    /// The event time is later than the stored one.
    Delete,
    /// The same, and the new cell lives as long as the stored one would have: else what was
    /// deleted could be written again by whoever delivers it late.
    SoftDelete,
    /// The stored version is exactly this, or there is none.
    IfVersion(Option<Version>),
    /// The stored cell has exactly this header, whether it has expired or not: the same record
    /// is sealed anew.
    IfHeader(Header),
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Applied,
    /// What is stored is as new or newer, and stays.
    Stale,
    /// What is stored is not the version that was expected.
    Conflict,
}

impl Rule {
    /// Whether a write of `version`, made at `now`, replaces `stored`.
    pub fn admits(&self, version: Version, now: Timestamp, stored: Option<&Header>) -> bool {
        if let Self::IfHeader(expected) = self {
            return stored == Some(expected);
        }
        let stored = stored.filter(|header| !header.is_expired(now));
        match (self, stored) {
            (Self::Put, Some(stored)) => version > stored.version,
            (Self::Delete | Self::SoftDelete, Some(stored)) => {
                version.event_time > stored.version.event_time
            }
            (Self::Put | Self::Delete | Self::SoftDelete, None) => true,
            (Self::IfVersion(expected), stored) => *expected == stored.map(|stored| stored.version),
            (Self::IfHeader(expected), stored) => stored == Some(expected),
        }
    }

    /// The outcome of a write that was not admitted.
    pub(crate) fn refused(&self) -> Outcome {
        match self {
            Self::Put | Self::Delete | Self::SoftDelete => Outcome::Stale,
            Self::IfVersion(_) | Self::IfHeader(_) => Outcome::Conflict,
        }
    }
}

/// A rule bound to its write, as the committer asks it.
pub(crate) struct Bound {
    pub(crate) key: CellKey,
    /// When the new cell expires.
    pub(crate) expires_at: Option<EventTime>,
    pub(crate) rule: Rule,
    pub(crate) version: Version,
    pub(crate) now: Timestamp,
}

impl Bound {
    /// Whether the new cell lives as long as `stored`, where that counts.
    fn outlives(&self, stored: &Header) -> bool {
        if self.rule != Rule::SoftDelete || stored.is_expired(self.now) {
            return true;
        }
        match (self.expires_at, stored.expires_at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(stored)) => own >= stored,
        }
    }
}

impl CellRule for Bound {
    fn replaces(&self, stored: Option<&[u8]>) -> bool {
        match stored.map(Header::read) {
            None => self.rule.admits(self.version, self.now, None),
            Some(Ok(header)) => {
                self.rule.admits(self.version, self.now, Some(&header)) && self.outlives(&header)
            }
            // The store vouches for the bytes, so this is a format of a newer release: it has no
            // version to respect, but nobody expected it.
            Some(Err(_)) => !matches!(self.rule, Rule::IfVersion(_) | Rule::IfHeader(_)),
        }
    }

    /// The expiry row of the new cell instead of that of the old one.
    fn beside(&self, stored: Option<&[u8]>) -> Vec<CellWrite> {
        let old = stored.and_then(|value| Header::read(value).ok()?.expires_at);
        let [old, new] = [old, self.expires_at].map(|at| Some(expiry_row(at?, &self.key)));
        if old == new {
            return Vec::new();
        }
        let row = |key, value| CellWrite {
            space: EXPIRY,
            key,
            value,
            rule: None,
        };
        let old = old.map(|key| row(key, None));
        let new = new.map(|key| row(key, Some(Vec::new())));
        old.into_iter().chain(new).collect()
    }
}

/// Removes a cell only if its time is over.
pub(crate) struct IfExpired {
    pub(crate) now: Timestamp,
}

impl CellRule for IfExpired {
    fn replaces(&self, stored: Option<&[u8]>) -> bool {
        stored.is_some_and(|value| {
            Header::read(value).is_ok_and(|header| header.is_expired(self.now))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn key() -> CellKey {
        CellKey::from_bytes(&[1; CellKey::LENGTH]).unwrap()
    }

    fn version(event_time: i64, sequence: u64) -> Version {
        let event_time = EventTime::new(Timestamp::new(event_time, 0)).unwrap();
        Version {
            event_time,
            sequence,
        }
    }

    fn stored(version: Version, expires_at: Option<i64>) -> Header {
        Header {
            data_key: 1,
            version,
            expires_at: expires_at
                .map(|seconds| EventTime::new(Timestamp::new(seconds, 0)).unwrap()),
            deleted: false,
        }
    }

    fn check(rule: Rule, new: Version, old: Option<Header>, expected: bool) {
        assert_eq!(rule.admits(new, NOW, old.as_ref()), expected);
        let bound = Bound {
            key: key(),
            expires_at: None,
            rule,
            version: new,
            now: NOW,
        };
        let bytes = old.map(|header| header.to_bytes());
        assert_eq!(bound.replaces(bytes.as_ref().map(|b| &b[..])), expected);
    }

    #[test]
    fn a_put_needs_an_equal_or_later_event_time() {
        let old = Some(stored(version(10, 5), None));
        check(Rule::Put, version(11, 1), old, true);
        check(Rule::Put, version(10, 6), old, true);
        check(Rule::Put, version(9, 6), old, false);
        check(Rule::Put, version(9, 6), None, true);
    }

    #[test]
    fn replaying_a_put_changes_nothing() {
        let old = Some(stored(version(10, 5), None));
        check(Rule::Put, version(10, 5), old, false);
        check(Rule::Put, version(10, 4), old, false);
    }

    #[test]
    fn a_delete_needs_a_later_event_time() {
        let old = Some(stored(version(10, 5), None));
        check(Rule::Delete, version(11, 1), old, true);
        check(Rule::Delete, version(10, 6), old, false);
        check(Rule::Delete, version(9, 6), old, false);
        check(Rule::Delete, version(9, 6), None, true);
    }

    #[test]
    fn a_soft_delete_must_live_as_long_as_what_it_deletes() {
        let outlives = |own: Option<i64>, old: Option<i64>| {
            let bound = Bound {
                key: key(),
                expires_at: own.map(|seconds| EventTime::new(Timestamp::new(seconds, 0)).unwrap()),
                rule: Rule::SoftDelete,
                version: version(11, 1),
                now: NOW,
            };
            bound.replaces(Some(&stored(version(10, 5), old).to_bytes()))
        };
        assert!(outlives(None, None));
        assert!(outlives(None, Some(50)));
        assert!(outlives(Some(50), Some(50)));
        assert!(!outlives(Some(49), Some(50)));
        assert!(!outlives(Some(50), None));
        // What has expired is not there.
        assert!(outlives(Some(50), Some(0)));
        check(
            Rule::SoftDelete,
            version(10, 6),
            Some(stored(version(10, 5), None)),
            false,
        );
    }

    #[test]
    fn an_expected_version_must_be_the_stored_one() {
        let old = Some(stored(version(10, 5), None));
        check(
            Rule::IfVersion(Some(version(10, 5))),
            version(9, 9),
            old,
            true,
        );
        check(
            Rule::IfVersion(Some(version(10, 4))),
            version(11, 9),
            old,
            false,
        );
        check(Rule::IfVersion(None), version(11, 9), old, false);
        check(Rule::IfVersion(None), version(11, 9), None, true);
        check(
            Rule::IfVersion(Some(version(10, 5))),
            version(11, 9),
            None,
            false,
        );
    }

    #[test]
    fn an_expired_cell_counts_as_absent() {
        let old = Some(stored(version(10, 5), Some(0)));
        check(Rule::Put, version(1, 1), old, true);
        check(Rule::Delete, version(1, 1), old, true);
        check(Rule::IfVersion(None), version(1, 1), old, true);
        let fresh = Some(stored(version(10, 5), Some(1)));
        check(Rule::Put, version(1, 1), fresh, false);
    }

    #[test]
    fn a_record_is_sealed_anew_only_as_it_is_expired_or_not() {
        for expires_at in [None, Some(0), Some(1)] {
            let old = stored(version(10, 5), expires_at);
            let same = Rule::IfHeader(old);
            check(same, version(10, 5), Some(old), true);
            check(same, version(10, 5), None, false);
            let newer = stored(version(10, 6), expires_at);
            check(same, version(10, 5), Some(newer), false);
            let longer = stored(version(10, 5), Some(7));
            check(same, version(10, 5), Some(longer), false);
            let resealed = Header { data_key: 2, ..old };
            check(same, version(10, 5), Some(resealed), false);
        }
    }

    #[test]
    fn an_unreadable_cell_is_overwritten_but_never_expected() {
        let bound = |rule| Bound {
            key: key(),
            expires_at: None,
            rule,
            version: version(1, 1),
            now: NOW,
        };
        assert!(bound(Rule::Put).replaces(Some(b"?")));
        assert!(!bound(Rule::IfVersion(None)).replaces(Some(b"?")));
        assert!(!IfExpired { now: NOW }.replaces(Some(b"?")));
    }
}
