//! `CreateCustomKeyStore`: a key store on a token, or behind an external key store proxy.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, CustomKeyStoreType,
    XksProxyConnectivityType,
};
use store::Batch;
use types::{AccountId, Service};

use crate::event::Fields;
use crate::key_stores::{
    Connection, KEY_STORES, KeyStoreError, KeyStoreId, KeyStoreRecord, Outside, STORE_SECRETS,
    Secret, StoreKind, StoreSecret, check_new, check_proxy, need_about, note_store, of_account,
    store_row, trust_anchor_of,
};
use crate::{Error, actions, linked_roles};

/// Custom key stores in one region of an account.
const MOST_STORES: usize = 10;

/// Makes a custom key store, disconnected and empty. What is behind it must be named by the
/// configuration, and answer.
///
/// Fails with `ValidationException` unless exactly the parameters of the type are given, with
/// `CustomKeyStoreNameInUseException`, with `LimitExceededException` beyond ten stores; over
/// a token with `CloudHsmClusterNotFoundException`, `CloudHsmClusterInUseException`,
/// `CloudHsmClusterNotActiveException`, `CloudHsmClusterInvalidConfigurationException` and
/// `IncorrectTrustAnchorException`, over a proxy with `XksProxyUriInUseException` and as its
/// health says.
#[derive(Debug)]
pub struct CreateCustomKeyStore;

impl Operation for CreateCustomKeyStore {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateCustomKeyStore";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::CREATE_CUSTOM_KEY_STORE,
        &actions::DESCRIBE_CLUSTERS,
        &actions::CREATE_SERVICE_LINKED_ROLE,
        &actions::DESCRIBE_VPC_ENDPOINT_SERVICES,
    ];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateCustomKeyStoreRequest;
    type Output = CreateCustomKeyStoreResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let mut needs = need_about(&actions::CREATE_CUSTOM_KEY_STORE);
        match type_of(input) {
            CustomKeyStoreType::AwsCloudhsm => {
                needs.push(Need::anywhere(&actions::DESCRIBE_CLUSTERS));
                needs.push(linked_roles::KEY_STORES.need(account));
            }
            CustomKeyStoreType::ExternalKeyStore if is_vpc(input) => {
                needs.push(Need::anywhere(&actions::DESCRIBE_VPC_ENDPOINT_SERVICES));
            }
            CustomKeyStoreType::ExternalKeyStore => {}
        }
        Ok((needs, account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let (kind, secret) = match type_of(&input) {
            CustomKeyStoreType::AwsCloudhsm => of_token(&input)?,
            CustomKeyStoreType::ExternalKeyStore => of_proxy(&input)?,
        };
        let place = (account, ctx.region());
        check_new(
            ctx.view(),
            place,
            (Some(&input.custom_key_store_name), Some(&kind)),
            None,
        )?;
        if of_account(ctx.view(), account, ctx.region()).len() >= MOST_STORES {
            let text = "the account has as many custom key stores in this region as it may have";
            return Err(Error::LimitExceeded(text.into()));
        }
        check_behind(ctx, place, &kind, &secret).await?;
        if matches!(kind, StoreKind::Token { .. }) {
            linked_roles::KEY_STORES.ensure(ctx).await?;
        }
        let store = KeyStoreRecord {
            id: KeyStoreId::generate(ctx.entropy()),
            account,
            region: ctx.region().clone(),
            name: input.custom_key_store_name,
            created: ctx.time(),
            kind,
            connection: Connection::Disconnected,
        };
        let row = store_row(account, ctx.region(), &store.id);
        let mut effect = Batch::default();
        effect.put(&STORE_SECRETS, row.clone(), secret);
        effect.put(&KEY_STORES, row, store.clone());
        let output = CreateCustomKeyStoreResponse {
            custom_key_store_id: Some(store.id.to_string()),
        };
        Ok(note_store(Reply::write(output, effect), &store))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let connectivity = input
            .xks_proxy_connectivity
            .map(XksProxyConnectivityType::as_str);
        let request = Fields::default()
            .with("customKeyStoreName", input.custom_key_store_name.clone())
            .with("customKeyStoreType", type_of(input).as_str())
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
            .request();
        let made = output.and_then(|output| output.custom_key_store_id.clone());
        let response = Fields::default().maybe("customKeyStoreId", made).value();
        EventDetail {
            response,
            ..request
        }
    }
}

/// The type that a caller asks for.
fn type_of(input: &CreateCustomKeyStoreRequest) -> CustomKeyStoreType {
    input
        .custom_key_store_type
        .unwrap_or(CustomKeyStoreType::AwsCloudhsm)
}

fn is_vpc(input: &CreateCustomKeyStoreRequest) -> bool {
    input.xks_proxy_connectivity == Some(XksProxyConnectivityType::VpcEndpointService)
}

fn of_token(input: &CreateCustomKeyStoreRequest) -> Result<(StoreKind, StoreSecret), Error> {
    let of_proxies = input.xks_proxy_uri_endpoint.is_some()
        || input.xks_proxy_uri_path.is_some()
        || input.xks_proxy_connectivity.is_some()
        || input.xks_proxy_authentication_credential.is_some()
        || input.xks_proxy_vpc_endpoint_service_name.is_some()
        || input.xks_proxy_vpc_endpoint_service_owner.is_some();
    let (Some(cluster), Some(trust_anchor), Some(password), false) = (
        &input.cloud_hsm_cluster_id,
        &input.trust_anchor_certificate,
        &input.key_store_password,
        of_proxies,
    ) else {
        let text = "a custom key store of the type AWS_CLOUDHSM needs CloudHsmClusterId, \
                    TrustAnchorCertificate and KeyStorePassword, and takes nothing of proxies";
        return Err(Error::Validation(text.into()));
    };
    let kind = StoreKind::Token {
        cluster: cluster.clone(),
        trust_anchor: trust_anchor.clone(),
    };
    let secret = Secret::of(password.expose());
    Ok((kind, StoreSecret { secret }))
}

fn of_proxy(input: &CreateCustomKeyStoreRequest) -> Result<(StoreKind, StoreSecret), Error> {
    let of_tokens = input.cloud_hsm_cluster_id.is_some()
        || input.trust_anchor_certificate.is_some()
        || input.key_store_password.is_some();
    let service = &input.xks_proxy_vpc_endpoint_service_name;
    let owner = &input.xks_proxy_vpc_endpoint_service_owner;
    let fits = is_vpc(input) == service.is_some() && (is_vpc(input) || owner.is_none());
    let (Some(endpoint), Some(path), Some(credential), Some(_connectivity), false, true) = (
        &input.xks_proxy_uri_endpoint,
        &input.xks_proxy_uri_path,
        &input.xks_proxy_authentication_credential,
        input.xks_proxy_connectivity,
        of_tokens,
        fits,
    ) else {
        let text = "a custom key store of the type EXTERNAL_KEY_STORE needs \
                    XksProxyConnectivity, XksProxyUriEndpoint, XksProxyUriPath and \
                    XksProxyAuthenticationCredential, the name of a VPC endpoint service only \
                    with the connectivity VPC_ENDPOINT_SERVICE, and takes nothing of clusters";
        return Err(Error::Validation(text.into()));
    };
    if is_vpc(input) {
        return Err(KeyStoreError::VpcEndpointService.into());
    }
    let kind = StoreKind::Proxy {
        endpoint: endpoint.clone(),
        path: path.clone(),
        access_key_id: credential.access_key_id.expose().to_owned(),
    };
    let secret = Secret::of(credential.raw_secret_access_key.expose());
    Ok((kind, StoreSecret { secret }))
}

/// Fails unless what is to be behind the store is allowed, and answers.
async fn check_behind(
    ctx: &Ctx,
    (account, region): (AccountId, &types::Region),
    kind: &StoreKind,
    secret: &StoreSecret,
) -> Result<(), Error> {
    let outside = ctx.part::<Outside>()?;
    match kind {
        StoreKind::Token {
            cluster,
            trust_anchor,
        } => {
            let cluster = outside.cluster(cluster, account, region)?;
            if trust_anchor_of(trust_anchor) != Some(cluster.trust_anchor.clone()) {
                return Err(KeyStoreError::TrustAnchor.into());
            }
            outside.probe(cluster).await
        }
        StoreKind::Proxy { .. } => {
            let checked = crate::key_stores::Checked {
                account,
                region,
                store: None,
                operation: CreateCustomKeyStore::NAME,
                request: ctx.id().to_string(),
                clock: ctx.services().clock().as_ref(),
            };
            Ok(check_proxy(outside, kind, secret, checked).await?)
        }
    }
}
