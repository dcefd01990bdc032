//! `AttachGroupPolicy`: gives a group the permissions of a managed policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::AttachGroupPolicyRequest;
use types::Service;

use crate::attachments::Pair;
use crate::event::{self, Fields};
use crate::records::GroupRecord;
use crate::{Error, actions};

/// Attaches a managed policy of the account or of AWS to a group. Attaching it again changes
/// nothing.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// group or policy, and with `LimitExceeded` beyond ten policies.
#[derive(Debug)]
pub(crate) struct AttachGroupPolicy;

impl Operation for AttachGroupPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "AttachGroupPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::ATTACH_GROUP_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = AttachGroupPolicyRequest;
    type Output = Empty;
    type Target = Pair<GroupRecord>;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let pair = Pair::of(ctx, &input.group_name, &input.policy_arn)?;
        Ok((Needs::one(pair.need(&actions::ATTACH_GROUP_POLICY)), pair))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let batch = permit.into_target().attach(ctx.view())?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        let request = Fields::default()
            .with("groupName", input.group_name.as_str())
            .with("policyArn", arn);
        event::about_policy(request, arn)
    }
}
