//! Grants as `ListGrants` and `ListRetirableGrants` show them.

use pipeline::sources::Principals;
use shapes::kms::{GrantListEntry, GrantOperation};
use store::View;

use super::party::root;
use super::record::GrantRecord;
use crate::records::key_arn;

/// The grant as its lists show it.
pub(crate) fn entry(grant: &GrantRecord, view: &View, known: &Principals) -> GrantListEntry {
    let terms = &grant.terms;
    let retiring = terms.retiring.as_ref();
    let names = terms.operations.iter().map(|operation| operation.as_str());
    let operations: Vec<GrantOperation> = names.filter_map(|name| name.parse().ok()).collect();
    GrantListEntry {
        key_id: Some(key_arn(grant.account, &grant.region, &grant.key).to_string()),
        grant_id: Some(grant.id.clone()),
        name: Some(terms.name.clone().unwrap_or_default()),
        creation_date: Some(grant.created),
        grantee_principal: terms.grantee.principal(view, known),
        retiring_principal: retiring.and_then(|party| party.principal(view, known)),
        issuing_account: Some(root(terms.issuing_account)),
        operations: Some(operations),
        constraints: terms.constraints.shown(),
        grantee_service_principal: terms.grantee.service().map(str::to_owned),
        retiring_service_principal: retiring
            .and_then(|party| party.service())
            .map(str::to_owned),
    }
}
