//! What commands on a directory that is not served have in common: lock, seal, store.

use std::sync::Arc;

use crypto::SystemEntropy;
use store::EmbeddedStore;
use types::{Clock, Entropy, SystemClock};

use crate::cli::DirectoryArgs;
use crate::config::DirectoryConfig;
use crate::directory::{DataDirectory, Start};
use crate::{compose, passphrase, seal};

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
}

/// Locks a data directory and opens its seal; a passphrase that no file names is asked for.
pub(crate) fn directory(args: &DirectoryArgs) -> anyhow::Result<DataDirectory> {
    let config = DirectoryConfig::of(args)?;
    Ok(match DataDirectory::open(&config)? {
        Start::Open(directory) => directory,
        Start::Sealed(sealed) => {
            let passphrase = passphrase::read()?;
            let root = seal::open_with_passphrase(sealed.path(), &passphrase)?;
            sealed.open(root)
        }
    })
}

/// The clock and the entropy of a command.
pub(crate) fn surroundings() -> (Arc<dyn Clock>, Arc<dyn Entropy>) {
    (Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
}
