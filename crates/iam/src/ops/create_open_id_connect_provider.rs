//! `CreateOpenIDConnectProvider`: whom else roles of the account may trust.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreateOpenIDConnectProviderRequest, CreateOpenIDConnectProviderResponse};
use store::Batch;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::{OpenIdProviderRecord, provider_arn};
use crate::{Error, actions, lookup, providers, quota, tables, tags};

/// Makes an issuer of OpenID Connect known to the account, so that trust policies can name it.
///
/// Nothing is fetched from the URL: with which keys its tokens are verified is said by the
/// server's configuration. Fails with `ValidationError` for a URL that is not `https://`, a host
/// and perhaps a path, with `EntityAlreadyExists` if the account has a provider whose URL
/// differs in case at most, with `InvalidInput` for more than five thumbprints or malformed
/// ones, and with `LimitExceeded` beyond 100 client ids or 100 providers. A request with tags
/// needs `iam:TagOpenIDConnectProvider` too.
#[derive(Debug)]
pub(crate) struct CreateOpenIDConnectProvider;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    account: AccountId,
    /// Host and path of the issuer.
    url: String,
    tags: Vec<(String, String)>,
}

impl Operation for CreateOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateOpenIDConnectProvider";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::CREATE_OPEN_ID_CONNECT_PROVIDER,
        &actions::TAG_OPEN_ID_CONNECT_PROVIDER,
    ];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateOpenIDConnectProviderRequest;
    type Output = CreateOpenIDConnectProviderResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        let account = lookup::account(ctx)?;
        let url = providers::host_and_path(&input.url)?.to_owned();
        let tags = tags::read(input.tags.as_deref())?;
        let arn = provider_arn(account, &url);
        let keys = tags::request_keys(&tags);
        let need = Need::on(&actions::CREATE_OPEN_ID_CONNECT_PROVIDER, arn.clone());
        let mut needs = Needs::one(need.with(keys.clone()));
        if !tags.is_empty() {
            needs.push(Need::on(&actions::TAG_OPEN_ID_CONNECT_PROVIDER, arn).with(keys));
        }
        Ok((needs, Wanted { account, url, tags }))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Wanted { account, url, tags } = permit.into_target();
        let thumbprints = input.thumbprint_list.unwrap_or_default();
        let thumbprints = providers::thumbprints(&thumbprints)?;
        let client_ids = providers::client_ids(input.client_id_list.as_deref())?;
        let (view, table) = (ctx.view(), &tables::OPEN_ID_PROVIDERS);
        if view.get(table, &tables::named(account, &url)).is_some() {
            return Err(Error::ProviderExists { url: input.url });
        }
        let quota = "OpenIdConnectProvidersPerAccount";
        quota::room_in(view, table, account, quota, quota::OPEN_ID_PROVIDERS)?;
        let record = OpenIdProviderRecord {
            account,
            url,
            client_ids,
            thumbprints,
            created: ctx.time(),
            tags,
        };
        let response = CreateOpenIDConnectProviderResponse {
            open_id_connect_provider_arn: Some(record.arn().into()),
            tags: tags::shape(&record.tags),
        };
        let mut batch = Batch::default();
        record.put(&mut batch);
        Ok(Reply::write(response, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("url", input.url.as_str())
            .maybe("clientIDList", input.client_id_list.clone())
            .maybe("thumbprintList", input.thumbprint_list.clone())
            .tags(input.tags.as_deref());
        let detail = event::request(request);
        let Some(output) = output else {
            return detail;
        };
        let arn = output.open_id_connect_provider_arn.as_deref();
        let response = Fields::default()
            .maybe("openIDConnectProviderArn", arn)
            .tags(output.tags.as_deref());
        let detail = EventDetail {
            response: response.value(),
            ..detail
        };
        event::about(detail, arn.unwrap_or_default(), event::OPEN_ID_PROVIDER)
    }
}
