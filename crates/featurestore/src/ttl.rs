//! How long records live.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shapes::{featurestore_runtime, sagemaker};

use crate::Error;
use crate::records::GroupRecord;

/// A time to live, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ttl {
    /// The unit.
    pub unit: TtlUnit,
    /// How many of them, at least one.
    pub value: u32,
}

/// The unit of a time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TtlUnit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Weeks.
    Weeks,
}

impl Ttl {
    /// The span.
    pub fn duration(self) -> Duration {
        let seconds: u64 = match self.unit {
            TtlUnit::Seconds => 1,
            TtlUnit::Minutes => 60,
            TtlUnit::Hours => 60 * 60,
            TtlUnit::Days => 24 * 60 * 60,
            TtlUnit::Weeks => 7 * 24 * 60 * 60,
        };
        Duration::from_secs(seconds * u64::from(self.value))
    }

    /// The time to live of a new group.
    ///
    /// Fails if only one half is given: that means something to `UpdateFeatureGroup` only.
    pub(crate) fn of_group(ttl: &sagemaker::TtlDuration) -> Result<Self, Error> {
        use sagemaker::TtlDurationUnit as Unit;
        let (Some(unit), Some(value)) = (ttl.unit, ttl.value) else {
            return Err(Error::validation("TtlDuration needs both Unit and Value."));
        };
        let unit = match unit {
            Unit::Seconds => TtlUnit::Seconds,
            Unit::Minutes => TtlUnit::Minutes,
            Unit::Hours => TtlUnit::Hours,
            Unit::Days => TtlUnit::Days,
            Unit::Weeks => TtlUnit::Weeks,
        };
        Self::new(unit, value)
    }

    /// The time to live of one record.
    pub(crate) fn of_record(ttl: &featurestore_runtime::TtlDuration) -> Result<Self, Error> {
        use featurestore_runtime::TtlDurationUnit as Unit;
        let unit = match ttl.unit {
            Unit::Seconds => TtlUnit::Seconds,
            Unit::Minutes => TtlUnit::Minutes,
            Unit::Hours => TtlUnit::Hours,
            Unit::Days => TtlUnit::Days,
            Unit::Weeks => TtlUnit::Weeks,
        };
        Self::new(unit, ttl.value)
    }

    /// The time to live of a record that is put into `group`: `asked`, else the group's.
    pub(crate) fn of_put(
        asked: Option<&featurestore_runtime::TtlDuration>,
        group: &GroupRecord,
    ) -> Result<Option<Self>, Error> {
        if asked.is_some() {
            group.check_online()?;
        }
        let asked = asked.map(Self::of_record).transpose()?;
        Ok(asked.or_else(|| group.ttl()))
    }

    fn new(unit: TtlUnit, value: i32) -> Result<Self, Error> {
        let value = u32::try_from(value).ok().filter(|value| *value > 0);
        let value = value
            .ok_or_else(|| Error::validation("the Value of TtlDuration must be at least 1."))?;
        Ok(Self { unit, value })
    }

    /// As `DescribeFeatureGroup` shows it.
    pub(crate) fn shape(self) -> sagemaker::TtlDuration {
        use sagemaker::TtlDurationUnit as Unit;
        sagemaker::TtlDuration {
            unit: Some(match self.unit {
                TtlUnit::Seconds => Unit::Seconds,
                TtlUnit::Minutes => Unit::Minutes,
                TtlUnit::Hours => Unit::Hours,
                TtlUnit::Days => Unit::Days,
                TtlUnit::Weeks => Unit::Weeks,
            }),
            value: i32::try_from(self.value).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unit: TtlUnit, value: u32, seconds: u64) {
        assert_eq!(Ttl { unit, value }.duration(), Duration::from_secs(seconds));
    }

    #[test]
    fn units_are_those_of_the_calendar() {
        check(TtlUnit::Seconds, 5, 5);
        check(TtlUnit::Minutes, 5, 300);
        check(TtlUnit::Hours, 2, 7200);
        check(TtlUnit::Days, 1, 86_400);
        check(TtlUnit::Weeks, 2, 1_209_600);
        check(TtlUnit::Weeks, u32::MAX, 604_800 * u64::from(u32::MAX));
    }

    #[test]
    fn a_group_needs_both_halves() {
        let ttl = |unit, value| Ttl::of_group(&sagemaker::TtlDuration { unit, value });
        let unit = Some(sagemaker::TtlDurationUnit::Days);
        assert_eq!(
            ttl(unit, Some(3)).unwrap(),
            Ttl {
                unit: TtlUnit::Days,
                value: 3
            }
        );
        assert!(ttl(unit, None).is_err() && ttl(None, Some(3)).is_err());
        assert!(ttl(unit, Some(0)).is_err() && ttl(unit, Some(-1)).is_err());
    }
}
