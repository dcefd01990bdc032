//! What the operations share: the online cells, the outbox, and the unwrapped keys of groups.

use std::sync::Arc;
use std::time::Duration;

use audit::{Lines, Lookups};
use online::{Cells, EmbeddedCells};
use store::Store;
use types::Monotonic;

use crate::calls::Calls;
use crate::data_keys::DataKeys;
use crate::drains::Drains;
use crate::lanes::{self, Lanes};
use crate::meter::Meters;
use crate::outbox::{Budget, Outbox};
use crate::rates::Rates;
use crate::records::GroupRecord;
use crate::renewal::{RenewalLimits, Renewals};
use crate::reseal::Turn;
use crate::sizes::Sizes;
use crate::upkeep::Upkeep;

/// The shared part of all operations of this crate.
#[derive(Debug)]
pub struct Runtime {
    pub(crate) cells: Arc<dyn Cells>,
    pub(crate) keys: Arc<DataKeys>,
    pub(crate) upkeep: Upkeep,
    pub(crate) drains: Drains,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) renewal: RenewalLimits,
    pub(crate) renewals: Renewals,
    pub(crate) turn: Turn,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) sizes: Sizes,
    pub(crate) rates: Rates,
    pub(crate) calls: Calls,
    /// How often groups are diagnosed.
    pub(crate) diagnoses: Lookups,
    /// How many searches go on at a time.
    pub(crate) searches: Lines,
    pub(crate) meters: Arc<Meters>,
    pub(crate) quotas: Quotas,
    pub(crate) extensions: Extensions,
}

/// How much an account may have in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Feature groups.
    pub groups: usize,
    /// Feature groups that are being created at a time.
    pub creations: usize,
    /// Features of one group; no request makes more than 2,500 at once.
    pub features: usize,
    /// Bytes of an online store of type `InMemory`.
    pub in_memory_bytes: u64,
    /// Provisioned units a second of one group, each for reading and for writing.
    pub units_per_group: u32,
    /// The same of all groups together.
    pub units_per_region: u32,
    /// Units a second of reading one record.
    pub read_units_per_record: u32,
    /// Units a second of writing one record.
    pub write_units_per_record: u32,
    /// Calls a second of each operation on records but `BatchGetRecord`.
    pub calls_per_second: u32,
    /// Calls a second of `BatchGetRecord`.
    pub batch_gets_per_second: u32,
    /// Bytes of a group's record as it is stored, with what is said of its features: whatever is done
    /// with the group writes it, in one commit.
    pub group_bytes: usize,
}

impl Default for Quotas {
    /// AWS's; it has none for the bytes of a group's record.
    fn default() -> Self {
        Self {
            groups: 100,
            creations: 4,
            features: 2500,
            in_memory_bytes: 50 << 30,
            units_per_group: 40_000,
            units_per_region: 80_000,
            read_units_per_record: 2400,
            write_units_per_record: 500,
            calls_per_second: 10_000,
            batch_gets_per_second: 500,
            group_bytes: 4 << 20,
        }
    }
}

/// What AWS refuses and this deployment allows; nothing, unless the operator says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Online stores of type `InMemory` may have a customer managed key.
    pub in_memory_cmk: bool,
    /// Groups with an online store of type `InMemory` may have an offline store.
    pub in_memory_offline: bool,
}

/// Pages of `DiagnoseFeatureGroups` a second, for each account and region.
const DIAGNOSES: u32 = 5;

/// Limits, with AWS's defaults where AWS has them.
#[derive(Debug, Clone)]
pub struct Options {
    /// For how long a data key that was unwrapped for a caller is kept; zero keeps none.
    pub key_lifetime: Duration,
    /// The same where the KMS key is in a custom key store, at most as long.
    pub outside_key_lifetime: Duration,
    /// How much an account may have.
    pub quotas: Quotas,
    /// What is allowed beyond AWS's rules.
    pub extensions: Extensions,
    /// When data keys are renewed.
    pub renewal: RenewalLimits,
    /// For how long the rest of the background work waits for what needs a custom key store.
    pub patience: Duration,
    /// How many bytes may wait for the offline stores of all groups together.
    pub outbox_budget: u64,
    /// How many of them of one account.
    pub outbox_account_budget: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key_lifetime: Duration::from_mins(5),
            outside_key_lifetime: Duration::from_secs(10),
            quotas: Quotas::default(),
            extensions: Extensions::default(),
            renewal: RenewalLimits::default(),
            patience: lanes::PATIENCE,
            outbox_budget: 10 << 30,
            outbox_account_budget: 5 << 30,
        }
    }
}

/// The shared part cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The online store does not open.
    #[error(transparent)]
    Online(#[from] online::OpenError),
    /// What waits for the offline stores cannot be counted.
    #[error("reading the outbox of the offline stores failed")]
    Outbox(#[from] store::Error),
}

impl Runtime {
    /// Why renewing the data key of `group` or sealing its records anew failed when it was last
    /// tried, if it did.
    pub(crate) fn failing(&self, group: &GroupRecord) -> Option<String> {
        let sealing = self.turn.failed.why(&group.number);
        sealing.or_else(|| self.renewals.failed.why(&group.number))
    }

    /// Tells in the metrics how many groups that is so of.
    pub(crate) fn tell_failing(&self, now: Monotonic) {
        let failing = [&self.renewals.failed, &self.turn.failed].map(|failed| failed.len(now));
        let failing = u32::try_from(failing.iter().sum::<usize>()).unwrap_or(u32::MAX);
        metrics::gauge!("strongroom_groups_failing").set(f64::from(failing));
    }

    /// Opens the online cells and the outbox in `store`, which must hold [`crate::tables`],
    /// [`online::spaces`] and [`crate::OUTBOX`] and should be an [`online::CachedStore`].
    /// The recorder of metrics must be installed before.
    pub async fn open(store: Arc<dyn Store>, options: Options) -> Result<Self, OpenError> {
        let budget = Budget {
            all: options.outbox_budget,
            account: options.outbox_account_budget,
        };
        let outbox = Outbox::open(&*store, budget)?;
        let cells = EmbeddedCells::open(store).await?;
        Ok(Self {
            cells: Arc::new(cells),
            keys: Arc::new(DataKeys::new(
                options.key_lifetime,
                options.outside_key_lifetime,
            )),
            upkeep: Upkeep::default(),
            drains: Drains::default(),
            meters: Arc::default(),
            quotas: options.quotas,
            extensions: options.extensions,
            outbox: Arc::new(outbox),
            renewal: options.renewal,
            renewals: Renewals::default(),
            turn: Turn::default(),
            lanes: Arc::new(Lanes::new(options.patience)),
            sizes: Sizes::default(),
            rates: Rates::new(
                options.quotas.read_units_per_record,
                options.quotas.write_units_per_record,
            ),
            calls: Calls::new(
                options.quotas.calls_per_second,
                options.quotas.batch_gets_per_second,
            ),
            diagnoses: Lookups::new(DIAGNOSES),
            searches: Lines::default(),
        })
    }
}
