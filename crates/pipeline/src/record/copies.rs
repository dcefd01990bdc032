//! The copies of a record: one in the history of each account that it concerns.

use std::sync::Arc;

use audit::Record;
use serde_json::Value;
use store::Batch;
use types::{AccountId, Principal, RequestId};

use super::add;
use crate::authorize::{Authorization, Decided};
use crate::evaluated::Evaluated;
use crate::written::{Share, Weight};
use crate::{Ctx, Failure};

/// The history of an account that gets a copy of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    pub(super) account: AccountId,
    /// How many calls like this one were only counted there before.
    pub(super) suppressed: u64,
    /// Whether the copy is taken from what other accounts may record there, beside what the commit
    /// takes from the caller's.
    pub(super) charged: bool,
}

impl History {
    /// The histories of every account that a call concerns: the caller's and the `others`.
    pub(super) fn of_all(ctx: &Ctx, others: Vec<AccountId>) -> Vec<Self> {
        let caller = ctx.home();
        let others = Self::without(others, caller);
        let accounts = caller.into_iter().chain(others);
        let histories = accounts.map(|account| Self {
            account,
            suppressed: 0,
            charged: false,
        });
        histories.collect()
    }

    /// The others than the caller's account, once each.
    pub(super) fn without(
        mut others: Vec<AccountId>,
        caller: Option<AccountId>,
    ) -> impl Iterator<Item = AccountId> {
        others.sort_unstable();
        others.dedup();
        let others = others.into_iter();
        others.filter(move |account| Some(*account) != caller)
    }
}

/// One copy for the caller's account, and one for every other account that owns a resource, each
/// with what decided on its own side, in the histories at `to`.
pub(super) fn append_copies(
    ctx: &Ctx,
    record: Record,
    to: &[History],
    (authorization, decisions): (&Authorization, &[Decided]),
    batch: &mut Batch,
) -> Result<(), Failure> {
    if to.is_empty() {
        return Ok(());
    }
    let caller = ctx.home();
    let is_service = matches!(ctx.caller().principal, Principal::Service { .. });
    let shared = (to.len() > 1).then(|| RequestId::generate(ctx.entropy()).to_string());
    let record = record.truncated();
    let evaluated = evaluated(ctx, authorization)?;
    for history in to {
        let account = history.account;
        let mut copy = record.clone();
        copy.event_id = ctx.event_id(account).to_string();
        copy.recipient_account_id = account.to_string();
        copy.shared_event_id.clone_from(&shared);
        if Some(account) != caller && !is_service {
            copy.user_identity = record.user_identity.seen_from_another_account();
        }
        let additional = &mut copy.additional_event_data;
        if history.suppressed > 0 {
            add(additional, "suppressedCount", history.suppressed.into());
        }
        let seen = decisions.iter();
        let seen = seen.filter_map(|decided| decided.seen_by(account, caller));
        let seen: Vec<Value> = seen.cloned().collect();
        if !seen.is_empty() {
            add(additional, "authorization", Value::Array(seen));
        }
        let at = ctx.services().clock.now();
        // What the decision depended on is the caller's account's business.
        let beside = evaluated.as_deref().filter(|_| Some(account) == caller);
        let first = batch.appends().len();
        audit::append_with(batch, account, ctx.region(), at, &copy, beside)
            .map_err(Failure::internal)?;
        if history.charged {
            let weight = Weight::of_records_from(batch, first);
            let services = Arc::clone(ctx.services());
            ctx.when_recorded(move || services.take(account, weight, Share::Others));
        }
    }
    Ok(())
}

/// What the call's decisions depended on, as it is kept beside the record; nothing if nothing
/// was decided, or if it is out of all proportion.
fn evaluated(ctx: &Ctx, authorization: &Authorization) -> Result<Option<Vec<u8>>, Failure> {
    if authorization.needs.iter().len() == 0 {
        return Ok(None);
    }
    let evaluated = Evaluated::of(ctx, &authorization.needs);
    let json = evaluated.as_ref().map(serde_json::to_vec).transpose();
    let json = json.map_err(Failure::internal)?;
    Ok(json.filter(|json| json.len() <= MOST_EVALUATED))
}

/// The most that is kept of what a call's decisions depended on, in bytes.
const MOST_EVALUATED: usize = 64 * 1024;
