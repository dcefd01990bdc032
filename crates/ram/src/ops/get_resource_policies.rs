//! `GetResourcePolicies`: the policies that shares give to resources.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{GetResourcePoliciesRequest, GetResourcePoliciesResponse};
use types::{Arn, Service};

use super::{on_behalf, request_keys};
use crate::actions::{GET_RESOURCE_POLICIES, GET_RESOURCE_POLICY};
use crate::event::Fields;
use crate::listing::Listing;
use crate::principals::NamedPrincipal;
use crate::records::{SHARES, ShareRecord, shares_of};
use crate::shared::policy_of;
use crate::{Error, joining, resources};

/// Returns the policies that the caller's shares give to its resources; one that is shared with
/// nobody has none.
///
/// The caller needs `sagemaker:GetResourcePolicy` on each, through RAM. Fails with
/// `ResourceArnNotFoundException` for a resource that does not exist.
#[derive(Debug)]
pub(crate) struct GetResourcePolicies;

impl Operation for GetResourcePolicies {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "GetResourcePolicies";
    const ACTIONS: &'static [&'static Action] = &[&GET_RESOURCE_POLICIES, &GET_RESOURCE_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetResourcePoliciesRequest;
    type Output = GetResourcePoliciesResponse;
    type Target = Vec<Arn>;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Vec<Arn>), Error> {
        let arns = resources::named(ctx, Some(&input.resource_arns))?;
        let keys = request_keys(&arns, &[]);
        let mut needs = Needs::one(Need::anywhere(&GET_RESOURCE_POLICIES).with(keys));
        for arn in &arns {
            needs.push(on_behalf(&GET_RESOURCE_POLICY, arn));
        }
        Ok((needs, arns))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let principal = input
            .principal
            .as_deref()
            .map(NamedPrincipal::read)
            .transpose()?;
        let arns = permit.target();
        if let Some(arn) = resources::missing(ctx, account, arns)? {
            return Err(Error::ResourceNotFound {
                arn: arn.to_string(),
            });
        }
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let mut listing = Listing::new(Self::NAME, detail, page)?;
        let mut shown: BTreeSet<&Arn> = arns.iter().collect();
        if let Some(written) = &principal {
            let mut with_it = BTreeSet::new();
            let own = shares_of(account, ctx.region());
            let own = ctx.view().scan(&SHARES, &own, None);
            let own: Vec<&ShareRecord> = own.map(|(_, row)| row.record).collect();
            for share in own {
                listing.look(shown.len().saturating_add(1)).await;
                let having = shown.iter().copied();
                let having = having.filter(|arn| share.resources.contains_key(arn));
                let having: Vec<&Arn> = having.collect();
                if having.is_empty() {
                    continue;
                }
                listing.look(share.principals.len()).await;
                if joining::position(share, written).is_some() {
                    shown.retain(|arn| !share.resources.contains_key(arn));
                    with_it.extend(having);
                }
            }
            shown = with_it;
        }
        for arn in shown {
            listing.look(1).await;
            if let Some(policy) = policy_of(ctx.view(), arn) {
                listing.add(arn.to_string(), policy);
            }
        }
        let cut = listing.cut();
        let policies = cut.items.iter().map(|policy| policy.text().to_owned());
        Ok(Reply::read(GetResourcePoliciesResponse {
            policies: Some(policies.collect()),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceArns", &input.resource_arns)
            .maybe("principal", &input.principal)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
