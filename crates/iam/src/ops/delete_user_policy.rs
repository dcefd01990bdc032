//! `DeleteUserPolicy`: removes an inline policy of a user.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteUserPolicyRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, inline};

/// Removes an inline policy; what it granted is gone with the next request.
///
/// Fails with `NoSuchEntity` if there is no such user or policy.
#[derive(Debug)]
pub(crate) struct DeleteUserPolicy;

impl Operation for DeleteUserPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteUserPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_USER_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteUserPolicyRequest;
    type Output = Empty;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedUser), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        let keys = KeySet::default().maybe("iam:permissionsboundary", named.boundary());
        Ok((
            Needs::one(named.need(&actions::DELETE_USER_POLICY).with(keys)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().changeable()?;
        let batch = inline::delete(ctx.view(), &**user, &input.policy_name)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("policyName", input.policy_name.as_str()),
        )
    }
}
