//! What a call's decisions depended on beside stored policies, as it is kept with the audit record.
//!
//! No reader of records sees it; [`crate::replay()`] puts the request together again from it.

use std::net::IpAddr;
use std::sync::Arc;

use policy::{Action, Document, DocumentKind};
use serde::{Deserialize, Serialize};
use store::{Revision, View};
use types::{
    AccountId, Arn, Principal, Region, RequestId, Service, Timestamp, UniqueId, WebIdentity,
};

use crate::session::{Session, SessionPolicy};
use crate::sources::{MatchedGrant, ResourceRule};
use crate::{Caller, Ctx, KeySet, Need, OnDeny, Origin, Services};

/// The version of the kept form.
const VERSION: u16 = 1;

/// The most that is kept of a header, in bytes.
const MOST_OF_A_HEADER: usize = 1024;

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
    /// Whether one of the two was too long to be kept whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shortened: bool,
    secure_transport: bool,
    via: Option<String>,
    /// The resource that a service acted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Arn>,
    pub(crate) needs: Vec<KeptNeed>,
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
pub(crate) struct KeptNeed {
    pub(crate) action: String,
    pub(crate) resource: Option<Arn>,
    pub(crate) named: Option<Arn>,
    keys: KeySet,
    /// The tags that counted instead of the resource's own with the same keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    handed_down: Vec<(String, String)>,
    via: Option<String>,
    /// How the resource's policy counted, if not in the way of all such resources.
    pub(crate) rule: KeptRule,
    /// The grants that only the operation could find: they count as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<Vec<MatchedGrant>>,
    same_account_only: bool,
    owned_by_aws: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeptRule {
    /// As its source says.
    Usual,
    /// It is a role, and its trust policy counts.
    Trust,
    /// It is a key, whose policy can only deny.
    KeyGrantsOnly,
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
            user_agent: origin.user_agent.as_deref().map(begin_of),
            referer: origin.referer.as_deref().map(begin_of),
            shortened: [&origin.user_agent, &origin.referer]
                .into_iter()
                .flatten()
                .any(|header| header.len() > MOST_OF_A_HEADER),
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

    /// Whether a header was not kept whole: what conditions asked of it cannot be asked again.
    pub fn is_shortened(&self) -> bool {
        self.shortened
    }

    /// Whether this release can decide it again.
    pub fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// The request again, on `view`.
    pub(crate) fn context(&self, services: &Arc<Services>, view: View) -> Ctx {
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

/// What is kept of a header: callers must not decide by a long one that nothing is.
fn begin_of(header: &str) -> String {
    let end = header.floor_char_boundary(MOST_OF_A_HEADER);
    header.get(..end).unwrap_or_default().to_owned()
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
            handed_down: need.handed_down.clone(),
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

    /// The need again.
    pub(crate) fn restored(&self, action: &'static Action) -> Need {
        Need {
            resource: self.resource.clone(),
            named: self.named.clone(),
            keys: self.keys.clone(),
            handed_down: self.handed_down.clone(),
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
