//! The one evaluation behind [`evaluate`] and [`explain`].

use types::Principal;

use crate::context::{ConditionKey, ConditionKeys, Values};
use crate::decision::{AllowedBy, Decision, Denial, Explanation, PolicyType, Reason};
use crate::document::{DocumentKind, Effect, Statement};
use crate::principal::{Naming, Namings};
use crate::request::{Attached, Level, Policies, Request, ResourcePolicy};
use crate::rules::{self, Facts, Owner, Rule};

/// Decides a request (contract §2).
///
/// Allocates only where policy variables are replaced or a context key is computed.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    decide(request, policies, &mut Quiet)
}

/// Decides a request and lists every statement that matched.
pub fn explain(request: &Request<'_>, policies: &Policies<'_>) -> Explanation {
    let mut notes = Notes::default();
    let decision = decide(request, policies, &mut notes);
    let mut reasons = notes.0;
    let beside = match decision.0 {
        Ok(AllowedBy::Grant { index }) => {
            let grant = policies.grants.get(index);
            grant.map(|grant| Reason::Grant {
                id: grant.id.clone(),
            })
        }
        Ok(AllowedBy::RootUser) => Some(Reason::RootUser),
        Ok(AllowedBy::IdentityPolicy | AllowedBy::ResourcePolicy | AllowedBy::BothAccounts) => None,
        Err(denial) => (!denial.explicit).then_some(Reason::Missing(denial.policy)),
    };
    reasons.extend(beside);
    Explanation { decision, reasons }
}

/// Where a statement stands.
struct Place<'a> {
    policy: PolicyType,
    attached: Attached<'a>,
    level: Option<&'a str>,
}

/// Hears of statements that match.
trait Recorder {
    /// Whether every matching statement is wanted, not only those that settle the decision.
    const COMPLETE: bool;

    fn matched(
        &mut self,
        place: &Place<'_>,
        index: usize,
        statement: &Statement,
        by: Option<Naming>,
    );
}

/// Wants the decision only.
struct Quiet;

impl Recorder for Quiet {
    const COMPLETE: bool = false;

    fn matched(&mut self, _: &Place<'_>, _: usize, _: &Statement, _: Option<Naming>) {}
}

#[derive(Default)]
struct Notes(Vec<Reason>);

impl Recorder for Notes {
    const COMPLETE: bool = true;

    fn matched(
        &mut self,
        place: &Place<'_>,
        index: usize,
        statement: &Statement,
        by: Option<Naming>,
    ) {
        let Attached {
            document,
            name,
            arn,
        } = place.attached;
        self.0.push(Reason::Statement {
            policy: place.policy,
            name: name.to_owned(),
            arn: arn.cloned(),
            level: place.level.map(str::to_owned),
            sid: statement.sid().map(str::to_owned),
            index,
            line: document.line_of(statement),
            effect: statement.effect,
            naming: by,
        });
    }
}

fn decide<R: Recorder>(
    request: &Request<'_>,
    policies: &Policies<'_>,
    recorder: &mut R,
) -> Decision {
    let bounded = policies.boundary.is_some();
    let mut scan = Scan {
        request,
        bounded,
        denied: None,
        recorder,
    };
    // The order in which AWS lists the steps; the first Deny found is the one that is named.
    let service_control = scan.levels(PolicyType::ServiceControl, policies.service_control);
    let resource_control = scan.levels(PolicyType::ResourceControl, policies.resource_control);
    let (rule, namings) = scan.resource(policies.resource);
    let identity = scan.any(PolicyType::Identity, policies.identity, None);
    let boundary = policies
        .boundary
        .map(|boundary| !scan.one(PolicyType::Boundary, boundary, None).is_empty());
    let session = policies
        .session
        .map(|session| scan.any(PolicyType::Session, session, None));

    let owner = owner(request);
    let deny = |policy, explicit| {
        Decision(Err(Denial {
            policy,
            explicit,
            foreign: owner == Owner::Other,
        }))
    };
    if let Some(policy) = scan.denied {
        return deny(policy, true);
    }
    if !resource_control {
        return deny(PolicyType::ResourceControl, false);
    }
    if !service_control {
        return deny(PolicyType::ServiceControl, false);
    }
    let facts = Facts {
        principal: request.principal,
        owner,
        rule,
        namings,
        identity: identity || matches!(request.principal, Principal::Root { .. }),
        boundary: boundary.unwrap_or(true),
        // A federated session without a policy of its own may do nothing by its user's.
        session: session.unwrap_or(!matches!(
            request.principal,
            Principal::FederatedUser { .. }
        )),
        grants: policies.grants,
    };
    match rules::combine(&facts) {
        Ok(allowed) => Decision(Ok(allowed)),
        Err(policy) => deny(policy, false),
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
struct Scan<'a, R> {
    request: &'a Request<'a>,
    /// Whether the caller has a permissions boundary.
    bounded: bool,
    /// The first kind of policy found with a matching Deny.
    denied: Option<PolicyType>,
    recorder: &'a mut R,
}

impl<R: Recorder> Scan<'_, R> {
    /// Whether every level has a policy that allows.
    fn levels(&mut self, policy: PolicyType, levels: &[Level<'_>]) -> bool {
        let mut all = true;
        for level in levels {
            all &= self.any(policy, level.policies, Some(level.name));
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

    fn resource(&mut self, policy: ResourcePolicy<'_>) -> (Rule, Namings) {
        let (rule, document, policy, name) = match policy {
            ResourcePolicy::None => return (Rule::NoPolicy, Namings::default()),
            ResourcePolicy::General(document) => (
                Rule::General,
                document,
                PolicyType::Resource,
                "resource policy",
            ),
            ResourcePolicy::Key(document) => (Rule::Key, document, PolicyType::Resource, "default"),
            ResourcePolicy::KeyGrantsOnly(document) => (
                Rule::KeyGrantsOnly,
                document,
                PolicyType::Resource,
                "default",
            ),
            ResourcePolicy::Trust(document) => {
                (Rule::Trust, document, PolicyType::Trust, "trust policy")
            }
        };
        let namings = self.one(
            policy,
            Attached {
                document,
                name,
                arn: None,
            },
            None,
        );
        (rule, namings)
    }

    /// How the matching Allows of one policy name the caller; notes a matching Deny.
    fn one(&mut self, policy: PolicyType, attached: Attached<'_>, level: Option<&str>) -> Namings {
        let mut allowed = Namings::default();
        let place = Place {
            policy,
            attached,
            level,
        };
        for (index, statement) in attached.document.statements.iter().enumerate() {
            if self.denied.is_some() && !R::COMPLETE {
                break;
            }
            let namings = match attached.document.kind() {
                DocumentKind::KeyPolicy => {
                    self.applies(policy, statement, &InKeyPolicy(self.request.keys))
                }
                _ => self.applies(policy, statement, self.request.keys),
            };
            let Some(first) = namings.iter().next() else {
                continue;
            };
            let by = statement.principals.is_some().then_some(first);
            self.recorder.matched(&place, index, statement, by);
            match statement.effect {
                Effect::Deny => self.denied = self.denied.or(Some(policy)),
                Effect::Allow => allowed.extend(namings),
            }
        }
        allowed
    }

    /// How a statement names the caller, if all of it matches the request. A statement
    /// without principals is about whoever its policy is attached to.
    fn applies(
        &self,
        policy: PolicyType,
        statement: &Statement,
        keys: &dyn ConditionKeys,
    ) -> Namings {
        let request = self.request;
        let none = Namings::default();
        if !statement.actions.cover(request.action) {
            return none;
        }
        let namings = match &statement.principals {
            Some(principals) => principals.name(request.principal, self.bounded),
            None => unnamed(policy, statement.effect),
        };
        let covers_resource = statement
            .resources
            .as_ref()
            .is_none_or(|resources| resources.cover(request.resource, keys, statement.effect));
        let holds = !namings.is_empty()
            && covers_resource
            && statement
                .conditions
                .iter()
                .all(|condition| condition.holds(keys));
        if holds { namings } else { none }
    }
}

/// The context as a key policy sees it: the aliases and tags of the key are absent, for AWS
/// honours them in IAM policies only.
struct InKeyPolicy<'a>(&'a dyn ConditionKeys);

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
