//! `PutRolePolicy`: adds or replaces an inline policy of a role.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::PutRolePolicyRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::NamedRole;
use crate::{Error, actions, inline};

/// Adds an inline policy, or replaces the one of that name.
///
/// Fails with `NoSuchEntity` if there is no such role, with `MalformedPolicyDocument`, and
/// with `LimitExceeded` if the role's inline policies together would have more than 10,240
/// characters that are not white space.
#[derive(Debug)]
pub(crate) struct PutRolePolicy;

impl Operation for PutRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "PutRolePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::PUT_ROLE_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = PutRolePolicyRequest;
    type Output = Empty;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedRole), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        let keys = KeySet::default().maybe("iam:permissionsboundary", named.boundary());
        Ok((
            Needs::one(named.need(&actions::PUT_ROLE_POLICY).with(keys)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let role = permit.target().changeable()?;
        let (name, document) = (input.policy_name, &input.policy_document);
        let batch = inline::put(ctx.view(), &**role, name, document)?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .with("policyName", input.policy_name.as_str())
                .with("policyDocument", input.policy_document.as_str()),
        )
    }
}
