//! Asking the proxies of connected stores for their health, from time to time.
//!
//! As at AWS a proxy that is out of order changes no connection and no key's state: calls go on
//! to be tried, and fail with what the proxy does. Who operates it sees metrics and the log.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pipeline::Services;
use store::{Key, View};
use tokio::task::JoinSet;
use types::Monotonic;

use super::connection::{Checked, check_proxy};
use super::fault::{Fault, NoAnswer};
use super::measure::{self, Managers};
use super::record::{Connection, KEY_STORES, KeyStoreId, KeyStoreRecord, StoreKind};
use super::{KeyStoreError, Outside, StoreRow};
use crate::Error;

/// Proxies that are asked at a time; the others wait for the next run.
const AT_ONCE: usize = 32;

/// What is known of the health of connected stores' proxies.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<HashMap<KeyStoreId, Looked>>);

/// One look at a proxy.
#[derive(Debug, Clone, Copy)]
struct Looked {
    at: Monotonic,
    fault: Option<Fault>,
}

/// A proxy that is out of order since this look, or in order again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// The store behind which it is.
    pub store: String,
    /// What is wrong; `None` if nothing is any more.
    pub fault: Option<Fault>,
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, HashMap<KeyStoreId, Looked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last look at the store's proxy was `period` ago.
    fn is_due(&self, store: &KeyStoreId, now: Monotonic, period: Duration) -> bool {
        let looked = self.lock().get(store).copied();
        looked.is_none_or(|looked| now.0.saturating_sub(looked.at.0) >= period)
    }

    /// Notes a look, and says what has changed by it.
    fn note(&self, store: &KeyStoreId, looked: Looked) -> Option<HealthChange> {
        let before = self.lock().insert(store.clone(), looked);
        measure::note_health(store, looked.fault.is_some());
        let was = before.and_then(|before| before.fault);
        (was.is_some() != looked.fault.is_some()).then(|| HealthChange {
            store: store.to_string(),
            fault: looked.fault,
        })
    }

    /// Forgets all stores but these.
    fn keep_only(&self, stores: &HashSet<KeyStoreId>) {
        self.lock().retain(|store, _| {
            let stays = stores.contains(store);
            if !stays {
                measure::note_health(store, false);
                measure::note_managers(store, Managers::default());
                measure::note_certificate(store, None);
            }
            stays
        });
    }
}

/// Asks the proxies of connected stores for their health whose time has come, and says for which
/// it has changed. The server calls it every second, and not again before it has ended; dropped
/// early, it leaves nothing behind.
///
/// Fails if a part of the server is missing.
pub async fn watch(services: &Arc<Services>) -> Result<Vec<HealthChange>, Error> {
    let outside: &Outside = services.part()?;
    let view = View::plain(services.store().snapshot());
    let all = Key::of(&[]);
    let rows = view.snapshot().scan(&KEY_STORES, &all);
    let connected: Vec<KeyStoreRecord> = rows
        .map(|(_, row)| row.record)
        .filter(|store| store.connection == Connection::Connected)
        .filter(|store| matches!(store.kind, StoreKind::Proxy { .. }))
        .cloned()
        .collect();
    let health = outside.health();
    health.keep_only(&connected.iter().map(|store| store.id.clone()).collect());
    let now = services.clock().monotonic();
    let due = connected.into_iter().filter(|store| {
        let period = outside.health_period(&store.kind);
        health.is_due(&store.id, now, period)
    });
    let mut under_way = JoinSet::new();
    for store in due.take(AT_ONCE) {
        let services = Arc::clone(services);
        under_way.spawn(async move {
            let fault = look(&services, &store).await;
            (store, fault)
        });
    }
    let mut changes = Vec::new();
    while let Some(ended) = under_way.join_next().await {
        let (store, fault) =
            ended.map_err(|source| Error::internal("a look ended early", source))?;
        let looked = Looked { at: now, fault };
        changes.extend(health.note(&store.id, looked));
        let end = outside.certificate_end(&store.kind);
        let time = services.clock().now();
        measure::note_certificate(&store.id, end.map(|end| measure::days_to(end, time)));
    }
    Ok(changes)
}

/// What is wrong with the proxy of a store.
async fn look(services: &Services, store: &KeyStoreRecord) -> Option<Fault> {
    let view = View::plain(services.store().snapshot());
    let row = StoreRow::load(&view, store.account, &store.region, &store.id)?;
    let secret = row.secret(&view).ok()?;
    let outside: &Outside = services.part().ok()?;
    let checked = Checked {
        account: store.account,
        region: &store.region,
        store: Some(&store.id),
        operation: "KmsHealthCheck",
        request: types::RequestId::generate(services.entropy()).to_string(),
        clock: services.clock().as_ref(),
    };
    let checked = check_proxy(outside, &row.record.kind, &secret, checked).await;
    match checked {
        Ok(()) => None,
        Err(KeyStoreError::Proxy(fault)) => Some(fault),
        Err(_not_allowed) => Some(Fault::None(NoAnswer::NotAllowed)),
    }
}
