//! Finding key stores, their credentials and their keys; what new and changed ones must be.

use std::sync::Arc;

use pipeline::{Ctx, Need, Needs, Reply};
use policy::Action;
use store::{Batch, Revision, View};
use types::{AccountId, Region};

use super::KeyStoreError;
use super::record::{
    Connection, KEY_STORES, KeyStoreId, KeyStoreRecord, StoreKind, keys_in, store_row,
    stores_prefix,
};
use super::secret::{STORE_SECRETS, StoreSecret};
use crate::Error;
use crate::event::Fields;
use crate::records::{KEYS, KeyRecord};

/// A key store as one snapshot shows it.
#[derive(Debug, Clone)]
pub(crate) struct StoreRow {
    /// The record.
    pub(crate) record: Arc<KeyStoreRecord>,
    /// The commit that wrote this version of it.
    pub(crate) revision: Revision,
}

impl StoreRow {
    /// The store with this id.
    pub(crate) fn load(
        view: &View,
        account: AccountId,
        region: &Region,
        id: &KeyStoreId,
    ) -> Option<Self> {
        let row = store_row(account, region, id);
        let record = view.get_shared(&KEY_STORES, &row)?;
        let revision = view.snapshot().row_revision(&KEY_STORES, &row)?;
        Some(Self { record, revision })
    }

    /// The store that holds a key.
    pub(crate) fn of_key(view: &View, key: &KeyRecord, id: &KeyStoreId) -> Result<Self, Error> {
        Self::load(view, key.account, &key.region, id)
            .ok_or_else(|| Error::broken("a key is in a key store that does not exist"))
    }

    /// Its credential.
    pub(crate) fn secret(&self, view: &View) -> Result<StoreSecret, Error> {
        let row = store_row(self.record.account, &self.record.region, &self.record.id);
        view.get(&STORE_SECRETS, &row)
            .map(|row| row.record.clone())
            .ok_or_else(|| Error::broken("a key store has no credential"))
    }
}

/// The need of every call about key stores: an action that is for no resource.
pub(crate) fn need_about(action: &'static Action) -> Needs {
    Needs::one(Need::anywhere(action))
}

/// What the record of a call about one store begins with.
pub(crate) fn event_about(id: &str) -> Fields {
    Fields::default().with("customKeyStoreId", id)
}

/// The caller's store with this id.
///
/// Fails with `CustomKeyStoreNotFoundException`.
pub(crate) fn of_caller(ctx: &Ctx, id: &str) -> Result<StoreRow, Error> {
    let account = ctx.account().ok_or(Error::NoAccount)?;
    let id = KeyStoreId::named(id);
    StoreRow::load(ctx.view(), account, ctx.region(), &id)
        .ok_or_else(|| KeyStoreError::NotFound.into())
}

/// The account's stores in a region, by id.
pub(crate) fn of_account<'a>(
    view: &'a View,
    account: AccountId,
    region: &Region,
) -> Vec<&'a KeyStoreRecord> {
    let prefix = stores_prefix(account, region);
    let rows = view.scan(&KEY_STORES, &prefix, None);
    rows.map(|(_, row)| row.record).collect()
}

/// Fails if a store other than `id` has the name or is behind the same, where these are given.
pub(crate) fn check_new(
    view: &View,
    place: (AccountId, &Region),
    (name, kind): (Option<&String>, Option<&StoreKind>),
    id: Option<&KeyStoreId>,
) -> Result<(), Error> {
    if let Some(name) = name {
        check_name(view, place, name, id)?;
    }
    kind.map_or(Ok(()), |kind| check_unused(view, place, kind, id))
}

/// Fails with `CustomKeyStoreInvalidStateException` unless a store is disconnected.
pub(crate) fn check_disconnected(store: &KeyStoreRecord) -> Result<(), Error> {
    if store.connection == Connection::Disconnected {
        return Ok(());
    }
    let (state, needed) = ("not disconnected", "disconnected");
    Err(KeyStoreError::State { state, needed }.into())
}

/// Fails with `CustomKeyStoreInvalidStateException` unless a store is connected.
pub(crate) fn check_connected(store: &KeyStoreRecord) -> Result<(), Error> {
    if store.connection == Connection::Connected {
        return Ok(());
    }
    let (state, needed) = ("not connected", "connected");
    Err(KeyStoreError::State { state, needed }.into())
}

/// The change that makes the connection of a store another one.
pub(crate) fn connection_changed(store: &StoreRow, connection: Connection) -> Batch {
    let record = &store.record;
    let changed = KeyStoreRecord {
        connection,
        ..KeyStoreRecord::clone(record)
    };
    let mut batch = Batch::default();
    let row = store_row(record.account, &record.region, &record.id);
    batch.put(&KEY_STORES, row, changed);
    batch
}

/// Adds to the record of a call what its store is called, and what is behind it.
pub(crate) fn note_store<T>(reply: Reply<T>, store: &KeyStoreRecord) -> Reply<T> {
    let reply = reply.noting("customKeyStoreName", store.name.as_str());
    match &store.kind {
        StoreKind::Token { cluster, .. } => reply.noting("clusterId", cluster.as_str()),
        StoreKind::Proxy { endpoint, path, .. } => reply
            .noting("xksProxyUriEndpoint", endpoint.as_str())
            .noting("xksProxyUriPath", path.as_str()),
    }
}

/// Fails with `CustomKeyStoreNameInUseException` if a store of the account other than `id` has
/// the name.
fn check_name(
    view: &View,
    (account, region): (AccountId, &Region),
    name: &str,
    id: Option<&KeyStoreId>,
) -> Result<(), Error> {
    let stores = of_account(view, account, region);
    let mut others = stores.iter().filter(|store| Some(&store.id) != id);
    if others.any(|store| store.name == name) {
        return Err(KeyStoreError::NameInUse.into());
    }
    Ok(())
}

/// Fails with `CloudHsmClusterInUseException` or `XksProxyUriInUseException` if a store other
/// than `id` is behind the same token in the account and region, or the same proxy in the region.
fn check_unused(
    view: &View,
    (account, region): (AccountId, &Region),
    kind: &StoreKind,
    id: Option<&KeyStoreId>,
) -> Result<(), Error> {
    let all = store::Key::of(&[]);
    let rows = view
        .scan(&KEY_STORES, &all, None)
        .map(|(_, row)| row.record);
    let mut others = rows.filter(|store| Some(&store.id) != id && store.region == *region);
    match kind {
        StoreKind::Token { cluster, .. } => {
            let same = |other: &KeyStoreRecord| {
                other.account == account
                    && matches!(&other.kind, StoreKind::Token { cluster: used, .. } if used == cluster)
            };
            if others.any(same) {
                return Err(KeyStoreError::ClusterInUse.into());
            }
        }
        StoreKind::Proxy { endpoint, path, .. } => {
            let same = |other: &KeyStoreRecord| {
                matches!(
                    &other.kind,
                    StoreKind::Proxy { endpoint: used, path: under, .. }
                        if used == endpoint && under == path
                )
            };
            if others.any(same) {
                return Err(KeyStoreError::UriInUse.into());
            }
        }
    }
    Ok(())
}

/// Whether there are keys in a store, those that are being deleted included, found without walking
/// the account's others. Nobody makes one while the store is disconnected, so the keys themselves
/// need not be recorded as read.
pub(crate) fn holds_keys(view: &View, store: &KeyStoreRecord) -> bool {
    let prefix = keys_in(store.account, &store.region, &store.id);
    let mut keys = view.snapshot().listed(&KEYS, &prefix, None);
    keys.next().is_some()
}
