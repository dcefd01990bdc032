//! `ListAttachedRolePolicies`: the managed policies of a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{ListAttachedRolePoliciesRequest, ListAttachedRolePoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::{Error, actions, attachments};

/// Lists the managed policies that are attached to a role, all or those below a path.
///
/// Fails with `NoSuchEntity` if there is no such role, and with `ValidationError` for a
/// marker that another listing made.
#[derive(Debug)]
pub(crate) struct ListAttachedRolePolicies;

impl Operation for ListAttachedRolePolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAttachedRolePolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ATTACHED_ROLE_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = ListAttachedRolePoliciesRequest;
    type Output = ListAttachedRolePoliciesResponse;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedRole), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((
            Needs::one(named.need(&actions::LIST_ATTACHED_ROLE_POLICIES)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().found()?;
        let which = (Self::NAME, input.path_prefix.as_deref());
        let page = (input.marker.as_deref(), input.max_items);
        let cut = attachments::list(ctx.view(), &**role, which, page)?;
        Ok(Reply::read(ListAttachedRolePoliciesResponse {
            is_truncated: Some(cut.is_truncated()),
            attached_policies: Some(cut.items),
            marker: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .maybe("pathPrefix", input.path_prefix.as_deref())
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}
