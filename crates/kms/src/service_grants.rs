//! The grants that a service has made for itself on a customer's key, as it finds them again.

use pipeline::Need;
use pipeline::sources::{MatchedGrant, ResourceFacts, ResourceRule};
use policy::Action;
use shapes::kms::CreateGrantRequest;
use store::View;
use types::Arn;

use crate::grants::constraints::Constraints;
use crate::grants::record::GrantRecord;
use crate::grants::rules;
use crate::key_policies::key_facts;
use crate::records::KeyRow;

/// The ids of the grants that are as `like` would make one: of the same name, for the same
/// service, under the same constraints, of at least its operations.
pub fn standing_grants(view: &View, like: &CreateGrantRequest) -> Vec<String> {
    let found = found(view, like).map(|(_, grants)| grants);
    let grants = found.into_iter().flatten();
    grants.map(|grant| grant.id).collect()
}

/// The need of `action` on the key of `like` that nothing covers but a grant as [`like` would
/// make](standing_grants): the key policy can deny it and not allow it.
pub fn need_by_grant(
    view: &View,
    like: &CreateGrantRequest,
    key: &Arn,
    action: &'static Action,
) -> Need {
    let need = Need::on(action, key.clone()).across_accounts();
    let Some((key, grants)) = found(view, like) else {
        return need.granted_by(Vec::new());
    };
    let policy = std::sync::Arc::clone(key.record.policy.document());
    let facts = ResourceFacts {
        rule: ResourceRule::KeyGrantsOnly(policy),
        ..key_facts(view, key.record)
    };
    need.known(facts).granted_by(grants)
}

fn found(view: &View, like: &CreateGrantRequest) -> Option<(KeyRow, Vec<MatchedGrant>)> {
    let key = KeyRow::at(view, &like.key_id.parse().ok()?)?;
    let constraints = Constraints::accept(like.constraints.as_ref()).ok()?;
    let operations = rules::operations(&like.operations).ok()?;
    let named = GrantRecord::with_name(view, &key.record, like.name.as_deref()?);
    let grants = named.into_iter().filter(|grant| {
        let terms = &grant.terms;
        terms.grantee.service() == like.grantee_service_principal.as_deref()
            && terms.constraints == constraints
            && operations.is_subset(&terms.operations)
    });
    let grants = grants.map(|grant| MatchedGrant {
        id: grant.id.clone(),
        issuing_account: grant.terms.issuing_account,
        delegates_to_account: false,
    });
    let grants = grants.collect();
    Some((key, grants))
}
