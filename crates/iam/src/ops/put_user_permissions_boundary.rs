//! `PutUserPermissionsBoundary`: bounds the permissions of a user.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::PutUserPermissionsBoundaryRequest;
use types::Service;

use crate::attachments::{self, Pair};
use crate::event::{self, Fields};
use crate::records::UserRecord;
use crate::{Error, actions};

/// Bounds a user by a managed policy, or by another one than before.
///
/// Fails with `NoSuchEntity` if there is no such user or policy, with `ValidationError` if the
/// ARN is none.
#[derive(Debug)]
pub(crate) struct PutUserPermissionsBoundary;

impl Operation for PutUserPermissionsBoundary {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "PutUserPermissionsBoundary";
    const ACTIONS: &'static [&'static Action] = &[&actions::PUT_USER_PERMISSIONS_BOUNDARY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = PutUserPermissionsBoundaryRequest;
    type Output = Empty;
    type Target = Pair<UserRecord>;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let (name, boundary) = (&input.user_name, &input.permissions_boundary);
        let pair = Pair::of(ctx, name, boundary)?;
        // The policy that is to bound it counts, not the one that does.
        let keys = KeySet::default().one("iam:permissionsboundary", pair.arn.as_str());
        let need = pair.named.need(&actions::PUT_USER_PERMISSIONS_BOUNDARY);
        Ok((Needs::one(need.with(keys)), pair))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Pair { named, arn } = permit.into_target();
        let user = named.changeable()?;
        attachments::can_bound(ctx.view(), user.account, &arn)?;
        let batch = attachments::bound(&**user, Some(arn));
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("userName", input.user_name.as_str())
                .with("permissionsBoundary", input.permissions_boundary.as_str()),
        )
    }
}
