//! `PutUserPolicy`: adds or replaces an inline policy of a user.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::PutUserPolicyRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::{Error, actions, inline};

/// Adds an inline policy, or replaces the one of that name.
///
/// Fails with `NoSuchEntity` if there is no such user, with `MalformedPolicyDocument`, and
/// with `LimitExceeded` if the user's inline policies together would have more than 2,048
/// characters that are not white space.
#[derive(Debug)]
pub(crate) struct PutUserPolicy;

impl Operation for PutUserPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "PutUserPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::PUT_USER_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = PutUserPolicyRequest;
    type Output = Empty;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedUser), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        let keys = KeySet::default().maybe("iam:permissionsboundary", named.boundary());
        Ok((
            Needs::one(named.need(&actions::PUT_USER_POLICY).with(keys)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = permit.target().changeable()?;
        let (name, document) = (input.policy_name, &input.policy_document);
        let batch = inline::put(ctx.view(), &**user, name, document)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("policyName", input.policy_name.as_str())
                .with("policyDocument", input.policy_document.as_str()),
        )
    }
}
