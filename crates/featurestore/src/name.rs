//! From what a caller sends as `FeatureGroupName` to a group.

use std::sync::Arc;

use pipeline::Ctx;
use policy::Document;
use types::Arn;

use crate::Error;
use crate::records::{GROUPS, GroupRecord, canonical, group_arn, group_row, row_at};

/// What a name stands for: the ARN that policies are asked about, and the group if there is
/// one.
#[derive(Debug, Clone)]
pub struct Found {
    pub(crate) arn: Arn,
    pub(crate) group: Option<Arc<GroupRecord>>,
    /// The policy that resource shares give to another account's group. It never allows the
    /// group's own account anything, so that for its callers none is looked for.
    pub(crate) shared: Option<Arc<Document>>,
}

impl Found {
    /// Finds the group that `text` names: its name or its ARN, in whatever case.
    ///
    /// Names are unique without regard to case, because ARNs carry them in lower case; what
    /// policies are asked about has it too, however the caller writes the name. Fails for an ARN
    /// of another partition or region.
    pub(crate) fn find(ctx: &Ctx, text: &str) -> Result<Self, Error> {
        if text.starts_with("arn:") {
            return Self::by_arn(ctx, text);
        }
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let row = group_row(account.as_str(), ctx.region().as_str(), text);
        let group = ctx.view().get_shared(&GROUPS, &row);
        let arn = match &group {
            Some(group) => group.arn.clone(),
            None => group_arn(account, ctx.region(), text),
        };
        Ok(Self {
            arn,
            group,
            shared: None,
        })
    }

    fn by_arn(ctx: &Ctx, text: &str) -> Result<Self, Error> {
        let invalid = || Error::validation(format!("`{text}` is not the ARN of a feature group."));
        let arn: Arn = text.parse().map_err(|_source| invalid())?;
        let arn = canonical(arn).ok_or_else(invalid)?;
        if arn.region() != ctx.region().as_str() {
            return Err(Error::validation(format!(
                "`{text}` is not in region {}.",
                ctx.region()
            )));
        }
        let group = row_at(&arn).and_then(|row| ctx.view().get_shared(&GROUPS, &row));
        let foreign = arn.account() != ctx.account();
        let shared = if foreign && group.is_some() {
            ram::policy_of(ctx.view(), &arn)
        } else {
            None
        };
        Ok(Self { arn, group, shared })
    }

    /// The group.
    ///
    /// Fails with `ResourceNotFound` if there is none; `text` is what the caller sent. Only
    /// for callers who were allowed.
    pub(crate) fn group(&self, text: &str) -> Result<&Arc<GroupRecord>, Error> {
        self.group.as_ref().ok_or_else(|| Error::GroupNotFound {
            name: text.to_owned(),
        })
    }
}
