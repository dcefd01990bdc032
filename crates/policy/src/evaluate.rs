//! The one evaluation behind [`evaluate`] and [`crate::explain`].

use types::{Arn, Principal};

use crate::action::Action;
use crate::context::{ConditionKey, ConditionKeys, Values};
use crate::decision::{Decision, Denial, PolicyType};
use crate::document::{DocumentKind, Effect, Statement};
use crate::principal::{Caller, Naming, Namings};
use crate::request::{
    Attached, Beside, Level, Policies, Request, ResourcePolicy, is_service_linked,
};
use crate::rules::{self, Facts, Owner, Rule};
use crate::steps::Steps;

/// Decides a request by AWS's policy evaluation logic; docs/authorization.md has the rules.
///
/// Allocates only where policy variables are replaced or a context key is computed.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    evaluate_with(request, policies, &Beside::default())
}

/// Decides a request on which more bears than policies: as [`evaluate`].
pub fn evaluate_with(
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
) -> Decision {
    let found = scan(request, policies, beside, &mut Quiet);
    found.decision(request, policies)
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) policy: PolicyType,
    pub(crate) attached: Attached<'a>,
    pub(crate) level: Option<&'a str>,
}

/// Hears of what the evaluation finds.
pub(crate) trait Recorder {
    /// Whether every matching statement is wanted, not only those that settle the decision.
    const COMPLETE: bool;

    /// A statement matches.
    fn matched(
        &mut self,
        place: &Place<'_>,
        index: usize,
        statement: &Statement,
        by: Option<Naming>,
    );

    /// No policy of this level of an organization allows.
    fn not_allowed_at(&mut self, policy: PolicyType, level: &str);
}

/// Wants the decision only.
struct Quiet;

impl Recorder for Quiet {
    const COMPLETE: bool = false;

    fn matched(&mut self, _: &Place<'_>, _: usize, _: &Statement, _: Option<Naming>) {}

    fn not_allowed_at(&mut self, _: PolicyType, _: &str) {}
}

/// What all policies together say.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what each kind of policy says by itself"
)]
pub(crate) struct Found {
    /// The first kind of policy with a matching Deny.
    pub(crate) denied: Option<PolicyType>,
    pub(crate) service_control: bool,
    pub(crate) resource_control: bool,
    pub(crate) rule: Rule,
    pub(crate) namings: Namings,
    pub(crate) identity: bool,
    pub(crate) boundary: Option<bool>,
    pub(crate) session: Option<bool>,
    /// Whether it took too many steps to ask all.
    pub(crate) unfinished: bool,
}

/// Asks all policies, in the order in which AWS lists the steps; of several kinds that deny
/// the first is the one that is named.
pub(crate) fn scan<R: Recorder>(
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
    recorder: &mut R,
) -> Found {
    let own = Steps::default();
    let steps = beside.steps.unwrap_or(&own);
    let mut scan = Scan::of(request, policies, beside, steps, recorder);
    let exempt = is_service_linked(request.principal);
    let service_control =
        exempt || scan.levels(PolicyType::ServiceControl, policies.service_control);
    let resource_control =
        exempt || scan.levels(PolicyType::ResourceControl, policies.resource_control);
    let (rule, namings) = scan.resource(policies.resource, beside.shares);
    let identity = scan.any(PolicyType::Identity, policies.identity, None);
    let boundary = policies
        .boundary
        .map(|boundary| !scan.one(PolicyType::Boundary, boundary, None).is_empty());
    let session = policies
        .session
        .map(|session| scan.any(PolicyType::Session, session, None));
    Found {
        denied: scan.denied,
        service_control,
        resource_control,
        rule,
        namings,
        identity,
        boundary,
        session,
        unfinished: steps.are_spent(),
    }
}

impl Found {
    pub(crate) fn decision(&self, request: &Request<'_>, policies: &Policies<'_>) -> Decision {
        let facts = self.facts(request, policies);
        let deny = |policy, explicit| {
            Decision(Err(Denial {
                policy,
                explicit,
                foreign: facts.owner == Owner::Other,
                unfinished: self.unfinished,
            }))
        };
        if let Some(policy) = self.denied {
            return deny(policy, true);
        }
        if !self.resource_control {
            return deny(PolicyType::ResourceControl, false);
        }
        if !self.service_control {
            return deny(PolicyType::ServiceControl, false);
        }
        match rules::combine(&facts) {
            Ok(allowed) => Decision(Ok(allowed)),
            Err(policy) => deny(policy, false),
        }
    }

    pub(crate) fn facts<'a>(&self, request: &Request<'a>, policies: &Policies<'a>) -> Facts<'a> {
        let principal = request.principal;
        Facts {
            principal,
            owner: owner(request),
            rule: self.rule,
            namings: self.namings,
            identity: self.identity || matches!(principal, Principal::Root { .. }),
            boundary: self.boundary.unwrap_or(true),
            // A federated session without a policy of its own may do nothing by its user's.
            session: self
                .session
                .unwrap_or(!matches!(principal, Principal::FederatedUser { .. })),
            grants: policies.grants,
        }
    }
}

fn owner(request: &Request<'_>) -> Owner {
    let Some(caller) = request.principal.account() else {
        return Owner::CallerHasNone;
    };
    let account = match (request.resource_account, request.resource) {
        (Some(account), _) => Some(account),
        (None, Some(arn)) => arn.account(),
        (None, None) => Some(caller),
    };
    if account == Some(caller) {
        Owner::Caller
    } else {
        Owner::Other
    }
}

/// Runs through policies and keeps what matters of them.
pub(crate) struct Scan<'a, R> {
    caller: Caller<'a>,
    action: &'a Action,
    resource: Option<&'a Arn>,
    keys: &'a dyn ConditionKeys,
    /// Whether the caller has a permissions boundary.
    bounded: bool,
    /// The first kind of policy found with a matching Deny.
    denied: Option<PolicyType>,
    pub(crate) steps: &'a Steps,
    recorder: &'a mut R,
}

impl<'a, R: Recorder> Scan<'a, R> {
    pub(crate) fn of(
        request: &Request<'a>,
        policies: &Policies<'_>,
        beside: &Beside<'a>,
        steps: &'a Steps,
        recorder: &'a mut R,
    ) -> Self {
        Self {
            caller: Caller {
                principal: request.principal,
                issuer: beside.issuer,
            },
            action: request.action,
            resource: request.resource,
            keys: request.keys,
            bounded: policies.boundary.is_some(),
            denied: None,
            steps,
            recorder,
        }
    }

    /// Whether every level has a policy that allows.
    fn levels(&mut self, policy: PolicyType, levels: &[Level<'_>]) -> bool {
        let mut all = true;
        for level in levels {
            let allowed = self.any(policy, level.policies, Some(level.name));
            if !allowed {
                self.recorder.not_allowed_at(policy, level.name);
            }
            all &= allowed;
        }
        all
    }

    /// Whether one of the policies allows.
    fn any(&mut self, policy: PolicyType, list: &[Attached<'_>], level: Option<&str>) -> bool {
        let mut any = false;
        for attached in list {
            any |= !self.one(policy, *attached, level).is_empty();
        }
        any
    }

    fn resource(&mut self, policy: ResourcePolicy<'_>, shares: &[Attached<'_>]) -> (Rule, Namings) {
        let mut namings = Namings::default();
        for share in shares {
            namings.extend(self.one(PolicyType::Resource, *share, None));
        }
        let rule = match policy {
            ResourcePolicy::None if shares.is_empty() => Rule::NoPolicy,
            ResourcePolicy::None | ResourcePolicy::General(_) => Rule::General,
            ResourcePolicy::Key(_) => Rule::Key,
            ResourcePolicy::KeyGrantsOnly(_) => Rule::KeyGrantsOnly,
            ResourcePolicy::Trust(_) => Rule::Trust,
        };
        if let Some((policy, attached)) = policy.attached() {
            namings.extend(self.one(policy, attached, None));
        }
        (rule, namings)
    }

    /// How the matching Allows of one policy name the caller; notes a matching Deny.
    fn one(&mut self, policy: PolicyType, attached: Attached<'_>, level: Option<&str>) -> Namings {
        let mut allowed = Namings::default();
        let document = attached.document;
        if !document.services.may_hold(self.action) || self.denied.is_some() && !R::COMPLETE {
            return allowed;
        }
        let in_key_policy = InKeyPolicy(self.keys);
        let keys: &dyn ConditionKeys = match document.kind() {
            DocumentKind::KeyPolicy => &in_key_policy,
            _ => self.keys,
        };
        let resource = self.resource.map_or("*", Arn::as_str);
        for (index, covered) in document.index.candidates(self.action, resource) {
            let Some(statement) = document.statements.get(index) else {
                continue;
            };
            let actions = &statement.actions;
            let asked = || {
                actions.services.may_hold(self.action)
                    && (actions.cover(self.action, self.steps) || self.steps.are_spent())
            };
            if !(covered || asked()) {
                continue;
            }
            let namings = self.applies(policy, statement, keys);
            let Some(first) = namings.iter().next() else {
                continue;
            };
            if R::COMPLETE {
                let by = statement.principals.is_some().then_some(first);
                let place = Place {
                    policy,
                    attached,
                    level,
                };
                self.recorder.matched(&place, index, statement, by);
            }
            match statement.effect {
                Effect::Deny => {
                    self.denied = self.denied.or(Some(policy));
                    if !R::COMPLETE {
                        break;
                    }
                }
                Effect::Allow => allowed.extend(namings),
            }
        }
        allowed
    }

    /// How a statement that covers the action names the caller, if all of it matches the
    /// request. A statement without principals is about whoever its policy is attached to.
    ///
    /// What there are no steps left for is decided against the request.
    fn applies(
        &self,
        policy: PolicyType,
        statement: &Statement,
        keys: &dyn ConditionKeys,
    ) -> Namings {
        let none = Namings::default();
        let namings = self.named_by(policy, statement);
        let holds = !namings.is_empty()
            && self.is_covered_by(statement, keys)
            && statement
                .conditions
                .iter()
                .all(|condition| condition.holds(keys, self.steps));
        let matches = if self.steps.are_spent() {
            statement.effect == Effect::Deny
        } else {
            holds
        };
        if matches { namings } else { none }
    }

    /// How a statement names the caller, whatever else is in it.
    pub(crate) fn named_by(&self, policy: PolicyType, statement: &Statement) -> Namings {
        match &statement.principals {
            Some(principals) => {
                self.steps.take(principals.patterns.len());
                principals.name(self.caller, self.bounded)
            }
            None => unnamed(policy, statement.effect),
        }
    }

    /// Whether the resources of a statement cover the one that is asked for.
    pub(crate) fn is_covered_by(&self, statement: &Statement, keys: &dyn ConditionKeys) -> bool {
        statement.resources.as_ref().is_none_or(|resources| {
            resources.cover(self.resource, keys, statement.effect, self.steps)
        })
    }
}

impl<'a> ResourcePolicy<'a> {
    /// The document, its kind, and what explanations call it.
    pub(crate) fn attached(self) -> Option<(PolicyType, Attached<'a>)> {
        let (policy, document, name) = match self {
            Self::None => return None,
            Self::General(document) => (PolicyType::Resource, document, "resource policy"),
            Self::Key(document) | Self::KeyGrantsOnly(document) => {
                (PolicyType::Resource, document, "default")
            }
            Self::Trust(document) => (PolicyType::Trust, document, "trust policy"),
        };
        let attached = Attached {
            document,
            name,
            arn: None,
        };
        Some((policy, attached))
    }
}

/// The context as a key policy sees it: the aliases and tags of the key are absent, for AWS
/// honours them in IAM policies only.
pub(crate) struct InKeyPolicy<'a>(pub(crate) &'a dyn ConditionKeys);

impl ConditionKeys for InKeyPolicy<'_> {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        match key.name() {
            "kms:resourcealiases" | "aws:resourcetag" => None,
            _ => self.0.lookup(key),
        }
    }
}

/// In a resource's policy a statement without principals names no one; should a document of
/// another kind be passed for one, it may deny but never allow.
fn unnamed(policy: PolicyType, effect: Effect) -> Namings {
    let mut namings = Namings::default();
    let resource = matches!(policy, PolicyType::Resource | PolicyType::Trust);
    if !resource || effect == Effect::Deny {
        namings.insert(Naming::Everyone);
    }
    namings
}
