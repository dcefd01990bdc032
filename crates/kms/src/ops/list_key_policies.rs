//! `ListKeyPolicies`: the names of a key's policies.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{ListKeyPoliciesRequest, ListKeyPoliciesResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::key_policy::POLICY_NAME;
use crate::paging::{List, limit};
use crate::{Error, actions};

/// Lists the names of a key's policies: every key has one, `default`.
///
/// Fails with `NotFoundException` if the key does not exist.
#[derive(Debug)]
pub struct ListKeyPolicies;

impl Operation for ListKeyPolicies {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListKeyPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_KEY_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListKeyPoliciesRequest;
    type Output = ListKeyPoliciesResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::LIST_KEY_POLICIES);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        let limit = limit(input.limit, 100, 1000)?;
        let list = List {
            operation: Self::NAME,
            account: key.account,
            region: &key.region,
            filter: key.id.as_str(),
        };
        let after = list.after(input.marker.as_deref())?;
        let names = [POLICY_NAME.to_owned()].into_iter();
        let rest = names.filter(|name| Some(name) > after.as_ref());
        let page = list.page(limit, rest.map(|name| (name.clone(), name)));
        Ok(Reply::read(ListKeyPoliciesResponse {
            policy_names: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}
