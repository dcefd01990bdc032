//! `TagUser`: adds or replaces tags of a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::TagUserRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::{self, NamedUser};
use crate::records::UserRecord;
use crate::{Error, actions, tags};

/// Adds tags; a key that differs from an existing one in case only replaces it.
///
/// Fails with `NoSuchEntity` if there is no such user, with `InvalidInput` for keys that differ
/// in case only, and with
/// `LimitExceeded` beyond 50 tags.
#[derive(Debug)]
pub(crate) struct TagUser;

impl Operation for TagUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::TAG_USER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = TagUserRequest;
    type Output = Empty;
    type Target = (NamedUser, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let named = NamedUser::of(ctx, &input.user_name)?;
        let tags = tags::read(Some(&input.tags))?;
        let need = named
            .need(&actions::TAG_USER)
            .with(tags::request_keys(&tags));
        Ok((Needs::one(need), (named, tags)))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, tags) = permit.into_target();
        let mut user = UserRecord::clone(named.changeable()?);
        tags::merge(&mut user.tags, tags, "TagsPerUser")?;
        let mut batch = Batch::default();
        lookup::put(&mut batch, user);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .tags(Some(&input.tags)),
        )
    }
}
