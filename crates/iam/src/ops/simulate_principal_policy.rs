//! `SimulatePrincipalPolicy`: what the policies of a user, group or role would decide.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::{Action, DocumentKind};
use shapes::iam::{
    PolicyIdentifierPolicyType, SimulatePolicyResponse, SimulatePrincipalPolicyRequest,
};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations;
use crate::simulation::{Caller, Cast, Common, Exclusions, PolicySource, Simulation, aside, given};
use crate::{Error, actions, lookup};

/// Decides each action on each resource as if the caller named in `CallerArn`, or else the
/// user, group or role itself, asked with these policies: its own, those of its groups, those
/// that are passed, less those that are excluded, within its boundary and the service control
/// policies of its account.
///
/// Fails with `NoSuchEntity` if there is no such user, group or role, with `InvalidInput` for
/// anything that cannot be simulated, and with `PolicyEvaluation` for a stored policy that
/// cannot be read.
#[derive(Debug)]
pub(crate) struct SimulatePrincipalPolicy;

impl Operation for SimulatePrincipalPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "SimulatePrincipalPolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::SIMULATE_PRINCIPAL_POLICY];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = SimulatePrincipalPolicyRequest;
    type Output = SimulatePolicyResponse;
    type Target = PolicySource;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, PolicySource), Error> {
        let source = PolicySource::of(ctx, &input.policy_source_arn)?;
        let need = source.need(&actions::SIMULATE_PRINCIPAL_POLICY);
        Ok((Needs::one(need), source))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let exclusions = Exclusions::read(input.policy_exclusion_list.as_deref())?;
        let mut brought = permit.target().bring(ctx.view())?;
        brought.identity.retain(|source| exclusions.keep(source));
        let added = input.policy_input_list.as_deref().unwrap_or_default();
        let added = given("PolicyInputList", added, DocumentKind::Identity)?;
        let caller = match &input.caller_arn {
            Some(arn) if *arn != brought.arn.as_str() => Caller::named(arn, None)?,
            _ => Caller::own(&brought)?,
        };
        // What binds other accounts is not this caller's to ask for.
        let account = lookup::account(ctx)?;
        let own = caller.principal.account() == Some(account);
        let bounded = own && !exclusions.drop(PolicyIdentifierPolicyType::Scp);
        let boundary = brought.boundary.take();
        let cast = Cast {
            caller,
            identity: brought.identity.into_iter().chain(added).collect(),
            boundary: boundary
                .filter(|_| !exclusions.drop(PolicyIdentifierPolicyType::PermissionBoundary)),
            levels: bounded
                .then(|| organizations::service_control(ctx.view(), account))
                .flatten(),
        };
        let simulate = move || {
            let common = common(&input);
            let simulation = Simulation::new(&common, cast)?;
            let listing = [Self::NAME, account.as_str(), &input.policy_source_arn];
            simulation.run(&common, &listing)
        };
        Ok(Reply::read(aside(simulate).await?))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("policySourceArn", input.policy_source_arn.as_str())
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

fn common(input: &SimulatePrincipalPolicyRequest) -> Common<'_> {
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
