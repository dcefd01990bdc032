//! The settings of the feature store: quotas, and what is allowed beyond AWS's rules.

use serde::Deserialize;

/// How much an account may have in a region, where not AWS's.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureStoreFile {
    features: Option<u32>,
    parallel_creations: Option<u32>,
    in_memory_gib: Option<u32>,
    provisioned_units_per_group: Option<u32>,
    provisioned_units_per_region: Option<u32>,
    read_units_per_record: Option<u32>,
    write_units_per_record: Option<u32>,
    calls_per_second: Option<u32>,
    batch_gets_per_second: Option<u32>,
}

/// What the feature store allows beyond AWS's rules.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExtensionsFile {
    in_memory_cmk: bool,
    in_memory_offline: bool,
}

/// The most features of a group that a quota can admit.
const MOST_FEATURES: u32 = 10_000;
/// The most groups of an account that can be in creation at a time.
const MOST_CREATIONS: u32 = 100_000;
/// The most GiB of a group in memory that a quota can admit.
const MOST_GIB: u32 = 1 << 20;
/// The most units that AWS's model has.
const MOST_UNITS: u32 = 10_000_000;

/// The most calls a second that can be told apart.
const MOST_CALLS: u32 = 1_000_000_000;

impl FeatureStoreFile {
    /// The quotas but that of feature groups, which is a limit; or the name of a setting and
    /// what is wrong with it.
    pub(super) fn read(self) -> Result<featurestore::Quotas, (&'static str, String)> {
        let aws = featurestore::Quotas::default();
        let checked = |name: &'static str, given: Option<u32>, most: u32| match given {
            Some(given) if !(1..=most).contains(&given) => {
                let reason = format!("`feature_store.{name}` must be between 1 and {most}");
                Err((name, reason))
            }
            given => Ok(given),
        };
        let (group, region) = (
            self.provisioned_units_per_group,
            self.provisioned_units_per_region,
        );
        let group = checked("provisioned_units_per_group", group, MOST_UNITS)?;
        let region = checked("provisioned_units_per_region", region, u32::MAX)?;
        let (read, write) = (self.read_units_per_record, self.write_units_per_record);
        let read = checked("read_units_per_record", read, MOST_UNITS)?;
        let write = checked("write_units_per_record", write, MOST_UNITS)?;
        let calls = checked("calls_per_second", self.calls_per_second, MOST_CALLS)?;
        let gets = self.batch_gets_per_second;
        let gets = checked("batch_gets_per_second", gets, MOST_CALLS)?;
        let features = checked("features", self.features, MOST_FEATURES)?;
        let creations = checked(
            "parallel_creations",
            self.parallel_creations,
            MOST_CREATIONS,
        )?;
        let gib = checked("in_memory_gib", self.in_memory_gib, MOST_GIB)?;
        let count = |given: Option<u32>| given.and_then(|given| usize::try_from(given).ok());
        Ok(featurestore::Quotas {
            features: count(features).unwrap_or(aws.features),
            in_memory_bytes: gib.map_or(aws.in_memory_bytes, |gib| u64::from(gib) << 30),
            creations: count(creations).unwrap_or(aws.creations),
            units_per_group: group.unwrap_or(aws.units_per_group),
            units_per_region: region.unwrap_or(aws.units_per_region),
            read_units_per_record: read.unwrap_or(aws.read_units_per_record),
            write_units_per_record: write.unwrap_or(aws.write_units_per_record),
            calls_per_second: calls.unwrap_or(aws.calls_per_second),
            batch_gets_per_second: gets.unwrap_or(aws.batch_gets_per_second),
            ..aws
        })
    }
}

impl ExtensionsFile {
    /// The extensions; none, unless the file says so.
    pub(super) fn read(self) -> featurestore::Extensions {
        featurestore::Extensions {
            in_memory_cmk: self.in_memory_cmk,
            in_memory_offline: self.in_memory_offline,
        }
    }
}
