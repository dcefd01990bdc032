//! Finds the grants that cover a request, with as many steps for 50,000 grants of a key as
//! for one.
//!
//! A row of the index is `[account, region, key, grantee, place, class, terms, grant]`.
//!
//! - *place* says which requests the grant can cover: those under one exact context (`=` and
//!   its digest), under a context with one certain pair (`+` and the pair's digest), or all (`*`),
//!   and of these, behind `@`, those for one source (its digest). A request looks at the few
//!   places that it can be found in. Of a subset's pairs the one with the fewest grants is taken
//!   when the grant is made, so that a pair which all grants share does not gather them.
//! - Requests without an encryption context pass over constraints on it. For these a grant of
//!   such an operation has a second row, in the place `-`, with its source if it has one.
//! - *class* is the account that issued the grant and the set of its operations. Grants of one
//!   class in one place count alike: one that holds is enough, and a class without the
//!   operation is passed over as a whole and costs none of what follows.
//! - *terms* is the digest of the constraint on the context, where that counts. Of grants with
//!   the same one is looked at: what it does not cover, none of them does.
//!
//! Whoever makes a grant asks for one that covers it: such a grant is in a place of the new
//! grant's own pairs, as if those were the context of a request.
//!
//! What is left to look at one by one is bounded for each place and for each request, which is
//! denied beyond it.

use std::collections::BTreeSet;

use crypto::digest::sha256;
use pipeline::sources::MatchedGrant;
use store::{Key, Snapshot, Table, View};
use types::{AccountId, Principal};

use super::constraints::{Constraints, ContextConstraint, Pairs, text};
use super::party::{Party, keys_of};
use super::record::{GRANTS, GrantRecord, GrantedOperation, Pointer};
use crate::context::MOST_BYTES;
use crate::records::KeyRecord;

/// Where grants are found by grantee; see the module.
pub(crate) static GRANT_INDEX: Table<Pointer> = Table::with_history("kms_grant_index");

/// The place of grants for requests without an encryption context.
const WITHOUT_CONTEXT: &str = "-";
/// The place of grants that any context is good for.
const ANYWHERE: &str = "*";
/// How far places are compared when a grant is put into one.
const CROWD: usize = LOOKS;
/// Grants that one request looks at in one place. More differ from each other there only if they
/// were made for that.
const LOOKS: usize = 1024;
/// Grants that one request looks at in all of its places: whoever fills some of them leaves the
/// others.
const ALL_LOOKS: usize = 8 * LOOKS;
/// Bytes of keys and values of a context that grants are looked for under; one with more is
/// refused when it is used.
const CONTEXT: usize = MOST_BYTES;

/// A request that needs a grant.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Of what.
    pub(crate) operation: GrantedOperation,
    /// Its encryption context.
    pub(crate) context: Pairs<'a>,
    /// The resource that a service acts for.
    pub(crate) source: Option<&'a str>,
}

/// The grants on `key` that cover what `principal` asks: one of each kind that counts
/// differently.
pub(crate) fn matching(
    view: &View,
    key: &KeyRecord,
    principal: &Principal,
    asked: &Asked<'_>,
) -> Vec<MatchedGrant> {
    let has_context = asked.operation.has_context();
    let context = has_context.then_some(&asked.context);
    let covers = |grant: &GrantRecord| grant.terms.constraints.hold(context, asked.source);
    let places = || places_of(asked);
    found(view, key, principal, asked.operation, places, covers)
}

/// The grants on `key` that let `principal` make a grant with `child`'s terms.
pub(crate) fn parents(
    view: &View,
    key: &KeyRecord,
    principal: &Principal,
    source: Option<&str>,
    child: (&BTreeSet<GrantedOperation>, &Constraints),
) -> Vec<MatchedGrant> {
    let (operations, constraints) = child;
    let covers = |grant: &GrantRecord| {
        let parent = &grant.terms;
        operations.is_subset(&parent.operations)
            && constraints.are_within(&parent.constraints)
            && parent.constraints.hold(None, source)
    };
    let places = || with_source(places_over(constraints), source);
    let operation = GrantedOperation::CreateGrant;
    found(view, key, principal, operation, places, covers)
}

/// The place for a grant with these terms that is about to be made.
pub(crate) fn place(
    snapshot: &Snapshot,
    key: &KeyRecord,
    grantee: &Party,
    constraints: &Constraints,
) -> String {
    let source = constraints.source_arn.as_deref();
    let narrowed = |place: String| match source {
        Some(arn) => from_source(&place, arn),
        None => place,
    };
    match &constraints.context {
        Some(ContextConstraint::Equals(pairs)) => narrowed(exactly(&Pairs::of(text(pairs)))),
        Some(ContextConstraint::Subset(pairs)) => {
            let pairs = Pairs::of(text(pairs));
            let places = pairs.digests().map(|digest| narrowed(with_pair(&digest)));
            let crowd = |place: &String| {
                let prefix = prefix(key, grantee.key(), Some(place));
                snapshot.scan(&GRANT_INDEX, &prefix).take(CROWD).count()
            };
            places
                .min_by_key(crowd)
                .unwrap_or_else(|| narrowed(ANYWHERE.to_owned()))
        }
        None => narrowed(ANYWHERE.to_owned()),
    }
}

/// The rows by which `grant` is found.
pub(crate) fn rows(grant: &GrantRecord) -> Vec<Key> {
    let class = class(&grant.terms.operations, grant.terms.issuing_account);
    let row = |place: &str, terms: &str| {
        Key::of(&[
            grant.account.as_str(),
            grant.region.as_str(),
            grant.key.as_str(),
            grant.terms.grantee.key(),
            place,
            &class,
            terms,
            &grant.id,
        ])
    };
    let mut operations = grant.terms.operations.iter();
    let without_context = operations.any(|operation| !operation.has_context());
    let source = grant.terms.constraints.source_arn.as_deref();
    let second = without_context.then(|| match source {
        Some(arn) => row(&from_source(WITHOUT_CONTEXT, arn), ""),
        None => row(WITHOUT_CONTEXT, ""),
    });
    let terms = terms(&grant.terms.constraints);
    let first = row(&grant.place, &terms);
    std::iter::once(first).chain(second).collect()
}

/// One grant of each class, in each place, that `covers`.
fn found(
    view: &View,
    key: &KeyRecord,
    principal: &Principal,
    operation: GrantedOperation,
    places: impl Fn() -> Vec<String>,
    covers: impl Fn(&GrantRecord) -> bool,
) -> Vec<MatchedGrant> {
    let snapshot = view.snapshot();
    let account = principal.account().map(|account| account.to_string());
    let (mut matched, mut left) = (Vec::new(), ALL_LOOKS);
    if is_empty(snapshot, &key.row_key()) {
        return matched;
    }
    for grantee in keys_of(principal) {
        if is_empty(snapshot, &prefix(key, &grantee, None)) {
            continue;
        }
        let delegates = Some(&grantee) == account.as_ref();
        for place in places() {
            let prefix = prefix(key, &grantee, Some(&place));
            let mut here = LOOKS.min(left);
            let before = here;
            let grants = in_place(snapshot, &prefix, operation, &covers, &mut here);
            left = left.saturating_sub(before.saturating_sub(here));
            matched.extend(grants.into_iter().map(|(row, grant)| {
                // Whatever the call writes is written only if the grant is still there: a
                // grant that was looked at in vain could not have taken anything away.
                let _read = view.get(&GRANTS, &row);
                MatchedGrant {
                    id: grant.id.clone(),
                    issuing_account: grant.terms.issuing_account,
                    delegates_to_account: delegates,
                }
            }));
        }
    }
    matched
}

fn in_place<'a>(
    snapshot: &'a Snapshot,
    prefix: &Key,
    operation: GrantedOperation,
    covers: &impl Fn(&GrantRecord) -> bool,
    left: &mut usize,
) -> Vec<(Key, &'a GrantRecord)> {
    let next = |after: Option<&Key>| {
        let mut rows = snapshot.scan_after(&GRANT_INDEX, prefix, after);
        rows.next().map(|(row, _)| row)
    };
    let mut matched = Vec::new();
    let mut after: Option<Key> = None;
    while let Some(row) = next(after.as_ref()) {
        let parts = row.text_parts();
        let [account, region, key, _, _, class, _, id] = parts.as_slice() else {
            break;
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let behind = |count: usize| Key::of(parts.get(..count).unwrap_or_default()).behind();
        if operations_of(class) & operation.bit() == 0 {
            after = Some(behind(6));
            continue;
        }
        let Some(less) = left.checked_sub(1) else {
            metrics::counter!("strongroom_kms_grant_looks_exhausted_total").increment(1);
            break;
        };
        *left = less;
        let grant_row = Key::of(&[account, region, key, id]);
        let grant = snapshot.get(&GRANTS, &grant_row);
        match grant.filter(|grant| covers(grant.record)) {
            Some(grant) => {
                matched.push((grant_row, grant.record));
                after = Some(behind(6));
            }
            None => after = Some(behind(7)),
        }
    }
    matched
}

fn is_empty(snapshot: &Snapshot, prefix: &Key) -> bool {
    snapshot.scan(&GRANT_INDEX, prefix).next().is_none()
}

fn prefix(key: &KeyRecord, grantee: &str, place: Option<&str>) -> Key {
    let (account, region) = (key.account.as_str(), key.region.as_str());
    let parts = [account, region, key.id.as_str(), grantee];
    match place {
        Some(place) => Key::of(&[account, region, key.id.as_str(), grantee, place]),
        None => Key::of(&parts),
    }
}

fn places_of(asked: &Asked<'_>) -> Vec<String> {
    let places = if asked.operation.has_context() {
        if asked.context.bytes() > CONTEXT {
            return Vec::new();
        }
        let pairs = asked.context.digests().map(|digest| with_pair(&digest));
        let known = [ANYWHERE.to_owned(), exactly(&asked.context)];
        known.into_iter().chain(pairs).collect()
    } else {
        vec![WITHOUT_CONTEXT.to_owned()]
    };
    with_source(places, asked.source)
}

/// Where the grants are that a grant with these constraints can be within: without any on the
/// context, with the same exact one, or with a part of its pairs.
fn places_over(constraints: &Constraints) -> Vec<String> {
    let mut places = vec![ANYWHERE.to_owned()];
    match &constraints.context {
        None => {}
        Some(ContextConstraint::Equals(pairs)) => {
            let pairs = Pairs::of(text(pairs));
            places.push(exactly(&pairs));
            places.extend(pairs.digests().map(|digest| with_pair(&digest)));
        }
        Some(ContextConstraint::Subset(pairs)) => {
            let pairs = Pairs::of(text(pairs));
            places.extend(pairs.digests().map(|digest| with_pair(&digest)));
        }
    }
    places
}

/// The places, and each of them narrowed to the source if there is one.
fn with_source(mut places: Vec<String>, source: Option<&str>) -> Vec<String> {
    if let Some(arn) = source {
        let narrowed: Vec<String> = places.iter().map(|place| from_source(place, arn)).collect();
        places.extend(narrowed);
    }
    places
}

fn exactly(context: &Pairs<'_>) -> String {
    format!("={}", context.digest())
}

fn with_pair(digest: &str) -> String {
    format!("+{digest}")
}

fn from_source(place: &str, arn: &str) -> String {
    format!("{place}@{}", hex::encode(sha256(arn.as_bytes())))
}

/// The digest of what a grant asks of the context; nothing if it asks nothing.
fn terms(constraints: &Constraints) -> String {
    match &constraints.context {
        None => String::new(),
        Some(ContextConstraint::Equals(pairs)) => exactly(&Pairs::of(text(pairs))),
        Some(ContextConstraint::Subset(pairs)) => with_pair(&Pairs::of(text(pairs)).digest()),
    }
}

/// Twelve digits and six of a hexadecimal number.
fn class(operations: &BTreeSet<GrantedOperation>, issuer: AccountId) -> String {
    let bits = operations.iter().fold(0, |bits, one| bits | one.bit());
    format!("{issuer}{bits:06x}")
}

fn operations_of(class: &str) -> u32 {
    let bits = class.get(12..).unwrap_or_default();
    u32::from_str_radix(bits, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests;
