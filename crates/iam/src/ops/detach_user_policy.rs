//! `DetachUserPolicy`: takes the permissions of a managed policy away from a user.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DetachUserPolicyRequest;
use types::Service;

use crate::attachments::Pair;
use crate::event::{self, Fields};
use crate::records::UserRecord;
use crate::{Error, actions};

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
    type Target = Pair<UserRecord>;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let pair = Pair::of(ctx, &input.user_name, &input.policy_arn)?;
        Ok((Needs::one(pair.need(&actions::DETACH_USER_POLICY)), pair))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let batch = permit.target().detach()?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("userName", input.user_name.as_str())
            .with("policyArn", arn);
        event::about_policy(request, arn)
    }
}
