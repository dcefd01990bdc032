//! What happens to keys that nobody calls for: rotations, the end of deleted keys, and the end
//! of states that a key only passes through.
//!
//! Deleting a key is final, in this order:
//!
//! 1. one commit removes the key, its wrapped material and its aliases, and leaves a
//!    [`Destruction`], and for ever that the key was deleted; from here on nobody finds it;
//! 2. its grants are removed;
//! 3. a new shred key of the account is made, and what is left of the account's material is
//!    wrapped anew under it;
//! 4. the old shred key is overwritten on the disk, and with it every copy of the wrapped
//!    material that the store's files still hold is worthless;
//! 5. one commit ends the destruction and records the `DeleteKey` event.
//!
//! After a restore none of it begins before whoever restored has said so: see [`hold`].
//!
//! Each step can be repeated, so that a server which stops in between goes on where it was.
//! Imported material has a shred key of its own: for a key that has no other material steps 3
//! and 4 are to overwrite that.

use pipeline::Services;
use store::{Batch, CommitError, Committed, Key, View};
use types::{AccountId, KeyId, Region, Timestamp};

use crate::grants::index::GRANT_INDEX;
use crate::grants::record::{GRANT_COUNTS, GRANTS, Pointer};
use crate::imports::DELETED_MATERIAL;
use crate::last_usage::KEY_USAGE;
use crate::new_key::owner_account;
use crate::records::{
    ALIAS_NAMES, ALIASES, DELETED, DESTRUCTIONS, DISCARDED, Deleted, Destruction, KEY_DATES,
    KeyRecord, KeyRow, KeyState, MATERIALS, RotationKind, SHRED_GENERATIONS, ShredGenerations,
    alias_name_row, alias_row, dated, discarded, discarded_row, key_arn, key_row, shred_row,
};
use crate::round::{MOST_UNDONE, Round, Undone};
use crate::shred::{Name, is_own};
use crate::{
    Error, Keyring, hold, import_token, key_stores, material, multi_region, rotation,
    service_events,
};

/// Keys looked at in one run.
const KEYS_AT_ONCE: usize = 64;
/// Rows of one commit.
const ROWS_AT_ONCE: usize = 256;
/// Commits of one run for one account.
const STEPS: usize = 16;

/// Rotates the keys whose time has come, carries deletions on, and settles keys that were just
/// replicated or changed their role. Maintenance calls it every
/// second; it does a bounded part of what there is to do.
///
/// Returns what could not be done, since the store or the file of shred keys could not be
/// written or something is damaged. That holds up nothing else.
pub async fn maintain(services: &Services) -> Vec<Undone> {
    let now = services.clock().now();
    let times = Times {
        now,
        settled: services.settled_time(),
    };
    let mut round = Round::of(KEYS_AT_ONCE);
    for row in due(services, times) {
        let outcome = carry_out_due(services, &row, times).await;
        round.note(outcome, || key_of(&row));
        if round.is_over() {
            break;
        }
    }
    for account in accounts_with_destructions(services) {
        round.note(destroy(services, account, now).await, || {
            account.to_string()
        });
    }
    round.note(discard_abandoned(services).await, shred_file);
    for row in discarded_shred_keys(services) {
        round.note(overwrite(services, &row).await, shred_file);
    }
    round.note(end_tokens(services, times.settled), shred_file);
    round.note(empty_earlier_index(services).await, || {
        "kms_grant_index".to_owned()
    });
    round.undone()
}

/// What is due goes by the clock, but for what cannot be undone.
#[derive(Debug, Clone, Copy)]
struct Times {
    now: Timestamp,
    /// See [`Services::settled_time`].
    settled: Timestamp,
}

impl Times {
    /// Whether the time of `key` has come.
    fn have_come(self, key: &KeyRecord) -> bool {
        let time = match key.state {
            KeyState::PendingDeletion => self.settled,
            _ => self.now,
        };
        key.due().is_some_and(|at| at <= time)
    }
}

/// The key that a row of what is due is for, as far as it can be told.
fn key_of(row: &Key) -> String {
    dated(row).map_or_else(String::new, |(_, key)| key.text_parts().join("/"))
}

async fn carry_out_due(services: &Services, row: &Key, times: Times) -> Result<(), Error> {
    let batch = carry_out(services, row, times)?;
    told(services.store().commit(batch).await)
}

fn shred_file() -> String {
    "shred.keys".to_owned()
}

/// Discards the shred keys that were made for imported material which was never stored: the call
/// lost to another, failed, or ended with the server. What was stored after all is kept.
async fn discard_abandoned(services: &Services) -> Result<(), Error> {
    let shred = services.part::<Keyring>()?.shred();
    let mut abandoned = shred.abandoned();
    abandoned.truncate(ROWS_AT_ONCE);
    if abandoned.is_empty() {
        return Ok(());
    }
    let view = View::recording(services.store().snapshot());
    let mut batch = Batch::default();
    for ((account, number), row) in &abandoned {
        let stored = row.as_ref().and_then(|row| view.get(&MATERIALS, row));
        if stored.is_none_or(|stored| stored.record.generation != *number) {
            batch.put(&DISCARDED, discarded_row(*account, *number), Pointer {});
        }
    }
    let names: Vec<Name> = abandoned.into_iter().map(|(name, _)| name).collect();
    if !batch.is_empty() {
        batch.require_all(view.reads());
        match services.store().commit(batch).await {
            Ok(_) => {}
            Err(CommitError::Conflict) => return Ok(()),
            Err(failed) => {
                let what = "abandoned shred keys cannot be discarded";
                return Err(Error::internal(what, failed));
            }
        }
    }
    shred.settle(&names);
    Ok(())
}

pub(crate) fn discarded_shred_keys(services: &Services) -> Vec<Key> {
    let snapshot = services.store().snapshot();
    let all = Key::of(&[]);
    let rows = snapshot.scan(&DISCARDED, &all).map(|(row, _)| row.clone());
    rows.take(ROWS_AT_ONCE).collect()
}

/// Overwrites the shred key of a material that is gone, unless whoever deleted it has.
async fn overwrite(services: &Services, row: &Key) -> Result<(), Error> {
    let of = discarded(row);
    if let Some((account, number)) = of {
        let shred = services.part::<Keyring>()?.shred();
        let destroyed = shred.destroy(account, number);
        destroyed.map_err(material::unwritable)?;
    }
    let mut batch = Batch::default();
    batch.delete(&DISCARDED, row.clone());
    commit(services, of.map(|(account, _)| account), batch).await
}

/// Overwrites the shred keys of import tokens that have ended.
fn end_tokens(services: &Services, now: Timestamp) -> Result<(), Error> {
    let shred = services.part::<Keyring>()?.shred();
    let ended = shred.end_tokens(owner_account()?, import_token::day(now));
    ended.map_err(material::unwritable)
}

/// Removes some of the rows in which earlier builds kept what the index of grants is made of now.
async fn empty_earlier_index(services: &Services) -> Result<(), Error> {
    let mut batch = Batch::default();
    let (snapshot, all) = (services.store().snapshot(), Key::of(&[]));
    for (row, _) in snapshot.scan(&GRANT_INDEX, &all).take(ROWS_AT_ONCE) {
        batch.delete(&GRANT_INDEX, row.clone());
    }
    if batch.is_empty() {
        return Ok(());
    }
    // Nothing hurries: it waits for room, and takes none from what is kept for revocations.
    told(services.store().commit(batch).await)
}

/// The rows of what is due. Keys whose deletion waits for the clock to settle take no place.
fn due(services: &Services, times: Times) -> Vec<Key> {
    let view = View::plain(services.store().snapshot());
    let all = Key::of(&[]);
    let seconds = |time: Timestamp| u64::try_from(time.seconds()).unwrap_or(0);
    let (now, settled) = (seconds(times.now), seconds(times.settled));
    let waits = |row: &Key| {
        let later = dated(row).filter(|(at, _)| *at > settled);
        let key = later.and_then(|(_, key)| KeyRow::in_row(&view, &key));
        key.is_some_and(|key| key.record.state == KeyState::PendingDeletion)
    };
    let snapshot = view.snapshot();
    let rows = snapshot.scan(&KEY_DATES, &all).map(|(row, _)| row);
    let due = rows.take_while(|row| dated(row).is_some_and(|(at, _)| at <= now));
    let due = due.filter(|row| !waits(row));
    let is_held = hold::held_since(snapshot).is_some();
    let due = due.filter(|row| !is_held || hold::ending(snapshot, row).is_none());
    due.take(KEYS_AT_ONCE + MOST_UNDONE).cloned().collect()
}

/// What makes true that the time of the key in this row has come.
fn carry_out(services: &Services, row: &Key, times: Times) -> Result<Batch, Error> {
    let now = times.now;
    let view = View::recording(services.store().snapshot());
    let key = dated(row).and_then(|(_, key)| KeyRow::in_row(&view, &key));
    let mut batch = Batch::default();
    match key.as_ref().map(|key| &key.record) {
        Some(key) if times.have_come(key) => {
            let (id, place) = (&key.id, (key.account, &key.region));
            match key.state {
                KeyState::PendingDeletion => remove(&view, key, now, &mut batch),
                KeyState::Creating | KeyState::Updating => {
                    let settled = KeyRecord {
                        state: key.settled_state(),
                        ..KeyRecord::clone(key)
                    };
                    settled.replace(key, &mut batch);
                }
                _ => {
                    let keyring = services.part::<Keyring>()?;
                    let how = (RotationKind::Automatic, now);
                    let (shred, entropy) = (keyring.shred(), services.entropy());
                    rotation::rotate(&view, shred, entropy, key, how, &mut batch)?;
                    record(services, place, id, ("RotateKey", now), &mut batch)?;
                }
            }
        }
        // The clock was set back, or is not believed: what the row says is still to come.
        Some(key) if key.date_row().as_ref() == Some(row) => {}
        // Another commit was first; its own row says when the key is due now.
        _ => batch.delete(&KEY_DATES, row.clone()),
    }
    batch.require_all(view.reads());
    // What a key has due while it goes on, such as a rotation, waits for room like any other change.
    let goes_on = key.as_ref().is_some_and(|key| {
        times.have_come(&key.record) && key.record.state != KeyState::PendingDeletion
    });
    let batch = if goes_on { batch } else { batch.revoking() };
    Ok(batch.on_account_of(key.map(|key| key.record.account)))
}

/// Removes the key, its material and its aliases, and leaves its destruction. What related keys
/// have of the material is wrapped for them, and stays.
pub(crate) fn remove(view: &View, key: &KeyRecord, now: Timestamp, batch: &mut Batch) {
    let own = material::own_shred_keys(view.snapshot(), key);
    let of_key = key.row_key();
    let materials = view.scan(&MATERIALS, &of_key, None);
    // Of a key with imported material only, nothing is under the account's shred key.
    let generation = if materials.count() > own.len() {
        let generations = view.get(&SHRED_GENERATIONS, &shred_row(key.account));
        generations.map_or(0, |row| row.record.current)
    } else {
        0
    };
    for (row, _) in view.scan(&MATERIALS, &key.row_key(), None) {
        batch.delete(&MATERIALS, row.clone());
    }
    let (account, region) = (key.account, &key.region);
    for (row, _) in view.scan(&ALIAS_NAMES, &key.row_key(), None) {
        let Some(name) = row.text_parts().pop() else {
            continue;
        };
        batch.delete(&ALIASES, alias_row(account, region, &name));
        batch.delete(
            &ALIAS_NAMES,
            alias_name_row(account, region, &key.id, &name),
        );
    }
    for (row, _) in view.scan(&GRANT_COUNTS, &key.row_key(), None) {
        batch.delete(&GRANT_COUNTS, row.clone());
    }
    for (row, _) in view.scan(&DELETED_MATERIAL, &key.row_key(), None) {
        batch.delete(&DELETED_MATERIAL, row.clone());
    }
    batch.delete(&KEY_USAGE, key.row_key());
    multi_region::leave(view, key, now, batch);
    key_stores::forget(key, now, batch);
    key.remove(batch);
    let destruction = Destruction {
        account,
        region: region.clone(),
        key: key.id.clone(),
        generation,
        deleted: now,
        own,
        held: key.held.clone(),
        cluster: key.seen.as_ref().and_then(|seen| seen.cluster.clone()),
    };
    batch.put(&DESTRUCTIONS, key.row_key(), destruction);
    let deleted = Deleted {
        arn: key.arn.clone(),
        created: key.created,
        at: now,
    };
    let created = format!("{}.{}", key.created.seconds(), key.created.nanos());
    let parts = [account.as_str(), region.as_str(), key.id.as_str(), &created];
    batch.put(&DELETED, Key::of(&parts), deleted);
}

fn accounts_with_destructions(services: &Services) -> Vec<AccountId> {
    let snapshot = services.store().snapshot();
    let all = Key::of(&[]);
    let rows = snapshot.scan(&DESTRUCTIONS, &all);
    let mut accounts: Vec<AccountId> = rows.map(|(_, row)| row.record.account).collect();
    accounts.dedup();
    accounts
}

/// Carries the destructions of an account on.
async fn destroy(services: &Services, account: AccountId, now: Timestamp) -> Result<(), Error> {
    for _ in 0..STEPS {
        let view = View::recording(services.store().snapshot());
        let mut batch = Batch::default();
        let step = next_step(services, &view, account, now, &mut batch)?;
        if batch.is_empty() {
            return Ok(());
        }
        batch.require_all(view.reads());
        commit(services, Some(account), batch).await?;
        if step == Step::Last {
            return Ok(());
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    Last,
}

/// The next of the steps that destroy the deleted keys of an account.
fn next_step(
    services: &Services,
    view: &View,
    account: AccountId,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<Step, Error> {
    let of_account = Key::of(&[account.as_str()]);
    let destructions: Vec<Destruction> = view
        .snapshot()
        .scan(&DESTRUCTIONS, &of_account)
        .map(|(_, row)| row.record.clone())
        .collect();
    for destruction in &destructions {
        if remove_grants(view, destruction, batch) {
            return Ok(Step::More);
        }
    }
    let shred = services.part::<Keyring>()?.shred();
    let alone = destructions.iter().filter(|gone| gone.generation == 0);
    for gone in alone {
        end(services, gone, now, batch)?;
    }
    if !batch.is_empty() {
        return Ok(Step::More);
    }
    if destructions.is_empty() {
        return Ok(Step::Last);
    }
    let place = shred_row(account);
    let found = view.get(&SHRED_GENERATIONS, &place);
    let Some(generations) = found.map(|row| *row.record) else {
        return Err(Error::broken(
            "an account with deleted keys has no shred key",
        ));
    };
    let Some(old) = generations.retiring else {
        let next = generations.current.saturating_add(1);
        shred.create(account, next).map_err(material::unwritable)?;
        let started = ShredGenerations {
            current: next,
            retiring: Some(generations.current),
        };
        batch.put(&SHRED_GENERATIONS, place, started);
        return Ok(Step::More);
    };
    if wrap_anew(services, view, (account, generations.current), batch)? {
        return Ok(Step::More);
    }
    // Every wrapped material that is left is under the new key: the old one must be gone
    // before anybody reads that the keys are.
    shred.destroy(account, old).map_err(material::unwritable)?;
    let ended = ShredGenerations {
        retiring: None,
        ..generations
    };
    batch.put(&SHRED_GENERATIONS, place, ended);
    for gone in destructions.iter().filter(|gone| gone.generation <= old) {
        end(services, gone, now, batch)?;
    }
    Ok(Step::Last)
}

/// Overwrites the shred keys that only a deleted key had, and adds to `batch` that the key is
/// destroyed.
fn end(
    services: &Services,
    gone: &Destruction,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<(), Error> {
    let shred = services.part::<Keyring>()?.shred();
    for own in &gone.own {
        let destroyed = shred.destroy(gone.account, *own);
        destroyed.map_err(material::unwritable)?;
    }
    batch.delete(
        &DESTRUCTIONS,
        key_row(gone.account, &gone.region, &gone.key),
    );
    let place = (gone.account, &gone.region);
    let arn = key_arn(gone.account, &gone.region, &gone.key);
    let mut record = service_events::of_key(services.entropy(), &arn, place, "DeleteKey", now);
    record.service_event_details = Some(serde_json::json!({ "keyId": gone.key }));
    record.additional_event_data = key_stores::deleted_in_event(gone);
    service_events::append(batch, place, now, &record)
}

/// Removes some of the grants that a deleted key still has; false if there are none.
fn remove_grants(view: &View, gone: &Destruction, batch: &mut Batch) -> bool {
    let key = key_row(gone.account, &gone.region, &gone.key);
    let mut grants = view
        .snapshot()
        .scan(&GRANTS, &key)
        .take(ROWS_AT_ONCE)
        .peekable();
    let some = grants.peek().is_some();
    for (_, grant) in grants {
        grant.record.unlist(batch);
    }
    some
}

/// Wraps some of the account's material under the shred key `current` that is still under
/// another; false if there is none.
fn wrap_anew(
    services: &Services,
    view: &View,
    (account, current): (AccountId, u64),
    batch: &mut Batch,
) -> Result<bool, Error> {
    let shred = services.part::<Keyring>()?.shred();
    let of_account = Key::of(&[account.as_str()]);
    let rows = view.snapshot().scan(&MATERIALS, &of_account);
    let old: Vec<Key> = rows
        .filter(|(_, row)| row.record.generation != current)
        .filter(|(_, row)| !is_own(row.record.generation))
        .map(|(row, _)| row.clone())
        .take(ROWS_AT_ONCE)
        .collect();
    for row in &old {
        let Some(stored) = view.get(&MATERIALS, row) else {
            continue;
        };
        let entropy = services.entropy();
        let anew = material::rewrapped(shred, entropy, account, row, stored.record, current)?;
        batch.put(&MATERIALS, row.clone(), anew);
    }
    Ok(!old.is_empty())
}

/// Commits what a run found to destroy, on account of whoever had it. What lost to another commit is
/// found again.
pub(crate) async fn commit(
    services: &Services,
    account: Option<AccountId>,
    batch: Batch,
) -> Result<(), Error> {
    let batch = batch.revoking().on_account_of(account);
    told(services.store().commit(batch).await)
}

fn told(committed: Result<Committed, CommitError>) -> Result<(), Error> {
    match committed {
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(failed) => Err(Error::internal(
            "key maintenance cannot be committed",
            failed,
        )),
    }
}

/// Adds the record of what KMS did of itself to a key.
fn record(
    services: &Services,
    (account, region): (AccountId, &Region),
    key: &KeyId,
    (event, at): (&str, Timestamp),
    batch: &mut Batch,
) -> Result<(), Error> {
    let arn = key_arn(account, region, key);
    let place = (account, region);
    let mut record = service_events::of_key(services.entropy(), &arn, place, event, at);
    record.service_event_details = Some(serde_json::json!({ "keyId": key }));
    service_events::append(batch, place, at, &record)
}
