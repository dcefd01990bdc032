//! New keys in custom key stores, and what is left of them when they are gone.

use pipeline::{Ctx, Reply};
use serde_json::Value;
use store::{Batch, Read};
use types::{KeyId, RequestId, Timestamp};

use super::held::metadata_of;
use super::record::{
    Backing, Held, PROXY_KEYS, ProxyKey, StoreKind, TOKEN_KEYS, TokenKey, proxy_key_row,
    token_key_row,
};
use super::tokens::{store_failure, store_lost};
use super::xks::{Asking, Xks};
use super::{KeyStoreError, Outside, StoreRow, check_connected, of_caller};
use crate::records::{Destruction, KeyOrigin, KeyRecord};
use crate::{CreateKey, Error};

/// What a caller wants of a new key in a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewHeld<'a> {
    pub(crate) origin: KeyOrigin,
    /// The store.
    pub(crate) store: &'a str,
    /// The external key.
    pub(crate) external: Option<&'a str>,
}

/// Makes the key on the token, or looks at the external key, and adds to `batch` that it is in
/// use by the key `id`. Also says which cluster the token is.
///
/// A key on a token is announced in a commit of its own before it is made: if the call ends
/// before its own commit, maintenance destroys what was made.
///
/// Fails with `CustomKeyStoreNotFoundException`, with `CustomKeyStoreInvalidStateException`
/// unless the store is connected, with `ValidationException` for a store of the other type, and
/// with `XksKeyAlreadyInUseException`, `XksKeyNotFoundException` and
/// `XksKeyInvalidConfigurationException`, and for a token that is out of order as
/// [`store_failure`] says.
pub(crate) async fn hold(
    ctx: &Ctx,
    wanted: NewHeld<'_>,
    id: &KeyId,
    batch: &mut Batch,
) -> Result<(Held, Option<String>), Error> {
    let store = of_caller(ctx, wanted.store)?;
    check_connected(&store.record)?;
    let backing = match (&store.record.kind, wanted.origin, wanted.external) {
        (StoreKind::Token { cluster, .. }, KeyOrigin::AwsCloudhsm, None) => {
            let label = make(ctx, &store, cluster, batch).await?;
            Backing::Token { label }
        }
        (StoreKind::Proxy { .. }, KeyOrigin::ExternalKeyStore, Some(external)) => {
            find(ctx, &store, external).await?;
            let record = &store.record;
            let row = proxy_key_row(record.account, &record.region, &record.id, external);
            batch.put(&PROXY_KEYS, row, ProxyKey { key: id.clone() });
            let id = external.to_owned();
            Backing::Proxy { id }
        }
        _ => {
            let text = "Origin is not that of the custom key store's type";
            return Err(Error::Validation(text.into()));
        }
    };
    let cluster = match &store.record.kind {
        StoreKind::Token { cluster, .. } => Some(cluster.clone()),
        StoreKind::Proxy { .. } => None,
    };
    let store = store.record.id.clone();
    Ok((Held { store, backing }, cluster))
}

/// Adds to the record of `CreateKey` which key the token made, as AWS does: JSON within JSON.
pub(crate) fn note_new<T>(reply: Reply<T>, held: &Held) -> Reply<T> {
    match &held.backing {
        Backing::Token { label } => {
            let key = serde_json::json!({ "backingKeyId": label });
            reply.noting("backingKey", key.to_string())
        }
        Backing::Proxy { .. } => reply,
    }
}

/// The label of the key that a request makes on a token: the same if it is tried again.
fn label_of(request: RequestId) -> String {
    format!("strongroom-kms-{request}")
}

async fn make(
    ctx: &Ctx,
    store: &StoreRow,
    cluster: &str,
    batch: &mut Batch,
) -> Result<String, Error> {
    let record = &store.record;
    let token = ctx
        .part::<Outside>()?
        .token(store, cluster, &store.secret(ctx.view())?)
        .map_err(store_lost)?;
    let label = label_of(ctx.id());
    let row = token_key_row(record.account, &record.region, &record.id, &label);
    let mut intent = Batch::default();
    intent.put(&TOKEN_KEYS, row.clone(), TokenKey { since: ctx.time() });
    let announced = ctx.services().store().commit(intent).await;
    let announced = announced
        .map_err(|source| Error::internal("a key on a token was not announced", source))?;
    let wanted = label.clone();
    let made = token.run(move |session| session.make_key(&wanted)).await;
    made.map_err(store_failure)?;
    // If maintenance has taken it for one that nothing stands for, it is gone.
    batch.require(Read::Row {
        table: &TOKEN_KEYS,
        key: row.clone(),
        revision: Some(announced.revision),
    });
    batch.delete(&TOKEN_KEYS, row);
    Ok(label)
}

/// Fails unless the external key can be used, and no other KMS key of the store uses it.
async fn find(ctx: &Ctx, store: &StoreRow, external: &str) -> Result<(), Error> {
    // In the path of a request these would be other routes than the one that is signed.
    if matches!(external, "." | "..") {
        let text = format!("`{external}` at `XksKeyId` is no id of a key");
        return Err(Error::Validation(text.into()));
    }
    let record = &store.record;
    let row = proxy_key_row(record.account, &record.region, &record.id, external);
    if ctx.view().get(&PROXY_KEYS, &row).is_some() {
        return Err(KeyStoreError::ProxyKeyInUse.into());
    }
    let asking = Asking {
        account: record.account,
        region: &record.region,
        store: Some(&record.id),
        clock: ctx.services().clock().as_ref(),
        metadata: metadata_of(ctx, <CreateKey as pipeline::Operation>::NAME, None),
    };
    let secret = store.secret(ctx.view())?;
    let proxy = Xks::new(ctx.part::<Outside>()?, &record.kind, secret, asking)
        .map_err(|failed| store_lost(failed.into()))?;
    let found = proxy.key_metadata(external).await;
    if found.map_err(KeyStoreError::NewKey)?.is_usable {
        Ok(())
    } else {
        Err(KeyStoreError::ProxyKeyConfiguration.into())
    }
}

/// What the record of a deleted key says of the token that held it.
pub(crate) fn deleted_in_event(gone: &Destruction) -> Option<Value> {
    let held = gone.held.as_ref()?;
    let Backing::Token { label } = &held.backing else {
        return None;
    };
    let keys = serde_json::json!([{ "backingKeyId": label }]);
    Some(serde_json::json!({
        "customKeyStoreId": held.store.as_str(),
        "clusterId": gone.cluster,
        "backingKeys": keys.to_string(),
    }))
}

/// Adds to `batch` what becomes of a key outside when its KMS key is gone: that of a token is to
/// be destroyed, that of a key manager is free for another KMS key.
pub(crate) fn forget(key: &KeyRecord, now: Timestamp, batch: &mut Batch) {
    let Some(held) = &key.held else {
        return;
    };
    match &held.backing {
        Backing::Token { label } => {
            let row = token_key_row(key.account, &key.region, &held.store, label);
            batch.put(&TOKEN_KEYS, row, TokenKey { since: now });
        }
        Backing::Proxy { id } => {
            let row = proxy_key_row(key.account, &key.region, &held.store, id);
            batch.delete(&PROXY_KEYS, row);
        }
    }
}
