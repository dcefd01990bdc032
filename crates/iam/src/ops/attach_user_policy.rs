//! `AttachUserPolicy`: gives a user the permissions of a managed policy.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::AttachUserPolicyRequest;
use store::Batch;
use types::{Arn, Service};

use crate::event::{self, Fields};
use crate::lookup::NamedUser;
use crate::managed::{self, Managed};
use crate::records::{AttachmentRecord, UserRecord};
use crate::tables::{self, Use};
use crate::{Error, actions, quota};

/// Attaches a managed policy of the account or of AWS to a user. Attaching it again changes
/// nothing.
///
/// Fails with `ValidationError` if the ARN is none, with `NoSuchEntity` if there is no such
/// user or policy, and with `LimitExceeded` beyond ten policies.
#[derive(Debug)]
pub(crate) struct AttachUserPolicy;

impl Operation for AttachUserPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "AttachUserPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::ATTACH_USER_POLICY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = AttachUserPolicyRequest;
    type Output = Empty;
    type Target = (NamedUser, Arn);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let arn = managed::read_arn(&input.policy_arn)?;
        let named = NamedUser::of(ctx, &input.user_name)?;
        let keys = KeySet::default()
            .one("iam:policyarn", arn.as_str())
            .maybe("iam:permissionsboundary", named.boundary());
        let need = named.need(&actions::ATTACH_USER_POLICY).with(keys);
        Ok((Needs::one(need), (named, arn)))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, arn) = permit.into_target();
        let user = named.found()?;
        if Managed::find(ctx.view(), user.account, &arn).is_none() {
            return Err(Error::NotAttachable {
                what: arn.to_string(),
            });
        }
        let mut batch = Batch::default();
        if !user.attached.contains(&arn) {
            quota::room(
                user.attached.len(),
                "PoliciesPerUser",
                quota::ATTACHED_POLICIES,
            )?;
            let mut user = UserRecord::clone(user);
            batch.put(
                &tables::ATTACHMENTS,
                tables::attachment(user.account, &arn, Use::Permissions, &user.id),
                AttachmentRecord {
                    id: user.id.clone(),
                    user: user.name.clone(),
                },
            );
            user.attached.push(arn);
            batch.put(
                &tables::USERS,
                tables::named(user.account, &user.name),
                user,
            );
        }
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
