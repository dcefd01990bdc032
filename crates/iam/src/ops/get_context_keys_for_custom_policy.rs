//! `GetContextKeysForCustomPolicy`: the condition keys that policies mention.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::{Action, DocumentKind};
use shapes::iam::{GetContextKeysForCustomPolicyRequest, GetContextKeysForPolicyResponse};
use types::Service;

use crate::simulation::{context_keys, given};
use crate::{Error, actions};

/// Lists the condition keys in the conditions and variables of the policies that are passed,
/// each once.
///
/// Fails with `InvalidInput` for a policy that is refused.
#[derive(Debug)]
pub(crate) struct GetContextKeysForCustomPolicy;

impl Operation for GetContextKeysForCustomPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetContextKeysForCustomPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_CONTEXT_KEYS_FOR_CUSTOM_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetContextKeysForCustomPolicyRequest;
    type Output = GetContextKeysForPolicyResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        let need = Need::anywhere(&actions::GET_CONTEXT_KEYS_FOR_CUSTOM_POLICY);
        Ok((Needs::one(need), ()))
    }

    async fn handle(
        _ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let list = &input.policy_input_list;
        let sources = given("PolicyInputList", list, DocumentKind::Identity)?;
        let documents = sources.iter().map(|source| &source.document);
        let names = context_keys(documents).map(|key| key.original().to_owned());
        let names = names.collect();
        Ok(Reply::read(GetContextKeysForPolicyResponse {
            context_key_names: Some(names),
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
