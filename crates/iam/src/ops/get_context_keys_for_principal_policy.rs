//! `GetContextKeysForPrincipalPolicy`: the condition keys that someone's policies mention.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::{Action, DocumentKind};
use shapes::iam::{GetContextKeysForPolicyResponse, GetContextKeysForPrincipalPolicyRequest};
use types::Service;

use crate::event::{self, Fields};
use crate::simulation::{PolicySource, context_keys, given};
use crate::{Error, actions};

/// Lists the condition keys in the conditions and variables of the policies of a user and its
/// groups, of a group or of a role, and of those that are passed, each once.
///
/// Fails with `NoSuchEntity` if there is no such user, group or role, and with `InvalidInput`
/// for a policy that is refused and for an ARN of anything else.
#[derive(Debug)]
pub(crate) struct GetContextKeysForPrincipalPolicy;

impl Operation for GetContextKeysForPrincipalPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetContextKeysForPrincipalPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_CONTEXT_KEYS_FOR_PRINCIPAL_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetContextKeysForPrincipalPolicyRequest;
    type Output = GetContextKeysForPolicyResponse;
    type Target = PolicySource;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, PolicySource), Error> {
        let source = PolicySource::of(ctx, &input.policy_source_arn)?;
        let need = source.need(&actions::GET_CONTEXT_KEYS_FOR_PRINCIPAL_POLICY);
        Ok((Needs::one(need), source))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let brought = permit.target().bring(ctx.view())?;
        let added = input.policy_input_list.as_deref().unwrap_or_default();
        let added = given("PolicyInputList", added, DocumentKind::Identity)?;
        let sources = brought.identity.iter().chain(&added);
        let documents = sources.map(|source| &source.document);
        let names = context_keys(documents).map(|key| key.original().to_owned());
        let names = names.collect();
        Ok(Reply::read(GetContextKeysForPolicyResponse {
            context_key_names: Some(names),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let arn = input.policy_source_arn.as_str();
        event::request(Fields::default().with("policySourceArn", arn))
    }
}
