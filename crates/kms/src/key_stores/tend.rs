//! Connecting and disconnecting key stores, destroying keys on tokens that nothing stands for, and
//! claiming those of the deployment that this one was restored from: done beside the requests,
//! shortly after somebody has asked for it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pipeline::Services;
use store::{Batch, CommitError, Key, View};
use tokio::task::JoinSet;
use types::{AccountId, Region, Timestamp};

use super::record::{
    Connection, KEY_STORES, KeyStoreId, KeyStoreRecord, StoreKind, TOKEN_CLAIMS, TOKEN_KEYS,
    store_row,
};
use super::{Outside, StoreRow, connect};
use crate::{Error, hold};

/// How long a key on a token may be there for a KMS key that is still being made.
const MAKING: Duration = Duration::from_mins(5);

/// Keys on tokens that are destroyed in one run.
const KEYS_AT_ONCE: usize = 16;

/// Connects and disconnects the stores that are to be, each on its own: what one of them waits
/// for does not hold up the others. The server calls it every second, and not again before it has
/// ended; it ends within the patience that the configuration has for tokens and proxies.
///
/// Fails if the store cannot be written; it goes on where it was when it is called again.
pub async fn tend(services: &Arc<Services>) -> Result<(), Error> {
    let view = View::plain(services.store().snapshot());
    let all = Key::of(&[]);
    let rows = view.snapshot().scan(&KEY_STORES, &all);
    let waiting: Vec<KeyStoreRecord> = rows
        .map(|(_, row)| row.record)
        .filter(|store| {
            matches!(
                store.connection,
                Connection::Connecting | Connection::Disconnecting
            )
        })
        .cloned()
        .collect();
    let mut under_way = JoinSet::new();
    for store in waiting {
        let services = Arc::clone(services);
        under_way.spawn(async move { settle(&services, &store).await });
    }
    for row in leftovers(services, &view) {
        let services = Arc::clone(services);
        under_way.spawn(async move { destroy(&services, &row).await });
    }
    for row in claims(&view) {
        let services = Arc::clone(services);
        under_way.spawn(async move { claim(&services, &row).await });
    }
    let mut outcome = Ok(());
    while let Some(settled) = under_way.join_next().await {
        let settled = settled.map_err(|source| Error::internal("connecting ended early", source));
        let settled = settled.flatten();
        outcome = outcome.and(settled);
    }
    close_others(services)?;
    outcome
}

/// Closes tokens that a request on an older snapshot has opened once more.
fn close_others(services: &Services) -> Result<(), Error> {
    let snapshot = services.store().snapshot();
    let all = Key::of(&[]);
    let stores = snapshot.scan(&KEY_STORES, &all).map(|(_, row)| row.record);
    let in_use = stores.filter(|store| store.connection == Connection::Connected);
    let in_use: HashSet<KeyStoreId> = in_use.map(|store| store.id.clone()).collect();
    services.part::<Outside>()?.keep_only(&in_use);
    Ok(())
}

/// Connects or disconnects one store.
async fn settle(services: &Services, store: &KeyStoreRecord) -> Result<(), Error> {
    let view = View::recording(services.store().snapshot());
    let Some(row) = StoreRow::load(&view, store.account, &store.region, &store.id) else {
        return Ok(());
    };
    let connection = match row.record.connection {
        Connection::Connecting => connect(services, &view, &row).await,
        Connection::Disconnecting => {
            services.part::<Outside>()?.close(&store.id);
            Connection::Disconnected
        }
        Connection::Connected | Connection::Disconnected | Connection::Failed { .. } => {
            return Ok(());
        }
    };
    let settled = KeyStoreRecord {
        connection,
        ..KeyStoreRecord::clone(&row.record)
    };
    let mut batch = Batch::default();
    let place = store_row(store.account, &store.region, &store.id);
    batch.put(&KEY_STORES, place, settled);
    // Whoever has ordered something else meanwhile is not overruled.
    batch.require_all(view.reads());
    commit(services, batch).await
}

/// Keys on tokens whose KMS keys are gone, or were never finished: one for each store that is
/// connected or gone. Best effort, as at AWS: a token that fails is asked again. None while
/// deletions are on hold: another server may use the token.
fn leftovers(services: &Services, view: &View) -> Vec<Key> {
    // A clock that leaps ahead must not end a key that is being made.
    let now = services.settled_time();
    let all = Key::of(&[]);
    let mut found: Vec<(StoreOf, Key)> = Vec::new();
    if hold::held_since(view.snapshot()).is_some() {
        return Vec::new();
    }
    for (row, leftover) in view.snapshot().scan(&TOKEN_KEYS, &all) {
        let Some((store, _)) = parts_of(row) else {
            continue;
        };
        let known = found.last().is_some_and(|(last, _)| *last == store);
        // What is still to be claimed is not ours to destroy yet.
        let known = known || view.snapshot().get(&TOKEN_CLAIMS, row).is_some();
        if !known && is_due(leftover.record.since, now) && is_reachable(view, &store) {
            found.push((store, row.clone()));
        }
        if found.len() >= KEYS_AT_ONCE {
            break;
        }
    }
    found.into_iter().map(|(_, row)| row).collect()
}

/// Account, region and id of a store.
type StoreOf = (AccountId, Region, KeyStoreId);

/// What the key of a row of [`TOKEN_KEYS`] says: the store, and the label of the key on its token.
fn parts_of(row: &Key) -> Option<(StoreOf, String)> {
    let parts = row.text_parts();
    let [account, region, store, label] = parts.as_slice() else {
        return None;
    };
    let store = KeyStoreId::named(store);
    let place = (account.parse().ok()?, region.parse().ok()?, store);
    Some((place, label.clone()))
}

fn is_reachable(view: &View, (account, region, store): &StoreOf) -> bool {
    StoreRow::load(view, *account, region, store)
        .is_none_or(|store| store.record.connection == Connection::Connected)
}

fn is_due(since: Timestamp, now: Timestamp) -> bool {
    since.saturating_add(MAKING) <= now
}

/// Destroys the key of one row.
async fn destroy(services: &Services, row: &Key) -> Result<(), Error> {
    let view = View::recording(services.store().snapshot());
    let there = view.get(&TOKEN_KEYS, row).is_some();
    let Some(((account, region, store), label)) = parts_of(row).filter(|_| there) else {
        return Ok(());
    };
    // Without its store there is no way to the token any more.
    if let Some(store) = StoreRow::load(&view, account, &region, &store) {
        let StoreKind::Token { cluster, .. } = &store.record.kind else {
            return Ok(());
        };
        let outside = services.part::<Outside>()?;
        let Ok(token) = outside.token(&store, cluster, &store.secret(&view)?) else {
            return Ok(());
        };
        let wanted = label.clone();
        match token.run(move |session| session.destroy_key(&wanted)).await {
            Ok(true) => count_left(),
            Ok(false) => {}
            Err(_again_later) => return Ok(()),
        }
    } else {
        // Its label is in the record of its end; its owner can destroy it.
        count_left();
    }
    let mut batch = Batch::default();
    batch.delete(&TOKEN_KEYS, row.clone());
    batch.require_all(view.reads());
    commit(services, batch).await
}

/// Counts a key that stays on its token.
fn count_left() {
    metrics::counter!("strongroom_kms_token_keys_left_total").increment(1);
}

/// Keys on tokens that are to be claimed, of stores that are connected or gone. None while deletions
/// are on hold: whoever claims has not come to his end.
fn claims(view: &View) -> Vec<Key> {
    let all = Key::of(&[]);
    if hold::held_since(view.snapshot()).is_some() {
        return Vec::new();
    }
    let rows = view.snapshot().scan(&TOKEN_CLAIMS, &all);
    let rows = rows.filter(|(row, _)| {
        let store = parts_of(row).map(|(store, _)| store);
        store.is_none_or(|store| is_reachable(view, &store))
    });
    rows.take(KEYS_AT_ONCE)
        .map(|(row, _)| row.clone())
        .collect()
}

/// Claims the key of one row. A token that fails is asked again.
async fn claim(services: &Services, row: &Key) -> Result<(), Error> {
    let view = View::recording(services.store().snapshot());
    if view.get(&TOKEN_CLAIMS, row).is_none() {
        return Ok(());
    }
    if let Some(((account, region, store), label)) = parts_of(row)
        && let Some(store) = StoreRow::load(&view, account, &region, &store)
        && let StoreKind::Token { cluster, .. } = &store.record.kind
    {
        let outside = services.part::<Outside>()?;
        let Ok(token) = outside.token(&store, cluster, &store.secret(&view)?) else {
            return Ok(());
        };
        let claimed = token.run(move |session| session.claim_key(&label)).await;
        if claimed.is_err() {
            return Ok(());
        }
    }
    let mut batch = Batch::default();
    batch.delete(&TOKEN_CLAIMS, row.clone());
    batch.require_all(view.reads());
    commit(services, batch).await
}

/// What lost to another commit is found again.
async fn commit(services: &Services, batch: Batch) -> Result<(), Error> {
    match services.store().commit(batch).await {
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(failed) => Err(Error::internal(
            "a key store's connection cannot be committed",
            failed,
        )),
    }
}
