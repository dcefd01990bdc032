//! `DescribeCustomKeyStores`: the custom key stores of an account, and whether they are connected.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    CustomKeyStoreType, CustomKeyStoresListEntry, DescribeCustomKeyStoresRequest,
    DescribeCustomKeyStoresResponse, XksProxyConfigurationType, XksProxyConnectivityType,
};
use types::{AccountId, Service};

use crate::event::Fields;
use crate::key_stores::{Connection, KeyStoreError, KeyStoreRecord, StoreKind, of_account};
use crate::paging::{self, List};
use crate::{Error, actions};

/// Lists the custom key stores of the caller's account and region, or the one of an id or name.
/// Never their passwords and secrets.
///
/// Fails with `CustomKeyStoreNotFoundException` if none has the id or name, with
/// `ValidationException` if both are given, and with `InvalidMarkerException`.
#[derive(Debug)]
pub struct DescribeCustomKeyStores;

impl Operation for DescribeCustomKeyStores {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DescribeCustomKeyStores";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_CUSTOM_KEY_STORES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeCustomKeyStoresRequest;
    type Output = DescribeCustomKeyStoresResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let need = Need::anywhere(&actions::DESCRIBE_CUSTOM_KEY_STORES);
        Ok((Needs::one(need), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let limit = paging::limit(input.limit, 100, 1000)?;
        let list = List {
            operation: Self::NAME,
            account,
            region: ctx.region(),
            filter: "",
        };
        let after = list.after(input.marker.as_deref())?;
        let (id, name) = (&input.custom_key_store_id, &input.custom_key_store_name);
        if id.is_some() && name.is_some() {
            let text = "give CustomKeyStoreId or CustomKeyStoreName, not both";
            return Err(Error::Validation(text.into()));
        }
        let mut stores = of_account(ctx.view(), account, ctx.region());
        if id.is_some() || name.is_some() {
            stores.retain(|store| {
                Some(store.id.as_str()) == id.as_deref() || Some(&store.name) == name.as_ref()
            });
            if stores.is_empty() {
                return Err(KeyStoreError::NotFound.into());
            }
        }
        let rows = stores
            .into_iter()
            .filter(|store| {
                after
                    .as_deref()
                    .is_none_or(|after| store.id.as_str() > after)
            })
            .map(|store| (store.id.to_string(), entry(store)));
        let page = list.page(limit, rows);
        Ok(Reply::read(DescribeCustomKeyStoresResponse {
            custom_key_stores: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("customKeyStoreId", input.custom_key_store_id.clone())
            .maybe("customKeyStoreName", input.custom_key_store_name.clone())
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}

fn entry(store: &KeyStoreRecord) -> CustomKeyStoresListEntry {
    let (state, code) = match &store.connection {
        Connection::Disconnected => ("DISCONNECTED", None),
        Connection::Connecting => ("CONNECTING", None),
        Connection::Connected => ("CONNECTED", None),
        Connection::Failed { code } => ("FAILED", code.parse().ok()),
        Connection::Disconnecting => ("DISCONNECTING", None),
    };
    let common = CustomKeyStoresListEntry {
        custom_key_store_id: Some(store.id.to_string()),
        custom_key_store_name: Some(store.name.clone()),
        connection_state: state.parse().ok(),
        connection_error_code: code,
        creation_date: Some(store.created),
        ..CustomKeyStoresListEntry::default()
    };
    match &store.kind {
        StoreKind::Token {
            cluster,
            trust_anchor,
        } => CustomKeyStoresListEntry {
            custom_key_store_type: Some(CustomKeyStoreType::AwsCloudhsm),
            cloud_hsm_cluster_id: Some(cluster.clone()),
            trust_anchor_certificate: Some(trust_anchor.clone()),
            ..common
        },
        StoreKind::Proxy {
            endpoint,
            path,
            access_key_id,
        } => CustomKeyStoresListEntry {
            custom_key_store_type: Some(CustomKeyStoreType::ExternalKeyStore),
            xks_proxy_configuration: Some(XksProxyConfigurationType {
                connectivity: Some(XksProxyConnectivityType::PublicEndpoint),
                access_key_id: Some(access_key_id.clone().into()),
                uri_endpoint: Some(endpoint.clone()),
                uri_path: Some(path.clone()),
                vpc_endpoint_service_name: None,
                vpc_endpoint_service_owner: None,
            }),
            ..common
        },
    }
}
