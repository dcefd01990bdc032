//! `GetUser`: one user, or the caller itself.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{GetUserRequest, GetUserResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::Subject;
use crate::{Error, actions, shape};

/// Returns a user with its tags and boundary; without a name, the caller.
///
/// Fails with `NoSuchEntity` if there is no such user, and with `ValidationError` if the
/// caller is neither user nor root and names nobody.
#[derive(Debug)]
pub(crate) struct GetUser;

impl Operation for GetUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_USER];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetUserRequest;
    type Output = GetUserResponse;
    type Target = Subject;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Subject), Error> {
        let subject = Subject::of(ctx, input.user_name.as_deref())?;
        Ok((Needs::one(subject.need(&actions::GET_USER)), subject))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let user = match permit.target() {
            Subject::Root(account) => shape::root(account),
            Subject::User(named) => shape::user(named.found()?),
        };
        Ok(Reply::read(GetUserResponse { user }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().maybe("userName", input.user_name.as_deref()))
    }
}
