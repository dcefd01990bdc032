//! `UpdateCustomKeyStore`: another name, credential or place of what is behind a key store.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    UpdateCustomKeyStoreRequest, UpdateCustomKeyStoreResponse, XksProxyConnectivityType,
};
use store::Batch;
use types::Service;

use crate::key_stores::{
    Checked, Connection, KEY_STORES, KeyStoreError, KeyStoreRecord, Outside, STORE_SECRETS, Secret,
    StoreKind, StoreRow, StoreSecret, check_disconnected, check_new, check_proxy, event_about,
    need_about, note_store, of_caller, store_row, trust_anchor_of,
};
use crate::{Error, actions};

/// Changes what is given, and nothing else. The password is what the token's user has by now;
/// it is not changed on the token.
///
/// The name can be changed at any time; the credential and the path of a proxy also while the
/// store is connected, so that a credential is rotated without a pause; everything else while the
/// store is disconnected. Whatever there is of a proxy is tried before it is taken.
///
/// Fails with `CustomKeyStoreNotFoundException`, `CustomKeyStoreInvalidStateException`,
/// `CustomKeyStoreNameInUseException`, with `ValidationException` for what the store's type does
/// not have; over a token with `CloudHsmClusterNotFoundException`,
/// `CloudHsmClusterNotActiveException`, `CloudHsmClusterInvalidConfigurationException`, and with
/// `CloudHsmClusterNotRelatedException` for one of another trust anchor; over a proxy as
/// `CreateCustomKeyStore` does.
#[derive(Debug)]
pub struct UpdateCustomKeyStore;

impl Operation for UpdateCustomKeyStore {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdateCustomKeyStore";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::UPDATE_CUSTOM_KEY_STORE,
        &actions::DESCRIBE_VPC_ENDPOINT_SERVICES,
    ];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateCustomKeyStoreRequest;
    type Output = UpdateCustomKeyStoreResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let mut needs = need_about(&actions::UPDATE_CUSTOM_KEY_STORE);
        if is_vpc(input) {
            needs.push(Need::anywhere(&actions::DESCRIBE_VPC_ENDPOINT_SERVICES));
        }
        Ok((needs, ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let store = of_caller(ctx, &input.custom_key_store_id)?;
        let changed = match &store.record.kind {
            StoreKind::Token { .. } => of_token(ctx, &store, &input).await?,
            StoreKind::Proxy { .. } => of_proxy(ctx, &store, &input).await?,
        };
        let (kind, secret) = changed;
        let record = &store.record;
        let place = (record.account, &record.region);
        let name = input.new_custom_key_store_name.as_ref();
        check_new(ctx.view(), place, (name, kind.as_ref()), Some(&record.id))?;
        let updated = KeyStoreRecord {
            name: name.unwrap_or(&record.name).clone(),
            kind: kind.unwrap_or_else(|| record.kind.clone()),
            ..KeyStoreRecord::clone(record)
        };
        let row = store_row(record.account, &record.region, &record.id);
        let mut effect = Batch::default();
        if let Some(secret) = secret {
            effect.put(&STORE_SECRETS, row.clone(), secret);
        }
        effect.put(&KEY_STORES, row, updated.clone());
        let answer = UpdateCustomKeyStoreResponse {};
        Ok(note_store(Reply::write(answer, effect), &updated))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let connectivity = input
            .xks_proxy_connectivity
            .map(XksProxyConnectivityType::as_str);
        event_about(&input.custom_key_store_id)
            .maybe(
                "newCustomKeyStoreName",
                input.new_custom_key_store_name.clone(),
            )
            .maybe("clusterId", input.cloud_hsm_cluster_id.clone())
            .maybe("xksProxyUriEndpoint", input.xks_proxy_uri_endpoint.clone())
            .maybe("xksProxyUriPath", input.xks_proxy_uri_path.clone())
            .maybe("xksProxyConnectivity", connectivity)
            .maybe(
                "xksProxyVpcEndpointServiceName",
                input.xks_proxy_vpc_endpoint_service_name.clone(),
            )
            .maybe(
                "xksProxyVpcEndpointServiceOwner",
                input.xks_proxy_vpc_endpoint_service_owner.clone(),
            )
            .request()
    }
}

/// What becomes of a store, where it changes.
type Changed = (Option<StoreKind>, Option<StoreSecret>);

fn is_vpc(input: &UpdateCustomKeyStoreRequest) -> bool {
    input.xks_proxy_connectivity == Some(XksProxyConnectivityType::VpcEndpointService)
        || input.xks_proxy_vpc_endpoint_service_name.is_some()
        || input.xks_proxy_vpc_endpoint_service_owner.is_some()
}

async fn of_token(
    ctx: &Ctx,
    store: &StoreRow,
    input: &UpdateCustomKeyStoreRequest,
) -> Result<Changed, Error> {
    let of_proxies = is_vpc(input)
        || input.xks_proxy_uri_endpoint.is_some()
        || input.xks_proxy_uri_path.is_some()
        || input.xks_proxy_connectivity.is_some()
        || input.xks_proxy_authentication_credential.is_some();
    if of_proxies {
        let text = "a custom key store of the type AWS_CLOUDHSM has no external key store proxy";
        return Err(Error::Validation(text.into()));
    }
    let StoreKind::Token { trust_anchor, .. } = &store.record.kind else {
        return Ok((None, None));
    };
    if input.key_store_password.is_some() || input.cloud_hsm_cluster_id.is_some() {
        check_disconnected(&store.record)?;
    }
    let mut kind = None;
    if let Some(id) = &input.cloud_hsm_cluster_id {
        let (record, outside) = (&store.record, ctx.part::<Outside>()?);
        let cluster = outside.cluster(id, record.account, &record.region)?;
        if trust_anchor_of(trust_anchor) != Some(cluster.trust_anchor.clone()) {
            return Err(KeyStoreError::ClusterNotRelated.into());
        }
        outside.probe(cluster).await?;
        kind = Some(StoreKind::Token {
            cluster: id.clone(),
            trust_anchor: trust_anchor.clone(),
        });
    }
    let password = input.key_store_password.as_ref();
    let secret = password.map(|password| StoreSecret {
        secret: Secret::of(password.expose()),
    });
    Ok((kind, secret))
}

async fn of_proxy(
    ctx: &Ctx,
    store: &StoreRow,
    input: &UpdateCustomKeyStoreRequest,
) -> Result<Changed, Error> {
    if input.key_store_password.is_some() || input.cloud_hsm_cluster_id.is_some() {
        let text = "a custom key store of the type EXTERNAL_KEY_STORE has no cluster";
        return Err(Error::Validation(text.into()));
    }
    let StoreKind::Proxy {
        endpoint,
        path,
        access_key_id,
    } = &store.record.kind
    else {
        return Ok((None, None));
    };
    let credential = input.xks_proxy_authentication_credential.as_ref();
    let elsewhere =
        input.xks_proxy_uri_endpoint.is_some() || input.xks_proxy_connectivity.is_some();
    let changes = elsewhere || credential.is_some() || input.xks_proxy_uri_path.is_some();
    let while_connected = store.record.connection == Connection::Connected && !elsewhere;
    if is_vpc(input) || (changes && !while_connected) {
        check_disconnected(&store.record)?;
    }
    if is_vpc(input) {
        return Err(KeyStoreError::VpcEndpointService.into());
    }
    if !changes {
        return Ok((None, None));
    }
    let kind = StoreKind::Proxy {
        endpoint: input
            .xks_proxy_uri_endpoint
            .as_ref()
            .unwrap_or(endpoint)
            .clone(),
        path: input.xks_proxy_uri_path.as_ref().unwrap_or(path).clone(),
        access_key_id: credential.map_or_else(
            || access_key_id.clone(),
            |given| given.access_key_id.expose().to_owned(),
        ),
    };
    let secret = match credential {
        Some(given) => StoreSecret {
            secret: Secret::of(given.raw_secret_access_key.expose()),
        },
        None => store.secret(ctx.view())?,
    };
    let record = &store.record;
    let checked = Checked {
        account: record.account,
        region: &record.region,
        store: Some(&record.id),
        operation: UpdateCustomKeyStore::NAME,
        request: ctx.id().to_string(),
        clock: ctx.services().clock().as_ref(),
    };
    check_proxy(ctx.part::<Outside>()?, &kind, &secret, checked).await?;
    Ok((Some(kind), credential.map(|_given| secret)))
}
