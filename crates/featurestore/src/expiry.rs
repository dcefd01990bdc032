//! Expired records of groups with an offline store: each is removed together with the marker that
//! tells the offline store so.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use online::{CellKey, DataKey, EventTime, Header, Payload, Rule, SealedCell, Version, Write};
use pipeline::{OwnWork, Services};
use store::{Batch, CommitError, Lane};
use types::Service;

use crate::outbox::Entry;
use crate::put::tombstone;
use crate::records::{GROUPS, GroupRecord, Status};
use crate::{Error, Runtime, upkeep};

/// Removes records of `group` that have expired, in one commit, and has a marker of each wait for
/// the offline store: as if it had been deleted when its time was over.
///
/// The service opens and seals them through the group's grants. Records that were written anew
/// meanwhile stay, and so do those under a former key that the service may not use. Fails if the
/// outbox is full: nothing is removed then, and nobody sees the records all the same. Returns how
/// many stay because they were tampered with.
pub(crate) async fn remove(
    services: &Arc<Services>,
    runtime: &Runtime,
    group: &GroupRecord,
    expired: Vec<(CellKey, SealedCell)>,
) -> Result<usize, Error> {
    let (service, region) = (Service::SageMaker, &group.region);
    let work = OwnWork::changing(services, service, region, group.arn.clone());
    let now = work.view().get_shared(&GROUPS, &group.row());
    let now = now.filter(|now| now.number == group.number && now.status == Status::Created);
    let Some(group) = now else {
        return Ok(0);
    };
    let mut batch = Batch::new(Lane::Data);
    let removal = Removal {
        work: &work,
        runtime,
        group: &group,
        keys: HashMap::new(),
    };
    let damaged = removal.stage_all(&mut batch, expired).await;
    if damaged.is_err() || batch.cells().is_empty() {
        work.give_up().await;
        return damaged;
    }
    runtime.outbox.count_own(&work, &batch);
    match work.commit(batch).await {
        // Another change came first: the next round looks again.
        Ok(_) | Err(CommitError::Conflict) => damaged,
        Err(failed) => Err(online::Error::Commit(failed).into()),
    }
}

/// One step for one group, on one snapshot, whose every read is a precondition of its commit.
struct Removal<'a> {
    work: &'a OwnWork,
    runtime: &'a Runtime,
    group: &'a GroupRecord,
    /// The data keys that it has unwrapped, by number.
    keys: HashMap<u32, Arc<DataKey>>,
}

impl Removal<'_> {
    /// Adds all that can be removed to `batch`; returns how many were tampered with.
    async fn stage_all(
        mut self,
        batch: &mut Batch,
        expired: Vec<(CellKey, SealedCell)>,
    ) -> Result<usize, Error> {
        let mut damaged = 0;
        for (key, cell) in expired {
            match self.stage(batch, key, cell).await {
                Err(Error::Online(online::Error::Damaged)) => damaged += 1,
                staged => staged?,
            }
        }
        Ok(damaged)
    }

    /// Adds the removal of one record and its marker to `batch`; nothing if the record cannot be
    /// opened now.
    async fn stage(
        &mut self,
        batch: &mut Batch,
        key: CellKey,
        cell: SealedCell,
    ) -> Result<(), Error> {
        let (group, header) = (self.group, *cell.header());
        let Some(at) = header.expires_at else {
            return Ok(());
        };
        let (Some(from), Some(to)) = (
            self.key(header.data_key).await?,
            self.key(group.data_key).await?,
        ) else {
            return Ok(());
        };
        let payload = marker(group, &cell.open(&from, &key)?, at)?;
        let version = Version {
            event_time: at,
            sequence: self.runtime.cells.next_sequence()?,
        };
        let marked = Header {
            data_key: group.data_key,
            version,
            expires_at: None,
            deleted: true,
        };
        group.schema.sealed.fetch_add(1, Ordering::Relaxed);
        let entropy = self.work.entropy();
        let sealed = SealedCell::seal(entropy, &to, &key, marked, &payload)?;
        let now = self.work.time();
        let write = Write {
            key,
            version: header.version,
            cell: None,
            rule: Rule::IfHeader(header),
            now,
        };
        self.runtime.cells.stage(batch, write);
        let waits = (now, Entry::payload(now, &key, &sealed));
        self.runtime.outbox.stage(batch, group, waits, true)
    }

    /// The data key of this number; `None` if the service may not use the former KMS key that it
    /// is under. Whether it may use the group's own was asked before.
    async fn key(&mut self, number: u32) -> Result<Option<Arc<DataKey>>, Error> {
        let slot = match self.keys.entry(number) {
            Slot::Occupied(known) => return Ok(Some(Arc::clone(known.get()))),
            Slot::Vacant(slot) => slot,
        };
        let former = self.group.former_of(number);
        let former = former.and_then(|place| self.group.former.get(place));
        let kms_key = match former {
            Some(former) => former.key.as_ref(),
            None => self.group.kms_key(),
        };
        if let Some(kms_key) = kms_key
            && upkeep::check_key(self.work, self.group, kms_key).is_err()
        {
            return Ok(None);
        }
        let keys = &self.runtime.keys;
        let key = keys.for_service(self.work, self.group, (kms_key, number));
        let key = slot.insert(key.await?);
        Ok(Some(Arc::clone(key)))
    }
}

/// What the offline store gets for `record`, whose time was over at `at`.
fn marker(group: &GroupRecord, record: &Payload, at: EventTime) -> Result<Payload, Error> {
    let record = record.record()?;
    let identifier = std::str::from_utf8(record.identifier())
        .map_err(|source| Error::internal("an identifier is no text", source))?;
    let kind = group.schema.feature(group.schema.event_time());
    let text = match kind.map(|feature| feature.kind) {
        Some(crate::values::FeatureType::Fractional) => at.to_decimal(),
        _ => at.to_string(),
    };
    Ok(tombstone(group, identifier, &text))
}
