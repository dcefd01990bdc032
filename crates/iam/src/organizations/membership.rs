//! What other services may know of the organization that an account belongs to.

use store::View;
use types::AccountId;

use super::records::NodeKind;
use super::tree;

/// Where an account is in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// `o-…`.
    pub organization: String,
    /// The account that manages it.
    pub management: AccountId,
    /// `o-…/r-…/ou-…/`, as `aws:PrincipalOrgPaths` shows it.
    pub path: String,
}

impl Membership {
    /// The organization that `account` belongs to as `view` shows it, if it does to one.
    pub fn of(view: &View, account: AccountId) -> Option<Self> {
        let organization = tree::organization(view)?;
        let upwards = tree::upwards(view, account.as_str());
        (!upwards.is_empty()).then(|| Self {
            organization: organization.id.clone(),
            management: organization.management,
            path: tree::path(&organization, &upwards),
        })
    }

    /// Whether the account is in the unit with this id, or in one below it.
    pub fn is_below(&self, unit: &str) -> bool {
        self.path.split('/').any(|node| node == unit)
    }

    /// Whether the organization has a unit with this id.
    pub fn has_unit(view: &View, id: &str) -> bool {
        tree::node(view, id).is_some_and(|node| node.kind == NodeKind::Unit)
    }
}
