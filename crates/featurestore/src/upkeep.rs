//! Whether the service may protect and maintain the groups under customers' keys: through each
//! group's grant, and through nothing else.
//!
//! Background work asks before every step, on what the store holds then ([`check`]). What is
//! found is kept for those who ask why nothing happens ([`Upkeep`]): a group whose grant was
//! revoked goes on serving callers who may use its key themselves.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pipeline::{Denial, Needs, OwnWork, Services};
use store::{Key, Revision};
use tracing::{error, info};
use types::{Monotonic, Service, ServiceError};

use crate::actions::DECRYPT;
use crate::grant;
use crate::records::{GROUPS, GroupRecord};

/// How long what was found counts while neither keys nor grants nor groups change.
const LIFETIME: Duration = Duration::from_mins(5);

/// Why the service may not work on a group.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The code and the text of KMS; of another account's key no more than that it is denied.
    pub(crate) reason: String,
    /// Why the key cannot be used, though the service may use it.
    pub(crate) unusable: Option<Box<kms::Error>>,
    denial: Option<(Box<Denial>, Needs)>,
}

/// Whether the service may work on `group` now: the group's grant must be there and no policy
/// deny it, and the key be usable. A key policy that allows the service takes the place of no
/// grant. Groups without a key of their own are always worked on.
///
/// Fails with KMS's own reason.
pub(crate) fn check(services: &Arc<Services>, group: &GroupRecord) -> Result<(), Stopped> {
    let Some(key) = &group.online.key else {
        return Ok(());
    };
    let work = work_on(services, group);
    let like = grant::request_for(group, key);
    let need = kms::need_by_grant(work.view(), &like, key, &DECRYPT);
    let needs = Needs::one(need.with_shared(Arc::clone(&group.schema.decrypt_keys)));
    if let Err(denial) = work.decide(&needs) {
        let text = if key.account() == Some(group.account) {
            denial.message.clone()
        } else {
            let (service, action) = (Service::SageMaker.principal(), DECRYPT.as_str());
            format!("User: {service} is not authorized to perform: {action} on resource: {key}")
        };
        return Err(Stopped {
            reason: format!("AccessDeniedException: {text}"),
            unusable: None,
            denial: Some((denial, needs)),
        });
    }
    match kms::usable(work.view(), key, services.clock().now()) {
        Ok(_revision) => Ok(()),
        Err(unusable) => Err(Stopped {
            reason: format!("{}: {}", unusable.code(), unusable.public_message()),
            unusable: Some(Box::new(unusable)),
            denial: None,
        }),
    }
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
    /// By number of the group.
    stopped: BTreeMap<u64, String>,
}

impl Upkeep {
    /// Why background work for this group is stopped, if it is.
    pub(crate) fn reason(&self, group: &GroupRecord) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.stopped.get(&group.number).cloned()
    }

    /// Looks at all groups, if a key, a grant or a group has changed or the last look is old.
    ///
    /// A group that is stopped now and was not before is logged, counted and recorded in the
    /// history of its account; so is one that goes on, but for the record.
    pub(crate) async fn look(&self, services: &Arc<Services>) {
        let snapshot = services.store().snapshot();
        let now = services.clock().monotonic();
        let changed = [
            kms::rights_changed(&snapshot),
            snapshot.table_changed(&GROUPS),
        ];
        let before = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((stamp, until)) = seen.stamp
                && stamp == changed
                && now < until
            {
                return;
            }
            seen.stamp = Some((changed, Monotonic(now.0.saturating_add(LIFETIME))));
            seen.stopped.clone()
        };
        let mut stopped = BTreeMap::new();
        let everywhere = Key::of(&[]);
        for (_, row) in snapshot.scan(&GROUPS, &everywhere) {
            let group = row.record;
            let (arn, was_stopped) = (&group.arn, before.contains_key(&group.number));
            match check(services, group) {
                Err(found) => {
                    if !was_stopped {
                        let reason = &found.reason;
                        error!(group = %arn, reason, "background work for a feature group is stopped");
                        found.record(services, group).await;
                    }
                    stopped.insert(group.number, found.reason);
                }
                Ok(()) if was_stopped => {
                    info!(group = %arn, "background work for a feature group goes on");
                }
                Ok(()) => {}
            }
        }
        let count = u32::try_from(stopped.len()).unwrap_or(u32::MAX);
        metrics::gauge!("strongroom_groups_without_upkeep").set(f64::from(count));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.stopped = stopped;
    }
}

impl Stopped {
    async fn record(&self, services: &Arc<Services>, group: &GroupRecord) {
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
    /// The groups under customers' keys, by number.
    keyed: OnceLock<HashMap<u64, Arc<GroupRecord>>>,
    decided: Mutex<HashMap<u64, bool>>,
}

impl<'a> Gate<'a> {
    pub(crate) fn new(services: &'a Arc<Services>) -> Self {
        Self {
            services,
            keyed: OnceLock::new(),
            decided: Mutex::default(),
        }
    }

    /// Whether the group of this number may be touched. Of a deleted one nothing is left to
    /// protect.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        let Some(group) = self.keyed().get(&number) else {
            return true;
        };
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        *decided
            .entry(number)
            .or_insert_with(|| check(self.services, group).is_ok())
    }

    fn keyed(&self) -> &HashMap<u64, Arc<GroupRecord>> {
        self.keyed.get_or_init(|| {
            let view = store::View::plain(self.services.store().snapshot());
            let everywhere = Key::of(&[]);
            let all = view.snapshot().scan(&GROUPS, &everywhere);
            let keyed = all.filter(|(_, row)| row.record.online.key.is_some());
            keyed
                .filter_map(|(row, _)| view.get_shared(&GROUPS, row))
                .map(|group| (group.number, group))
                .collect()
        })
    }
}
