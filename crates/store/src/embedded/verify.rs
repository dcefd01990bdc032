//! Checks whether a log is whole: every entry of every segment, and nothing else.

use std::sync::PoisonError;

use fjall::{Keyspace, Readable, Snapshot};

use super::codec::Fields;
use super::engine::read_error;
use super::entry::{Broken, Entry, EntryKey, LogHead, head_key};
use super::shared::Shared;
use crate::{Error, Log, LogFault, LogReport, SegmentReport};

impl Shared {
    /// Checks the segments of `log` from `oldest` on.
    pub(super) fn verify_log(&self, log: &'static Log, oldest: u64) -> Result<LogReport, Error> {
        let undeclared = Error::Undeclared { what: log.name };
        // The engine is read behind the heads: it holds all that they promise.
        let heads = self
            .heads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let keyspaces = self.engine.segments(log).ok_or(undeclared)?;
        let view = self.engine.database().snapshot();
        let mut report = LogReport::default();
        let mut segments: Vec<u64> = keyspaces.iter().map(|(segment, _)| *segment).collect();
        let promised = heads.keys().filter(|(name, _)| *name == log.name);
        segments.extend(promised.map(|(_, segment)| *segment));
        segments.sort_unstable();
        segments.dedup();
        for segment in segments.into_iter().filter(|segment| *segment >= oldest) {
            let keyspace = keyspaces.iter().find(|(number, _)| *number == segment);
            let promised = heads.get(&(log.name, segment)).copied();
            let found =
                self.verify_segment(&view, log, segment, keyspace.map(|(_, k)| k), promised)?;
            report.segments.extend(found);
        }
        Ok(report)
    }

    fn verify_segment(
        &self,
        view: &Snapshot,
        log: &'static Log,
        segment: u64,
        keyspace: Option<&Keyspace>,
        promised: Option<LogHead>,
    ) -> Result<Option<SegmentReport>, Error> {
        let failed = |error| read_error(log.name, error);
        let key = head_key(log.name, segment);
        let stored = view.get(&self.engine.chain, &key).map_err(failed)?;
        let head = stored.and_then(|stored| LogHead::decode(&self.sealer, &key, &stored));
        let promised = promised.unwrap_or_default();
        let report = |entries, fault| {
            Ok(Some(SegmentReport {
                segment,
                entries,
                fault,
            }))
        };
        let head = match head {
            Some(head) if head.count >= promised.count => head,
            None if promised.count == 0 => LogHead::default(),
            Some(_) | None => return report(promised.count, Some(LogFault::Head)),
        };
        let Some(keyspace) = keyspace else {
            let sequence = head.count;
            return report(head.count, Some(LogFault::Missing { sequence }));
        };
        let read = |key: &EntryKey| view.get(keyspace, key);
        let opens = |key: &EntryKey, entry: &Entry<'_>| self.opens(log, segment, key, entry);
        let walked = head
            .walk(&self.sealer, log, segment, u64::MAX, read, opens)
            .map_err(failed)?;
        let mut keys = 0_u64;
        for guard in view.iter(keyspace) {
            guard.key().map_err(failed)?;
            keys += 1;
        }
        let fault = match walked {
            Err(Broken::Missing(sequence)) => Some(LogFault::Missing { sequence }),
            Err(Broken::Damaged(sequence)) => Some(LogFault::Damaged { sequence }),
            Ok(()) if keys > head.count => Some(LogFault::Surplus {
                entries: keys - head.count,
            }),
            Ok(()) => None,
        };
        if keys == 0 && head.count == 0 {
            // Made ahead of its first entry.
            return Ok(None);
        }
        report(head.count, fault)
    }

    fn opens(&self, log: &Log, segment: u64, key: &EntryKey, entry: &Entry<'_>) -> bool {
        Fields(key).array().is_some_and(|stream| {
            self.sealer
                .open_payload(log, segment, u32::from_be_bytes(stream), entry.sealed)
                .is_some()
        })
    }
}
