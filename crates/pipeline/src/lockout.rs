//! Whether a resource policy would lock the caller out: for operations that put one.

use std::cell::Cell;

use policy::{Attached, Beside, Document, DocumentKind, Policies, Request, ResourcePolicy};

use crate::keys::RequestKeys;
use crate::session::{self, EVERYTHING};
use crate::sources::{ResourceFacts, ResourceRule};
use crate::{Ctx, Need};

/// Whether the resource policy in `facts` admits `need` for the caller of this request.
///
/// Only that policy is looked at: what it leaves to identity policies counts as allowed.
/// This grants nothing. It serves safety checks of operations that replace such a policy and
/// were already granted.
pub fn resource_policy_admits(ctx: &Ctx, need: &Need, facts: &ResourceFacts) -> bool {
    let principal = &ctx.caller().principal;
    let identity = session::policies_of(ctx);
    // Whatever the resource policy leaves to identity policies.
    let Ok(everything) = Document::parse(EVERYTHING, DocumentKind::Identity) else {
        return false;
    };
    let allow = [Attached {
        document: &everything,
        name: "everything",
        arn: None,
    }];
    let policies = Policies {
        identity: &allow,
        resource: match &facts.rule {
            ResourceRule::None => ResourcePolicy::None,
            ResourceRule::General(document) => ResourcePolicy::General(document),
            ResourceRule::Key(document) => ResourcePolicy::Key(document),
            ResourceRule::KeyGrantsOnly(document) => ResourcePolicy::KeyGrantsOnly(document),
            ResourceRule::Trust(document) => ResourcePolicy::Trust(document),
        },
        ..Policies::NONE
    };
    let asked_more = Cell::new(false);
    let keys = RequestKeys {
        ctx,
        need,
        identity: &identity,
        facts,
        own_side: false,
        asked_more: &asked_more,
    };
    let request = Request {
        principal,
        action: need.action,
        resource: need.resource.as_ref(),
        resource_account: facts.account,
        keys: &keys,
    };
    ctx.steps().decide(|steps| {
        let beside = Beside {
            steps: Some(steps),
            ..session::beside(ctx.caller())
        };
        policy::evaluate_with(&request, &policies, &beside).is_allowed()
    })
}
