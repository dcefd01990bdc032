//! The policy simulator: what policies would decide about requests that nobody makes.
//!
//! Decided by the evaluation that decides requests. What a simulated request has and what the
//! resource's policy says comes from the caller of the simulator; nothing is read of resources.

mod aside;
mod context;
mod exclusions;
mod fault;
mod resources;
mod results;
mod sources;

pub use fault::Fault;

pub(crate) use aside::aside;
pub(crate) use context::Entries;
pub(crate) use exclusions::Exclusions;
pub(crate) use sources::{Caller, PolicySource, Source, compile, given};

use std::collections::HashSet;
use std::sync::Arc;

use pipeline::Page;
use pipeline::sources::LevelDocuments;
use policy::{
    Action, Attached, Beside, ConditionKey, Document, DocumentKind, Explanation, Level, Policies,
    Request, ResourcePolicy, Steps,
};
use shapes::iam::SimulatePolicyResponse;
use types::{AccountId, Arn};

use self::context::SimulatedKeys;
use crate::Error;

/// What both operations take alike.
#[derive(Debug)]
pub(crate) struct Common<'a> {
    pub(crate) boundaries: Option<&'a [String]>,
    pub(crate) actions: &'a [String],
    pub(crate) resources: Option<&'a [String]>,
    pub(crate) resource_policy: Option<&'a str>,
    pub(crate) resource_owner: Option<&'a str>,
    pub(crate) entries: Option<&'a [shapes::iam::ContextEntry]>,
    pub(crate) handling: Option<&'a str>,
    pub(crate) marker: Option<&'a str>,
    pub(crate) max_items: Option<i32>,
}

/// The policies of a simulation and who is bounded by them.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) caller: Caller,
    pub(crate) identity: Vec<Source>,
    /// What bounds the caller, unless the request says otherwise.
    pub(crate) boundary: Option<Source>,
    /// Service control policies from the root down; `None` outside of an organization.
    pub(crate) levels: Option<Vec<LevelDocuments>>,
}

/// A simulation, ready to run.
#[derive(Debug)]
pub(crate) struct Simulation {
    actions: Vec<Action>,
    resources: Vec<Option<Arn>>,
    cast: Cast,
    entries: Entries,
    owner: Option<AccountId>,
    /// The resource's policy, read as each kind of resource has one.
    policies: Vec<(DocumentKind, Arc<Document>)>,
    /// The condition keys that identity policies mention.
    keys: Vec<ConditionKey>,
    /// What all its decisions may take.
    steps: Steps,
}

/// What one simulated request came to.
pub(crate) struct Outcome {
    pub(crate) explanation: Explanation,
    pub(crate) missing: Vec<String>,
    /// Whether the resource is another account's.
    pub(crate) across_accounts: bool,
}

impl Simulation {
    /// Puts a simulation together.
    ///
    /// Fails with `InvalidInput` for anything in the request that cannot be simulated.
    pub(crate) fn new(common: &Common<'_>, mut cast: Cast) -> Result<Self, Error> {
        let action = |name: &String| {
            Action::parse(name).map_err(|_invalid| Fault::Action { name: name.clone() })
        };
        let actions = common.actions.iter().map(action);
        let actions = actions.collect::<Result<Vec<_>, _>>()?;
        let resources = resources::read(common.resources)?;
        resources::scenario(common.handling, &resources)?;
        let owner = resources::owner(common.resource_owner)?;
        if let Some(texts) = common.boundaries.filter(|texts| !texts.is_empty()) {
            let parameter = "PermissionsBoundaryPolicyInputList";
            let mut boundaries = given(parameter, texts, DocumentKind::Boundary)?;
            cast.boundary = boundaries.pop();
            if !boundaries.is_empty() {
                return Err(Fault::Boundaries.into());
            }
        }
        let mut policies = Vec::new();
        if let Some(text) = common.resource_policy {
            if cast.caller.arn.is_none() {
                return Err(Fault::NoCaller.into());
            }
            for resource in &resources {
                let Some(arn) = resource else {
                    let arn = resources::EVERY.to_owned();
                    return Err(Fault::Entity { arn }.into());
                };
                for kind in actions.iter().map(|action| kind_of_policy(action, arn)) {
                    if !policies.iter().any(|(known, _)| *known == kind) {
                        policies.push((kind, compile(results::RESOURCE_POLICY, text, kind)?));
                    }
                }
            }
        }
        let statements = statements(&cast, &policies);
        if resources.len().saturating_mul(statements) > MOST_WORK {
            return Err(Fault::TooMuch { statements }.into());
        }
        let identity = cast.identity.iter().map(|source| &source.document);
        Ok(Self {
            keys: context_keys(identity).cloned().collect(),
            actions,
            resources,
            entries: Entries::read(common.entries)?,
            cast,
            owner,
            policies,
            steps: Steps::new(MOST_STEPS),
        })
    }

    /// A page of results, one for each action, in the order of the request.
    ///
    /// Fails with `ValidationError` for a marker that another simulation made, and with
    /// `InvalidInput` if the texts take too long to compare.
    pub(crate) fn run(
        &self,
        common: &Common<'_>,
        listing: &[&str],
    ) -> Result<SimulatePolicyResponse, Error> {
        let mut listing = listing.to_vec();
        listing.extend(common.actions.iter().map(String::as_str));
        listing.extend(
            common
                .resources
                .unwrap_or_default()
                .iter()
                .map(String::as_str),
        );
        let max_items = common
            .max_items
            .unwrap_or(100)
            .min(self.actions_of_a_page());
        let page = Page::new(&listing, common.marker, Some(max_items))?;
        let numbered = self.actions.iter().enumerate();
        let cut = page.cut(numbered.map(|(number, action)| (format!("{number:010}"), action)));
        let is_truncated = cut.is_truncated();
        let mut evaluation_results = Vec::with_capacity(cut.items.len());
        for action in cut.items {
            evaluation_results.push(results::of(self, action));
            // What was decided without steps is not what the policies say.
            if self.steps.are_spent() {
                return Err(Fault::TooLong.into());
            }
        }
        Ok(SimulatePolicyResponse {
            is_truncated: Some(is_truncated),
            evaluation_results: Some(evaluation_results),
            marker: cut.marker,
        })
    }

    /// How many actions a page can say something of: as many as keep its work within bounds.
    fn actions_of_a_page(&self) -> i32 {
        let resources = self.resources.len().max(1);
        let work = statements(&self.cast, &self.policies).saturating_mul(resources);
        let most = (resources::MOST / resources).min(MOST_WORK / work.max(1));
        i32::try_from(most.max(1)).unwrap_or(1)
    }

    /// Decides one request.
    fn decide(&self, action: &Action, resource: Option<&Arn>) -> Outcome {
        let cast = &self.cast;
        let principal = &cast.caller.principal;
        let owner = match resource {
            Some(arn) => arn.account().or(self.owner).or_else(|| principal.account()),
            None => principal.account(),
        };
        let keys = SimulatedKeys {
            entries: &self.entries,
            caller: &cast.caller,
            owner,
        };
        let names: Vec<String> = (0..cast.identity.len()).map(|at| at.to_string()).collect();
        let identity: Vec<Attached<'_>> = cast
            .identity
            .iter()
            .zip(&names)
            .map(|(source, name)| attach(source, name))
            .collect();
        let levels = cast.levels.as_deref().unwrap_or_default();
        let levels: Vec<(&str, Vec<Attached<'_>>)> = levels
            .iter()
            .map(|level| {
                let policies = level.policies.iter().map(|policy| Attached {
                    document: &policy.document,
                    name: &policy.name,
                    arn: policy.arn.as_ref(),
                });
                (level.name.as_str(), policies.collect())
            })
            .collect();
        let levels: Vec<Level<'_>> = levels
            .iter()
            .map(|(name, policies)| Level { name, policies })
            .collect();
        let policies = Policies {
            identity: &identity,
            boundary: cast.boundary.as_ref().map(|source| attach(source, "")),
            resource: self.resource_policy(action, resource),
            service_control: &levels,
            ..Policies::NONE
        };
        let request = Request {
            principal,
            action,
            resource,
            resource_account: owner,
            keys: &keys,
        };
        let beside = Beside {
            steps: Some(&self.steps),
            ..Beside::default()
        };
        Outcome {
            explanation: policy::explain_with(&request, &policies, &beside),
            missing: self.missing(&keys, self.document(action, resource)),
            across_accounts: owner != principal.account(),
        }
    }

    /// The identity policy that explanations know under `name`.
    fn source(&self, name: &str) -> Option<&Source> {
        self.cast.identity.get(name.parse::<usize>().ok()?)
    }

    fn document(&self, action: &Action, resource: Option<&Arn>) -> Option<&Arc<Document>> {
        let kind = kind_of_policy(action, resource?);
        let mut policies = self.policies.iter();
        let (_, document) = policies.find(|(known, _)| *known == kind)?;
        Some(document)
    }

    fn resource_policy(&self, action: &Action, resource: Option<&Arn>) -> ResourcePolicy<'_> {
        let Some(document) = self.document(action, resource) else {
            return ResourcePolicy::None;
        };
        match document.kind() {
            DocumentKind::KeyPolicy => ResourcePolicy::Key(document),
            DocumentKind::Trust => ResourcePolicy::Trust(document),
            DocumentKind::Resource
            | DocumentKind::Identity
            | DocumentKind::Boundary
            | DocumentKind::Session
            | DocumentKind::ServiceControl
            | DocumentKind::ResourceControl => ResourcePolicy::General(document),
        }
    }

    /// The condition keys that identity policies and the resource's policy mention and that
    /// the request does not have.
    fn missing(&self, keys: &SimulatedKeys<'_>, resource: Option<&Arc<Document>>) -> Vec<String> {
        let known: HashSet<&str> = self.keys.iter().map(ConditionKey::as_str).collect();
        let of_resource = context_keys(resource).filter(|key| !known.contains(key.as_str()));
        let all = self.keys.iter().chain(of_resource);
        let missing = all.filter(|key| !keys.has(key));
        missing.map(|key| key.original().to_owned()).collect()
    }
}

/// The most statements and condition keys times resources that are looked at for one action, and
/// for the actions of one page together.
const MOST_WORK: usize = 100_000;

/// The steps that all decisions of one page may take: some tens of milliseconds, and for each
/// statement and resource as many as its patterns take that are not made to take long.
const MOST_STEPS: usize = 5 * Steps::OF_A_DECISION;

/// Bytes of a condition key's name that are as much work as a statement: what a request does not
/// have is listed by name for each resource.
const NAME: usize = 32;

/// How many statements bear on each resource, and how much there is to say of condition keys.
fn statements(cast: &Cast, policies: &[(DocumentKind, Arc<Document>)]) -> usize {
    let sources = cast.identity.iter().chain(&cast.boundary);
    let levels = cast.levels.iter().flatten();
    let documents = sources
        .map(|source| &source.document)
        .chain(policies.iter().map(|(_, document)| document))
        .chain(levels.flat_map(|level| level.policies.iter().map(|policy| &policy.document)));
    let weight = |document: &Arc<Document>| {
        let keys = document.condition_keys();
        let names = keys.iter().map(|key| 1 + key.original().len() / NAME);
        document.statements().len() + names.sum::<usize>()
    };
    documents.map(weight).sum()
}

/// The condition keys in `documents`, each once, as they are first written.
pub(crate) fn context_keys<'a>(
    documents: impl IntoIterator<Item = &'a Arc<Document>>,
) -> impl Iterator<Item = &'a ConditionKey> {
    let mut known = HashSet::new();
    let keys = documents
        .into_iter()
        .flat_map(|document| document.condition_keys());
    keys.filter(move |key| known.insert(key.as_str()))
}

fn attach<'a>(source: &'a Source, name: &'a str) -> Attached<'a> {
    Attached {
        document: &source.document,
        name,
        arn: None,
    }
}

/// How the policy of a resource is read and counts.
fn kind_of_policy(action: &Action, resource: &Arn) -> DocumentKind {
    let assumes = action.service().eq_ignore_ascii_case("sts");
    match (resource.service(), resource.resource_of("role")) {
        ("kms", _) if resource.resource_of("key").is_some() => DocumentKind::KeyPolicy,
        ("iam", Some(_)) if assumes => DocumentKind::Trust,
        _ => DocumentKind::Resource,
    }
}
