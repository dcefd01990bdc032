//! Decides again what was decided once: on other policies, and with everything that stands
//! behind the outcome.
//!
//! What a decision depended on beside stored policies (who asked, from where, when, with which
//! keys) is kept with the audit record as [`Evaluated`], where no reader of records sees it.
//! [`replay`] puts the request together again and asks the same code. It grants nothing.

use std::net::IpAddr;
use std::sync::Arc;

use policy::{Action, Beside, Document, DocumentKind, Explanation, Policies, Request};
use serde::{Deserialize, Serialize};
use store::{Moment, Revision, View};
use types::{
    AccountId, Arn, Principal, Region, RequestId, Service, Timestamp, UniqueId, WebIdentity,
};

use crate::authorize::{self, Undecided};
use crate::operation::{Operation, Registry};
use crate::session::{self, Session, SessionPolicy};
use crate::sources::{MatchedGrant, PrincipalDirectory, Principals, ResourceFacts, ResourceRule};
use crate::{Caller, Ctx, KeySet, Need, Needs, OnDeny, Origin, Services};

/// The version of the kept form.
const VERSION: u16 = 1;

/// The trust policy of a role that does not exist: it names a service that is none.
const TRUSTS_NOBODY: &str = r#"{
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": { "Service": "nobody.invalid" },
        "Action": "sts:AssumeRole"
    }
}"#;

/// Why nobody gets a session for a token that no provider of the account vouches for.
const NO_PROVIDER: &str = "no identity provider of the account vouches for the caller";

/// Why nobody of a closed account may do anything.
const CALLER_CLOSED: &str = "the caller's account is closed";

/// Everything that a call's decisions depended on beside what is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evaluated {
    version: u16,
    /// The snapshot that decided.
    pub revision: Revision,
    /// When the request was received.
    pub time: Timestamp,
    region: Region,
    caller: KeptPrincipal,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<KeptSession>,
    source_ip: Option<IpAddr>,
    user_agent: Option<String>,
    referer: Option<String>,
    secure_transport: bool,
    via: Option<String>,
    /// The resource that a service acted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Arn>,
    needs: Vec<KeptNeed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum KeptPrincipal {
    Root {
        account: AccountId,
    },
    User {
        account: AccountId,
        arn: Arn,
        id: UniqueId,
        name: String,
    },
    AssumedRole {
        account: AccountId,
        role_arn: Arn,
        role_id: UniqueId,
        role_name: String,
        session: String,
    },
    FederatedUser {
        account: AccountId,
        name: String,
    },
    /// Of the token only who vouches, for whom, and to whom: what else policies asked of it is
    /// among the keys of the needs.
    WebIdentity {
        provider: Arn,
        audience: String,
        subject: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptSession {
    issued: Timestamp,
    expires: Timestamp,
    policies: Option<Vec<KeptPolicy>>,
    tags: Vec<(String, String)>,
    transitive: Vec<String>,
    source_identity: Option<String>,
    provider: Option<String>,
    issuer: Option<KeptPrincipal>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum KeptPolicy {
    Inline(String),
    Managed(Arn),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptNeed {
    action: String,
    resource: Option<Arn>,
    named: Option<Arn>,
    keys: KeySet,
    via: Option<String>,
    /// How the resource's policy counted, if not in the way of all such resources.
    rule: KeptRule,
    /// The grants that only the operation could find: they count as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<Vec<MatchedGrant>>,
    same_account_only: bool,
    owned_by_aws: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum KeptRule {
    /// As its source says.
    Usual,
    /// It is a role, and its trust policy counts.
    Trust,
    /// It is a key, whose policy can only deny.
    KeyGrantsOnly,
}

/// The actions that this server knows; a shared part, for replays.
#[derive(Debug, Default)]
pub struct KnownActions(Vec<&'static Action>);

impl Registry for KnownActions {
    fn add<O: Operation>(&mut self) {
        self.0.extend(O::ACTIONS);
    }
}

impl KnownActions {
    fn find(&self, name: &str) -> Option<&'static Action> {
        let mut known = self.0.iter();
        known.find(|action| action.as_str() == name).copied()
    }
}

impl Evaluated {
    /// What the decisions about `needs` depended on; `None` for a service that acts for
    /// itself, whose calls no account asks about.
    pub(crate) fn of<'a>(ctx: &Ctx, needs: impl IntoIterator<Item = &'a Need>) -> Option<Self> {
        let caller = ctx.caller();
        let origin = ctx.origin();
        Some(Self {
            version: VERSION,
            revision: ctx.view().revision(),
            time: ctx.time(),
            region: ctx.region().clone(),
            caller: KeptPrincipal::of(&caller.principal)?,
            session: caller.session.as_deref().map(KeptSession::of),
            source_ip: origin.source_ip,
            user_agent: origin.user_agent.clone(),
            referer: origin.referer.clone(),
            secure_transport: origin.secure_transport,
            via: ctx.via().map(name_of),
            source: ctx.source().cloned(),
            needs: needs.into_iter().map(KeptNeed::of).collect(),
        })
    }

    /// Who asked.
    pub fn principal(&self) -> Principal {
        self.caller.restored()
    }

    /// The service that asked on the caller's behalf.
    pub fn via(&self) -> Option<&str> {
        self.via.as_deref()
    }

    /// Whether this release can decide it again.
    pub fn is_known(&self) -> bool {
        self.version == VERSION
    }
}

/// A request, decided again.
#[derive(Debug)]
pub struct Replay {
    /// The snapshot that decides.
    pub revision: Revision,
    /// Whether the caller exists in it: the user, the role, who made the federated session, or
    /// the provider that vouches.
    pub caller_exists: bool,
    /// What became of each need.
    pub needs: Vec<Replayed>,
}

/// What became of one need in a replay.
#[derive(Debug)]
pub struct Replayed {
    /// The action.
    pub action: String,
    /// The resource, as denials show it.
    pub resource: String,
    /// Whether the resource is another account's: nothing that it decides is looked at, since
    /// the answer would show it.
    pub foreign: bool,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of one need.
#[derive(Debug)]
pub enum Outcome {
    /// Policies decide, in this way; of another account's resource only those of the caller's
    /// account, as if the other one allowed everything.
    Decided(Box<Explanation>),
    /// Denied whatever the policies say, and why.
    Impossible(&'static str),
    /// This release does not know the action any more.
    Unknown,
}

/// Decides `evaluated` again on what the store held at `moment`, or on what it holds now.
///
/// Fails if the store cannot tell what it held.
pub fn replay(
    services: &Arc<Services>,
    evaluated: &Evaluated,
    moment: Option<Moment>,
) -> Result<Replay, Box<dyn std::error::Error + Send + Sync>> {
    let snapshot = match moment {
        Some(moment) => Arc::new(services.store().past(moment)?),
        None => services.store().snapshot(),
    };
    // INVARIANT: a view that records. What sources keep for others is gathered from newer
    // snapshots and kept for such; a recording view is always answered from its own rows.
    let view = View::recording(snapshot);
    let revision = view.revision();
    let known = services.part::<KnownActions>()?;
    let directory = &services.part::<Principals>()?.0;
    let ctx = evaluated.context(services, view);
    let bounds = ctx.caller_bounds();
    let identity = session::policies_of(&ctx);
    let closed = bounds.as_ref().is_some_and(|bounds| bounds.closed);
    let home = ctx.caller().principal.home();
    let caller_exists = exists(&**directory, &ctx);
    let vouched = caller_exists || !matches!(ctx.caller().principal, Principal::WebIdentity(_));
    let mut needs = Vec::new();
    for kept in &evaluated.needs {
        let shown = kept.named.as_ref().or(kept.resource.as_ref());
        let mut one = Replayed {
            action: kept.action.clone(),
            resource: shown.map_or("*", Arn::as_str).to_owned(),
            foreign: false,
            outcome: Outcome::Unknown,
        };
        if let Some(action) = known.find(&kept.action) {
            let mut need = kept.restored(action);
            let facts = authorize::facts_of(&ctx, &need);
            one.foreign = need.resource.is_some() && facts.account != home;
            let explain =
                |request: &Request<'_>, policies: &Policies<'_>, beside: &Beside<'_>, _| {
                    policy::explain_with(request, policies, beside)
                };
            let decided = if one.foreign {
                authorize::weigh_own_side(&ctx, &identity, bounds.as_deref(), &need, explain)
            } else {
                need = ruled(&ctx, &**directory, need, kept, facts)?;
                authorize::weigh(&ctx, &identity, bounds.as_deref(), &need, explain)
            };
            one.outcome = match decided {
                _ if closed => Outcome::Impossible(CALLER_CLOSED),
                _ if !vouched => Outcome::Impossible(NO_PROVIDER),
                Ok(explanation) => Outcome::Decided(Box::new(explanation)),
                Err(Undecided(why)) => Outcome::Impossible(why),
            };
        }
        needs.push(one);
    }
    Ok(Replay {
        revision,
        caller_exists,
        needs,
    })
}

/// The need with its resource's policy, where that counts in another way than usual.
fn ruled(
    ctx: &Ctx,
    directory: &dyn PrincipalDirectory,
    need: Need,
    kept: &KeptNeed,
    facts: ResourceFacts,
) -> Result<Need, policy::ParseError> {
    let rule = match (kept.rule, &kept.resource, &facts.rule) {
        (KeptRule::Trust, Some(arn), _) => {
            let trust = match directory.trust_policy(ctx.view(), arn) {
                Some(trust) => trust,
                None => Arc::new(Document::parse(TRUSTS_NOBODY, DocumentKind::Trust)?),
            };
            ResourceRule::Trust(trust)
        }
        (KeptRule::KeyGrantsOnly, _, ResourceRule::Key(policy)) => {
            ResourceRule::KeyGrantsOnly(Arc::clone(policy))
        }
        (KeptRule::Usual | KeptRule::Trust | KeptRule::KeyGrantsOnly, _, _) => return Ok(need),
    };
    Ok(need.known(ResourceFacts { rule, ..facts }))
}

/// Whether whom the caller's rights come from is there: for a web identity the provider that
/// vouches.
fn exists(directory: &dyn PrincipalDirectory, ctx: &Ctx) -> bool {
    let caller = ctx.caller();
    match caller.issuer().unwrap_or(&caller.principal) {
        Principal::Root { account } => directory.account_exists(ctx.view(), *account),
        Principal::User { id, .. } | Principal::AssumedRole { role_id: id, .. } => {
            directory.arn_of(ctx.view(), id).is_some()
        }
        Principal::WebIdentity(_) => {
            let identities = &ctx.services().sources.identities;
            identities.is_active(ctx.view(), caller)
        }
        Principal::FederatedUser { .. } | Principal::Service { .. } => false,
    }
}

impl Evaluated {
    fn context(&self, services: &Arc<Services>, view: View) -> Ctx {
        let caller = Caller {
            principal: self.caller.restored(),
            access_key: None,
            session: self.session.as_ref().map(|kept| Arc::new(kept.restored())),
        };
        let origin = Origin {
            source_ip: self.source_ip,
            user_agent: self.user_agent.clone(),
            referer: self.referer.clone(),
            secure_transport: self.secure_transport,
            tls: None,
        };
        let id = RequestId::generate(services.entropy());
        let services = Arc::clone(services);
        let ctx = Ctx::new(services, view, caller, origin, self.region.clone(), id);
        let via = self.via.as_deref().and_then(service);
        ctx.replayed(self.time, via, self.source.clone())
    }
}

impl KeptPrincipal {
    fn of(principal: &Principal) -> Option<Self> {
        Some(match principal.clone() {
            Principal::Root { account } => Self::Root { account },
            Principal::User {
                account,
                arn,
                id,
                name,
            } => Self::User {
                account,
                arn,
                id,
                name,
            },
            Principal::AssumedRole {
                account,
                role_arn,
                role_id,
                role_name,
                session,
            } => Self::AssumedRole {
                account,
                role_arn,
                role_id,
                role_name,
                session,
            },
            Principal::FederatedUser { account, name } => Self::FederatedUser { account, name },
            Principal::WebIdentity(identity) => Self::WebIdentity {
                provider: identity.provider,
                audience: identity.audience,
                subject: identity.subject,
            },
            Principal::Service { .. } => return None,
        })
    }

    fn restored(&self) -> Principal {
        match self.clone() {
            Self::Root { account } => Principal::Root { account },
            Self::User {
                account,
                arn,
                id,
                name,
            } => Principal::User {
                account,
                arn,
                id,
                name,
            },
            Self::AssumedRole {
                account,
                role_arn,
                role_id,
                role_name,
                session,
            } => Principal::AssumedRole {
                account,
                role_arn,
                role_id,
                role_name,
                session,
            },
            Self::FederatedUser { account, name } => Principal::FederatedUser { account, name },
            Self::WebIdentity {
                provider,
                audience,
                subject,
            } => Principal::WebIdentity(Box::new(WebIdentity {
                provider,
                audience,
                subject,
                original_audience: None,
                methods: Vec::new(),
                tags: Vec::new(),
                transitive: Vec::new(),
                source_identity: None,
            })),
        }
    }
}

impl KeptSession {
    fn of(session: &Session) -> Self {
        let policy = |policy: &SessionPolicy| match policy {
            SessionPolicy::Inline(document) => KeptPolicy::Inline(document.text().to_owned()),
            SessionPolicy::Managed(arn) => KeptPolicy::Managed(arn.clone()),
        };
        Self {
            issued: session.issued,
            expires: session.expires,
            policies: session
                .policies
                .as_ref()
                .map(|list| list.iter().map(policy).collect()),
            tags: session.tags.clone(),
            transitive: session.transitive.clone(),
            source_identity: session.source_identity.clone(),
            provider: session.provider.clone(),
            issuer: session.issuer.as_ref().and_then(KeptPrincipal::of),
        }
    }

    /// The session. A policy that this release does not read any more allows nothing.
    fn restored(&self) -> Session {
        let policy = |kept: &KeptPolicy| match kept {
            KeptPolicy::Inline(text) => {
                let document = Document::parse(text, DocumentKind::Session).ok()?;
                Some(SessionPolicy::Inline(Arc::new(document)))
            }
            KeptPolicy::Managed(arn) => Some(SessionPolicy::Managed(arn.clone())),
        };
        Session {
            issued: self.issued,
            expires: self.expires,
            policies: self
                .policies
                .as_ref()
                .map(|list| list.iter().filter_map(policy).collect()),
            tags: self.tags.clone(),
            transitive: self.transitive.clone(),
            source_identity: self.source_identity.clone(),
            provider: self.provider.clone(),
            issuer: self.issuer.as_ref().map(KeptPrincipal::restored),
        }
    }
}

impl KeptNeed {
    fn of(need: &Need) -> Self {
        let shared = need.shared_keys.as_deref().cloned().unwrap_or_default();
        let rule = need.facts.as_ref().map(|facts| &facts.rule);
        Self {
            action: need.action.as_str().to_owned(),
            resource: need.resource.clone(),
            named: need.named.clone(),
            keys: need.keys.clone().and(shared),
            via: need.via.map(name_of),
            rule: match rule {
                Some(ResourceRule::Trust(_)) => KeptRule::Trust,
                Some(ResourceRule::KeyGrantsOnly(_)) => KeptRule::KeyGrantsOnly,
                Some(ResourceRule::None | ResourceRule::General(_) | ResourceRule::Key(_))
                | None => KeptRule::Usual,
            },
            grants: need.grants.clone(),
            same_account_only: need.same_account_only,
            owned_by_aws: need.owned_by_aws,
        }
    }

    fn restored(&self, action: &'static Action) -> Need {
        Need {
            resource: self.resource.clone(),
            named: self.named.clone(),
            keys: self.keys.clone(),
            via: self.via.as_deref().and_then(service),
            grants: self.grants.clone(),
            same_account_only: self.same_account_only,
            owned_by_aws: self.owned_by_aws,
            on_deny: OnDeny::FailCall,
            ..Need::anywhere(action)
        }
    }
}

/// Services are kept by their models' names: two of them share everything else.
fn name_of(service: Service) -> String {
    service.model_name().to_owned()
}

fn service(name: &str) -> Option<Service> {
    let mut services = Service::ALL.into_iter();
    services.find(|service| service.model_name() == name)
}

/// The needs of a call that one of them was denied in.
pub(crate) fn need_of<'a>(needs: &'a Needs, action: &str, resource: &str) -> Option<&'a Need> {
    let mut needs = needs.iter();
    needs.find(|need| need.action.as_str() == action && need.shown_resource() == resource)
}
