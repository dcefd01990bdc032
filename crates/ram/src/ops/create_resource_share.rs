//! `CreateResourceShare`: a new share.

use std::collections::BTreeMap;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{CreateResourceShareRequest, CreateResourceShareResponse};
use store::{Batch, Lane};
use types::{AccountId, Arn, Service};

use super::{permission_at, put_policy, refuse_parameters, refuse_sources, request_keys};
use crate::actions::{CREATE_RESOURCE_SHARE, PUT_RESOURCE_POLICY, TAG_RESOURCE};
use crate::event::{self, Fields};
use crate::principals::NamedPrincipal;
use crate::records::{SHARES, ShareRecord, share_arn, share_row};
use crate::shared::{Change, write_policies};
use crate::shares::{check_name, give_defaults};
use crate::tokens::Token;
use crate::{Error, joining, resources, shape, tags};

/// Creates a share of resources of the caller's account, with the managed permissions that are
/// named or, for types without one, with the default of the type.
///
/// Principals of the organization take part at once if sharing within it is enabled; others are
/// invited. The caller needs `sagemaker:PutResourcePolicy` on each resource, through RAM. Fails
/// with `UnknownResourceException` for what does not exist, with
/// `OperationNotPermittedException` for external principals that the share does not allow, and
/// with `InvalidParameterException` for two permissions of one type.
#[derive(Debug)]
pub(crate) struct CreateResourceShare;

/// The share that is to be.
#[derive(Debug)]
pub(crate) struct NewShare {
    account: AccountId,
    id: String,
    resources: Vec<Arn>,
    principals: Vec<NamedPrincipal>,
    tags: BTreeMap<String, String>,
}

impl Operation for CreateResourceShare {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "CreateResourceShare";
    const ACTIONS: &'static [&'static Action] =
        &[&CREATE_RESOURCE_SHARE, &TAG_RESOURCE, &PUT_RESOURCE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateResourceShareRequest;
    type Output = CreateResourceShareResponse;
    type Target = NewShare;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NewShare), Error> {
        let new = NewShare {
            account: ctx.account().ok_or(Error::NoAccount)?,
            id: joining::random_id(ctx),
            resources: resources::named(ctx, input.resource_arns.as_deref())?,
            principals: NamedPrincipal::read_all(input.principals.as_deref())?,
            tags: tags::checked(input.tags.as_deref())?,
        };
        let tag_keys = KeySet::default().requested_tags(&new.tags);
        let external = input.allow_external_principals.unwrap_or(true).to_string();
        let keys = request_keys(&new.resources, &new.principals)
            .and(tag_keys.clone())
            .one("ram:requestedallowsexternalprincipals", external);
        let mut needs = Needs::one(Need::anywhere(&CREATE_RESOURCE_SHARE).with(keys));
        if !new.tags.is_empty() {
            let arn = share_arn(new.account, ctx.region(), &new.id);
            needs.push(Need::on(&TAG_RESOURCE, arn).with(tag_keys));
        }
        for resource in &new.resources {
            needs.push(put_policy(resource));
        }
        Ok((needs, new))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let new = permit.into_target();
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, new.account, Self::NAME, token, &detail)?;
        let before = token.as_ref().and_then(|token| token.used_for.as_deref());
        let before = before.and_then(|id| {
            let row = share_row(new.account.as_str(), ctx.region().as_str(), id);
            ctx.view().get_shared(&SHARES, &row)
        });
        if let Some(share) = before {
            return Ok(Reply::read(answer(&share, input.client_token)));
        }
        let mut share = unfinished(ctx, &new, &input)?;
        joining::another_share(ctx, new.account)?;
        let mut batch = Batch::new(Lane::Metadata);
        joining::add_all(ctx, &mut batch, &mut share, &new.principals)?;
        joining::check(&share)?;
        write_policies(&mut batch, ctx, Change::Put(&share), share.resources.keys())?;
        if let Some(token) = token {
            token.keep(ctx, new.account, &mut batch, &share.id);
        }
        let output = answer(&share, input.client_token);
        batch.put(&SHARES, share.row(), share);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let share = output.and_then(|output| output.resource_share.as_ref());
        Fields::default()
            .maybe("name", &input.name)
            .maybe("resourceArns", &input.resource_arns)
            .maybe("principals", &input.principals)
            .maybe("tags", &input.tags)
            .maybe("allowExternalPrincipals", input.allow_external_principals)
            .maybe("clientToken", &input.client_token)
            .maybe("permissionArns", &input.permission_arns)
            .maybe("sources", &input.sources)
            .maybe(
                "resourceShareConfiguration",
                &input.resource_share_configuration,
            )
            .answered(share.map(event::share))
    }
}

/// The share with all that it has but its principals.
fn unfinished(
    ctx: &Ctx,
    new: &NewShare,
    input: &CreateResourceShareRequest,
) -> Result<ShareRecord, Error> {
    refuse_sources(input.sources.as_deref())?;
    refuse_parameters(input.permission_template_parameters.as_deref())?;
    check_name(&input.name)?;
    tags::check_count(&new.tags)?;
    resources::check(ctx, new.account, &new.resources)?;
    let allows_external = input.allow_external_principals.unwrap_or(true);
    let configuration = input.resource_share_configuration.as_ref();
    let outlasts = configuration
        .and_then(|it| it.retain_sharing_on_account_leave_organization)
        .unwrap_or(false);
    if outlasts && !allows_external {
        return Err(Error::invalid(
            "a share that allows no external principals cannot be kept by accounts that leave \
             the organization",
        ));
    }
    let mut permissions = BTreeMap::new();
    for text in input.permission_arns.as_deref().unwrap_or_default() {
        let permission = permission_at(text)?;
        let kind = permission.resource_type.to_owned();
        let before = permissions.insert(kind, permission.name.to_owned());
        if before.is_some_and(|before| before != permission.name) {
            return Err(Error::invalid(format!(
                "more than one permission is given for `{}`",
                permission.resource_type
            )));
        }
    }
    let now = ctx.time();
    let mut share = ShareRecord {
        id: new.id.clone(),
        owner: new.account,
        region: ctx.region().clone(),
        name: input.name.clone(),
        allows_external,
        outlasts_organization: outlasts,
        tags: new.tags.clone(),
        created: now,
        updated: now,
        resources: new.resources.iter().map(|arn| (arn.clone(), now)).collect(),
        principals: Vec::new(),
        permissions,
    };
    give_defaults(&mut share);
    Ok(share)
}

fn answer(share: &ShareRecord, client_token: Option<String>) -> CreateResourceShareResponse {
    CreateResourceShareResponse {
        resource_share: Some(shape::share(share, true)),
        client_token,
    }
}
