//! The role that a call asks to assume, and what assuming it needs.

use std::sync::Arc;

use pipeline::sources::ResourceFacts;
use pipeline::{Ctx, KeySet, Need};
use policy::Action;
use types::{AccountId, Arn, Principal};

use super::error::Error;
use crate::lookup;
use crate::records::{EntityKind, RoleRecord};
use crate::resources::trust_facts;

/// How long a session lasts if nobody says: an hour.
pub(crate) const DEFAULT_DURATION: u32 = 3600;

/// How long the session of a session lasts at most: an hour.
const CHAINED: u32 = 3600;

/// The role that a call names; it may not exist.
#[derive(Debug)]
pub(crate) struct NamedRole {
    pub(crate) arn: Arn,
    role: Option<Arc<RoleRecord>>,
    facts: ResourceFacts,
    inherited: Vec<(String, String)>,
}

impl NamedRole {
    /// Looks the role up. The caller's session hands `inherited` down to the role's session: its
    /// trust policy sees these tags instead of the role's own with the same keys.
    ///
    /// Fails with `ValidationError` if `text` is not the ARN of a role.
    pub(crate) fn of(
        ctx: &Ctx,
        text: &str,
        inherited: Vec<(String, String)>,
    ) -> Result<Self, Error> {
        let (arn, _) = read_arn(text)?;
        let role = lookup::at::<RoleRecord>(ctx.view(), &arn);
        let facts = trust_facts(ctx.view(), &arn);
        Ok(Self {
            arn,
            role,
            facts,
            inherited,
        })
    }

    /// The need of `action` on the role. A denial does not tell whether the role exists.
    pub(crate) fn need(&self, action: &'static Action, keys: &KeySet) -> Need {
        Need::on(action, self.arn.clone())
            .with(keys.clone())
            .known(self.facts.clone())
            .handing_down(self.inherited.clone())
            .across_accounts()
            .reticent()
    }

    /// The role; whoever was permitted to assume it knows that it exists.
    pub(crate) fn found(&self, ctx: &Ctx) -> Result<&Arc<RoleRecord>, Error> {
        self.role.as_ref().ok_or_else(|| Error::NotAuthorized {
            caller: ctx.caller().principal.display_name(),
            action: "sts:AssumeRole",
            resource: self.arn.to_string(),
        })
    }

    /// How long a session of the role lasts.
    ///
    /// Fails with `ValidationError` beyond what the role allows, and beyond an hour if the
    /// caller is the session of a role itself.
    pub(crate) fn duration(&self, ctx: &Ctx, asked: Option<i32>) -> Result<u32, Error> {
        let role = self.found(ctx)?;
        let asked = asked.and_then(|seconds| u32::try_from(seconds).ok());
        let duration = asked.unwrap_or(DEFAULT_DURATION);
        let chained = matches!(ctx.caller().principal, Principal::AssumedRole { .. });
        if chained && duration > CHAINED {
            return Err(Error::BeyondChaining);
        }
        if duration > role.max_session {
            return Err(Error::BeyondRole);
        }
        Ok(duration)
    }
}

/// The ARN of a role, and the account that it names.
///
/// Fails with `ValidationError` if `text` is not the ARN of a role.
pub(crate) fn read_arn(text: &str) -> Result<(Arn, AccountId), Error> {
    let not_a_role = || Error::NotARole {
        value: text.to_owned(),
    };
    let arn: Arn = text.parse().map_err(|_not_an_arn| not_a_role())?;
    let is_role = arn.service() == "iam"
        && arn.region().is_empty()
        && arn.resource_of(EntityKind::Role.word()).is_some();
    match arn.account() {
        Some(account) if is_role => Ok((arn, account)),
        _ => Err(not_a_role()),
    }
}
