//! How many request units a second a group may use: as many as it takes, or what is provisioned.

use pipeline::Ctx;
use serde::{Deserialize, Serialize};
use shapes::sagemaker::{
    ThroughputConfig, ThroughputConfigDescription, ThroughputConfigUpdate, ThroughputMode,
};
use types::Timestamp;

use crate::pending::Update;
use crate::records::{GROUPS, GroupRecord, Storage, folded, groups_of};
use crate::{Error, Quotas};

/// The throughput of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throughput {
    /// What is provisioned; a group on demand has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<Provisioned>,
    /// When it was switched from provisioned to on demand last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_on_demand: Option<Timestamp>,
}

/// Request units a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// Of reading, 4 KiB each.
    pub read: u32,
    /// Of writing, 1 KiB each.
    pub write: u32,
}

/// How long a group that was switched to on demand cannot be switched to it again.
const BETWEEN_SWITCHES: std::time::Duration = std::time::Duration::from_hours(24);

impl Throughput {
    /// The throughput of a new group with an online store of this type, if it has one.
    pub(crate) fn of_new(
        config: Option<&ThroughputConfig>,
        storage: Option<Storage>,
    ) -> Result<Self, Error> {
        let Some(config) = config else {
            return Ok(Self::default());
        };
        let units = (
            config.provisioned_read_capacity_units,
            config.provisioned_write_capacity_units,
        );
        match config.throughput_mode {
            ThroughputMode::OnDemand => {
                no_units(units)?;
                Ok(Self::default())
            }
            ThroughputMode::Provisioned => Ok(Self {
                provisioned: Some(Provisioned::of(units, None, storage)?),
                to_on_demand: None,
            }),
        }
    }

    /// The throughput that `asked` makes of this at `now`.
    ///
    /// A provisioned group keeps the units that are not given. It can be switched to on demand
    /// once in 24 hours, and to provisioned at any time.
    pub(crate) fn changed(
        self,
        asked: &ThroughputConfigUpdate,
        storage: Option<Storage>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let units = (
            asked.provisioned_read_capacity_units,
            asked.provisioned_write_capacity_units,
        );
        let before = self.provisioned;
        let mode = match (asked.throughput_mode, units, before) {
            (None, (None, None), _) => {
                return Err(Error::validation("ThroughputConfig is empty."));
            }
            (Some(mode), _, _) => mode,
            (None, _, Some(_)) => ThroughputMode::Provisioned,
            (None, _, None) => ThroughputMode::OnDemand,
        };
        if mode == ThroughputMode::Provisioned {
            return Ok(Self {
                provisioned: Some(Provisioned::of(units, before, storage)?),
                ..self
            });
        }
        no_units(units)?;
        if before.is_none() {
            return Ok(self);
        }
        let again = self
            .to_on_demand
            .map(|last| last.saturating_add(BETWEEN_SWITCHES));
        if again.is_some_and(|again| now < again) {
            return Err(Error::validation(
                "a feature group can be switched to the ThroughputMode OnDemand once in 24 hours.",
            ));
        }
        Ok(Self {
            provisioned: None,
            to_on_demand: Some(now),
        })
    }

    /// The throughput as AWS shows it of a group that is `online` or is not: then it has no units
    /// of reading.
    pub(crate) fn shape(self, online: bool) -> ThroughputConfigDescription {
        let units = |units: fn(Provisioned) -> u32| {
            let units = self.provisioned.map(units);
            units.and_then(|units| i32::try_from(units).ok())
        };
        ThroughputConfigDescription {
            throughput_mode: match self.provisioned {
                Some(_) => ThroughputMode::Provisioned,
                None => ThroughputMode::OnDemand,
            },
            provisioned_read_capacity_units: units(|provisioned| provisioned.read)
                .filter(|_| online),
            provisioned_write_capacity_units: units(|provisioned| provisioned.write),
        }
    }

    /// Whether there is nothing to store of it.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Provisioned {
    /// What `units` ask for reading and writing; what they leave out stays as it was `before`.
    ///
    /// Only a group with an online store is read, so only that has units of reading.
    fn of(
        units: (Option<i32>, Option<i32>),
        before: Option<Self>,
        storage: Option<Storage>,
    ) -> Result<Self, Error> {
        if storage.is_some_and(|storage| storage != Storage::Standard) {
            return Err(Error::validation(
                "an online store with the ThroughputMode Provisioned must be of type Standard.",
            ));
        }
        let (read, write) = units;
        if storage.is_none() && read.is_some() {
            return Err(Error::validation(
                "ProvisionedReadCapacityUnits need an OnlineStore.",
            ));
        }
        let units_of = |asked: Option<i32>, before: Option<u32>, member: &str| {
            let asked = asked.and_then(|units| u32::try_from(units).ok());
            asked.or(before).ok_or_else(|| {
                Error::validation(format!("the ThroughputMode Provisioned needs {member}."))
            })
        };
        let was = |units: fn(Self) -> u32| before.map(units);
        Ok(Self {
            read: match storage {
                Some(_) => units_of(read, was(|it| it.read), "ProvisionedReadCapacityUnits")?,
                None => 0,
            },
            write: units_of(write, was(|it| it.write), "ProvisionedWriteCapacityUnits")?,
        })
    }
}

fn no_units(units: (Option<i32>, Option<i32>)) -> Result<(), Error> {
    if units == (None, None) {
        return Ok(());
    }
    Err(Error::validation(
        "capacity units need the ThroughputMode Provisioned.",
    ))
}

/// Checks that the account and the group may have what `new` provisions for the group of this
/// name, in whatever case, in the call's region.
///
/// Fails with `ResourceLimitExceeded`.
pub(crate) fn check_quotas(
    ctx: &Ctx,
    quotas: &Quotas,
    (account, name): (types::AccountId, &str),
    new: Throughput,
) -> Result<(), Error> {
    let Some(new) = new.provisioned else {
        return Ok(());
    };
    let prefix = groups_of(account, ctx.region());
    let groups = ctx.view().scan(&GROUPS, &prefix, None);
    let others = groups
        .map(|(_, row)| row.record)
        .filter(|group: &&GroupRecord| folded(&group.name) != folded(name))
        .map(held);
    let (mut read, mut write) = (0_u64, 0_u64);
    for (of_reading, of_writing) in others {
        read = read.saturating_add(u64::from(of_reading));
        write = write.saturating_add(u64::from(of_writing));
    }
    for (kind, units, used) in [("read", new.read, read), ("write", new.write, write)] {
        let of_group = |limit| format!("Maximum provisioned {kind} capacity units per {limit}");
        check_one(of_group("feature group"), quotas.units_per_group, 0, units)?;
        check_one(of_group("region"), quotas.units_per_region, used, units)?;
    }
    Ok(())
}

/// The units of reading and writing that `group` takes of its region's: what it has, or what it
/// gets by an update that is not done yet, if that is more.
fn held(group: &GroupRecord) -> (u32, u32) {
    let pending = match &group.update {
        Some(Update::Pending(pending)) => pending.throughput.provisioned,
        Some(Update::Failed(_)) | None => None,
    };
    let both = [group.throughput.provisioned, pending];
    let most = |units: fn(Provisioned) -> u32| both.iter().flatten().map(|of| units(*of)).max();
    let (read, write) = (most(|of| of.read), most(|of| of.write));
    (read.unwrap_or_default(), write.unwrap_or_default())
}

fn check_one(name: String, limit: u32, used: u64, asked: u32) -> Result<(), Error> {
    if used.saturating_add(u64::from(asked)) <= u64::from(limit) {
        return Ok(());
    }
    Err(Error::Quota {
        name: name.into(),
        unit: "capacity units",
        limit: u64::from(limit),
        used,
        asked: u64::from(asked),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn update(mode: Option<ThroughputMode>, read: Option<i32>) -> ThroughputConfigUpdate {
        ThroughputConfigUpdate {
            throughput_mode: mode,
            provisioned_read_capacity_units: read,
            provisioned_write_capacity_units: None,
        }
    }

    fn provisioned() -> Throughput {
        Throughput {
            provisioned: Some(Provisioned { read: 5, write: 7 }),
            to_on_demand: None,
        }
    }

    fn changed(
        before: Throughput,
        asked: &ThroughputConfigUpdate,
        now: Timestamp,
    ) -> Option<Throughput> {
        before.changed(asked, Some(Storage::Standard), now).ok()
    }

    #[test]
    fn units_that_are_not_given_stay() {
        let larger = changed(provisioned(), &update(None, Some(6)), NOW).unwrap();
        assert_eq!(larger.provisioned, Some(Provisioned { read: 6, write: 7 }));
        let mode = Some(ThroughputMode::Provisioned);
        assert_eq!(
            changed(provisioned(), &update(mode, None), NOW),
            Some(provisioned())
        );
    }

    #[test]
    fn provisioning_needs_both_units_and_a_standard_store() {
        let on_demand = Throughput::default();
        let mode = Some(ThroughputMode::Provisioned);
        assert_eq!(changed(on_demand, &update(mode, Some(5)), NOW), None);
        let mut both = update(mode, Some(5));
        both.provisioned_write_capacity_units = Some(7);
        assert_eq!(changed(on_demand, &both, NOW), Some(provisioned()));
        for storage in [Storage::StandardV2, Storage::InMemory] {
            assert!(on_demand.changed(&both, Some(storage), NOW).is_err());
        }
    }

    #[test]
    fn without_an_online_store_there_are_units_of_writing_only() {
        let on_demand = Throughput::default();
        let mut units = update(Some(ThroughputMode::Provisioned), Some(5));
        units.provisioned_write_capacity_units = Some(7);
        assert!(on_demand.changed(&units, None, NOW).is_err());
        units.provisioned_read_capacity_units = None;
        let writes = on_demand.changed(&units, None, NOW).unwrap();
        assert_eq!(writes.provisioned, Some(Provisioned { read: 0, write: 7 }));
        let shown = writes.shape(false);
        assert_eq!(shown.provisioned_read_capacity_units, None);
        assert_eq!(shown.provisioned_write_capacity_units, Some(7));
        units.provisioned_write_capacity_units = None;
        assert!(on_demand.changed(&units, None, NOW).is_err());
    }

    #[test]
    fn on_demand_has_no_units_and_is_switched_to_once_a_day() {
        let mode = Some(ThroughputMode::OnDemand);
        assert_eq!(changed(provisioned(), &update(mode, Some(5)), NOW), None);
        assert_eq!(
            changed(Throughput::default(), &update(None, Some(5)), NOW),
            None
        );
        let switched = changed(provisioned(), &update(mode, None), NOW).unwrap();
        assert_eq!(
            (switched.provisioned, switched.to_on_demand),
            (None, Some(NOW))
        );
        let back = Throughput {
            provisioned: provisioned().provisioned,
            ..switched
        };
        let hours = |hours| NOW.saturating_add(std::time::Duration::from_hours(hours));
        assert_eq!(changed(back, &update(mode, None), hours(23)), None);
        assert!(changed(back, &update(mode, None), hours(24)).is_some());
        // What is on demand stays so at any time.
        assert_eq!(changed(switched, &update(mode, None), NOW), Some(switched));
    }

    #[test]
    fn an_empty_update_is_refused() {
        assert_eq!(changed(provisioned(), &update(None, None), NOW), None);
    }
}
