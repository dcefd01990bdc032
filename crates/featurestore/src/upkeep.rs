//! Whether the service may protect and maintain the groups under customers' keys: through each
//! group's grant, and through nothing else.
//!
//! Background work asks before every step, on what the store holds then ([`check`]). What is
//! found is kept for those who ask why nothing happens ([`Upkeep`]): a group whose grant was
//! revoked goes on serving callers who may use its key themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use kms::KeyState;
use pipeline::{Denial, Needs, OwnWork, Services};
use store::{Key, Revision, View};
use tracing::{info, warn};
use types::{AccountId, Arn, Monotonic, Service, ServiceError};

use crate::actions::DECRYPT;
use crate::grant;
use crate::lanes::{Lanes, stores_of};
use crate::records::{GROUPS, GroupRecord, Status};

/// How long what was found counts while neither keys nor grants nor groups change.
const LIFETIME: Duration = Duration::from_mins(5);

/// How many groups one look is at.
const MOST_LOOKS: usize = 512;

/// Why the service may not work on a group.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The code and the text of KMS; of another account's key no more than that it is denied.
    pub(crate) reason: String,
    /// The key that it is about.
    pub(crate) key: Arn,
    /// Whether the group only moves away from that key.
    pub(crate) former: bool,
    /// Why the key cannot be used, though the service may use it.
    pub(crate) unusable: Option<Box<kms::Error>>,
    /// Whether the key was deleted, and with it what is stored under it.
    pub(crate) gone: bool,
    denial: Option<(Box<Denial>, Needs)>,
}

/// Whether the service may work on `group` now: the group's grant must be there and no policy
/// deny it, and the key be usable. A key policy that allows the service takes the place of no
/// grant. Groups without a key of their own are always worked on.
///
/// Fails with KMS's own reason.
pub(crate) fn check(services: &Arc<Services>, group: &GroupRecord) -> Result<(), Stopped> {
    match group.kms_key() {
        Some(key) => check_key(&work_on(services, group), group, key),
        None => Ok(()),
    }
}

/// The same of everything that there is to do, moving the group away from other keys included.
pub(crate) fn check_all(services: &Arc<Services>, group: &GroupRecord) -> Result<(), Stopped> {
    let work = work_on(services, group);
    for key in group.kms_keys() {
        check_key(&work, group, key)?;
    }
    Ok(())
}

/// The same of one key that the group is under or moves away from, on what `work` sees.
pub(crate) fn check_key(work: &OwnWork, group: &GroupRecord, key: &Arn) -> Result<(), Stopped> {
    let former = group.kms_key() != Some(key);
    let stopped = |reason: String| Stopped {
        reason: if former {
            format!("records cannot be moved from under {key}: {reason}")
        } else {
            reason
        },
        key: key.clone(),
        former,
        unusable: None,
        gone: false,
        denial: None,
    };
    let own = key.account() == Some(group.account);
    if own && is_gone(work, key) {
        let text = format!(
            "NotFoundException: the key {key} was deleted, and what is stored under it cannot be \
             read any more, by nobody"
        );
        return Err(Stopped {
            gone: true,
            ..stopped(text)
        });
    }
    let like = grant::request_for(group, key);
    let need = kms::need_by_grant(work.view(), &like, key, &DECRYPT);
    let needs = Needs::one(need.with_shared(Arc::clone(&group.schema.decrypt_keys)));
    if let Err(denial) = work.decide(&needs) {
        let text = if own {
            denial.message.clone()
        } else {
            let (service, action) = (Service::SageMaker.principal(), DECRYPT.as_str());
            format!("User: {service} is not authorized to perform: {action} on resource: {key}")
        };
        return Err(Stopped {
            denial: Some((denial, needs)),
            ..stopped(format!("AccessDeniedException: {text}"))
        });
    }
    match kms::usable(work.view(), key, work.time()) {
        Ok(_revision) => Ok(()),
        Err(unusable) => {
            let (code, text) = (unusable.code(), unusable.public_message());
            let end = if is_dying(&unusable) {
                "; when it is deleted, what is stored under it cannot be read any more, by nobody"
            } else {
                ""
            };
            Err(Stopped {
                unusable: Some(Box::new(unusable)),
                ..stopped(format!("{code}: {text}{end}"))
            })
        }
    }
}

/// Whether the key cannot be used because it is to be deleted.
fn is_dying(unusable: &kms::Error) -> bool {
    matches!(
        unusable,
        kms::Error::State {
            state: KeyState::PendingDeletion | KeyState::PendingReplicaDeletion,
            ..
        }
    )
}

/// Whether there is no such key any more.
pub(crate) fn is_gone(work: &OwnWork, key: &Arn) -> bool {
    kms::key_revision(work.view().snapshot(), key).is_none()
}

fn work_on(services: &Arc<Services>, group: &GroupRecord) -> OwnWork {
    OwnWork::new(
        services,
        Service::SageMaker,
        &group.region,
        group.arn.clone(),
    )
}

/// The groups that background work is stopped for, and why, as it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The last changes of keys and grants and of groups, and until when that says enough.
    stamp: Option<([Revision; 2], Monotonic)>,
    /// The round under way, if the last look did not come to the end.
    round: Option<Round>,
    /// By number of the group.
    stopped: BTreeMap<u64, String>,
    told: Told,
}

/// A round over all groups, which takes as many looks as it needs.
#[derive(Debug, Default)]
struct Round {
    /// The row behind which it goes on.
    after: Option<Key>,
    /// The groups that were found stopped.
    stopped: BTreeSet<u64>,
}

impl Upkeep {
    /// Why background work for this group is stopped, if it is.
    pub(crate) fn reason(&self, group: &GroupRecord) -> Option<String> {
        self.lock().stopped.get(&group.number).cloned()
    }

    /// Looks at the groups, a bounded number at a time, if a key, a grant or a group has changed
    /// since the last round began, or that is long ago.
    ///
    /// So whoever changes a key again and again makes no more work than anybody else. A group
    /// that is stopped now and was not before is counted, recorded in the history of its account,
    /// and logged as far as [`Told`] lets it be; one that goes on is logged if that was.
    pub(crate) async fn look(&self, services: &Arc<Services>) {
        let snapshot = services.store().snapshot();
        let now = services.clock().monotonic();
        self.tell_the_rest(now);
        let changed = [
            kms::rights_changed(&snapshot),
            snapshot.table_changed(&GROUPS),
        ];
        let Some(mut round) = self.begin(changed, now) else {
            return;
        };
        let everywhere = Key::of(&[]);
        let after = round.after.take();
        let rows = snapshot.scan_after(&GROUPS, &everywhere, after.as_ref());
        let mut keyed = rows.filter(|(_, row)| {
            let group = row.record;
            group.status == Status::Created && group.kms_keys().next().is_some()
        });
        for (row, group) in keyed.by_ref().take(MOST_LOOKS) {
            let group = group.record;
            match check_all(services, group) {
                Err(found) => {
                    round.stopped.insert(group.number);
                    if self.stop(group, &found.reason, now) {
                        found.record(services, group).await;
                    }
                }
                Ok(()) => self.go_on(group),
            }
            round.after = Some(row.clone());
        }
        if keyed.next().is_none() {
            round.after = None;
        }
        self.end(round);
    }

    /// The round to go on with, if there is anything to look at.
    fn begin(&self, changed: [Revision; 2], now: Monotonic) -> Option<Round> {
        let mut seen = self.lock();
        if let Some(round) = seen.round.take() {
            return Some(round);
        }
        if let Some((stamp, until)) = seen.stamp
            && stamp == changed
            && now < until
        {
            return None;
        }
        seen.stamp = Some((changed, Monotonic(now.0.saturating_add(LIFETIME))));
        Some(Round::default())
    }

    /// Notes that `group` is stopped; says whether it was not before.
    fn stop(&self, group: &GroupRecord, reason: &str, now: Monotonic) -> bool {
        let mut seen = self.lock();
        let known = seen.stopped.insert(group.number, reason.to_owned());
        if known.is_none() && seen.told.admit(group.number, group.account, now) {
            let group = &group.arn;
            warn!(%group, reason, "background work for a feature group is stopped");
        }
        known.is_none()
    }

    fn go_on(&self, group: &GroupRecord) {
        let mut seen = self.lock();
        if seen.stopped.remove(&group.number).is_some() && seen.told.goes_on(group.number) {
            info!(group = %group.arn, "background work for a feature group goes on");
        }
    }

    /// Ends a look: of a round that is through, what it did not find stopped is not any more.
    fn end(&self, round: Round) {
        let mut seen = self.lock();
        if round.after.is_some() {
            seen.round = Some(round);
        } else {
            let stopped = round.stopped;
            seen.stopped.retain(|number, _| stopped.contains(number));
        }
        let count = u32::try_from(seen.stopped.len()).unwrap_or(u32::MAX);
        metrics::gauge!("strongroom_groups_without_upkeep").set(f64::from(count));
    }

    fn tell_the_rest(&self, now: Monotonic) {
        for (account, left_out) in self.lock().told.left_out(now) {
            warn!(%account, left_out, "background work for more feature groups is stopped");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which groups the log has named as stopped. A customer who takes a key away and gives it back
/// again and again, or has many groups under one, must not fill the operator's log.
#[derive(Debug, Default)]
struct Told {
    groups: HashMap<u64, Line>,
    accounts: HashMap<AccountId, Lines>,
}

#[derive(Debug)]
struct Line {
    at: Monotonic,
    /// Whether nobody has said yet that work goes on.
    stands: bool,
}

#[derive(Debug)]
struct Lines {
    since: Monotonic,
    written: u32,
    left_out: u64,
}

/// For how long a group is not named again, and an account's lines are counted.
const QUIET: Duration = Duration::from_mins(10);

/// How many lines an account's groups get in that time.
const MOST_LINES: u32 = 10;

impl Told {
    /// Whether the log is to name the group of this number, of `account`.
    fn admit(&mut self, number: u64, account: AccountId, now: Monotonic) -> bool {
        self.groups.retain(|_, line| !is_over(line.at, now));
        let lines = self.accounts.entry(account).or_insert(Lines {
            since: now,
            written: 0,
            left_out: 0,
        });
        if self.groups.contains_key(&number) {
            return false;
        }
        if lines.written >= MOST_LINES {
            lines.left_out = lines.left_out.saturating_add(1);
            return false;
        }
        lines.written += 1;
        let line = Line {
            at: now,
            stands: true,
        };
        self.groups.insert(number, line);
        true
    }

    /// Whether the log is to say that work for the group goes on: if it has said that it stopped.
    fn goes_on(&mut self, number: u64) -> bool {
        let line = self.groups.get_mut(&number);
        line.is_some_and(|line| std::mem::take(&mut line.stands))
    }

    /// The accounts whose time is over, and how many of their groups were not named.
    fn left_out(&mut self, now: Monotonic) -> Vec<(AccountId, u64)> {
        let over = self
            .accounts
            .extract_if(|_, lines| is_over(lines.since, now));
        over.map(|(account, lines)| (account, lines.left_out))
            .filter(|(_, left_out)| *left_out > 0)
            .collect()
    }
}

fn is_over(since: Monotonic, now: Monotonic) -> bool {
    now.0.saturating_sub(since.0) >= QUIET
}

impl Stopped {
    /// Counts that the service is stopped, and records what it was refused in the history of the
    /// group's account.
    pub(crate) async fn record(&self, services: &Arc<Services>, group: &GroupRecord) {
        let service = Service::SageMaker.model_name();
        metrics::counter!("strongroom_denied_total", "service" => service, "operation" => "upkeep")
            .increment(1);
        if let Some((denial, needs)) = &self.denial {
            work_on(services, group).record(denial, needs).await;
        }
    }
}

/// Which groups one step of sweeping may touch, decided when it first meets each.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    services: &'a Arc<Services>,
    lanes: &'a Lanes,
    /// The groups under customers' keys and those with an offline store, by number.
    special: OnceLock<HashMap<u64, Arc<GroupRecord>>>,
    decided: Mutex<HashMap<u64, bool>>,
}

impl<'a> Gate<'a> {
    pub(crate) fn new(services: &'a Arc<Services>, lanes: &'a Lanes) -> Self {
        Self {
            services,
            lanes,
            special: OnceLock::new(),
            decided: Mutex::default(),
        }
    }

    /// Whether the group of this number may be touched. Of a deleted one nothing is left to
    /// protect. One whose expired records leave markers is left alone while work for the key stores
    /// that its keys are in has to wait.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        let keyed = self.special().get(&number);
        let Some(group) = keyed.filter(|group| group.kms_key().is_some()) else {
            return true;
        };
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        *decided
            .entry(number)
            .or_insert_with(|| check(self.services, group).is_ok() && !self.has_to_wait(group))
    }

    fn has_to_wait(&self, group: &GroupRecord) -> bool {
        let view = View::plain(self.services.store().snapshot());
        let now = self.services.clock().monotonic();
        group.offline.is_some() && self.lanes.waits(&stores_of(&view, group), now)
    }

    /// The group of this number, if it has an offline store and is in use.
    pub(crate) fn with_offline(&self, number: u64) -> Option<&Arc<GroupRecord>> {
        let special = self.special().get(&number);
        special.filter(|group| group.offline.is_some())
    }

    fn special(&self) -> &HashMap<u64, Arc<GroupRecord>> {
        self.special.get_or_init(|| {
            let view = View::plain(self.services.store().snapshot());
            let everywhere = Key::of(&[]);
            let all = view.snapshot().scan(&GROUPS, &everywhere);
            let special = all.filter(|(_, row)| {
                let group = row.record;
                let special = group.kms_key().is_some() || group.offline.is_some();
                group.status == Status::Created && special
            });
            special
                .filter_map(|(row, _)| view.get_shared(&GROUPS, row))
                .map(|group| (group.number, group))
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn a_key_that_is_taken_away_again_and_again_fills_no_log() {
        let mut told = Told::default();
        let toggled = (0..300).filter(|second| {
            let named = told.admit(7, account(1), at(*second));
            let answered = told.goes_on(7);
            assert_eq!(named, answered);
            named
        });
        assert_eq!(toggled.count(), 1);
        assert!(told.admit(7, account(1), at(600)));
    }

    #[test]
    fn the_groups_of_an_account_share_their_lines_and_others_have_their_own() {
        let mut told = Told::default();
        let named = (0..1000).filter(|number| told.admit(*number, account(1), at(0)));
        assert_eq!(named.count(), 10);
        assert!(told.admit(5000, account(2), at(1)));
        assert_eq!(told.left_out(at(599)), []);
        assert_eq!(told.left_out(at(601)), [(account(1), 990)]);
        assert_eq!(told.left_out(at(601)), []);
        assert!(told.admit(999, account(1), at(602)));
    }
}
