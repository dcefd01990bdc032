//! `GetAccountAuthorizationDetails`: everything that decides about the account's principals.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Page, Permit, Reply};
use policy::Action;
use shapes::iam::{GetAccountAuthorizationDetailsRequest, GetAccountAuthorizationDetailsResponse};
use types::{AccountId, Service};

use crate::details::{self, Item};
use crate::event::{self, Fields};
use crate::last_used::LastUsed;
use crate::{Error, actions, lookup};

/// Returns a page of users, groups, roles and policies with their documents, memberships,
/// attachments and boundaries: all kinds, or those that the filter names. Of AWS's own policies
/// those that the account uses.
///
/// Fails with `ValidationError` for a marker that another listing made.
#[derive(Debug)]
pub(crate) struct GetAccountAuthorizationDetails;

impl Operation for GetAccountAuthorizationDetails {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetAccountAuthorizationDetails";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_ACCOUNT_AUTHORIZATION_DETAILS];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetAccountAuthorizationDetailsRequest;
    type Output = GetAccountAuthorizationDetailsResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let need = Need::anywhere(&actions::GET_ACCOUNT_AUTHORIZATION_DETAILS);
        Ok((Needs::one(need), lookup::account(ctx)?))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let filter = input.filter.unwrap_or_default();
        let mut listing = vec![Self::NAME, account.as_str()];
        listing.extend(filter.iter().map(|kind| kind.as_str()));
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let view = ctx.view();
        let cut = page.cut(details::all(view, account, &filter));
        let (is_truncated, marker) = (Some(cut.is_truncated()), cut.marker);
        let last_used = ctx.part::<LastUsed>()?;
        let (mut users, mut groups, mut roles, mut policies) = (vec![], vec![], vec![], vec![]);
        for item in cut.items {
            match item {
                Item::User(user) => users.push(details::user(view, &user)),
                Item::Group(group) => groups.push(details::group(view, &group)),
                Item::Role(role) => {
                    let used = last_used.of_role(view, &role.id);
                    roles.push(details::role(view, &role, used));
                }
                Item::Policy(policy) => policies.push(details::policy(view, account, &policy)),
            }
        }
        Ok(Reply::read(GetAccountAuthorizationDetailsResponse {
            user_detail_list: Some(users),
            group_detail_list: Some(groups),
            role_detail_list: Some(roles),
            policies: Some(policies),
            is_truncated,
            marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let filter = input.filter.as_deref();
        let filter = filter.map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
        event::request(
            Fields::default()
                .maybe("filter", filter)
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
