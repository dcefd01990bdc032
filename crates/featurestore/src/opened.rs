//! A group whose records a request reads or writes: the frame that all record operations share.

use std::sync::atomic::Ordering;

use online::{CellKey, GroupNumber, Header, Payload, Rule, SealedCell, Version, Write};
use pipeline::Ctx;
use store::{Batch, Lane};

use crate::data_keys::{Access, DataKeys, Keys};
use crate::meter::Side;
use crate::outbox::Entry;
use crate::put::NewVersion;
use crate::records::GroupRecord;
use crate::{Error, Runtime};

/// A group whose key could be used when this was made, with the keys that the request unwraps.
pub(crate) struct Opened<'k, 'a> {
    ctx: &'a Ctx,
    runtime: &'a Runtime,
    keys: &'k mut Keys<'a>,
    group: &'k GroupRecord,
    access: Access<'k>,
}

impl<'k, 'a> Opened<'k, 'a> {
    /// Asks whether the group's key can be used.
    ///
    /// Fails with KMS's own code and text if it cannot.
    pub(crate) async fn new(
        ctx: &'a Ctx,
        runtime: &'a Runtime,
        keys: &'k mut Keys<'a>,
        group: &'k GroupRecord,
    ) -> Result<Self, Error> {
        let access = DataKeys::check(ctx, group).await?;
        Ok(Self {
            ctx,
            runtime,
            keys,
            group,
            access,
        })
    }

    /// Where the record `identifier` stands.
    pub(crate) async fn place(&mut self, identifier: &str) -> Result<CellKey, Error> {
        let index = self.keys.index(self.group, &self.access).await?;
        let group = GroupNumber(self.group.number);
        Ok(CellKey::new(group, &index, identifier))
    }

    /// The cell at `key`, unless readers must not see it: deleted, expired, or not there.
    pub(crate) async fn visible(&self, key: &CellKey) -> Result<Option<SealedCell>, Error> {
        let cell = self.runtime.cells.get(key).await?;
        Ok(cell.filter(|cell| cell.header().is_visible(self.ctx.time())))
    }

    /// Opens a cell that was found at `key`.
    pub(crate) async fn open(&mut self, cell: SealedCell, key: &CellKey) -> Result<Payload, Error> {
        let number = cell.header().data_key;
        let data_key = self.keys.data(self.group, &self.access, number).await?;
        Ok(cell.open(&data_key, key)?)
    }

    /// Opens the cell of the record `identifier`, which was found at `key`.
    ///
    /// Fails if it holds another record.
    pub(crate) async fn open_record(
        &mut self,
        cell: SealedCell,
        key: &CellKey,
        identifier: &str,
    ) -> Result<Payload, Error> {
        let payload = self.open(cell, key).await?;
        if payload.record()?.identifier() == identifier.as_bytes() {
            Ok(payload)
        } else {
            Err(Error::broken(
                "a cell holds another record than its key says",
            ))
        }
    }

    /// The change that writes `version`, sealed under the group's current data key: the cell, and
    /// what waits for the offline store.
    ///
    /// A version that is older than the stored one changes nothing online and goes offline all
    /// the same; only one that was made of the stored version goes offline with the cell or not
    /// at all.
    pub(crate) async fn stage(&mut self, version: NewVersion<'_>) -> Result<Batch, Error> {
        if version.stores.online && !version.deleted && !version.removed {
            let (sizes, quotas) = (&self.runtime.sizes, &self.runtime.quotas);
            sizes.check(self.group, quotas.in_memory_bytes)?;
        }
        let key = self.place(version.identifier).await?;
        if version.stores.online {
            let rates = &self.runtime.rates;
            rates.admit(self.ctx, (self.group, &key), Side::Write)?;
            rates.charge_write(self.ctx, &key, version.payload.size());
        }
        let number = Version {
            event_time: version.event_time,
            sequence: self.runtime.cells.next_sequence()?,
        };
        let cell = if version.removed && !version.stores.offline {
            None
        } else {
            let header = Header {
                data_key: self.group.data_key,
                version: number,
                expires_at: version.expires_at,
                deleted: version.deleted,
            };
            Some(self.seal(&key, header, version.payload).await?)
        };
        let (now, mut batch) = (self.ctx.time(), Batch::new(Lane::Data));
        let waits = cell.as_ref().filter(|_| version.stores.offline);
        let waits = waits.map(|cell| (now, Entry::payload(now, &key, cell)));
        let made_of_it = matches!(version.rule, Rule::IfVersion(_) | Rule::SoftDelete);
        if version.stores.online {
            let write = Write {
                key,
                version: number,
                cell: cell.filter(|_| !version.removed),
                rule: version.rule,
                now,
            };
            self.runtime.cells.stage(&mut batch, write);
        }
        if let Some(waits) = waits {
            let with_cell = version.stores.online && made_of_it;
            let outbox = &self.runtime.outbox;
            outbox.stage(&mut batch, self.group, waits, with_cell)?;
        }
        Ok(batch)
    }

    async fn seal(
        &mut self,
        key: &CellKey,
        header: Header,
        payload: &Payload,
    ) -> Result<SealedCell, Error> {
        let (group, number) = (self.group, header.data_key);
        let data_key = self.keys.data(group, &self.access, number).await?;
        group.schema.sealed.fetch_add(1, Ordering::Relaxed);
        let entropy = self.ctx.entropy();
        Ok(SealedCell::seal(entropy, &data_key, key, header, payload)?)
    }
}
