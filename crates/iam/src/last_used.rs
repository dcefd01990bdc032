//! When access keys were last used: kept in memory, written down now and then.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use imbl::OrdMap;
use store::{Batch, Snapshot};
use types::{AccessKeyId, Region, Service, Timestamp};

use crate::records::LastUsedRecord;
use crate::tables;

/// The last use of every access key that was used since the server started.
///
/// A shared part of the server: authentication calls [`Self::record`] for each request, and
/// maintenance commits [`Self::flush`] once a minute. A crash loses at most that minute.
#[derive(Default)]
pub struct LastUsed {
    keys: ArcSwap<OrdMap<AccessKeyId, Arc<[Use]>>>,
}

/// The uses of one key for one service in one region.
#[derive(Clone)]
struct Use {
    service: Service,
    region: Region,
    /// Seconds since the epoch. Shared with the lists that replace this one.
    at: Arc<AtomicI64>,
}

impl LastUsed {
    /// Notes that `key` signed a request for `service` in `region`. Takes no lock, and after
    /// the first use changes nothing more than once a second.
    pub fn record(&self, key: &AccessKeyId, service: Service, region: &Region, at: Timestamp) {
        let at = at.seconds();
        if let Some(noted) = self
            .keys
            .load()
            .get(key)
            .and_then(|uses| find(uses, service, region))
        {
            if noted.at.load(Ordering::Relaxed) < at {
                noted.at.fetch_max(at, Ordering::Relaxed);
            }
            return;
        }
        let new = Use {
            service,
            region: region.clone(),
            at: Arc::new(AtomicI64::new(at)),
        };
        self.keys.rcu(|keys| {
            let mut keys = OrdMap::clone(keys);
            let uses = keys.get(key).map(|uses| uses.to_vec()).unwrap_or_default();
            let uses = match find(&uses, service, region) {
                // Somebody else was first.
                Some(noted) => {
                    noted.at.fetch_max(at, Ordering::Relaxed);
                    uses
                }
                None => uses.into_iter().chain([new.clone()]).collect(),
            };
            keys.insert(key.clone(), Arc::from(uses));
            keys
        });
    }

    /// The last use of `key` since the server started.
    pub(crate) fn latest(&self, key: &AccessKeyId) -> Option<LastUsedRecord> {
        self.keys.load().get(key).and_then(|uses| latest(uses))
    }

    /// What is to be written down, compared with `snapshot`; `None` if that is nothing.
    ///
    /// Forgets keys that do not exist any more. If the commit fails, the next flush brings the
    /// same again.
    pub fn flush(&self, snapshot: &Snapshot) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut gone = Vec::new();
        for (id, uses) in self.keys.load().iter() {
            let row = tables::access_key(id);
            if snapshot.get(&tables::ACCESS_KEYS, &row).is_none() {
                gone.push(id.clone());
                continue;
            }
            let written = snapshot
                .get(&tables::LAST_USED, &row)
                .map(|row| row.record.at);
            if let Some(latest) = latest(uses)
                && written.is_none_or(|written| written < latest.at)
            {
                batch.put(&tables::LAST_USED, row, latest);
            }
        }
        if !gone.is_empty() {
            self.keys.rcu(|keys| {
                let mut keys = OrdMap::clone(keys);
                for id in &gone {
                    keys.remove(id);
                }
                keys
            });
        }
        (!batch.is_empty()).then_some(batch)
    }
}

fn find<'a>(uses: &'a [Use], service: Service, region: &Region) -> Option<&'a Use> {
    uses.iter()
        .find(|noted| noted.service == service && noted.region == *region)
}

fn latest(uses: &[Use]) -> Option<LastUsedRecord> {
    let newest = uses
        .iter()
        .max_by_key(|noted| noted.at.load(Ordering::Relaxed))?;
    Some(LastUsedRecord {
        at: Timestamp::new(newest.at.load(Ordering::Relaxed), 0),
        service: newest.service.action_prefix().to_owned(),
        region: newest.region.clone(),
    })
}

impl fmt::Debug for LastUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LastUsed({})", self.keys.load().len())
    }
}
