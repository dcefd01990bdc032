//! What waits for the offline stores of deleted groups, and what opens it.
//!
//! The grant on a customer's key is that of the online store, and goes with it; what waits must not.
//! So the service takes the data keys that something waits under, through the grant, from under the
//! customer's key to under the AWS owned key, where those of groups without an online store are, and
//! retires the grant in the same commit, or in the last if there are many. What it may not open
//! then, since the grant was revoked or the key disabled before, stays closed under the customer's
//! key. If the key's owner makes the grant again, the keys are taken over and the grant is retired,
//! likewise; at once, if nothing is closed any more.
//!
//! Nothing is taken over from under a key of another account, whose owner does not decide about the
//! group, nor from under imported material or a custom key store, whose owners can take away without
//! KMS. That stays closed, too, and a grant that is made again stays.
//!
//! A data key goes with the KMS key that it was under, also after it was taken over: whoever deletes
//! the KMS key closes for good what waits. Once nothing waits any more, the row goes with all keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pipeline::{OwnWork, Services};
use serde::{Deserialize, Serialize};
use store::{Batch, CommitError, Key, Lane, Record, Revision, Snapshot, Table};
use tracing::{info, warn};
use types::{Arn, Service};

use crate::key_records::{GROUP_KEYS, GroupKeys, Wrapped};
use crate::maintenance::{Undone, until};
use crate::records::{GroupRecord, number_row};
use crate::wrapping::Wrapping;
use crate::{Error, Runtime, grant, outbox, upkeep};

/// Deleted groups of whose records some still wait for the offline store, by number.
pub static DRAINS: Table<DrainRecord> = Table::without_history("feature_group_drains");

/// How many data keys one commit tries to take over.
const AT_ONCE: usize = 64;

/// How many deleted groups one call looks at.
const MOST_LOOKS: usize = 512;

/// A deleted group, and what opens its records that wait.
#[derive(Debug, Serialize, Deserialize)]
pub struct DrainRecord {
    /// The group as it was.
    pub group: GroupRecord,
    /// The data keys that something waits under, oldest first.
    #[serde(default)]
    pub keys: Vec<DrainKey>,
}

/// A data key that something waits under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainKey {
    /// Its number, which cells name.
    pub number: u32,
    /// The key, as KMS wrapped it: while it is [`Self::closed`] under [`Self::under`], else under the
    /// AWS owned key. Bound to the group's ARN and id.
    pub wrapped: Wrapped,
    /// The customer's KMS key that it was under when the group was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Arn>,
    /// Whether it still is.
    #[serde(default)]
    pub closed: bool,
}

impl Record for DrainRecord {
    const VERSION: u16 = 1;

    fn loaded(&mut self) {
        self.group.loaded();
    }
}

impl DrainRecord {
    /// The group that is being deleted, and those of its `keys` that something may wait under: from
    /// the data key `oldest` on.
    pub(crate) fn new(group: &GroupRecord, keys: &GroupKeys, oldest: u32) -> Self {
        let waiting = keys.data_keys.iter().filter(|key| key.number >= oldest);
        let keys = waiting.map(|key| {
            let former = group.former_of(key.number);
            let former = former.and_then(|place| group.former.get(place));
            let under = former.map_or_else(|| group.kms_key(), |former| former.key.as_ref());
            DrainKey {
                number: key.number,
                wrapped: key.wrapped.clone(),
                under: under.cloned(),
                closed: under.is_some(),
            }
        });
        let keys = keys.collect();
        let mut group = group.to_change();
        group.keys = None;
        group.loaded();
        Self { group, keys }
    }

    fn to_change(&self) -> Self {
        let mut group = self.group.to_change();
        group.loaded();
        Self {
            group,
            keys: self.keys.clone(),
        }
    }

    /// Whether there is something to do: a key that is to go, or that can be taken over, or a grant
    /// through which there is nothing to take over.
    fn is_due(&self, services: &Arc<Services>, snapshot: &Snapshot) -> bool {
        let group = &self.group;
        let work = OwnWork::new(
            services,
            Service::SageMaker,
            &group.region,
            group.arn.clone(),
        );
        let due = self.keys.iter().any(|key| {
            let under = key.under.as_ref();
            under.is_some_and(|under| {
                let gone = kms::key_revision(snapshot, under).is_none();
                gone || (key.closed && may_open(&work, group, under))
            })
        });
        let is_spare = |key: &Arn| !self.has_closed(key) && is_takeable(&work, group, key);
        due || group
            .kms_keys()
            .any(|key| is_spare(key) && grant::stands(work.view(), group, key))
    }

    /// Whether anything is closed under the KMS key.
    fn has_closed(&self, key: &Arn) -> bool {
        let mut closed = self.keys.iter().filter(|of| of.closed);
        closed.any(|of| of.under.as_ref() == Some(key))
    }
}

/// What one commit does for a deleted group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled {
    /// Whether any key has changed.
    changed: bool,
    /// Whether there is more to take over than one commit does.
    pub(crate) more: bool,
}

/// Takes over what `work` may open, and drops what nobody can.
///
/// Fails if KMS is asked too often: nothing may be committed then, and the same may succeed later.
/// Whatever else keeps a key from being opened leaves it closed.
pub(crate) async fn settle(work: &OwnWork, drain: &mut DrainRecord) -> Result<Settled, Error> {
    let DrainRecord { group, keys } = drain;
    let before = keys.len();
    keys.retain(|key| !is_lost(work, group, key));
    let mut changed = keys.len() != before;
    let owned = Wrapping {
        region: &group.region,
        key: None,
        context: &group.schema.context,
    };
    let mut tried = 0;
    for key in keys.iter_mut().filter(|key| key.closed) {
        let Some(under) = &key.under else {
            continue;
        };
        if !may_open(work, group, under) {
            continue;
        }
        if tried == AT_ONCE {
            let more = true;
            return Ok(Settled { changed, more });
        }
        tried += 1;
        let from = (Some(under), &key.wrapped);
        match owned.anew_own(work, group, from).await {
            Ok(wrapped) => {
                (key.wrapped, key.closed) = (wrapped, false);
                changed = true;
            }
            Err(busy) if busy.is_for_now() => return Err(busy),
            Err(failed) => {
                let (group, key) = (&group.arn, key.number);
                warn!(%group, key, error = %failed, "a data key of a deleted feature group cannot be taken over");
            }
        }
    }
    let more = false;
    Ok(Settled { changed, more })
}

/// Retires the grants of a group that is being deleted, but for those through which there is `more`
/// to take over.
pub(crate) async fn retire(work: &OwnWork, group: &GroupRecord, settled: Settled) {
    for key in group.kms_keys() {
        if !(settled.more && is_takeable(work, group, key)) {
            grant::retire(work, group, key).await;
        }
    }
}

/// Retires the grants of a deleted group that were kept or made again to take over what is under
/// their keys; the others are their owners' decision. One on a key that cannot be used now stands
/// while there is something to take over.
async fn retire_again(work: &OwnWork, drain: &DrainRecord, settled: Settled) {
    let group = &drain.group;
    for key in group.kms_keys() {
        let waits = drain.has_closed(key) && !may_open(work, group, key);
        if !settled.more && !waits && is_takeable(work, group, key) {
            grant::retire(work, group, key).await;
        }
    }
}

/// Whether the service takes over what is under the KMS key `under`: it is of the group's account, and
/// its owner takes it away by KMS only.
fn is_takeable(work: &OwnWork, group: &GroupRecord, under: &Arn) -> bool {
    under.account() == Some(group.account) && kms::is_made_here(work.view(), under)
}

/// Whether what is under the KMS key `under` is to be taken over, and the grant stands.
fn may_open(work: &OwnWork, group: &GroupRecord, under: &Arn) -> bool {
    is_takeable(work, group, under) && upkeep::check_key(work, group, under).is_ok()
}

/// Whether the KMS key is gone that `key` was under.
fn is_lost(work: &OwnWork, group: &GroupRecord, key: &DrainKey) -> bool {
    let lost = key
        .under
        .as_ref()
        .is_some_and(|under| upkeep::is_gone(work, under));
    if lost {
        let (group, key) = (&group.arn, key.number);
        warn!(%group, key, "what waits for the offline store cannot be read any more: its KMS key was deleted");
    }
    lost
}

/// Says which KMS keys keep closed what waits for a deleted group, and what opens it.
pub(crate) fn tell(drain: &DrainRecord) {
    let group = &drain.group;
    for key in group.kms_keys() {
        let closed = drain.keys.iter().filter(|of| of.closed);
        let closed = closed.filter(|of| of.under.as_ref() == Some(key)).count();
        if closed > 0 {
            let (command, group) = (grant::command(group, key), &group.arn);
            warn!(%group, %key, closed, command, "what waits for the offline store of a deleted feature group stays closed");
        }
    }
}

/// How far the looks at deleted groups have come.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    state: Mutex<Looks>,
}

#[derive(Debug, Default)]
struct Looks {
    /// The last changes of keys and grants and of deleted groups that a whole round has seen.
    seen: Option<[Revision; 2]>,
    /// The round under way, if the last look did not come to the end.
    round: Option<Round>,
}

/// A round over all deleted groups, which takes as many looks as it needs.
#[derive(Debug)]
struct Round {
    /// The changes that it began with.
    began: [Revision; 2],
    /// The row behind which it goes on.
    after: Option<Key>,
    /// Whether nothing is to be tried again.
    whole: bool,
}

impl Drains {
    /// The round to go on with, if anything has changed since the last one began.
    fn begin(&self, changed: [Revision; 2]) -> Option<Round> {
        let mut looks = self.lock();
        if let Some(round) = looks.round.take() {
            return Some(round);
        }
        (looks.seen != Some(changed)).then_some(Round {
            began: changed,
            after: None,
            whole: true,
        })
    }

    /// Ends a look.
    fn end(&self, round: Round) {
        let mut looks = self.lock();
        if round.after.is_some() {
            looks.round = Some(round);
        } else if round.whole {
            looks.seen = Some(round.began);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Looks> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on with what waits for deleted groups, a bounded number and for a bounded time, if a key, a
/// grant or one of them has changed.
pub(crate) async fn go_on(services: &Arc<Services>, runtime: &Runtime) -> Vec<Undone> {
    let snapshot = services.store().snapshot();
    let changed = [
        kms::rights_changed(&snapshot),
        snapshot.table_changed(&DRAINS),
    ];
    let Some(mut round) = runtime.drains.begin(changed) else {
        return Vec::new();
    };
    let everywhere = Key::of(&[]);
    let after = round.after.take();
    let mut rows = snapshot.scan_after(&DRAINS, &everywhere, after.as_ref());
    let (mut undone, end) = (Vec::new(), until(services));
    for (row, drain) in rows.by_ref().take(MOST_LOOKS) {
        round.after = Some(row.clone());
        let drain = drain.record;
        match look(services, runtime, &snapshot, drain).await {
            Ok(settled) => round.whole &= settled,
            Err(source) => {
                let what = format!("what waits for the deleted group {}", drain.group.arn);
                undone.push(Undone::new(what, source));
            }
        }
        if services.clock().monotonic() >= end {
            break;
        }
    }
    if rows.next().is_none() {
        round.after = None;
    }
    round.whole &= undone.is_empty();
    runtime.drains.end(round);
    undone
}

/// Whether the group's keys are where those of groups are, as earlier versions left them.
fn is_old(snapshot: &Snapshot, drain: &DrainRecord) -> bool {
    let place = number_row(drain.group.number);
    let stored = snapshot.get(&GROUP_KEYS, &place).is_some();
    drain.keys.is_empty() && (stored || drain.group.keys.is_some())
}

/// Does what there is to do for a deleted group. Whether nothing of it is to be tried again.
async fn look(
    services: &Arc<Services>,
    runtime: &Runtime,
    snapshot: &Snapshot,
    drain: &DrainRecord,
) -> Result<bool, Error> {
    let number = drain.group.number;
    let outcome = if outbox::is_empty(&**services.store(), number)? {
        finish(services, runtime, number).await
    } else if is_old(snapshot, drain) || drain.is_due(services, snapshot) {
        try_advance(services, number).await
    } else {
        Ok(())
    };
    match outcome {
        // Something changed meanwhile: the next call looks again.
        Err(Error::Online(online::Error::Commit(CommitError::Conflict))) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// Removes what is kept of the deleted group of this number, for which nothing waits any more, and
/// retires the grants that stand for it.
async fn finish(services: &Arc<Services>, runtime: &Runtime, number: u64) -> Result<(), Error> {
    let Some((work, drain)) = changing(services, number) else {
        return Ok(());
    };
    // INVARIANT: nothing is written for a group after its deletion: nothing will wait again.
    let mut batch = Batch::new(Lane::Metadata);
    batch.delete(&DRAINS, number_row(number));
    if work.view().get(&GROUP_KEYS, &number_row(number)).is_some() {
        batch.delete(&GROUP_KEYS, number_row(number));
    }
    outbox::remove_sums(work.view().snapshot(), number, &mut batch)?;
    for key in drain.group.kms_keys() {
        if is_takeable(&work, &drain.group, key) {
            grant::retire(&work, &drain.group, key).await;
        }
    }
    let committed = work.commit(batch.revoking()).await;
    committed.map_err(online::Error::Commit)?;
    runtime.outbox.forget(number);
    let group = &drain.group.arn;
    info!(%group, "nothing waits any more for the offline store of a deleted feature group");
    Ok(())
}

/// Work for the deleted group of this number, and what is kept of it.
fn changing(services: &Arc<Services>, number: u64) -> Option<(OwnWork, Arc<DrainRecord>)> {
    let (snapshot, place) = (services.store().snapshot(), number_row(number));
    let group = &snapshot.get(&DRAINS, &place)?.record.group;
    let (region, source) = (&group.region, group.arn.clone());
    let work = OwnWork::changing(services, Service::SageMaker, region, source);
    let drain = work.view().get_shared(&DRAINS, &place)?;
    Some((work, drain))
}

async fn try_advance(services: &Arc<Services>, number: u64) -> Result<(), Error> {
    let Some((work, drain)) = changing(services, number) else {
        return Ok(());
    };
    let (place, group) = (number_row(number), drain.group.arn.clone());
    let mut batch = Batch::new(Lane::Metadata);
    let mut changed = drain.to_change();
    let old = is_old(work.view().snapshot(), &drain);
    if old {
        changed = DrainRecord::new(&drain.group, drain.group.keys(work.view())?, 0);
        if work.view().get(&GROUP_KEYS, &place).is_some() {
            batch.delete(&GROUP_KEYS, place.clone());
        }
    }
    let settled = match settle(&work, &mut changed).await {
        Ok(settled) => settled,
        Err(failed) => {
            work.give_up().await;
            return Err(failed);
        }
    };
    retire_again(&work, &changed, settled).await;
    if old || settled.changed {
        batch.put(&DRAINS, place, changed);
    }
    let committed = work.commit(batch.revoking()).await;
    committed.map_err(online::Error::Commit)?;
    if settled.changed && !settled.more {
        info!(%group, "what opens the waiting records of a deleted feature group was taken over");
    }
    Ok(())
}
