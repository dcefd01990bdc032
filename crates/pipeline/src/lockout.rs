//! Whether a resource policy would lock the caller out: for operations that put one.

use policy::{Attached, Document, DocumentKind, Policies, Request, ResourcePolicy};

use crate::keys::RequestKeys;
use crate::sources::{ResourceFacts, ResourceRule};
use crate::{Ctx, Need};

/// Allows everything that the resource policy leaves to the caller's identity policies.
const EVERYTHING: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;

/// Whether the resource policy in `facts` admits `need` for the caller of this request.
///
/// Only that policy is looked at: what it leaves to identity policies counts as allowed.
/// This grants nothing. It serves safety checks of operations that replace such a policy and
/// were already granted.
pub fn resource_policy_admits(ctx: &Ctx, need: &Need, facts: &ResourceFacts) -> bool {
    let principal = &ctx.caller().principal;
    let identity = ctx
        .services()
        .sources
        .identities
        .policies(ctx.view(), principal);
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
            ResourceRule::Trust(document) => ResourcePolicy::Trust(document),
        },
        ..Policies::NONE
    };
    let keys = RequestKeys {
        ctx,
        need,
        identity: &identity,
        facts,
    };
    let request = Request {
        principal,
        action: need.action,
        resource: need.resource.as_ref(),
        resource_account: facts.account,
        keys: &keys,
    };
    policy::evaluate(&request, &policies).is_allowed()
}
