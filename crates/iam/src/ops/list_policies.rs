//! `ListPolicies`: the managed policies that the account can use.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{ListPoliciesRequest, ListPoliciesResponse, PolicyScopeType, PolicyUsageType};
use types::{AccountId, Arn, Service};

use crate::event::{self, Fields};
use crate::managed::{Managed, Usage};
use crate::{Error, actions, lookup, shape, tables};

/// Lists managed policies by name, those of AWS before the account's own.
///
/// `Scope`, `PathPrefix`, `OnlyAttached` and `PolicyUsageFilter` select. Descriptions and tags
/// are left out. Fails with `ValidationError` for a marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListPolicies;

impl Operation for ListPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListPoliciesRequest;
    type Output = ListPoliciesResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, AccountId), Error> {
        // The action cannot be limited to some policies: it has no resource.
        Ok((
            Needs::one(Need::anywhere(&actions::LIST_POLICIES)),
            lookup::account(ctx)?,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let scope = input.scope.unwrap_or(PolicyScopeType::All);
        let path = input.path_prefix.as_deref().unwrap_or("/");
        let only_attached = input.only_attached.unwrap_or(false);
        let listing = [
            Self::NAME,
            account.as_str(),
            scope.as_str(),
            path,
            if only_attached { "attached" } else { "" },
            input
                .policy_usage_filter
                .map_or("", PolicyUsageType::as_str),
        ];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let prefix = tables::account(account);
        let customers = ctx.view().scan(&tables::POLICIES, &prefix, None);
        let customers = customers
            .map(|(_, row)| Managed::Customer(row.record.clone().into()))
            .filter(|_| scope != PolicyScopeType::Aws)
            .map(|policy| (format!("local/{}", policy.name().to_lowercase()), policy));
        let all = Managed::all_of_aws()
            .filter(|_| scope != PolicyScopeType::Local)
            .map(|policy| (format!("aws/{}", policy.name().to_lowercase()), policy))
            .chain(customers)
            .filter(|(_, policy)| policy.path().starts_with(path))
            .map(|(place, policy)| {
                let usage = usage(ctx, account, &policy);
                (place, policy, usage)
            })
            .filter(|(_, _, usage)| is_wanted(*usage, only_attached, input.policy_usage_filter));
        let cut = page
            .cut(all.map(|(place, policy, usage)| (place, shape::listed_policy(&policy, usage))));
        Ok(Reply::read(ListPoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            policies: Some(cut.items),
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("scope", input.scope.map(PolicyScopeType::as_str))
                .maybe("onlyAttached", input.only_attached)
                .maybe("pathPrefix", input.path_prefix.as_deref())
                .maybe(
                    "policyUsageFilter",
                    input.policy_usage_filter.map(PolicyUsageType::as_str),
                )
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}

fn usage(ctx: &Ctx, account: AccountId, policy: &Managed) -> Usage {
    match policy.arn().parse::<Arn>() {
        Ok(arn) => Usage::of(ctx.view(), account, &arn),
        Err(_cannot_happen) => Usage {
            attachments: 0,
            boundaries: 0,
        },
    }
}

/// Whether a policy passes the filters: with `OnlyAttached`, one that is used, in the way that
/// the filter names if there is one; otherwise a filter names a use that must occur.
fn is_wanted(usage: Usage, only_attached: bool, filter: Option<PolicyUsageType>) -> bool {
    match filter {
        Some(PolicyUsageType::PermissionsPolicy) => usage.attachments > 0,
        Some(PolicyUsageType::PermissionsBoundary) => usage.boundaries > 0,
        None => !only_attached || usage.attachments > 0 || usage.boundaries > 0,
    }
}
