//! `ListPoliciesForTarget`: the policies of a type that are attached somewhere.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListPoliciesForTargetRequest, ListPoliciesForTargetResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::policies::Policy;
use crate::organizations::scope::NamedNode;
use crate::organizations::{listing, shape, tree};

/// Lists the policies that are attached to a root, unit or account itself, not those that bind it
/// from above.
///
/// Fails with `TargetNotFoundException`.
#[derive(Debug)]
pub(crate) struct ListPoliciesForTarget;

impl Operation for ListPoliciesForTarget {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListPoliciesForTarget";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_POLICIES_FOR_TARGET];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListPoliciesForTargetRequest;
    type Output = ListPoliciesForTargetResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let node = NamedNode::of(ctx, &input.target_id)?;
        let keys = KeySet::default().one("organizations:policytype", input.filter.as_str());
        Ok((
            Needs::one(node.need(&actions::LIST_POLICIES_FOR_TARGET).with(keys)),
            node,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let (organization, node) = (&named.organization, named.target()?);
        let kind = shape::kind(input.filter);
        let ids = kind.map_or_else(Vec::new, |kind| tree::policies_at(organization, node, kind));
        let policies = ids.iter().filter_map(|id| {
            let policy = Policy::find(ctx.view(), id)?;
            Some((id.clone(), shape::policy_summary(organization, &policy)))
        });
        let listed = [Self::NAME, &node.id, input.filter.as_str()];
        let cut = listing::page(
            &listed,
            (input.next_token.as_deref(), input.max_results),
            policies,
        )?;
        Ok(Reply::read(ListPoliciesForTargetResponse {
            policies: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("targetId", input.target_id.as_str())
                .with("filter", input.filter.as_str())
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
