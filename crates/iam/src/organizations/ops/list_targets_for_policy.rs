//! `ListTargetsForPolicy`: where a policy is attached.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{
    ListTargetsForPolicyRequest, ListTargetsForPolicyResponse, PolicyTargetSummary, TargetType,
};
use store::View;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::records::{NodeKind, NodeRecord, OrganizationRecord};
use crate::organizations::scope::NamedPolicy;
use crate::organizations::{ids, listing, shape, tables, tree};

/// Lists the roots, units and accounts that a policy is attached to.
///
/// Fails with `PolicyNotFoundException`.
#[derive(Debug)]
pub(crate) struct ListTargetsForPolicy;

impl Operation for ListTargetsForPolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListTargetsForPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_TARGETS_FOR_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListTargetsForPolicyRequest;
    type Output = ListTargetsForPolicyResponse;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let policy = NamedPolicy::of(ctx, &input.policy_id)?;
        Ok((
            Needs::one(policy.need(&actions::LIST_TARGETS_FOR_POLICY)),
            policy,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (view, named) = (ctx.view(), permit.target());
        let (organization, policy) = (&named.organization, named.found()?);
        let everything = tables::all();
        let nodes = view.scan(&tables::NODES, &everything, None);
        let attached = nodes.map(|(_, row)| row.record).filter(|node| {
            let attached = tree::policies_at(organization, node, policy.kind());
            attached.iter().any(|id| id == policy.id())
        });
        let targets = attached.map(|node| (node.id.clone(), target(view, organization, node)));
        let listed = [Self::NAME, policy.id()];
        let cut = listing::page(
            &listed,
            (input.next_token.as_deref(), input.max_results),
            targets,
        )?;
        Ok(Reply::read(ListTargetsForPolicyResponse {
            targets: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("policyId", input.policy_id.as_str())
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}

fn target(
    view: &View,
    organization: &OrganizationRecord,
    node: &NodeRecord,
) -> PolicyTargetSummary {
    let (kind, name) = match node.kind {
        NodeKind::Root => (TargetType::Root, node.name.clone()),
        NodeKind::Unit => (TargetType::OrganizationalUnit, node.name.clone()),
        NodeKind::Account => {
            let account = shape::account(view, organization, node);
            let name = account.and_then(|account| account.name);
            let name = name.map(|name| name.expose().to_owned());
            (TargetType::Account, name.unwrap_or_default())
        }
    };
    PolicyTargetSummary {
        target_id: Some(node.id.clone()),
        arn: Some(String::from(ids::node_arn(organization, &node.id))),
        name: Some(name),
        r#type: Some(kind),
    }
}
