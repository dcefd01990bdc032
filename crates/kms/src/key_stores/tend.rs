//! Connecting and disconnecting key stores, destroying keys on tokens that nothing stands for, and
//! claiming those of the deployment that this one was restored from: done beside the requests,
//! shortly after somebody has asked for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use pipeline::Services;
use store::{Batch, CommitError, Key, View};
use tokio::task::{Id, JoinSet};
use types::{AccountId, Region, Timestamp};

use super::record::{
    Connection, KEY_STORES, KeyStoreId, KeyStoreRecord, StoreKind, TOKEN_CLAIMS, TOKEN_KEYS,
    store_row,
};
use super::{Outside, StoreRow, connect};
use crate::{Error, hold};

/// How long a key on a token may be there for a KMS key that is still being made.
const MAKING: Duration = Duration::from_mins(5);

/// Keys on the token of one store that are destroyed or claimed in one run.
const KEYS_AT_ONCE: usize = 16;

/// The stores that something is done for at the same time.
const STORES_AT_ONCE: usize = 64;

/// Connects and disconnects the stores that are to be, and sees to their keys, until there is an end
/// to everything that there is to do now; that is within the patience that the configuration has for
/// tokens and proxies.
///
/// Fails if the store cannot be written; it goes on where it was when it is called again.
pub async fn tend(services: &Arc<Services>) -> Result<(), Error> {
    let mut tending = Tending::default();
    tending.begin(services)?;
    let mut outcome = Ok(());
    while !tending.under_way.is_empty() {
        outcome = outcome.and(tending.next().await);
    }
    close_others(services)?;
    outcome
}

/// What is under way for key stores, each on its own: what one of them waits for holds up no other,
/// now or later.
#[derive(Debug, Default)]
pub struct Tending {
    under_way: JoinSet<Result<Option<Key>, Error>>,
    /// The store that each of these is for.
    stores: HashMap<Id, StoreOf>,
    /// The store with which something was begun last, so that all have their turn.
    last: Option<StoreOf>,
    /// For each store the row behind which the next run goes on, so that all of its keys have.
    after: HashMap<StoreOf, Key>,
}

impl Tending {
    /// Begins what there is to do for stores that nothing is under way for. The server calls it every
    /// second.
    ///
    /// Fails if a part of the server is missing.
    pub fn begin(&mut self, services: &Arc<Services>) -> Result<(), Error> {
        close_others(services)?;
        let view = View::plain(services.store().snapshot());
        let mut plans = plans(services, &view);
        let busy: HashSet<&StoreOf> = self.stores.values().collect();
        plans.retain(|store, _| !busy.contains(store));
        self.after.retain(|store, _| plans.contains_key(store));
        let room = STORES_AT_ONCE.saturating_sub(self.stores.len());
        let plans = in_turn(plans.into_iter().collect(), self.last.as_ref());
        for (store, mut plan) in plans.into_iter().take(room) {
            let rows = std::mem::take(&mut plan.keys).into_iter().collect();
            let mut keys = in_turn(rows, self.after.get(&store));
            keys.truncate(KEYS_AT_ONCE);
            let (services, settles) = (Arc::clone(services), plan.settles);
            let run = async move { run(&services, settles, keys).await };
            let task = self.under_way.spawn(run);
            self.stores.insert(task.id(), store.clone());
            self.last = Some(store);
        }
        Ok(())
    }

    /// Waits for the end of something that is under way, for ever if nothing is. It may be dropped
    /// before.
    ///
    /// Fails if the store could not be written; it goes on where it was.
    pub async fn next(&mut self) -> Result<(), Error> {
        let Some(ended) = self.under_way.join_next_with_id().await else {
            return std::future::pending().await;
        };
        match ended {
            Ok((id, ended)) => {
                let store = self.stores.remove(&id);
                if let (Some(store), Some(last)) = (store, ended?) {
                    self.after.insert(store, last);
                }
                Ok(())
            }
            Err(source) => {
                self.stores.remove(&source.id());
                Err(Error::internal("tending a key store ended early", source))
            }
        }
    }
}

/// What there is to do for one store.
#[derive(Debug, Default)]
struct Plan {
    /// The store, if it is to be connected or disconnected.
    settles: Option<KeyStoreRecord>,
    /// The keys on its token that there is something to do with, by their rows.
    keys: BTreeMap<Key, Todo>,
}

/// What there is to do with a key on a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Todo {
    Destroy,
    Claim,
}

/// `items` in their order, those behind `last` first.
fn in_turn<K: Ord, T>(mut items: Vec<(K, T)>, last: Option<&K>) -> Vec<(K, T)> {
    let behind = items
        .iter()
        .position(|(key, _)| last.is_none_or(|last| key > last));
    items.rotate_left(behind.unwrap_or_default());
    items
}

/// What there is to do for each store. Leftovers, keys on tokens whose KMS keys are gone or were never
/// finished, are destroyed as at AWS by best effort.
fn plans(services: &Services, view: &View) -> BTreeMap<StoreOf, Plan> {
    let mut plans: BTreeMap<StoreOf, Plan> = BTreeMap::new();
    let all = Key::of(&[]);
    let rows = view.snapshot().scan(&KEY_STORES, &all);
    let waiting = rows.map(|(_, row)| row.record).filter(|store| {
        matches!(
            store.connection,
            Connection::Connecting | Connection::Disconnecting
        )
    });
    for store in waiting {
        let place = (store.account, store.region.clone(), store.id.clone());
        plans.entry(place).or_default().settles = Some(store.clone());
    }
    // While deletions are on hold another server may use the tokens, and whoever claims has not come
    // to his end.
    if hold::held_since(view.snapshot()).is_some() {
        return plans;
    }
    // A clock that leaps ahead must not end a key that is being made.
    let now = services.settled_time();
    let claims = view.snapshot().scan(&TOKEN_CLAIMS, &all);
    let claims = claims.map(|(row, _)| (row, Todo::Claim));
    let leftovers = view.snapshot().scan(&TOKEN_KEYS, &all);
    let leftovers = leftovers.filter(|(row, leftover)| {
        // What is still to be claimed is not ours to destroy yet.
        let is_ours = view.snapshot().get(&TOKEN_CLAIMS, row).is_none();
        is_ours && is_due(leftover.record.since, now)
    });
    let leftovers = leftovers.map(|(row, _)| (row, Todo::Destroy));
    for (row, todo) in claims.chain(leftovers) {
        // Of a store that is not connected the token is not asked; of one that is gone it cannot be.
        if let Some((store, _)) = parts_of(row)
            && is_reachable(view, &store)
        {
            let plan = plans.entry(store).or_default();
            plan.keys.insert(row.clone(), todo);
        }
    }
    plans
}

/// Does what there is to do for one store; says which row was the last that was tried, if the next run
/// is to go on behind one.
async fn run(
    services: &Services,
    settles: Option<KeyStoreRecord>,
    keys: Vec<(Key, Todo)>,
) -> Result<Option<Key>, Error> {
    if let Some(store) = settles {
        settle(services, &store).await?;
    }
    let mut last = None;
    for (row, todo) in keys {
        let done = match todo {
            Todo::Destroy => destroy(services, &row).await?,
            Todo::Claim => claim(services, &row).await?,
        };
        last = Some(row);
        // The token is asked again another time.
        if !done {
            break;
        }
    }
    Ok(last)
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

/// Destroys the key of one row; says whether it is done with.
async fn destroy(services: &Services, row: &Key) -> Result<bool, Error> {
    let view = View::recording(services.store().snapshot());
    let there = view.get(&TOKEN_KEYS, row).is_some();
    let Some(((account, region, store), label)) = parts_of(row).filter(|_| there) else {
        return Ok(true);
    };
    // Without its store there is no way to the token any more.
    if let Some(store) = StoreRow::load(&view, account, &region, &store) {
        let StoreKind::Token { cluster, .. } = &store.record.kind else {
            return Ok(true);
        };
        let outside = services.part::<Outside>()?;
        let Ok(token) = outside.token(&store, cluster, &store.secret(&view)?) else {
            return Ok(false);
        };
        let wanted = label.clone();
        match token.run(move |session| session.destroy_key(&wanted)).await {
            Ok(true) => count_left(),
            Ok(false) => {}
            Err(_again_later) => return Ok(false),
        }
    } else {
        // Its label is in the record of its end; its owner can destroy it.
        count_left();
    }
    let mut batch = Batch::default();
    batch.delete(&TOKEN_KEYS, row.clone());
    batch.require_all(view.reads());
    commit(services, batch).await?;
    Ok(true)
}

/// Counts a key that stays on its token.
fn count_left() {
    metrics::counter!("strongroom_kms_token_keys_left_total").increment(1);
}

/// Claims the key of one row; says whether it is done with.
async fn claim(services: &Services, row: &Key) -> Result<bool, Error> {
    let view = View::recording(services.store().snapshot());
    if view.get(&TOKEN_CLAIMS, row).is_none() {
        return Ok(true);
    }
    if let Some(((account, region, store), label)) = parts_of(row)
        && let Some(store) = StoreRow::load(&view, account, &region, &store)
        && let StoreKind::Token { cluster, .. } = &store.record.kind
    {
        let outside = services.part::<Outside>()?;
        let Ok(token) = outside.token(&store, cluster, &store.secret(&view)?) else {
            return Ok(false);
        };
        let claimed = token.run(move |session| session.claim_key(&label)).await;
        if claimed.is_err() {
            return Ok(false);
        }
    }
    let mut batch = Batch::default();
    batch.delete(&TOKEN_CLAIMS, row.clone());
    batch.require_all(view.reads());
    commit(services, batch).await?;
    Ok(true)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_their_turn() {
        let items = || vec![("a", 1), ("b", 2), ("c", 3)];
        let order = |last: Option<&str>| {
            let items = in_turn(items(), last.as_ref());
            items.into_iter().map(|(_, item)| item).collect::<Vec<_>>()
        };
        assert_eq!(order(None), [1, 2, 3]);
        assert_eq!(order(Some("a")), [2, 3, 1]);
        // One that is gone has its place.
        assert_eq!(order(Some("bb")), [3, 1, 2]);
        assert_eq!(order(Some("c")), [1, 2, 3]);
    }
}
