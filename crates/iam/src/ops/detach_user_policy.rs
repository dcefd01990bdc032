//! `DetachUserPolicy`: takes the permissions of a managed policy away from a user.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DetachUserPolicyRequest;
use store::Batch;
use types::{Arn, Service};

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::records::UserRecord;
use crate::tables::{self, Use};
use crate::{Error, actions, managed};

/// Detaches a managed policy; what it granted is gone with the next request.
///
/// Fails with `ValidationError` if the ARN is none, and with `NoSuchEntity` if there is no
/// such user or if the policy is not attached to it.
#[derive(Debug)]
pub(crate) struct DetachUserPolicy;

impl Operation for DetachUserPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DetachUserPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DETACH_USER_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DetachUserPolicyRequest;
    type Output = Empty;
    type Target = (NamedUser, Arn);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let arn = managed::read_arn(&input.policy_arn)?;
        let named = NamedUser::of(ctx, &input.user_name)?;
        let keys = KeySet::default()
            .one("iam:policyarn", arn.as_str())
            .maybe("iam:permissionsboundary", named.boundary());
        let need = named.need(&actions::DETACH_USER_POLICY).with(keys);
        Ok((Needs::one(need), (named, arn)))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, arn) = permit.into_target();
        let user = named.found()?;
        if !user.attached.contains(&arn) {
            return Err(Error::NotAttached {
                arn: arn.to_string(),
            });
        }
        let mut user = UserRecord::clone(user);
        user.attached.retain(|attached| *attached != arn);
        let mut batch = Batch::default();
        let row = tables::attachment(user.account, &arn, Use::Permissions, &user.id);
        batch.delete(&tables::ATTACHMENTS, row);
        batch.put(
            &tables::USERS,
            tables::named(user.account, &user.name),
            user,
        );
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("userName", input.user_name.as_str())
            .with("policyArn", arn);
        event::about_policy(request, arn)
    }
}
