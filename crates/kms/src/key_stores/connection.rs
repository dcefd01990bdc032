//! Whether what is behind a key store can be used: asked when a store is made, changed and
//! connected.

use pipeline::Services;
use store::View;
use types::{AccountId, Clock, Region};

use super::fault::Fault;
use super::record::{Connection, KeyStoreId, StoreKind};
use super::secret::StoreSecret;
use super::tokens::connection_code;
use super::xks::{Asking, RequestMetadata, Xks};
use super::{KeyStoreError, Outside, StoreRow};
use crate::Error;

/// For whom and for what a proxy is asked for its health.
pub(crate) struct Checked<'a> {
    pub(crate) account: AccountId,
    pub(crate) region: &'a Region,
    /// The store; `None` while it is being made.
    pub(crate) store: Option<&'a KeyStoreId>,
    /// The operation that makes, changes or connects the store, or `KmsHealthCheck`.
    pub(crate) operation: &'static str,
    /// The id of the request that asks, if one does.
    pub(crate) request: String,
    pub(crate) clock: &'a dyn Clock,
}

/// Fails unless the proxy of `kind` is allowed and in good health; there is nothing to ask of a
/// token here.
pub(crate) async fn check_proxy(
    outside: &Outside,
    kind: &StoreKind,
    secret: &StoreSecret,
    checked: Checked<'_>,
) -> Result<(), KeyStoreError> {
    if matches!(kind, StoreKind::Token { .. }) {
        return Ok(());
    }
    let metadata = RequestMetadata {
        aws_principal_arn: None,
        kms_key_arn: None,
        kms_operation: checked.operation,
        kms_request_id: checked.request,
        kms_via_service: None,
    };
    let asking = Asking {
        account: checked.account,
        region: checked.region,
        store: checked.store,
        clock: checked.clock,
        metadata,
    };
    let proxy = Xks::new(outside, kind, secret.clone(), asking)?;
    proxy.health().await.map_err(KeyStoreError::Proxy)
}

/// Connects a store, and says what its connection is then.
pub(crate) async fn connect(services: &Services, view: &View, store: &StoreRow) -> Connection {
    match attempt(services, view, store).await {
        Ok(()) => Connection::Connected,
        Err(code) => Connection::Failed {
            code: code.to_owned(),
        },
    }
}

async fn attempt(services: &Services, view: &View, store: &StoreRow) -> Result<(), &'static str> {
    let outside: &Outside = services.part().map_err(|_missing| "INTERNAL_ERROR")?;
    let secret = store.secret(view).map_err(|_missing| "INTERNAL_ERROR")?;
    let record = &store.record;
    match &record.kind {
        StoreKind::Token { cluster, .. } => {
            let token = outside
                .token(store, cluster, &secret)
                .map_err(|failed| code_of(&failed))?;
            // Every session logs in.
            let login = token.run(|session| session.random(1)).await;
            login.map(|_byte| ()).map_err(|failed| {
                outside.close(&record.id);
                connection_code(&failed)
            })
        }
        StoreKind::Proxy { .. } => {
            let checked = Checked {
                account: record.account,
                region: &record.region,
                store: Some(&record.id),
                operation: "ConnectCustomKeyStore",
                request: types::RequestId::generate(services.entropy()).to_string(),
                clock: services.clock().as_ref(),
            };
            let checked = check_proxy(outside, &record.kind, &secret, checked).await;
            checked.map_err(|failed| match failed {
                KeyStoreError::Proxy(fault) => fault.connection_code(),
                _ => Fault::None(super::NoAnswer::NotAllowed).connection_code(),
            })
        }
    }
}

fn code_of(failed: &Error) -> &'static str {
    match failed {
        Error::KeyStore(KeyStoreError::ClusterNotFound) => "CLUSTER_NOT_FOUND",
        _ => "INTERNAL_ERROR",
    }
}
