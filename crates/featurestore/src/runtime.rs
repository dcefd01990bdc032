//! What the operations share: the online cells and the unwrapped keys of groups.

use std::sync::Arc;
use std::time::Duration;

use audit::Lookups;
use online::{Cells, EmbeddedCells};
use store::Store;

use crate::data_keys::DataKeys;
use crate::renewal::RenewalLimits;
use crate::reseal::Turn;
use crate::upkeep::Upkeep;

/// The shared part of all operations of this crate.
#[derive(Debug)]
pub struct Runtime {
    pub(crate) cells: Arc<dyn Cells>,
    pub(crate) keys: Arc<DataKeys>,
    pub(crate) upkeep: Upkeep,
    pub(crate) group_limit: usize,
    pub(crate) renewal: RenewalLimits,
    pub(crate) turn: Turn,
    /// How often groups are diagnosed.
    pub(crate) diagnoses: Lookups,
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
    /// How many groups an account may have in a region.
    pub group_limit: usize,
    /// When data keys are renewed.
    pub renewal: RenewalLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key_lifetime: Duration::from_mins(5),
            outside_key_lifetime: Duration::from_secs(10),
            group_limit: 100,
            renewal: RenewalLimits::default(),
        }
    }
}

impl Runtime {
    /// Opens the online cells in `store`, which must hold [`crate::tables`] and
    /// [`online::spaces`] and should be an [`online::CachedStore`].
    pub async fn open(store: Arc<dyn Store>, options: Options) -> Result<Self, online::OpenError> {
        let cells = EmbeddedCells::open(store).await?;
        Ok(Self {
            cells: Arc::new(cells),
            keys: Arc::new(DataKeys::new(
                options.key_lifetime,
                options.outside_key_lifetime,
            )),
            upkeep: Upkeep::default(),
            group_limit: options.group_limit,
            renewal: options.renewal,
            turn: Turn::default(),
            diagnoses: Lookups::new(DIAGNOSES),
        })
    }
}
