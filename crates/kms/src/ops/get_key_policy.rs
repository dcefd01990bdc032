//! `GetKeyPolicy`: the key policy of a KMS key.

use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GetKeyPolicyRequest, GetKeyPolicyResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::key_policy::POLICY_NAME;
use crate::{Error, actions};

/// Returns the key policy as it was saved, with the unique id in place of a user or role that
/// was deleted since.
///
/// Fails with `NotFoundException` if the key, or a policy of the name, does not exist.
#[derive(Debug)]
pub struct GetKeyPolicy;

impl Operation for GetKeyPolicy {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetKeyPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_KEY_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetKeyPolicyRequest;
    type Output = GetKeyPolicyResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let name = input.policy_name.as_deref().unwrap_or(POLICY_NAME);
        let keys = KeySet::default().one("kms:policyname", name);
        Ok((
            Needs::one(target.need(&actions::GET_KEY_POLICY).with(keys)),
            target,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = permit.target().key()?;
        if input.policy_name.is_some_and(|name| name != POLICY_NAME) {
            return Err(Error::NoSuchPolicy);
        }
        let policy = key
            .record
            .policy
            .shown(ctx.view(), ctx.part::<Principals>()?)?;
        Ok(Reply::read(GetKeyPolicyResponse {
            policy: Some(policy),
            policy_name: Some(POLICY_NAME.to_owned()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("policyName", input.policy_name.clone())
            .request()
    }
}
