//! Puts the deployment together: store, sources of policy, shared parts, router.

use std::sync::Arc;

use crypto::secret::SystemEntropy;
use pipeline::sources::Sources;
use pipeline::{Parts, Services, ServicesBuilder};
use store::{EmbeddedOptions, EmbeddedStore, OpenError, Store};
use types::{Clock, Entropy, SystemClock};

use crate::directory::DataDirectory;

/// A composed deployment, not yet listening.
#[derive(Debug)]
pub struct Deployment {
    /// What requests run on.
    pub services: Arc<Services>,
    /// The engine, to close at the end.
    pub store: Arc<EmbeddedStore>,
}

/// Opens the store in `directory` and composes the services on it.
pub fn deployment(directory: &DataDirectory) -> Result<Deployment, OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let options = options(directory, &clock, &entropy);
    let store = Arc::new(EmbeddedStore::open(&options)?);
    let identities = Arc::new(iam::Identities::default());
    let sources = Sources::new(identities.clone())
        .resources("iam", Arc::new(iam::IamResources))
        .resources("kms", Arc::new(kms::KeyPolicies))
        .resources("sagemaker", Arc::new(featurestore::FeatureGroups));
    let mut parts = Parts::default();
    parts.insert(Arc::new(iam::LastUsed::default()));
    parts.insert(Arc::new(kms::Keyring::default()));
    parts.insert(Arc::new(featurestore::Runtime::new(store.clone())));
    let services = ServicesBuilder {
        store: store.clone() as Arc<dyn Store>,
        clock,
        entropy,
        sources,
        parts,
    }
    .build();
    Ok(Deployment { services, store })
}

/// The store's options for `directory`, with the tables of every service.
pub fn options<'a>(
    directory: &'a DataDirectory,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> EmbeddedOptions<'a> {
    let mut options = EmbeddedOptions::new(
        directory.store(),
        directory.root(),
        Arc::clone(clock),
        Arc::clone(entropy),
    );
    options.tables.extend(iam::tables());
    options.tables.extend(kms::tables());
    options.tables.extend(featurestore::tables());
    options.spaces.extend(online::spaces());
    options.logs.push(&audit::EVENTS);
    options
}
