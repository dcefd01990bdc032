//! The copies of a record: one in the history of each account that it concerns.

use audit::Record;
use serde_json::Value;
use store::Batch;
use types::{AccountId, Principal, RequestId};

use super::add;
use crate::authorize::{Authorization, Decided};
use crate::evaluated::Evaluated;
use crate::{Ctx, Failure};

/// One copy for the caller's account, and one for every other account that owns a resource, each
/// with what decided on its own side.
pub(super) fn append_copies(
    ctx: &Ctx,
    record: Record,
    owners: &[AccountId],
    (authorization, decisions): (&Authorization, &[Decided]),
    batch: &mut Batch,
) -> Result<(), Failure> {
    let caller = ctx.home();
    let is_service = matches!(ctx.caller().principal, Principal::Service { .. });
    let mut accounts: Vec<AccountId> = caller.into_iter().chain(owners.iter().copied()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let shared = (accounts.len() > 1).then(|| RequestId::generate(ctx.entropy()).to_string());
    let record = record.truncated();
    let evaluated = evaluated(ctx, authorization)?;
    for account in accounts {
        let mut copy = record.clone();
        copy.event_id = ctx.event_id(account).to_string();
        copy.recipient_account_id = account.to_string();
        copy.shared_event_id.clone_from(&shared);
        if Some(account) != caller && !is_service {
            copy.user_identity = record.user_identity.seen_from_another_account();
        }
        let seen = decisions.iter();
        let seen = seen.filter_map(|decided| decided.seen_by(account, caller));
        let seen: Vec<Value> = seen.cloned().collect();
        if !seen.is_empty() {
            let additional = &mut copy.additional_event_data;
            add(additional, "authorization", Value::Array(seen));
        }
        let at = ctx.services().clock.now();
        // What the decision depended on is the caller's account's business.
        let beside = evaluated.as_deref().filter(|_| Some(account) == caller);
        audit::append_with(batch, account, ctx.region(), at, &copy, beside)
            .map_err(Failure::internal)?;
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
