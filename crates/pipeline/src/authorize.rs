//! Decides every need of a call from one snapshot.

use policy::{Attached, GrantAllow, Policies, Request, ResourcePolicy};
use types::{Arn, Principal};

use crate::error::Denial;
use crate::keys::RequestKeys;
use crate::sources::{AttachedDocument, IdentityPolicies, ResourceFacts, ResourceRule};
use crate::{Ctx, Need, Needs, OnDeny};

/// How the needs of a call were decided.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    /// Batch items that were denied.
    pub(crate) denied_items: Vec<(usize, Denial)>,
    /// For the audit record: what was decided, and by which statements.
    pub(crate) decisions: Vec<serde_json::Value>,
    /// The resources of the needs, which the record names if the operation names none.
    pub(crate) resources: Vec<Arn>,
}

/// Decides `needs`. With `explain`, says for each which statements decided.
///
/// Fails with the first denial that fails the whole call.
pub(crate) fn authorize(ctx: &Ctx, needs: &Needs, explain: bool) -> Result<Authorization, Denial> {
    let principal = &ctx.caller().principal;
    let identity = ctx
        .services()
        .sources
        .identities
        .policies(ctx.view(), principal);
    let mut authorization = Authorization::default();
    if explain {
        let resources = needs.iter().filter_map(|need| need.resource.clone());
        authorization.resources.extend(resources);
    }
    for need in needs {
        match decide(ctx, &identity, need, explain) {
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
    need: &Need,
    explain: bool,
) -> Result<Option<serde_json::Value>, Denial> {
    let principal = &ctx.caller().principal;
    let source = need
        .resource
        .as_ref()
        .and_then(|arn| ctx.services().sources.of(arn));
    let facts = match (&need.resource, &need.facts, source) {
        _ if need.owned_by_aws => of_the_caller(principal),
        (Some(_), Some(facts), _) => facts.clone(),
        (Some(arn), None, Some(source)) => source.facts(ctx.view(), arn),
        (Some(arn), None, None) => without_policy(arn),
        // An action without a resource concerns the caller's own account.
        (None, _, _) => of_the_caller(principal),
    };
    if need.same_account_only && facts.account != principal.account() {
        return Err(denial(ctx, need, String::new()));
    }
    let grants: Vec<GrantAllow> = source.map_or_else(Vec::new, |source| {
        let matched = source.grants(ctx.view(), principal, need);
        matched
            .into_iter()
            .map(|grant| GrantAllow::new(grant.id, grant.issuing_account))
            .collect()
    });
    let attached: Vec<Attached<'_>> = identity.identity.iter().map(attach).collect();
    let session: Option<Vec<Attached<'_>>> = identity
        .session
        .as_ref()
        .map(|session| session.iter().map(attach).collect());
    let policies = Policies {
        identity: &attached,
        boundary: identity.boundary.as_ref().map(attach),
        session: session.as_deref(),
        resource: match &facts.rule {
            ResourceRule::None => ResourcePolicy::None,
            ResourceRule::General(document) => ResourcePolicy::General(document),
            ResourceRule::Key(document) => ResourcePolicy::Key(document),
            ResourceRule::Trust(document) => ResourcePolicy::Trust(document),
        },
        service_control: &[],
        resource_control: &[],
        grants: &grants,
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
    let decision = policy::evaluate(&request, &policies);
    if decision.is_allowed() {
        Ok(explain.then(|| explained(need, &request, &policies)))
    } else {
        let name = principal.display_name();
        let action = need.action.as_str();
        let reason = decision.denial_message(&name, action, Some(need.shown_resource()));
        Err(denial(ctx, need, reason))
    }
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

fn explained(need: &Need, request: &Request<'_>, policies: &Policies<'_>) -> serde_json::Value {
    let reasons = policy::explain(request, policies);
    let by: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "action": need.action.as_str(),
        "resource": need.resource_text(),
        "decidedBy": by,
    })
}

fn denial(ctx: &Ctx, need: &Need, message: String) -> Denial {
    let action = need.action.as_str().to_owned();
    let resource = need.shown_resource().to_owned();
    let message = if message.is_empty() {
        let name = ctx.caller().principal.display_name();
        format!("User: {name} is not authorized to perform: {action} on resource: {resource}")
    } else {
        message
    };
    Denial {
        action,
        resource,
        message,
    }
}
