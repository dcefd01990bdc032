//! `ListRolePolicies`: the names of a role's inline policies.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{ListRolePoliciesRequest, ListRolePoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::{Error, actions, inline};

/// Lists the names of a role's inline policies.
///
/// Fails with `NoSuchEntity` if there is no such role, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListRolePolicies;

impl Operation for ListRolePolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRolePolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ROLE_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListRolePoliciesRequest;
    type Output = ListRolePoliciesResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedRole), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((Needs::one(named.need(&actions::LIST_ROLE_POLICIES)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().found()?;
        let page = (input.marker.as_deref(), input.max_items);
        let cut = inline::names(ctx.view(), &**role, Self::NAME, page)?;
        Ok(Reply::read(ListRolePoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            policy_names: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
