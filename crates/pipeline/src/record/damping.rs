//! Which histories get the record of a call whose like are damped.
//!
//! Each account's history has a rate and room of its own: what is only counted in the caller's, since
//! its account has recorded all it may, is still shown to whoever owns what the call was about. Else an
//! account could make itself blind, and with that those who have let it in.

use audit::{Damped, DenialKey, Record, UserIdentity};
use types::{AccountId, Principal};

use super::alone;
use super::copies::History;
use crate::Ctx;
use crate::authorize::Authorization;
use crate::written::Share;

/// The histories in which the call is recorded, and not only counted: of the caller's account and of
/// the `others`, which own what it was about. Calls about the same `resource` are alike; if it is not
/// known, those about the first that was granted.
pub(super) fn histories(
    ctx: &Ctx,
    record: &Record,
    resource: Option<&str>,
    authorization: &Authorization,
    others: Vec<AccountId>,
) -> Vec<History> {
    let granted = || authorization.resources.first().map(ToString::to_string);
    let resource = resource.map(str::to_owned).or_else(granted);
    let key = |account: AccountId, principal: String| DenialKey {
        account,
        region: ctx.region().clone(),
        principal,
        action: format!("{}:{}", record.event_source, record.event_name),
        resource: resource.clone().unwrap_or_default(),
        code: record.error_code.clone().unwrap_or_default(),
        by_another: ctx.home() != Some(account),
    };
    let caller = ctx.home();
    if ctx.is_of_a_stranger() {
        let network = alone::network(ctx.origin());
        return of_stranger(ctx, caller.map(|account| key(account, network)), others);
    }
    let mut histories = Vec::new();
    // Nobody but a service that acts for no resource has no history.
    if let Some(account) = caller {
        let key = key(account, who(ctx));
        let admitted = admit(ctx, key, &record.user_identity, Share::Refused);
        histories.extend(admitted.map(|suppressed| History {
            account,
            suppressed,
            charged: false,
        }));
    }
    let (name, identity) = seen_by_others(ctx, &record.user_identity);
    for account in History::without(others, caller) {
        let key = key(account, name.clone());
        let admitted = admit(ctx, key, &identity, Share::Others);
        histories.extend(admitted.map(|suppressed| History {
            account,
            suppressed,
            charged: true,
        }));
    }
    histories
}

/// The same for a stranger, within what all of them together may have recorded: all histories or none.
fn of_stranger(ctx: &Ctx, key: Option<DenialKey>, others: Vec<AccountId>) -> Vec<History> {
    let (services, now) = (ctx.services(), ctx.services().clock.monotonic());
    let admitted = key.map(|key| services.strangers.admit(key, now));
    let suppressed = match admitted {
        Some(Damped::Count) => return Vec::new(),
        Some(Damped::Record { suppressed }) => suppressed,
        None => 0,
    };
    let mut histories = History::of_all(ctx, others);
    for history in &mut histories {
        history.suppressed = suppressed;
    }
    histories
}

/// Whether a call is recorded in a history, within what is left of this share of its account: how many
/// like it were only counted before. It is counted else.
fn admit(ctx: &Ctx, key: DenialKey, identity: &UserIdentity, share: Share) -> Option<u64> {
    let (services, now) = (ctx.services(), ctx.services().clock.monotonic());
    let written = &services.sources.written;
    let room = written.has_room(key.account, share, now);
    match services.damper.admit(key, identity, room, now) {
        Damped::Record { suppressed } => Some(suppressed),
        Damped::Count => None,
    }
}

/// Who has called: a service for each resource that it acts for apart, the sessions of a role
/// together.
fn who(ctx: &Ctx) -> String {
    let name = ctx.caller().principal.standing_name();
    match ctx.source() {
        Some(source) => format!("{name} for {source}"),
        None => name,
    }
}

/// The same as other accounts see it, and as whom: of a caller with an account no more than their copies
/// of its records show. All of its account are one.
fn seen_by_others(ctx: &Ctx, identity: &UserIdentity) -> (String, UserIdentity) {
    match ctx.caller().principal {
        Principal::Service { .. } => (who(ctx), identity.clone()),
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::AssumedRole { .. }
        | Principal::FederatedUser { .. }
        | Principal::WebIdentity(_) => {
            let account = ctx.home().map(String::from).unwrap_or_default();
            (account, identity.seen_from_another_account())
        }
    }
}
