//! `ListPolicies`: the policies of a type.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListPoliciesRequest, ListPoliciesResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::policies::Policy;
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{listing, scope, shape};

/// Lists AWS's policy and those of the organization. Of types that do not bear on requests there
/// are none.
#[derive(Debug)]
pub(crate) struct ListPolicies;

impl Operation for ListPolicies {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListPolicies";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_POLICIES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListPoliciesRequest;
    type Output = ListPoliciesResponse;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::management(ctx)?;

        let keys = KeySet::default().one("organizations:policytype", input.filter.as_str());
        Ok((
            Needs::one(Need::anywhere(&actions::LIST_POLICIES).with(keys)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let organization = permit.target();
        let kind = shape::kind(input.filter);
        let policies = kind.map_or_else(Vec::new, |kind| Policy::all(ctx.view(), kind));
        let policies = policies.iter().map(|policy| {
            let summary = shape::policy_summary(organization, policy);
            (policy.id().to_owned(), summary)
        });
        let listed = [Self::NAME, input.filter.as_str()];
        let cut = listing::page(
            &listed,
            (input.next_token.as_deref(), input.max_results),
            policies,
        )?;
        Ok(Reply::read(ListPoliciesResponse {
            policies: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("filter", input.filter.as_str())
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
