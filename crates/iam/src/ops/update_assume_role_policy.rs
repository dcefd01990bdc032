//! `UpdateAssumeRolePolicy`: another trust policy for a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UpdateAssumeRolePolicyRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::records::{RoleRecord, TrustPolicy};
use crate::{Error, actions};

/// Replaces the trust policy: from the next request on it decides who may assume the role.
/// Sessions that exist go on.
///
/// Fails with `NoSuchEntity` if there is no such role, with `MalformedPolicyDocument` if the
/// document is no trust policy or names a principal that does not exist, with `LimitExceeded`
/// beyond 2,048 characters, and with `UnmodifiableEntity` for service-linked roles.
#[derive(Debug)]
pub(crate) struct UpdateAssumeRolePolicy;

impl Operation for UpdateAssumeRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateAssumeRolePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_ASSUME_ROLE_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateAssumeRolePolicyRequest;
    type Output = Empty;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        Ok((
            Needs::one(named.need(&actions::UPDATE_ASSUME_ROLE_POLICY)),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut role = RoleRecord::clone(permit.target().changeable()?);
        role.trust = TrustPolicy::accept(&input.policy_document, ctx.view())?;
        let mut batch = Batch::default();
        lookup::put(&mut batch, role);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .with("policyDocument", input.policy_document.as_str()),
        )
    }
}
