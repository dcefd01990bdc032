//! When access keys and roles were last used: kept in memory, written down now and then.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use imbl::OrdMap;
use store::{Batch, Key, Snapshot, Table, View};
use types::{AccessKeyId, Region, Service, Timestamp, UniqueId};

use crate::records::LastUsedRecord;
use crate::tables;

/// The last use of every access key and role that was used since the server started.
///
/// A shared part of the server: authentication calls [`Self::record`] for each request, and
/// maintenance commits [`Self::flush`] once a minute. A crash loses at most that minute.
#[derive(Default)]
pub struct LastUsed {
    keys: Uses<AccessKeyId>,
    roles: Uses<UniqueId>,
}

/// The uses of each key or role.
struct Uses<K>(ArcSwap<OrdMap<K, Arc<[Use]>>>);

/// The uses of one key or role for one service in one region.
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
        self.keys.record(key, service, region, at);
    }

    /// Notes that a session of the role with this unique id made a request, like
    /// [`Self::record`].
    pub fn record_role(&self, role: &UniqueId, service: Service, region: &Region, at: Timestamp) {
        self.roles.record(role, service, region, at);
    }

    /// The last use of `key` since the server started.
    pub(crate) fn latest(&self, key: &AccessKeyId) -> Option<LastUsedRecord> {
        self.keys.latest(key)
    }

    /// The last use of the role with this unique id.
    pub(crate) fn of_role(&self, view: &View, role: &UniqueId) -> Option<LastUsedRecord> {
        let row = tables::principal_id(role);
        let written = view.get(&tables::ROLE_LAST_USED, &row);
        let written = written.map(|row| row.record.clone());
        let noted = self.roles.latest(role);
        noted.into_iter().chain(written).max_by_key(|last| last.at)
    }

    /// What is to be written down, compared with `snapshot`; `None` if that is nothing.
    ///
    /// Forgets keys and roles that do not exist any more. If the commit fails, the next flush
    /// brings the same again.
    pub fn flush(&self, snapshot: &Snapshot) -> Option<Batch> {
        let mut batch = Batch::default();
        self.keys
            .flush(snapshot, &mut batch, &tables::LAST_USED, |id| {
                let row = tables::access_key(id);
                let exists = snapshot.get(&tables::ACCESS_KEYS, &row).is_some();
                exists.then_some(row)
            });
        self.roles
            .flush(snapshot, &mut batch, &tables::ROLE_LAST_USED, |id| {
                let row = tables::principal_id(id);
                let exists = snapshot.get(&tables::PRINCIPAL_IDS, &row).is_some();
                exists.then_some(row)
            });
        (!batch.is_empty()).then_some(batch)
    }
}

impl<K: Ord + Clone> Uses<K> {
    fn record(&self, id: &K, service: Service, region: &Region, at: Timestamp) {
        let at = at.seconds();
        if let Some(noted) = self
            .0
            .load()
            .get(id)
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
        self.0.rcu(|all| {
            let mut all = OrdMap::clone(all);
            let uses = all.get(id).map(|uses| uses.to_vec()).unwrap_or_default();
            let uses = match find(&uses, service, region) {
                // Somebody else was first.
                Some(noted) => {
                    noted.at.fetch_max(at, Ordering::Relaxed);
                    uses
                }
                None => uses.into_iter().chain([new.clone()]).collect(),
            };
            all.insert(id.clone(), Arc::from(uses));
            all
        });
    }

    fn latest(&self, id: &K) -> Option<LastUsedRecord> {
        self.0.load().get(id).and_then(|uses| latest(uses))
    }

    /// Adds to `batch` what `table` does not hold yet. `row` is `None` for what is gone.
    fn flush(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        table: &'static Table<LastUsedRecord>,
        row: impl Fn(&K) -> Option<Key>,
    ) {
        let mut gone = Vec::new();
        for (id, uses) in self.0.load().iter() {
            let Some(row) = row(id) else {
                gone.push(id.clone());
                continue;
            };
            let written = snapshot.get(table, &row).map(|row| row.record.at);
            if let Some(latest) = latest(uses)
                && written.is_none_or(|written| written < latest.at)
            {
                batch.put(table, row, latest);
            }
        }
        if !gone.is_empty() {
            self.0.rcu(|all| {
                let mut all = OrdMap::clone(all);
                for id in &gone {
                    all.remove(id);
                }
                all
            });
        }
    }
}

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(ArcSwap::default())
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
        let (keys, roles) = (self.keys.0.load().len(), self.roles.0.load().len());
        write!(f, "LastUsed({})", keys + roles)
    }
}
