//! `ListAttachedUserPolicies`: the managed policies of a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{
    AttachedPolicy, ListAttachedUserPoliciesRequest, ListAttachedUserPoliciesResponse,
};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::managed::Managed;
use crate::paging::Page;
use crate::{Error, actions};

/// Lists the managed policies that are attached to a user, all or those below a path.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListAttachedUserPolicies;

impl Operation for ListAttachedUserPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAttachedUserPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ATTACHED_USER_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListAttachedUserPoliciesRequest;
    type Output = ListAttachedUserPoliciesResponse;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedUser), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        Ok((
            Needs::one(named.need(&actions::LIST_ATTACHED_USER_POLICIES)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        let path = input.path_prefix.as_deref().unwrap_or("/");
        let listing = [Self::NAME, user.id.as_str(), path];
        let page = Page::new(&listing, input.marker.as_deref(), input.max_items)?;
        let policies = user
            .attached
            .iter()
            .filter_map(|arn| Managed::find(ctx.view(), user.account, arn));
        let mut policies: Vec<(String, Managed)> = policies
            .filter(|policy| policy.path().starts_with(path))
            .map(|policy| (place(&policy), policy))
            .collect();
        policies.sort_by(|(one, _), (other, _)| one.cmp(other));
        let attached = |policy: &Managed| AttachedPolicy {
            policy_name: Some(policy.name().to_owned()),
            policy_arn: Some(policy.arn()),
        };
        let cut = page.cut(
            policies
                .iter()
                .map(|(place, policy)| (place.clone(), attached(policy))),
        );
        Ok(Reply::read(ListAttachedUserPoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            attached_policies: Some(cut.items),
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .maybe("pathPrefix", input.path_prefix.as_deref())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}

/// By name; AWS may have a policy of the name of one of the account's.
fn place(policy: &Managed) -> String {
    let owner = match policy {
        Managed::Aws(_) => "aws",
        Managed::Customer(_) => "local",
    };
    format!("{}/{owner}", policy.name().to_lowercase())
}
