//! `DeletePolicy`: ends a customer managed policy that nobody uses any more.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeletePolicyRequest;
use store::Batch;
use types::Service;

use crate::error::Dependent;
use crate::event::{self, Fields};
use crate::lookup::NamedPolicy;
use crate::managed::Usage;
use crate::{Error, actions, tables};

/// Deletes a customer managed policy with the version in force.
///
/// AWS managed policies belong to AWS: everybody is denied. Fails with `ValidationError` if
/// the ARN is none, with `NoSuchEntity` if there is no such policy, and with `DeleteConflict`
/// while it is attached, bounds somebody or has other versions.
#[derive(Debug)]
pub(crate) struct DeletePolicy;

impl Operation for DeletePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeletePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeletePolicyRequest;
    type Output = Empty;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let named = NamedPolicy::of(ctx, &input.policy_arn)?;
        Ok((
            Needs::one(Need::on(&actions::DELETE_POLICY, named.arn.clone())),
            named,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let policy = named.changeable()?;
        let usage = Usage::of(ctx.view(), named.account, &named.arn);
        if usage.attachments > 0 {
            return Err(Error::InUse(Dependent::Attachments));
        }
        if usage.boundaries > 0 {
            return Err(Error::InUse(Dependent::Boundaries));
        }
        if policy.versions.len() > 1 {
            return Err(Error::InUse(Dependent::Versions));
        }
        let mut batch = Batch::default();
        batch.delete(
            &tables::POLICIES,
            tables::named(named.account, &policy.name),
        );
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_arn.as_str();
        event::about_policy(Fields::default().with("policyArn", arn), arn)
    }
}
