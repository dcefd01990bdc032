//! Decides again what was decided once: on other policies, and with everything that stands
//! behind the outcome.
//!
//! What a decision depended on beside stored policies (who asked, from where, when, with which
//! keys) is kept with the audit record as [`Evaluated`], where no reader of records sees it.
//! [`replay`] puts the request together again and asks the same code. It grants nothing.

use std::sync::Arc;

use policy::{Action, Beside, Document, DocumentKind, Explanation, Policies, Request};
use store::{Revision, Snapshot, View};
use types::{Arn, Principal};

use crate::authorize::{self, Undecided};
use crate::evaluated::{Evaluated, KeptNeed, KeptRule};
use crate::operation::{Operation, Registry};
use crate::sources::{PrincipalDirectory, Principals, ResourceFacts, ResourceRule};
use crate::{Ctx, Need, Needs, Services, session, steps};

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
    /// Whether grants may allow it, which are not looked at if the resource is another
    /// account's.
    pub has_grants: bool,
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
    /// The policies take too long to compare.
    TooLong,
    /// This release does not know the action any more.
    Unknown,
}

/// Decides `evaluated` again on `snapshot`: of now, or what [`store::Store::past`] says.
///
/// Fails if a policy of the snapshot cannot be read.
pub fn replay(
    services: &Arc<Services>,
    evaluated: &Evaluated,
    snapshot: Arc<Snapshot>,
) -> Result<Replay, Box<dyn std::error::Error + Send + Sync>> {
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
            has_grants: kept
                .resource
                .as_ref()
                .is_some_and(|arn| arn.service() == "kms"),
            outcome: Outcome::Unknown,
        };
        if let Some(action) = known.find(&kept.action) {
            let mut need = kept.restored(action);
            let facts = authorize::facts_of(&ctx, &need);
            one.foreign = need.resource.is_some() && facts.account != home;
            let explain =
                |request: &Request<'_>, policies: &Policies<'_>, beside: &Beside<'_>, _| {
                    steps::explain(&ctx, request, policies, beside)
                };
            let decided = if one.foreign {
                let asked = (&need, kept.rule == KeptRule::Trust);
                authorize::weigh_own_side(&ctx, &identity, bounds.as_deref(), asked, explain)
            } else {
                need = ruled(&ctx, &**directory, need, kept, facts)?;
                authorize::weigh(&ctx, &identity, bounds.as_deref(), &need, explain)
            };
            one.outcome = match decided {
                _ if closed => Outcome::Impossible(CALLER_CLOSED),
                _ if !vouched => Outcome::Impossible(NO_PROVIDER),
                Ok(Some(explanation)) => Outcome::Decided(Box::new(explanation)),
                Ok(None) => Outcome::TooLong,
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

/// The needs of a call that one of them was denied in.
pub(crate) fn need_of<'a>(needs: &'a Needs, action: &str, resource: &str) -> Option<&'a Need> {
    let mut needs = needs.iter();
    needs.find(|need| need.action.as_str() == action && need.shown_resource() == resource)
}
