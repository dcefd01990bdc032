//! `SimulateCustomPolicy`: what policies that are passed would decide.

use pipeline::sources::{AttachedDocument, LevelDocuments};
use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::{Action, DocumentKind};
use shapes::iam::{
    OrderedOrganizationPolicyType, SimulateCustomPolicyRequest, SimulatePolicyResponse,
};
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::simulation::{Caller, Cast, Common, Simulation, aside, given};
use crate::{Error, actions, lookup};

/// Decides each action on each resource by the policies that are passed, as if the caller
/// named in `CallerArn` asked, or nobody in particular of the caller's own account.
///
/// Fails with `InvalidInput` for anything that cannot be simulated.
#[derive(Debug)]
pub(crate) struct SimulateCustomPolicy;

impl Operation for SimulateCustomPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "SimulateCustomPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::SIMULATE_CUSTOM_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = SimulateCustomPolicyRequest;
    type Output = SimulatePolicyResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, AccountId), Error> {
        let need = Need::anywhere(&actions::SIMULATE_CUSTOM_POLICY);
        Ok((Needs::one(need), lookup::account(ctx)?))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = permit.into_target();
        let identity = &input.policy_input_list;
        let cast = Cast {
            caller: match &input.caller_arn {
                Some(arn) => Caller::named(arn, None)?,
                None => Caller::nobody(account)?,
            },
            identity: given("PolicyInputList", identity, DocumentKind::Identity)?,
            boundary: None,
            levels: levels(input.ordered_organization_policy_input_list.as_deref())?,
        };
        let simulate = move || {
            let common = common(&input);
            let simulation = Simulation::new(&common, cast)?;
            let listing = [Self::NAME, account.as_str()];
            simulation.run(&common, &listing)
        };
        Ok(Reply::read(aside(simulate).await?))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("actionNames", input.action_names.clone())
                .maybe("resourceArns", input.resource_arns.clone())
                .maybe("resourceOwner", input.resource_owner.as_deref())
                .maybe("callerArn", input.caller_arn.as_deref())
                .maybe(
                    "resourceHandlingOption",
                    input.resource_handling_option.as_deref(),
                )
                .page(input.marker.as_deref(), input.max_items),
        )
    }
}

/// The levels of an organization as the request describes them; a level without policies
/// allows nothing.
fn levels(
    list: Option<&[OrderedOrganizationPolicyType]>,
) -> Result<Option<Vec<LevelDocuments>>, Error> {
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Ok(None);
    };
    let level = |(level, number): (&OrderedOrganizationPolicyType, usize)| {
        let name = format!("OrderedOrganizationPolicyInputList.{number}");
        let texts = level.service_control_policy_input_list.as_deref();
        let texts = texts.unwrap_or_default();
        let policies = given(&name, texts, DocumentKind::ServiceControl)?;
        let policies = policies.into_iter().map(|source| AttachedDocument {
            document: source.document,
            name: source.id,
            arn: None,
        });
        Ok(LevelDocuments {
            name,
            policies: policies.collect(),
        })
    };
    let levels = list.iter().zip(1..).map(level);
    levels.collect::<Result<_, Error>>().map(Some)
}

fn common(input: &SimulateCustomPolicyRequest) -> Common<'_> {
    Common {
        boundaries: input.permissions_boundary_policy_input_list.as_deref(),
        actions: &input.action_names,
        resources: input.resource_arns.as_deref(),
        resource_policy: input.resource_policy.as_deref(),
        resource_owner: input.resource_owner.as_deref(),
        entries: input.context_entries.as_deref(),
        handling: input.resource_handling_option.as_deref(),
        marker: input.marker.as_deref(),
        max_items: input.max_items,
    }
}
