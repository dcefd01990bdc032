//! Decides every need of a call from one snapshot.

use std::sync::Arc;

use policy::{
    Attached, Beside, Decision, Effect, GrantAllow, Level, Policies, PolicyType, Reason, Request,
    ResourcePolicy,
};
use types::{Arn, Principal};

use crate::error::Denial;
use crate::keys::RequestKeys;
use crate::sources::{
    AccountBounds, AttachedDocument, GrantQuery, IdentityPolicies, LevelDocuments, ResourceFacts,
    ResourceRule, ResourceSource,
};
use crate::{Ctx, Need, Needs, OnDeny, session};

/// What records say of an action that no policy can allow on another account's resource.
const NOT_ACROSS_ACCOUNTS: &str =
    "the resource belongs to another account, and the action works in the caller's only";

/// What records say where the caller's own policies deny nothing.
const ACROSS_ACCOUNTS: &str = "the resource belongs to another account: its policies and the \
     caller's do not both allow it";

/// What records say of a resource whose account is closed.
const CLOSED: &str = "the account that owns the resource is closed";

/// How the needs of a call were decided.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    /// Batch items that were denied.
    pub(crate) denied_items: Vec<(usize, Denial)>,
    /// For the audit record: what was decided, and by which statements.
    pub(crate) decisions: Vec<serde_json::Value>,
    /// The resources of the needs, which the record names if the operation names none.
    pub(crate) resources: Vec<Arn>,
    /// What was decided about, if the call leaves a record.
    pub(crate) needs: Needs,
}

/// Decides `needs`, given what the organization says of the caller's account. With `explain`,
/// says for each which statements decided.
///
/// Fails with the first denial that fails the whole call.
pub(crate) fn authorize(
    ctx: &Ctx,
    needs: &Needs,
    bounds: Option<&AccountBounds>,
    explain: bool,
) -> Result<Authorization, Denial> {
    let identity = session::policies_of(ctx);
    let mut authorization = Authorization::default();
    if explain {
        let resources = needs.iter().filter_map(|need| need.resource.clone());
        authorization.resources.extend(resources);
    }
    for need in needs {
        match decide(ctx, &identity, bounds, need, explain) {
            Ok(decision) => authorization.decisions.extend(decision),
            Err(denial) => match need.on_deny {
                OnDeny::FailCall => return Err(denial),
                OnDeny::FailItem(number) => authorization.denied_items.push((number, denial)),
            },
        }
    }
    Ok(authorization)
}

fn decide(
    ctx: &Ctx,
    identity: &IdentityPolicies,
    bounds: Option<&AccountBounds>,
    need: &Need,
    explain: bool,
) -> Result<Option<serde_json::Value>, Denial> {
    // What another service is refused leaves a record of that service's, even if the call has
    // none.
    let explain_denial = explain || need.via.is_some();
    let decided = weigh(
        ctx,
        identity,
        bounds,
        need,
        |request, policies, beside, decision| {
            if decision.is_allowed() {
                return Ok(explain.then(|| explained(need, request, policies, beside)));
            }
            let name = request.principal.display_name();
            let action = need.action.as_str();
            let reason = if need.reticent {
                String::new()
            } else {
                decision.denial_message(&name, action, Some(need.shown_resource()))
            };
            let denied = decision.denial();
            let foreign = denied.is_none_or(|denial| denial.foreign);
            let decided =
                explain_denial.then(|| decided_against(foreign, request, policies, beside));
            let explicit = denied.is_some_and(|denial| denial.explicit && !denial.foreign);
            Err(Denial {
                explicit,
                ..denial(ctx, need, reason, decided)
            })
        },
    );
    decided.unwrap_or_else(|Undecided(why)| {
        let decided = explain_denial.then(|| vec![why.to_owned()]);
        Err(denial(ctx, need, String::new(), decided))
    })
}

/// Why policies are not asked: whatever they say, the need is denied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undecided(pub(crate) &'static str);

/// What is known of what `need` is about.
pub(crate) fn facts_of(ctx: &Ctx, need: &Need) -> ResourceFacts {
    let principal = &ctx.caller().principal;
    match (&need.resource, &need.facts, source_of(ctx, need)) {
        _ if need.owned_by_aws => of_the_caller(principal),
        (Some(_), Some(facts), _) => facts.clone(),
        (Some(arn), None, Some(source)) => source.facts(ctx.view(), arn),
        (Some(arn), None, None) => without_policy(arn),
        // An action without a resource concerns the caller's own account.
        (None, _, _) => of_the_caller(principal),
    }
}

fn source_of<'a>(ctx: &'a Ctx, need: &Need) -> Option<&'a Arc<dyn ResourceSource>> {
    let resource = need.resource.as_ref();
    resource.and_then(|arn| ctx.services().sources.of(arn))
}

/// Decides `need` by everything that bears on it, and hands it all to `ask`.
pub(crate) fn weigh<T>(
    ctx: &Ctx,
    identity: &IdentityPolicies,
    bounds: Option<&AccountBounds>,
    need: &Need,
    ask: impl FnOnce(&Request<'_>, &Policies<'_>, &Beside<'_>, Decision) -> T,
) -> Result<T, Undecided> {
    let principal = &ctx.caller().principal;
    let facts = facts_of(ctx, need);
    if need.same_account_only && facts.account != principal.account() {
        return Err(Undecided(NOT_ACROSS_ACCOUNTS));
    }
    // Within an account the same bounds hold for the caller and for what it uses.
    let foreign = facts
        .account
        .filter(|owner| principal.account() != Some(*owner));
    let foreign = foreign.map(|owner| ctx.bounds(owner));
    let owner = foreign.as_deref().or(bounds);
    if foreign.as_ref().is_some_and(|owner| owner.closed) {
        return Err(Undecided(CLOSED));
    }
    let attached: Vec<Attached<'_>> = identity.identity.iter().map(attach).collect();
    let session: Option<Vec<Attached<'_>>> = identity
        .session
        .as_ref()
        .map(|session| session.iter().map(attach).collect());
    let service_control = bounds.map_or(&[][..], |bounds| &bounds.service_control);
    let service_control = attach_levels(service_control);
    let service_control = levels(&service_control);
    // What is not a resource of an account, no resource control policy is about.
    let owner = owner.filter(|_| need.resource.is_some() && !need.owned_by_aws);
    let resource_control = owner.map_or(&[][..], |owner| &owner.resource_control);
    let resource_control = attach_levels(resource_control);
    let resource_control = levels(&resource_control);
    let policies = Policies {
        identity: &attached,
        boundary: identity.boundary.as_ref().map(attach),
        session: session.as_deref(),
        resource: match &facts.rule {
            ResourceRule::None => ResourcePolicy::None,
            ResourceRule::General(document) => ResourcePolicy::General(document),
            ResourceRule::Key(document) => ResourcePolicy::Key(document),
            ResourceRule::KeyGrantsOnly(document) => ResourcePolicy::KeyGrantsOnly(document),
            ResourceRule::Trust(document) => ResourcePolicy::Trust(document),
        },
        service_control: &service_control,
        resource_control: &resource_control,
        grants: &[],
    };
    let keys = RequestKeys {
        ctx,
        need,
        identity,
        facts: &facts,
    };
    let request = Request {
        principal,
        action: need.action,
        resource: need.resource.as_ref(),
        resource_account: facts.account,
        keys: &keys,
    };
    let beside = session::beside(ctx.caller());
    let mut decision = policy::evaluate_with(&request, &policies, &beside);
    let grants = grants(ctx, need, source_of(ctx, need), decision);
    let policies = Policies {
        grants: &grants,
        ..policies
    };
    if !grants.is_empty() {
        decision = policy::evaluate_with(&request, &policies, &beside);
    }
    Ok(ask(&request, &policies, &beside, decision))
}

/// The grants that cover `need`. They only add: where policies allow, and where one denies,
/// none is looked for.
fn grants(
    ctx: &Ctx,
    need: &Need,
    source: Option<&Arc<dyn ResourceSource>>,
    decision: Decision,
) -> Vec<GrantAllow> {
    if decision.denial().is_none_or(|denial| denial.explicit) {
        return Vec::new();
    }
    let query = GrantQuery {
        principal: &ctx.caller().principal,
        need,
        source: ctx.source(),
    };
    let matched = match (&need.grants, source) {
        (Some(grants), _) => grants.clone(),
        (None, Some(source)) => source.grants(ctx.view(), &query),
        (None, None) => Vec::new(),
    };
    let matched = matched.into_iter();
    matched
        .map(|grant| GrantAllow {
            id: grant.id,
            issuing_account: grant.issuing_account,
            delegates_to_account: grant.delegates_to_account,
        })
        .collect()
}

fn of_the_caller(principal: &Principal) -> ResourceFacts {
    ResourceFacts {
        account: principal.account(),
        rule: ResourceRule::None,
        keys: None,
    }
}

fn without_policy(arn: &Arn) -> ResourceFacts {
    ResourceFacts {
        account: arn.account(),
        rule: ResourceRule::None,
        keys: None,
    }
}

fn attach(attached: &AttachedDocument) -> Attached<'_> {
    Attached {
        document: &attached.document,
        name: &attached.name,
        arn: attached.arn.as_ref(),
    }
}

/// The levels with their policies as evaluation takes them; nothing is allocated for none.
fn attach_levels(documents: &[LevelDocuments]) -> Vec<(&str, Vec<Attached<'_>>)> {
    let levels = documents.iter();
    levels
        .map(|level| {
            let policies = level.policies.iter().map(attach).collect();
            (level.name.as_str(), policies)
        })
        .collect()
}

fn levels<'a>(attached: &'a [(&'a str, Vec<Attached<'a>>)]) -> Vec<Level<'a>> {
    let levels = attached.iter();
    levels
        .map(|(name, policies)| Level { name, policies })
        .collect()
}

fn explained(
    need: &Need,
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
) -> serde_json::Value {
    let reasons = policy::explain_with(request, policies, beside);
    let by: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    element(need, need.resource_text(), &by)
}

fn element(need: &Need, resource: &str, by: &[String]) -> serde_json::Value {
    serde_json::json!({
        "action": need.action.as_str(),
        "resource": resource,
        "decidedBy": by,
    })
}

/// What decided against a request: each Deny that matched, or the kind of policy that allows
/// nothing of it. The policies of another account's resource are that account's business: of
/// them nothing is said.
fn decided_against(
    foreign: bool,
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
) -> Vec<String> {
    let explanation = policy::explain_with(request, policies, beside);
    let decisive = explanation.iter().filter(|reason| match reason {
        Reason::Statement { statement, .. } => {
            let of_the_resource = matches!(
                statement.policy,
                PolicyType::Resource | PolicyType::Trust | PolicyType::ResourceControl
            );
            statement.effect == Effect::Deny && !(foreign && of_the_resource)
        }
        Reason::Missing(_) => !foreign,
        Reason::Grant { .. } | Reason::RootUser => false,
    });
    let mut decided: Vec<String> = decisive.map(ToString::to_string).collect();
    if foreign && decided.is_empty() {
        decided.push(ACROSS_ACCOUNTS.to_owned());
    }
    decided
}

fn denial(ctx: &Ctx, need: &Need, message: String, decided: Option<Vec<String>>) -> Denial {
    let action = need.action.as_str().to_owned();
    let resource = need.shown_resource().to_owned();
    let message = match &ctx.caller().principal {
        // AWS names neither whom it does not know nor what it will not show.
        Principal::WebIdentity(_) => format!("Not authorized to perform {action}"),
        principal if message.is_empty() => {
            let name = principal.display_name();
            format!("User: {name} is not authorized to perform: {action} on resource: {resource}")
        }
        _ => message,
    };
    Denial {
        principal: Box::new(ctx.caller().principal.clone()),
        explicit: false,
        decision: decided.map(|by| element(need, &resource, &by)),
        via: need.via,
        action,
        resource,
        message,
    }
}
