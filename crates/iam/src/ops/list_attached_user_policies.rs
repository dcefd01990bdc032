//! `ListAttachedUserPolicies`: the managed policies of a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{ListAttachedUserPoliciesRequest, ListAttachedUserPoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, attachments};

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
        let which = (Self::NAME, input.path_prefix.as_deref());
        let page = (input.marker.as_deref(), input.max_items);
        let cut = attachments::list(ctx.view(), &**user, which, page)?;
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
