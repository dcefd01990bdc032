//! Decides every need of a call from one snapshot.
//!
//! One file though it is long, because what is weighed for a decision, what is asked of it, and what its
//! record tells either account must be of the same policies: whoever reads one has to see the others.

use std::cell::Cell;
use std::sync::Arc;

use policy::{
    Attached, Beside, Decision, Document, DocumentKind, Explanation, GrantAllow, Level, Policies,
    Request, ResourcePolicy,
};
use tracing::warn;
use types::{AccountId, Arn, Principal};

use crate::error::Denial;
use crate::keys::RequestKeys;
use crate::need::Conditional;
use crate::repeated::Question;
use crate::sources::{
    AccountBounds, AttachedDocument, GrantQuery, IdentityPolicies, LevelDocuments, ResourceFacts,
    ResourceRule, ResourceSource,
};
use crate::told::{self, Side};
use crate::{Ctx, Need, Needs, OnDeny, session, steps, yield_once};

/// After how many steps of comparing others have their turn: some tenths of a millisecond.
const STEPS_OF_A_TURN: usize = 100_000;

/// What a decision costs beside comparing, in steps.
const STEPS_AROUND: usize = 500;

/// What records say of a decision that there is no time to explain.
const NOT_EXPLAINED: &str = "not explained: the policies take too long to compare";

/// What records say of an action that no policy can allow on another account's resource.
const NOT_ACROSS_ACCOUNTS: &str =
    "the resource belongs to another account, and the action works in the caller's only";

/// What records say where the caller's own policies deny nothing.
const ACROSS_ACCOUNTS: &str = "the resource belongs to another account: its policies and the \
     caller's do not both allow it";

/// The trust policy of another account's role where only the caller's side is to decide.
const TRUSTS_EVERYBODY: &str = r#"{
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    }
}"#;

/// The policy of another account's resource where only the caller's side is to decide.
const ALLOWS_EVERYBODY: &str = r#"{
    "Version": "2012-10-17",
    "Statement": { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }
}"#;

/// How the needs of a call were decided.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    /// Whether there was something to decide and no denial failed the call: only then somebody
    /// has entrusted the caller with it.
    pub(crate) granted: bool,
    /// Batch items that were denied.
    pub(crate) denied_items: Vec<(usize, Denial)>,
    /// What the call needs only if it comes to it.
    pub(crate) conditional: Vec<Conditional>,
    /// For the audit record: what was decided, and by which statements.
    pub(crate) decisions: Vec<Decided>,
    /// The resources of the needs, which the record names if the operation names none.
    pub(crate) resources: Vec<Arn>,
    /// What was decided about, if the call leaves a record.
    pub(crate) needs: Needs,
}

/// One decision as records show it: to each of two accounts its own side of it.
#[derive(Debug)]
pub(crate) struct Decided {
    /// What the caller's account sees; all of it, if the resource is no other's.
    caller: serde_json::Value,
    /// What another account that owns the resource sees.
    owner: Option<(AccountId, serde_json::Value)>,
}

impl Decided {
    /// What `account` may see of the decision about a call of `caller`'s, if anything.
    pub(crate) fn seen_by(
        &self,
        account: AccountId,
        caller: Option<AccountId>,
    ) -> Option<&serde_json::Value> {
        match &self.owner {
            Some((owner, seen)) if *owner == account => Some(seen),
            Some(_) | None => (caller == Some(account)).then_some(&self.caller),
        }
    }
}

/// Decides `needs`, given what the organization says of the caller's account. With `explain`,
/// says for each which statements decided. There can be thousands: others have their turn meanwhile.
///
/// Fails with the first denial that fails the whole call.
pub(crate) async fn authorize(
    ctx: &Ctx,
    needs: &Needs,
    bounds: Option<&Arc<AccountBounds>>,
    explain: bool,
) -> Result<Authorization, Denial> {
    let mut deciding = Deciding::new(ctx, needs, bounds, explain);
    while !deciding.take_turn()? {
        yield_once().await;
    }
    Ok(deciding.authorization(needs))
}

/// The same at once, for the few needs of background work.
pub(crate) fn authorize_at_once(
    ctx: &Ctx,
    needs: &Needs,
    bounds: Option<&Arc<AccountBounds>>,
    explain: bool,
) -> Result<Authorization, Denial> {
    let mut deciding = Deciding::new(ctx, needs, bounds, explain);
    while !deciding.take_turn()? {}
    Ok(deciding.authorization(needs))
}

/// Needs that are being decided.
struct Deciding<'a> {
    ctx: &'a Ctx,
    identity: Arc<IdentityPolicies>,
    bounds: Option<&'a Arc<AccountBounds>>,
    explain: bool,
    /// Those that are left.
    needs: std::slice::Iter<'a, Need>,
    authorization: Authorization,
}

impl<'a> Deciding<'a> {
    fn new(
        ctx: &'a Ctx,
        needs: &'a Needs,
        bounds: Option<&'a Arc<AccountBounds>>,
        explain: bool,
    ) -> Self {
        let mut authorization = Authorization::default();
        if explain {
            let certain = needs.iter().filter(|need| !need.is_if_used());
            let resources = certain.filter_map(|need| need.resource.clone());
            authorization.resources.extend(resources);
        }
        Self {
            ctx,
            identity: session::policies_of(ctx),
            bounds,
            explain,
            needs: needs.iter(),
            authorization,
        }
    }

    /// Decides until others are to have their turn; whether all is decided.
    ///
    /// Fails with the first denial that fails the whole call.
    fn take_turn(&mut self) -> Result<bool, Denial> {
        let begun = self.ctx.steps().taken();
        let mut around = 0_usize;
        for need in self.needs.by_ref() {
            match decide(self.ctx, &self.identity, self.bounds, need, self.explain) {
                Ok(decision) => self.authorization.grant(need, decision, self.explain),
                Err(denial) => self.authorization.deny(need, denial)?,
            }
            around = around.saturating_add(STEPS_AROUND);
            let taken = self.ctx.steps().taken().saturating_sub(begun);
            if taken.saturating_add(around) > STEPS_OF_A_TURN {
                return Ok(self.needs.len() == 0);
            }
        }
        Ok(true)
    }

    /// How all of `needs` were decided.
    fn authorization(self, needs: &Needs) -> Authorization {
        Authorization {
            granted: needs.iter().len() > self.authorization.denied_items.len(),
            ..self.authorization
        }
    }
}

impl Authorization {
    fn grant(&mut self, need: &Need, decision: Option<Decided>, explain: bool) {
        if let OnDeny::IfUsed(number) = need.on_deny {
            self.conditional.push(Conditional::granted(number));
            // What is withheld shows in no record: whoever may not use it does not learn
            // of it, and whoever owns it not of the call.
            let resource = need.resource.clone().filter(|_| explain);
            self.resources.extend(resource);
        }
        self.decisions.extend(decision);
    }

    /// Fails if the denial fails the whole call.
    fn deny(&mut self, need: &Need, denial: Denial) -> Result<(), Denial> {
        match need.on_deny {
            OnDeny::FailCall => return Err(denial),
            OnDeny::FailItem(number) => self.denied_items.push((number, denial)),
            OnDeny::IfUsed(number) => {
                let refused = Conditional::refused(number, need.clone(), denial);
                self.conditional.push(refused);
            }
        }
        Ok(())
    }
}

/// Decides `need`, unless it is granted as it was to a request that asked the same.
fn decide(
    ctx: &Ctx,
    identity: &Arc<IdentityPolicies>,
    bounds: Option<&Arc<AccountBounds>>,
    need: &Need,
    explain: bool,
) -> Result<Option<Decided>, Denial> {
    let repeated = &ctx.services().repeated;
    let question = if explain {
        None
    } else {
        Question::of(ctx, identity, bounds, need)
    };
    if question.is_some_and(|question| repeated.is_granted(&question)) {
        return Ok(None);
    }
    let asked_more = Cell::new(false);
    let given = (identity.as_ref(), bounds.map(Arc::as_ref), &asked_more);
    let decision = decide_anew(ctx, given, need, explain)?;
    if let Some(question) = question.filter(|_| !asked_more.get()) {
        repeated.granted(&question);
    }
    Ok(decision)
}

/// Decides `need`. Says in `asked_more` whether that depended on more than on what a [`Question`]
/// says.
fn decide_anew(
    ctx: &Ctx,
    (identity, bounds, asked_more): (&IdentityPolicies, Option<&AccountBounds>, &Cell<bool>),
    need: &Need,
    explain: bool,
) -> Result<Option<Decided>, Denial> {
    // What another service is refused leaves a record of that service's, even if the call has
    // none.
    let explain_denial = explain || need.via.is_some();
    let decided = weigh_noting(
        ctx,
        (identity, bounds, asked_more),
        need,
        |request, policies, beside, decision| {
            let owner = owner_beside(ctx, request);
            if decision.is_allowed() {
                let why = || steps::explain(ctx, request, policies, beside);
                return Ok(explain.then(|| explained(need, why().as_ref(), owner)));
            }
            let denied = decision.denial();
            let unfinished = denied.is_some_and(|denial| denial.unfinished);
            if unfinished && ctx.log_admits("unfinished") {
                let (request, action) = (ctx.id(), need.action.as_str());
                warn!(%request, action, "denied, as the policies take too long to compare");
            }
            let foreign = owner.is_some() || denied.is_none_or(|denial| denial.foreign);
            let name = request.principal.display_name();
            let action = need.action.as_str();
            let reason = if need.reticent || foreign {
                String::new()
            } else if let Some(words) = need.shown_as {
                decision.denial_message_in_words(&name, action, words)
            } else {
                decision.denial_message(&name, action, Some(need.shown_resource()))
            };
            let why = || steps::explain(ctx, request, policies, beside);
            // What was not compared to its end has no reason, though comparing it anew may find one.
            let why = || if unfinished { None } else { why() };
            let decided = explain_denial.then(|| decided_against(why().as_ref(), foreign));
            let explicit = denied.is_some_and(|denial| denial.explicit && !foreign);
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
    weigh_noting(ctx, (identity, bounds, &Cell::new(false)), need, ask)
}

/// As [`weigh`], and notes in `asked_more` whether another account had a say, there is nothing of that
/// name, or a policy has asked for more than follows from who asks for what.
fn weigh_noting<T>(
    ctx: &Ctx,
    (identity, bounds, asked_more): (&IdentityPolicies, Option<&AccountBounds>, &Cell<bool>),
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
    // What is not there takes no room: callers name anything.
    let missing = facts.keys.is_none() && matches!(facts.rule, ResourceRule::None);
    if foreign.is_some() || missing {
        asked_more.set(true);
    }
    if foreign.as_ref().is_some_and(|owner| owner.closed) {
        return Err(Undecided(ACROSS_ACCOUNTS));
    }
    let side = Weighed {
        ctx,
        identity,
        bounds,
        owner: foreign.as_deref().or(bounds),
        need,
        facts: &facts,
        source: source_of(ctx, need),
        own_side: false,
        asked_more,
    };
    Ok(side.decide(ask))
}

/// Decides what the caller's account says of `need` on another account's resource, and hands it
/// to `ask`: whatever that account has or says, it is taken to allow, by a trust policy if it
/// `trusts` roles so.
///
/// Nothing that the other account decides changes the outcome: neither the resource's policy and
/// grants, nor its tags, nor whether it exists. That the account is in the organization counts,
/// but not where.
pub(crate) fn weigh_own_side<T>(
    ctx: &Ctx,
    identity: &IdentityPolicies,
    bounds: Option<&AccountBounds>,
    (need, trusts): (&Need, bool),
    ask: impl FnOnce(&Request<'_>, &Policies<'_>, &Beside<'_>, Decision) -> T,
) -> Result<T, Undecided> {
    if need.same_account_only {
        return Err(Undecided(NOT_ACROSS_ACCOUNTS));
    }
    let (text, kind) = if trusts {
        (TRUSTS_EVERYBODY, DocumentKind::Trust)
    } else {
        (ALLOWS_EVERYBODY, DocumentKind::Resource)
    };
    let everybody = Document::parse(text, kind);
    let everybody = everybody.map_err(|_unreadable| Undecided(ACROSS_ACCOUNTS))?;
    let everybody = Arc::new(everybody);
    let facts = ResourceFacts {
        account: facts_of(ctx, need).account,
        rule: if trusts {
            ResourceRule::Trust(everybody)
        } else {
            ResourceRule::General(everybody)
        },
        keys: None,
    };
    let own = Need {
        grants: None,
        ..need.clone()
    };
    let side = Weighed {
        ctx,
        identity,
        bounds,
        owner: None,
        need: &own,
        facts: &facts,
        source: None,
        own_side: true,
        asked_more: &Cell::new(false),
    };
    Ok(side.decide(ask))
}

/// Everything that a need is decided by.
struct Weighed<'a> {
    ctx: &'a Ctx,
    identity: &'a IdentityPolicies,
    /// What the organization says of the caller's account.
    bounds: Option<&'a AccountBounds>,
    /// What it says of the account that owns the resource.
    owner: Option<&'a AccountBounds>,
    need: &'a Need,
    facts: &'a ResourceFacts,
    /// Who knows the grants on the resource.
    source: Option<&'a Arc<dyn ResourceSource>>,
    /// Whether only the caller's side is decided.
    own_side: bool,
    /// Whether a policy has asked for more than follows from who asks for what.
    asked_more: &'a Cell<bool>,
}

impl Weighed<'_> {
    fn decide<T>(
        &self,
        ask: impl FnOnce(&Request<'_>, &Policies<'_>, &Beside<'_>, Decision) -> T,
    ) -> T {
        let Self {
            ctx,
            identity,
            need,
            facts,
            ..
        } = *self;
        let principal = &ctx.caller().principal;
        let attached: Vec<Attached<'_>> = identity.identity.iter().map(attach).collect();
        let session: Option<Vec<Attached<'_>>> = identity
            .session
            .as_ref()
            .map(|session| session.iter().map(attach).collect());
        let service_control = self
            .bounds
            .map_or(&[][..], |bounds| &bounds.service_control);
        let service_control = attach_levels(service_control);
        let service_control = levels(&service_control);
        // What is not a resource of an account, no resource control policy is about.
        let owner = self.owner;
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
            facts,
            own_side: self.own_side,
            asked_more: self.asked_more,
        };
        let request = Request {
            principal,
            action: need.action,
            resource: need.resource.as_ref(),
            resource_account: facts.account,
            keys: &keys,
        };
        let beside = session::beside(ctx.caller());
        let evaluate = |policies: &Policies<'_>| {
            ctx.steps().decide(|steps| {
                let beside = Beside {
                    steps: Some(steps),
                    ..beside
                };
                policy::evaluate_with(&request, policies, &beside)
            })
        };
        let mut decision = evaluate(&policies);
        let grants = grants(ctx, need, self.source, decision);
        let policies = Policies {
            grants: &grants,
            ..policies
        };
        if !grants.is_empty() {
            decision = evaluate(&policies);
        }
        ask(&request, &policies, &beside, decision)
    }
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
pub(crate) fn attach_levels(documents: &[LevelDocuments]) -> Vec<(&str, Vec<Attached<'_>>)> {
    let levels = documents.iter();
    levels
        .map(|level| {
            let policies = level.policies.iter().map(attach).collect();
            (level.name.as_str(), policies)
        })
        .collect()
}

pub(crate) fn levels<'a>(attached: &'a [(&'a str, Vec<Attached<'a>>)]) -> Vec<Level<'a>> {
    let levels = attached.iter();
    levels
        .map(|(name, policies)| Level { name, policies })
        .collect()
}

/// The account that owns what a request is about, if the request is in another one's history.
fn owner_beside(ctx: &Ctx, request: &Request<'_>) -> Option<AccountId> {
    let home = ctx.home();
    let owner = request.resource_account;
    owner.filter(|owner| home != Some(*owner))
}

/// What decided for a request, if it could be said, for the one account that it concerns or, if
/// there is another `owner` of the resource, for either of two.
fn explained(need: &Need, why: Option<&Explanation>, owner: Option<AccountId>) -> Decided {
    let seen = |side| {
        let by = why.map_or_else(not_explained, |why| told::allowed(why, side));
        element(need, need.resource_text(), &by)
    };
    match owner {
        Some(owner) => Decided {
            caller: seen(Side::Caller),
            owner: Some((owner, seen(Side::Owner))),
        },
        None => Decided {
            caller: seen(Side::Both),
            owner: None,
        },
    }
}

fn element(need: &Need, resource: &str, by: &[String]) -> serde_json::Value {
    serde_json::json!({
        "action": need.action.as_str(),
        "resource": resource,
        "decidedBy": by,
    })
}

fn not_explained() -> Vec<String> {
    vec![NOT_EXPLAINED.to_owned()]
}

/// What decided against a request, if it could be said, as far as the caller's account may know.
fn decided_against(why: Option<&Explanation>, foreign: bool) -> Vec<String> {
    let mut decided = why.map_or_else(not_explained, |why| told::denied(why, foreign));
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
            let what = unsaid(ctx, need).unwrap_or_else(|| format!("on resource: {resource}"));
            format!("User: {name} is not authorized to perform: {action} {what}")
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

/// What a denial says of another account's resource, where there are words for that: then it does not
/// repeat the ARN either.
fn unsaid(ctx: &Ctx, need: &Need) -> Option<String> {
    let (own, owner) = (ctx.account()?, need.resource.as_ref()?.account());
    let clause = need.unsaid.filter(|_| owner != Some(own))?;
    let words = need.shown_as.unwrap_or("this resource");
    Some(format!("on {words} {clause}"))
}
