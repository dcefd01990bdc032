//! `UntagRole`: removes tags of a role.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UntagRoleRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::records::RoleRecord;
use crate::{Error, actions, tags};

/// Removes tags by their keys, without regard to case. Keys that no tag has are passed over.
///
/// Fails with `NoSuchEntity` if there is no such role, and with `UnmodifiableEntity` for service-linked roles.
#[derive(Debug)]
pub(crate) struct UntagRole;

impl Operation for UntagRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::UNTAG_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UntagRoleRequest;
    type Output = Empty;
    type Target = NamedRole;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        Ok((
            Needs::one(named.need(&actions::UNTAG_ROLE).with(keys)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut role = RoleRecord::clone(permit.target().changeable()?);
        tags::remove(&mut role.tags, &input.tag_keys);
        let mut batch = Batch::default();
        lookup::put(&mut batch, role);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .with("tagKeys", input.tag_keys.clone()),
        )
    }
}
