//! Where the pipeline finds policies: traits that `iam`, `kms` and later services implement.
//!
//! There is no default implementation and no default answer: a service whose resources no
//! source describes has no resource policy, and a principal that no source knows has no
//! identity policy, which denies.
//!
//! A view that records is answered from its own rows and never from what a source keeps for
//! later: replays ask with such views on snapshots of the past.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use policy::{ConditionKeys, Document};
use serde::{Deserialize, Serialize};
use store::{Revision, Snapshot, View};
use types::{AccountId, Arn, Principal, Service, UniqueId};

use crate::pace::Pace;
use crate::written::Written;
use crate::{Ctx, Failure, Needs};

pub use crate::pace::{ACCOUNT_FACTOR, CALLS_PER_SECOND};
pub use crate::written::WriteBudgets;

/// A policy document with the name that explanations use.
#[derive(Debug, Clone)]
pub struct AttachedDocument {
    /// The compiled document.
    pub document: Arc<Document>,
    /// The policy's name.
    pub name: String,
    /// The managed policy's ARN; inline policies have none.
    pub arn: Option<Arn>,
}

/// The policies that bound a principal from its own side.
#[derive(Debug, Clone, Default)]
pub struct IdentityPolicies {
    /// Identity policies: inline and managed, of the user and its groups, or of the role.
    pub identity: Vec<AttachedDocument>,
    /// The permissions boundary.
    pub boundary: Option<AttachedDocument>,
    /// The session policies; `None` if the session was made without any.
    pub session: Option<Vec<AttachedDocument>>,
    /// The principal's tags, for `aws:PrincipalTag`.
    pub tags: Vec<(String, String)>,
}

/// Knows the policies of principals.
pub trait IdentitySource: fmt::Debug + Send + Sync {
    /// The policies of `principal` as `view` shows them.
    ///
    /// A principal that no longer exists has no policies; root and services have none.
    fn policies(&self, view: &View, principal: &Principal) -> Arc<IdentityPolicies>;

    /// The managed policy at `arn` as a session of `account` may use it.
    ///
    /// One that does not exist denies everything: what it denied is not known. `None` allows
    /// nothing.
    fn managed(&self, view: &View, account: AccountId, arn: &Arn) -> Option<AttachedDocument>;

    /// Whether the credential that `caller` signed with is still good: its principal
    /// exists, and its access key is active or its session's maker is still there. Asked on
    /// every attempt of every call. Whether a session has expired is known already.
    fn is_active(&self, view: &View, caller: &crate::Caller) -> bool;
}

/// The policy of a resource, and by which rule it is evaluated.
#[derive(Debug, Clone)]
pub enum ResourceRule {
    /// The resource has no policy of its own.
    None,
    /// A resource policy by the general rules.
    General(Arc<Document>),
    /// A key policy: the account's IAM policies count only if it says so.
    Key(Arc<Document>),
    /// A key policy for retiring a grant of the key: it can only deny.
    KeyGrantsOnly(Arc<Document>),
    /// A role's trust policy.
    Trust(Arc<Document>),
}

/// A condition-key source that can be kept beyond a borrow.
pub trait ResourceKeys: ConditionKeys + fmt::Debug + Send + Sync {}

impl<T: ConditionKeys + fmt::Debug + Send + Sync> ResourceKeys for T {}

/// A grant that covers the need: its grantee, operation and constraints hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedGrant {
    /// The grant's id.
    pub id: String,
    /// The account that the grant was issued in.
    pub issuing_account: AccountId,
    /// Whether it names the caller's account and not the caller: the caller's identity
    /// policies must then allow the action too.
    pub delegates_to_account: bool,
}

/// What grants are asked about.
#[derive(Debug, Clone, Copy)]
pub struct GrantQuery<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// What must be allowed.
    pub need: &'a crate::Need,
    /// The resource that a service acts for, as `aws:SourceArn` shows it.
    pub source: Option<&'a Arn>,
}

/// What deciding about a resource needs to know of it.
#[derive(Debug, Clone)]
pub struct ResourceFacts {
    /// The account that owns it; `None` if the action has no resource.
    pub account: Option<AccountId>,
    /// Its policy.
    pub rule: ResourceRule,
    /// Its own condition keys: tags, key spec, aliases.
    pub keys: Option<Arc<dyn ResourceKeys>>,
}

/// Knows the resources of one service.
pub trait ResourceSource: fmt::Debug + Send + Sync {
    /// What is known of the resource named by `arn`.
    ///
    /// For a resource that does not exist the account is the one that the ARN names, and
    /// there is neither policy nor keys: only a caller whose identity policies allow the
    /// action learns that it is missing.
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts;

    /// The grants on the resource that cover this need. Asked only where policies do not allow.
    ///
    /// Of grants that count alike one is enough.
    fn grants(&self, view: &View, query: &GrantQuery<'_>) -> Vec<MatchedGrant>;

    /// The last commit that changed anything that [`Self::facts`] and [`Self::grants`] answer with,
    /// but for the condition keys: in two snapshots that agree on it, every resource has the same
    /// account and policy, and the same grants cover a need.
    ///
    /// `None` if that is not known: then every need of these resources is decided anew.
    fn last_change(&self, snapshot: &Snapshot) -> Option<Revision>;
}

/// The policies of one level of the organization, from the root down to the account.
#[derive(Debug, Clone)]
pub struct LevelDocuments {
    /// The id of the root, unit or account.
    pub name: String,
    /// What is attached there.
    pub policies: Vec<AttachedDocument>,
}

/// What the organization says of an account.
#[derive(Debug, Clone, Default)]
pub struct AccountBounds {
    /// Whether the account is closed: nobody acts in it, and nobody uses what it owns.
    pub closed: bool,
    /// The organization that the account belongs to.
    pub organization: Option<String>,
    /// Where the account is in it, as `aws:PrincipalOrgPaths` shows: `o-…/r-…/ou-…/`.
    pub path: Option<String>,
    /// The service control policies that bind the account's principals; no level at all if
    /// nothing binds them.
    pub service_control: Vec<LevelDocuments>,
    /// The resource control policies that bind the use of the account's resources; no level at
    /// all if nothing binds it.
    pub resource_control: Vec<LevelDocuments>,
}

/// Knows the organization of the deployment's accounts.
pub trait OrganizationSource: fmt::Debug + Send + Sync {
    /// What the organization says of `account` as `view` shows it.
    ///
    /// An account that does not exist belongs to no organization and nothing binds it: it has
    /// neither principals nor resources.
    fn bounds(&self, view: &View, account: AccountId) -> Arc<AccountBounds>;
}

/// Knows which accounts and principals exist, so that policies can name them.
pub trait PrincipalDirectory: fmt::Debug + Send + Sync {
    /// The unique id of the user or role at `arn`; `None` if there is none.
    fn unique_id(&self, view: &View, arn: &Arn) -> Option<UniqueId>;

    /// The unique id of the role of this name, whatever its path; `None` if there is none.
    fn role_id(&self, view: &View, account: AccountId, name: &str) -> Option<UniqueId>;

    /// The ARN of the user or role with this id; `None` once it is deleted.
    fn arn_of(&self, view: &View, id: &UniqueId) -> Option<Arn>;

    /// The trust policy of the role at `arn`, its principals bound; `None` if there is none.
    fn trust_policy(&self, view: &View, arn: &Arn) -> Option<Arc<Document>>;

    /// Whether the account exists in this deployment.
    fn account_exists(&self, view: &View, account: AccountId) -> bool;
}

/// Bounds how often each account calls the operations of one service.
pub trait RequestQuotas: fmt::Debug + Send + Sync {
    /// Takes a call from the quotas that it counts in, and says whether there is one: what no
    /// quota counts is bounded by [`Sources::calls_per_second`]. Asked once for each call that
    /// the policies allow, before it is handled, and for those that services make on somebody's
    /// behalf or in their own name.
    ///
    /// Fails with the service's own error beyond a quota.
    fn admit(&self, ctx: &Ctx, operation: &str, needs: &Needs) -> Result<bool, Failure>;

    /// The service's own error for calls beyond a quota.
    fn exceeded(&self) -> Failure;
}

/// The directory as a shared part, for services that keep policies naming principals.
#[derive(Debug, Clone)]
pub struct Principals(pub Arc<dyn PrincipalDirectory>);

/// Makes the roles that services act by in an account.
pub trait MakeLinkedRole: fmt::Debug + Send + Sync {
    /// Makes the role of `linked`, such as `mrk.kms.amazonaws.com`, in the caller's account unless
    /// it is there, as `service` does on the caller's behalf: decided, recorded and committed with
    /// the call of `ctx`.
    ///
    /// Fails as `CreateServiceLinkedRole` does.
    fn ensure<'a>(
        &'a self,
        ctx: &'a Ctx,
        service: Service,
        linked: &'static str,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;
}

/// What makes service-linked roles as a shared part, for services that have one.
#[derive(Debug, Clone)]
pub struct LinkedRoles(pub Arc<dyn MakeLinkedRole>);

/// All sources of one deployment.
#[derive(Debug)]
pub struct Sources {
    pub(crate) identities: Arc<dyn IdentitySource>,
    pub(crate) organization: Arc<dyn OrganizationSource>,
    resources: Vec<(&'static str, Arc<dyn ResourceSource>)>,
    quotas: Vec<(Service, Arc<dyn RequestQuotas>)>,
    /// Bounds the management calls that no quota counts.
    pub(crate) pace: Pace,
    /// How often calls that keep losing to others are tried again.
    pub(crate) repeats: Pace,
    /// Bounds the calls of services with quotas that are denied, which those do not count.
    pub(crate) denials: Pace,
    /// Bounds what the calls of each account write.
    pub(crate) written: Written,
}

impl Sources {
    /// Sources with the given identities and organization, and no resources yet. Each principal
    /// may make [`CALLS_PER_SECOND`] that no quota counts.
    pub fn new(
        identities: Arc<dyn IdentitySource>,
        organization: Arc<dyn OrganizationSource>,
    ) -> Self {
        Self {
            identities,
            organization,
            resources: Vec::new(),
            quotas: Vec::new(),
            pace: Pace::new(CALLS_PER_SECOND),
            repeats: Pace::new(CALLS_PER_SECOND),
            denials: Pace::new(CALLS_PER_SECOND),
            written: Written::new(WriteBudgets::default()),
        }
    }

    /// Lets each principal make `per_second` management calls a second that no quota counts, and
    /// all principals of an account [`ACCOUNT_FACTOR`] times as many; and each principal be denied as
    /// many of those that quotas count.
    pub fn calls_per_second(mut self, per_second: u32) -> Self {
        self.pace = Pace::new(per_second);
        self.repeats = Pace::new(per_second);
        self.denials = Pace::new(per_second);
        self
    }

    /// Lets the calls of each account write so much in a day.
    pub fn write_budgets(mut self, budgets: WriteBudgets) -> Self {
        self.written = Written::new(budgets);
        self
    }

    /// Bounds how often the operations of `service` are called.
    pub fn quotas(mut self, service: Service, quotas: Arc<dyn RequestQuotas>) -> Self {
        self.quotas.retain(|(known, _)| *known != service);
        self.quotas.push((service, quotas));
        self
    }

    /// What bounds the operations of `service`.
    pub(crate) fn quotas_of(&self, service: Service) -> Option<&Arc<dyn RequestQuotas>> {
        let mut quotas = self.quotas.iter();
        let (_, quotas) = quotas.find(|(known, _)| *known == service)?;
        Some(quotas)
    }

    /// Adds the source for resources whose ARNs name `service`.
    pub fn resources(mut self, service: &'static str, source: Arc<dyn ResourceSource>) -> Self {
        self.resources.retain(|(known, _)| *known != service);
        self.resources.push((service, source));
        self
    }

    /// The source for the resource at `arn`.
    pub(crate) fn of(&self, arn: &Arn) -> Option<&Arc<dyn ResourceSource>> {
        let mut sources = self.resources.iter();
        let (_, source) = sources.find(|(service, _)| *service == arn.service())?;
        Some(source)
    }
}
