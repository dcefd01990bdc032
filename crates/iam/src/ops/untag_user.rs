//! `UntagUser`: removes tags of a user.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::UntagUserRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedUser};
use crate::records::UserRecord;
use crate::{Error, actions, tags};

/// Removes tags by their keys, without regard to case. Keys that no tag has are passed over.
///
/// Fails with `NoSuchEntity` if there is no such user.
#[derive(Debug)]
pub(crate) struct UntagUser;

impl Operation for UntagUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::UNTAG_USER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UntagUserRequest;
    type Output = Empty;
    type Target = NamedUser;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        Ok((
            Needs::one(named.need(&actions::UNTAG_USER).with(keys)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut user = UserRecord::clone(permit.target().changeable()?);
        tags::remove(&mut user.tags, &input.tag_keys);
        let mut batch = Batch::default();
        lookup::put(&mut batch, user);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("tagKeys", input.tag_keys.clone()),
        )
    }
}
