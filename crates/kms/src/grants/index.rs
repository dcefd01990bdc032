//! Finds the grants that cover a request, with as many steps for 50,000 grants of a key as
//! for one.
//!
//! The index is listed from the grants themselves, in memory. For each operation of a grant that has
//! an entry `o`, place, issuer, terms, operations, id:
//!
//! - The *place* is the digest of account, region, key, grantee, operation, and of which requests the
//!   grant can cover: those under one exact context (`=` and its digest), under a context with one
//!   certain pair (`+` and the pair's digest), or all (`*`), and of these, behind `@`, those for one
//!   source (its digest). A request looks at the few places that it can be found in, and so at no
//!   grant of another operation. Of a subset's pairs the one with the fewest grants is taken when
//!   the grant is made, so that a pair which all grants share does not gather them.
//! - Requests without an encryption context pass over constraints on it. For these a grant of
//!   such an operation is in the place `-`, with its source if it has one.
//! - The *issuer* is the account that the grant was made from: one grant of the caller's own account,
//!   or else one of any other, decides.
//! - *Terms* are the digest of the constraint on the context, where that counts. Of grants with the
//!   same issuer and terms one is looked at: what it does not cover, none of them does.
//!
//! Whoever makes a grant asks for one that covers it: such a grant has `CreateGrant`, for which it is
//! in a place of the new grant's own pairs, too, as if those were the context of a request. There the
//! *operations*, as bits, tell apart what is looked at.
//!
//! What is left to look at one by one is bounded for each place and for each request, which is
//! denied beyond it.
//!
//! Entries `g`, account, region, key, grantee, id list the grants of a grantee. Entries `r`, service,
//! region, issuer, account, key, id list those that a service may retire: whoever issued them sees
//! them, and looks at none of others.
//!
//! A grant can have 14 entries, so these are short: ids are bytes, and digests are cut off. Somebody
//! could make two of those agree, so a place is never believed: what is found there counts only if it
//! is a grant on the key, for the grantee and of the operation, and its constraints hold.

use std::collections::BTreeSet;

use crypto::digest::sha256;
use pipeline::sources::MatchedGrant;
use store::{Key, KeyBuilder, Snapshot, Table, View};
use types::{AccountId, Principal, Region};

use super::constraints::{Constraints, ContextConstraint, Pairs, text};
use super::party::{Party, keys_of};
use super::record::{GRANTS, GrantRecord, GrantedOperation, Pointer, Terms};
use crate::context::MOST_BYTES;
use crate::records::KeyRecord;

/// Where earlier builds kept the index. Nothing reads it, and [`crate::maintain`] empties it.
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
/// Parts of an entry up to the issuer, the terms and the operations.
const ISSUER: usize = 3;
const TERMS: usize = 4;
const OPERATIONS: usize = 5;

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

/// The grants on `key` that cover what `principal` asks: at most one of its own account, and one
/// other if that one may not suffice.
pub(crate) fn matching(
    view: &View,
    key: &KeyRecord,
    principal: &Principal,
    asked: &Asked<'_>,
) -> Vec<MatchedGrant> {
    let has_context = asked.operation.has_context();
    let context = has_context.then_some(&asked.context);
    let covers = |grant: &GrantRecord| grant.terms.constraints.hold(context, asked.source);
    let mut search = Search {
        operation: asked.operation,
        places: &|| places_of(asked),
        alike: TERMS,
        covers: &covers,
        left: ALL_LOOKS,
    };
    search.run(view, key, principal)
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
    let mut search = Search {
        operation: GrantedOperation::CreateGrant,
        places: &|| with_source(places_over(constraints), source),
        alike: OPERATIONS,
        covers: &covers,
        left: ALL_LOOKS,
    };
    search.run(view, key, principal)
}

/// The place for a grant with these terms that is about to be made.
pub(crate) fn place(snapshot: &Snapshot, key: &KeyRecord, terms: &Terms) -> String {
    let source = terms.constraints.source_arn.as_deref();
    let narrowed = |place: String| match source {
        Some(arn) => from_source(&place, arn),
        None => place,
    };
    match &terms.constraints.context {
        Some(ContextConstraint::Equals(pairs)) => narrowed(exactly(&Pairs::of(text(pairs)))),
        Some(ContextConstraint::Subset(pairs)) => {
            let pairs = Pairs::of(text(pairs));
            let places = pairs.digests().map(|digest| narrowed(with_pair(&digest)));
            least_crowded(snapshot, key, terms, places.collect())
        }
        None => narrowed(ANYWHERE.to_owned()),
    }
}

/// The place in which the fewest grants are, for the operation that has the most there.
fn least_crowded(
    snapshot: &Snapshot,
    key: &KeyRecord,
    terms: &Terms,
    places: Vec<String>,
) -> String {
    let mut best = (CROWD.saturating_add(1), ANYWHERE.to_owned());
    let is_only = places.len() == 1;
    for place in places {
        let operations = terms.operations.iter().copied();
        let mut crowd = 0;
        for operation in operations.filter(|operation| operation.is_in_places()) {
            if is_only || crowd >= best.0 {
                break;
            }
            let spot = spot(key, terms.grantee.key(), &place, operation);
            let there = snapshot.listed(&GRANTS, &spot, None);
            crowd = crowd.max(there.take(best.0.min(CROWD)).count());
        }
        if crowd < best.0 {
            best = (crowd, place);
        }
    }
    best.1
}

/// The entries by which `grant` is found.
pub(crate) fn entries(grant: &GrantRecord) -> Vec<Key> {
    let (terms, source) = (&grant.terms, grant.terms.constraints.source_arn.as_deref());
    let (account, region) = (grant.account.as_str(), grant.region.as_str());
    let key = [account, region, grant.key.as_str(), terms.grantee.key()];
    let bits = terms
        .operations
        .iter()
        .fold(0, |bits, one| bits | one.bit());
    let entry = |place: &str, operation: GrantedOperation, of_context: &[u8]| {
        let part = KeyBuilder::default().part(BY_OPERATION);
        let part = part.part(&place_digest(key, place, operation));
        let part = part.part(terms.issuing_account.as_str().as_bytes());
        let part = part.part(of_context).part(&bits.to_be_bytes());
        part.part(&id_bytes(&grant.id)).build()
    };
    let without_context = match source {
        Some(arn) => from_source(WITHOUT_CONTEXT, arn),
        None => WITHOUT_CONTEXT.to_owned(),
    };
    let of_context = of_context(&terms.constraints);
    let mut entries = vec![of_grantee(key).part(&id_bytes(&grant.id)).build()];
    if let Some(service) = terms.retiring.as_ref().and_then(Party::service) {
        let retirable = of_retiring(service, &grant.region, terms.issuing_account);
        let retirable = retirable.part(account.as_bytes());
        let retirable = retirable.part(grant.key.as_str().as_bytes());
        entries.push(retirable.part(&id_bytes(&grant.id)).build());
    }
    for operation in terms.operations.iter().copied() {
        if operation.is_in_places() {
            entries.push(entry(&grant.place, operation, &of_context));
        }
        if !operation.has_context() {
            entries.push(entry(&without_context, operation, b""));
        }
    }
    entries
}

/// What the entries of the grants on `key` for `grantee` begin with.
pub(crate) fn by_grantee(key: &KeyRecord, grantee: &str) -> Key {
    grantee_prefix(key, grantee).build()
}

/// What the entries of the grants begin with that `issuer` has made in `region` for `service` to
/// retire.
pub(crate) fn by_retiring(service: &str, region: &Region, issuer: AccountId) -> Key {
    of_retiring(service, region, issuer).build()
}

fn of_retiring(service: &str, region: &Region, issuer: AccountId) -> KeyBuilder {
    let start = KeyBuilder::default().part(BY_RETIRING);
    let parts = [service, region.as_str(), issuer.as_str()];
    let parts = parts.into_iter();
    parts.fold(start, |key, part| key.part(part.as_bytes()))
}

/// The entry of the grant `id` among these.
pub(crate) fn entry_by_grantee(key: &KeyRecord, grantee: &str, id: &str) -> Key {
    grantee_prefix(key, grantee).part(&id_bytes(id)).build()
}

fn grantee_prefix(key: &KeyRecord, grantee: &str) -> KeyBuilder {
    let (account, region) = (key.account.as_str(), key.region.as_str());
    of_grantee([account, region, key.id.as_str(), grantee])
}

/// A grant's id as entries have it, in the order of the ids.
fn id_bytes(id: &str) -> Vec<u8> {
    // Ids are hex digits; whatever else is asked for sorts among them as it is.
    hex::decode(id).unwrap_or_else(|_no_id| id.as_bytes().to_vec())
}

/// What a request looks for, and how many grants it may still look at.
struct Search<'a> {
    operation: GrantedOperation,
    /// Where grants for it can be.
    places: &'a dyn Fn() -> Vec<String>,
    /// How many parts of their entries tell grants apart.
    alike: usize,
    covers: &'a dyn Fn(&GrantRecord) -> bool,
    left: usize,
}

/// Which account a grant was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Issuer {
    /// This one: the caller's own.
    Is(AccountId),
    /// Another than this one, if the caller has one.
    IsNot(Option<AccountId>),
}

impl Search<'_> {
    /// The grants that decide. One for the caller itself that its own account has made suffices
    /// wherever any other does, and one for its whole account nowhere else than one for itself.
    fn run(&mut self, view: &View, key: &KeyRecord, principal: &Principal) -> Vec<MatchedGrant> {
        let mut matched: Vec<MatchedGrant> = Vec::new();
        let snapshot = view.snapshot();
        if snapshot.scan(&GRANTS, &key.row_key()).next().is_none() {
            return matched;
        }
        let has_grants = |grantee: &String| {
            let prefix = by_grantee(key, grantee);
            snapshot.listed(&GRANTS, &prefix, None).next().is_some()
        };
        let own = principal.account();
        let grantees = keys_of(principal).into_iter().filter(has_grants);
        let mut grantees: Vec<Spots> = grantees.map(Spots::of).collect();
        if grantees.is_empty() {
            return matched;
        }
        let (places, operation) = ((self.places)(), self.operation);
        for issuer in own.map(Issuer::Is).into_iter().chain([Issuer::IsNot(own)]) {
            for spots in &mut grantees {
                let delegates = own.is_some_and(|own| spots.grantee == own.as_str());
                if delegates && !matched.is_empty() {
                    continue;
                }
                let mut places = places.iter().enumerate();
                let found = places.find_map(|(number, place)| {
                    let make = |grantee: &str| spot(key, grantee, place, operation);
                    let spot = spots.nth(number, make);
                    let of = (key, &*spots.grantee);
                    self.first(snapshot, (&spot, of), issuer)
                });
                let Some((row, grant)) = found else {
                    continue;
                };
                // Whatever the call writes is written only if the grant is still there: a
                // grant that was looked at in vain could not have taken anything away.
                let _read = view.get(&GRANTS, row);
                matched.push(MatchedGrant {
                    id: grant.id.clone(),
                    issuing_account: grant.terms.issuing_account,
                    delegates_to_account: delegates,
                });
                if !delegates {
                    return matched;
                }
            }
        }
        matched
    }

    /// The first grant at a spot, on this key for this grantee and made from such an account, that
    /// covers the request.
    fn first<'a>(
        &mut self,
        snapshot: &'a Snapshot,
        (spot, (key, grantee)): (&Key, (&KeyRecord, &str)),
        issuer: Issuer,
    ) -> Option<(&'a Key, &'a GrantRecord)> {
        let prefix = match issuer {
            Issuer::Is(account) => made_by(spot, account),
            Issuer::IsNot(_) => spot.clone(),
        };
        let passed = match issuer {
            Issuer::IsNot(Some(account)) => Some(made_by(spot, account)),
            Issuer::Is(_) | Issuer::IsNot(None) => None,
        };
        let mut here = LOOKS.min(self.left);
        let mut after: Option<Key> = None;
        loop {
            let next = snapshot.listed(&GRANTS, &prefix, after.as_ref()).next();
            let (entry, row, grant) = next?;
            let Some(less) = here.checked_sub(1) else {
                metrics::counter!("strongroom_kms_grant_looks_exhausted_total").increment(1);
                return None;
            };
            here = less;
            self.left = self.left.saturating_sub(1);
            let is_passed = passed.as_ref().is_some_and(|own| entry.starts_with(own));
            let is_meant = is_of(grant, key, grantee) && grant.allows(self.operation);
            if !is_passed && is_meant && (self.covers)(grant) {
                return Some((row, grant));
            }
            let alike = if is_passed { ISSUER } else { self.alike };
            after = Some(entry.of_first(alike).behind());
        }
    }
}

/// Where the grants of one grantee can be. Each spot is made out once, and only if it is come to.
struct Spots {
    grantee: String,
    made: Vec<Key>,
}

impl Spots {
    fn of(grantee: String) -> Self {
        Self {
            grantee,
            made: Vec::new(),
        }
    }

    /// The spot in the place `number`; places are come to in their order.
    fn nth(&mut self, number: usize, make: impl FnOnce(&str) -> Key) -> Key {
        if let Some(spot) = self.made.get(number) {
            return spot.clone();
        }
        let spot = make(&self.grantee);
        self.made.push(spot.clone());
        spot
    }
}

/// Whether it is a grant on `key` for `grantee`.
fn is_of(grant: &GrantRecord, key: &KeyRecord, grantee: &str) -> bool {
    grant.account == key.account
        && grant.region == key.region
        && grant.key == key.id
        && grant.terms.grantee.key() == grantee
}

/// Begins the entries by operation.
const BY_OPERATION: &[u8] = b"o";
/// Begins the entries by grantee.
const BY_GRANTEE: &[u8] = b"g";
/// Begins the entries by retiring service.
const BY_RETIRING: &[u8] = b"r";

/// What entries by grantee begin with: account, region, key and grantee.
fn of_grantee(parts: [&str; 4]) -> KeyBuilder {
    let start = KeyBuilder::default().part(BY_GRANTEE);
    let parts = parts.into_iter();
    parts.fold(start, |key, part| key.part(part.as_bytes()))
}

/// What the entries of grants for `operation` in a place begin with.
fn spot(key: &KeyRecord, grantee: &str, place: &str, operation: GrantedOperation) -> Key {
    let (account, region) = (key.account.as_str(), key.region.as_str());
    let parts = [account, region, key.id.as_str(), grantee];
    let start = KeyBuilder::default().part(BY_OPERATION);
    start.part(&place_digest(parts, place, operation)).build()
}

/// What the entries of such grants begin with that were made from `issuer`.
fn made_by(spot: &Key, issuer: AccountId) -> Key {
    let issuer = Key::of(&[issuer.as_str()]);
    Key::from_encoded(&[spot.as_bytes(), issuer.as_bytes()].concat())
}

fn place_digest(key: [&str; 4], place: &str, operation: GrantedOperation) -> [u8; 16] {
    let [account, region, id, grantee] = key;
    let parts = [account, region, id, grantee, operation.as_str(), place];
    short_digest(Key::of(&parts).as_bytes())
}

/// The first half of a digest.
fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let digest = sha256(bytes);
    digest.first_chunk().copied().unwrap_or_default()
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
fn of_context(constraints: &Constraints) -> Vec<u8> {
    let terms = match &constraints.context {
        None => return Vec::new(),
        Some(ContextConstraint::Equals(pairs)) => exactly(&Pairs::of(text(pairs))),
        Some(ContextConstraint::Subset(pairs)) => with_pair(&Pairs::of(text(pairs)).digest()),
    };
    short_digest(terms.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests;
