//! `ListAttachedGroupPolicies`: the managed policies of a group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{ListAttachedGroupPoliciesRequest, ListAttachedGroupPoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedGroup;
use crate::{Error, actions, attachments};

/// Lists the managed policies that are attached to a group, all or those below a path.
///
/// Fails with `NoSuchEntity` if there is no such group, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListAttachedGroupPolicies;

impl Operation for ListAttachedGroupPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAttachedGroupPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ATTACHED_GROUP_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListAttachedGroupPoliciesRequest;
    type Output = ListAttachedGroupPoliciesResponse;
    type Target = NamedGroup;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedGroup), Error> {
        let named = NamedGroup::of(ctx, &input.group_name)?;
        Ok((
            Needs::one(named.need(&actions::LIST_ATTACHED_GROUP_POLICIES)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().found()?;
        let which = (Self::NAME, input.path_prefix.as_deref());
        let page = (input.marker.as_deref(), input.max_items);
        let cut = attachments::list(ctx.view(), &**group, which, page)?;
        Ok(Reply::read(ListAttachedGroupPoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            attached_policies: Some(cut.items),
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("groupName", input.group_name.as_str())
                .maybe("pathPrefix", input.path_prefix.as_deref())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
