//! `ListUserPolicies`: the names of a user's inline policies.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{ListUserPoliciesRequest, ListUserPoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, inline};

/// Lists the names of a user's inline policies.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListUserPolicies;

impl Operation for ListUserPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListUserPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_USER_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListUserPoliciesRequest;
    type Output = ListUserPoliciesResponse;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedUser), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        Ok((Needs::one(named.need(&actions::LIST_USER_POLICIES)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().found()?;
        let page = (input.marker.as_deref(), input.max_items);
        let cut = inline::names(ctx.view(), &**user, Self::NAME, page)?;
        Ok(Reply::read(ListUserPoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            policy_names: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
