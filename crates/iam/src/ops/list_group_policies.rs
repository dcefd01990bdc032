//! `ListGroupPolicies`: the names of a group's inline policies.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{ListGroupPoliciesRequest, ListGroupPoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedGroup;
use crate::{Error, actions, inline};

/// Lists the names of a group's inline policies.
///
/// Fails with `NoSuchEntity` if there is no such group, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListGroupPolicies;

impl Operation for ListGroupPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListGroupPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_GROUP_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListGroupPoliciesRequest;
    type Output = ListGroupPoliciesResponse;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedGroup), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((Needs::one(named.need(&actions::LIST_GROUP_POLICIES)), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().found()?;
        let page = (input.marker.as_deref(), input.max_items);
        let cut = inline::names(ctx.view(), &**group, Self::NAME, page)?;
        Ok(Reply::read(ListGroupPoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            policy_names: cut.items,
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
