//! `TagRole`: adds or replaces tags of a role.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::TagRoleRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedRole};
use crate::records::RoleRecord;
use crate::{Error, actions, tags};

/// Adds tags; a key that differs from an existing one in case only replaces it.
///
/// Fails with `NoSuchEntity` if there is no such role, with `InvalidInput` for keys that differ
/// in case only, with `UnmodifiableEntity` for service-linked roles, and with
/// `LimitExceeded` beyond 50 tags.
#[derive(Debug)]
pub(crate) struct TagRole;

impl Operation for TagRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagRole";
    const ACTIONS: &'static [&'static Action] = &[&actions::TAG_ROLE];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = TagRoleRequest;
    type Output = Empty;
    type Target = (NamedRole, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedRole::of(ctx, &input.role_name)?;
        let tags = tags::read(Some(&input.tags))?;
        let need = named
            .need(&actions::TAG_ROLE)
            .with(tags::request_keys(&tags));
        Ok((Needs::one(need), (named, tags)))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, tags) = permit.into_target();
        let mut role = RoleRecord::clone(named.changeable()?);
        tags::merge(&mut role.tags, tags, "TagsPerRole")?;
        let mut batch = Batch::default();
        lookup::put(&mut batch, role);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("roleName", input.role_name.as_str())
                .tags(Some(&input.tags)),
        )
    }
}
