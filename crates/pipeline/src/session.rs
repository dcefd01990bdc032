//! Temporary credentials as a request sees them, and what they may not be used for.

use std::borrow::Cow;
use std::sync::Arc;

use policy::{Beside, Document, DocumentKind};
use types::{Arn, ErrorKind, Principal, Service, Timestamp, same_but_for_case};

use crate::sources::{AttachedDocument, IdentityPolicies};
use crate::{Caller, Ctx, Failure};

/// Allows everything, where nothing else is to decide.
pub(crate) const EVERYTHING: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;

/// What a session token says beside whom it authenticates.
#[derive(Debug, Clone)]
pub struct Session {
    /// When the session was made.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The policies that bound the session; `None` if it was made without any.
    pub policies: Option<Vec<SessionPolicy>>,
    /// The session's tags, inherited ones among them.
    pub tags: Vec<(String, String)>,
    /// The keys of those tags that sessions made with this one inherit.
    pub transitive: Vec<String>,
    /// Who is behind the session, as its maker said; it stays through role chaining.
    pub source_identity: Option<String>,
    /// The identity provider that vouched for whom the session is for.
    pub provider: Option<String>,
    /// The user or root user that made the session of a federated user.
    pub issuer: Option<Principal>,
}

/// A policy that bounds one session.
#[derive(Debug, Clone)]
pub enum SessionPolicy {
    /// A document that was passed when the session was made.
    Inline(Arc<Document>),
    /// A managed policy, which counts as it is when a request is decided.
    Managed(Arn),
}

impl Caller {
    /// `service`, which acts in its own name.
    pub fn of_service(service: Service) -> Self {
        let name = service.principal();
        Self::new(Principal::Service { name }, None)
    }

    /// A caller without a session: an access key, or a service that acts for itself.
    pub fn new(principal: Principal, access_key: Option<types::AccessKeyId>) -> Self {
        Self {
            principal,
            access_key,
            session: None,
        }
    }

    /// The user or root user that made the federated session which calls.
    pub fn issuer(&self) -> Option<&Principal> {
        let session = self.session.as_ref()?;
        let federated = matches!(self.principal, Principal::FederatedUser { .. });
        session.issuer.as_ref().filter(|_| federated)
    }
}

/// What bears on every request of the caller beside policies.
pub(crate) fn beside(caller: &Caller) -> Beside<'_> {
    Beside {
        issuer: caller.issuer(),
        ..Beside::default()
    }
}

/// The policies and tags of the caller: those of its user or role, and for a federated session
/// of the user that made it, with what the session adds.
///
/// A tag of the session stands instead of one of the user's or role's with the same key.
pub(crate) fn policies_of(ctx: &Ctx) -> Arc<IdentityPolicies> {
    let caller = ctx.caller();
    let identities = &ctx.services().sources.identities;
    let issuer = caller.issuer();
    let policies = identities.policies(ctx.view(), issuer.unwrap_or(&caller.principal));
    let Some(session) = caller.session.as_ref().filter(|_| !adds_nothing(caller)) else {
        return policies;
    };
    let by_root = matches!(issuer, Some(Principal::Root { .. }));
    let mut policies = IdentityPolicies::clone(&policies);
    if by_root {
        // The root user may do everything, and lets the session do what its policies allow.
        policies.identity.extend(everything());
    }
    policies.session = session.policies.as_ref().map(|list| {
        let documents = list.iter();
        documents
            .filter_map(|policy| of_session(ctx, policy))
            .collect()
    });
    policies.tags.retain(|(key, _)| {
        let mut own = session.tags.iter();
        !own.any(|(other, _)| same_but_for_case(other, key))
    });
    policies.tags.extend(session.tags.iter().cloned());
    Arc::new(policies)
}

/// Whether the caller's policies and tags are those of its user or role, and no session adds to
/// them.
pub(crate) fn adds_nothing(caller: &Caller) -> bool {
    let by_root = matches!(caller.issuer(), Some(Principal::Root { .. }));
    let bare = |session: &Arc<Session>| session.policies.is_none() && session.tags.is_empty();
    !by_root && caller.session.as_ref().is_none_or(bare)
}

/// A session policy as it counts now.
fn of_session(ctx: &Ctx, policy: &SessionPolicy) -> Option<AttachedDocument> {
    match policy {
        SessionPolicy::Inline(document) => Some(AttachedDocument {
            document: Arc::clone(document),
            name: "session policy".to_owned(),
            arn: None,
        }),
        SessionPolicy::Managed(arn) => {
            let account = ctx.account()?;
            let identities = &ctx.services().sources.identities;
            identities.managed(ctx.view(), account, arn)
        }
    }
}

fn everything() -> Option<AttachedDocument> {
    let document = Document::parse(EVERYTHING, DocumentKind::Identity).ok()?;
    Some(AttachedDocument {
        document: Arc::new(document),
        name: "root user".to_owned(),
        arn: None,
    })
}

/// Refuses a session that is over, and what AWS lets no session of the caller's kind do,
/// whatever its policies say.
///
/// Sessions of `GetSessionToken` call nothing of IAM, since none can be made with a second
/// factor, and of STS only `AssumeRole` and `GetCallerIdentity`; those of
/// `GetFederationToken` call nothing of IAM, and of STS only `GetCallerIdentity`. No session
/// makes one with `GetSessionToken` or `GetFederationToken`. Someone for whom an identity
/// provider vouches may ask for a role's session, and nothing else.
pub(crate) fn check(ctx: &Ctx, service: Service, operation: &str) -> Result<(), Failure> {
    let caller = ctx.caller();
    if matches!(caller.principal, Principal::WebIdentity(_))
        && (service, operation) != (Service::Sts, "AssumeRoleWithWebIdentity")
    {
        let message = format!("A web identity may not call {operation}");
        return Err(refusal(
            ErrorKind::Denied,
            "AccessDenied",
            message,
            Some(403),
        ));
    }
    let Some(session) = &caller.session else {
        return Ok(());
    };
    if session.expires <= ctx.time() {
        let code = match service {
            Service::Iam | Service::Sts => "ExpiredToken",
            _ => "ExpiredTokenException",
        };
        let message = "The security token included in the request is expired".to_owned();
        return Err(refusal(ErrorKind::Unauthenticated, code, message, None));
    }
    // What a service calls on the way is no call of the session's.
    if ctx.via().is_some() || may(&caller.principal, service, operation) {
        return Ok(());
    }
    Err(if service == Service::Iam {
        let message = "The security token included in the request is invalid".to_owned();
        let kind = ErrorKind::Unauthenticated;
        refusal(kind, "InvalidClientTokenId", message, Some(403))
    } else {
        let message = format!("Cannot call {operation} with session credentials");
        refusal(ErrorKind::Denied, "AccessDenied", message, Some(403))
    })
}

fn may(principal: &Principal, service: Service, operation: &str) -> bool {
    let of_role = matches!(principal, Principal::AssumedRole { .. });
    let federated = matches!(principal, Principal::FederatedUser { .. });
    match (service, operation) {
        (Service::Sts, "GetCallerIdentity") => true,
        (Service::Sts, "GetSessionToken" | "GetFederationToken") => false,
        (Service::Sts, "AssumeRole") => !federated,
        (Service::Sts | Service::Iam, _) => of_role,
        _ => true,
    }
}

fn refusal(kind: ErrorKind, code: &'static str, message: String, status: Option<u16>) -> Failure {
    Failure {
        kind,
        code: Cow::Borrowed(code),
        message,
        status,
        reason: None,
        denial: None,
        source: None,
    }
}
