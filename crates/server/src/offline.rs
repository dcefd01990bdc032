//! What commands on a directory that is not served have in common: lock, seal, store.

use std::sync::Arc;

use crypto::SystemEntropy;
use serde_json::Value;
use store::{Batch, EmbeddedStore, Store, View};
use types::{Clock, Entropy, Region, SystemClock};

use crate::bootstrap::{self, BootstrapError};

use crate::cli::DirectoryArgs;
use crate::config::DirectoryConfig;
use crate::directory::{DataDirectory, Start};
use crate::{client, compose, passphrase, seal};

/// A locked directory and its open store.
pub(crate) struct Offline {
    pub(crate) directory: DataDirectory,
    pub(crate) store: EmbeddedStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Offline {
    /// Opens the store of a directory that has held a deployment.
    ///
    /// Fails like `serve`: a store that misses something does not open.
    pub(crate) fn open(args: &DirectoryArgs) -> anyhow::Result<Self> {
        Self::of(directory(args)?)
    }

    /// The same of a directory that is locked and unsealed already.
    pub(crate) fn of(directory: DataDirectory) -> anyhow::Result<Self> {
        directory.check_store()?;
        let (clock, entropy) = surroundings();
        let store = EmbeddedStore::open(&compose::options(&directory, &clock, &entropy))?;
        Ok(Self {
            directory,
            store,
            clock,
            entropy,
        })
    }

    /// Commits `batch`, and with it in the first account's history that whoever has the seal did
    /// `event`.
    pub(crate) fn record(&self, event: &str, details: Value, batch: Batch) -> anyhow::Result<()> {
        record(
            &self.store,
            (&*self.clock, &*self.entropy),
            (event, details),
            batch,
        )
    }
}

/// See [`Offline::record`].
pub(crate) fn record(
    store: &dyn Store,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
    (event, details): (&str, Value),
    mut batch: Batch,
) -> anyhow::Result<()> {
    let view = View::recording(store.snapshot());
    let account = iam::first_account(&view).ok_or(BootstrapError::Lost)?;
    let (region, now) = (Region::global(), clock.now());
    let about = (account, event);
    let record = bootstrap::internal_record(about, details, &region, now, entropy);
    audit::append(&mut batch, Some(account), &region, now, &record)?;
    client::runtime()?.block_on(store.commit(batch))?;
    Ok(())
}

/// Locks a data directory and opens its seal; a passphrase that no file names is asked for.
pub(crate) fn directory(args: &DirectoryArgs) -> anyhow::Result<DataDirectory> {
    let config = DirectoryConfig::of(args)?;
    Ok(match DataDirectory::open(&config)? {
        Start::Open(directory) => directory,
        Start::Sealed(sealed) => {
            let passphrase = passphrase::read()?;
            let data_key = seal::open_with_passphrase(sealed.path(), &passphrase)?;
            sealed.open(data_key)
        }
    })
}

/// The clock and the entropy of a command.
pub(crate) fn surroundings() -> (Arc<dyn Clock>, Arc<dyn Entropy>) {
    (Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
}
