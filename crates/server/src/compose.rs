//! Puts the deployment together: store, sources of policy, shared parts, router.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crypto::SystemEntropy;
use crypto::lock::LockedKey32;
use online::CachedStore;
use pipeline::sources::{LinkedRoles, Principals, Sources, WriteBudgets};
use pipeline::{KnownActions, Parts, Services, ServicesBuilder};
use store::embedded::Options;
use store::{CommitError, EmbeddedStore, OpenError, Store, View};
use tokio::sync::Notify;
use types::{Clock, Entropy, Region, Service, SystemClock};

use crate::backup::backups_key;
use crate::backup_maker::Maker;
use crate::config::Config;
use crate::directory::DataDirectory;
use crate::issuers::Issuers;
use crate::outside::{self, OutsideError};
use crate::seal::SealError;
use crate::seal_keeper::Keeper;
use crate::{memory, router};

/// A composed deployment, not yet listening.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// What requests run on.
    pub services: Arc<Services>,
    /// The engine, to close at the end.
    pub engine: Arc<EmbeddedStore>,
}

/// The deployment cannot be composed; the server refuses to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The feature store does not open.
    #[error(transparent)]
    FeatureStore(#[from] featurestore::OpenError),
    /// The file of shred keys does not open.
    #[error(transparent)]
    Shred(#[from] kms::ShredError),
    /// The request quotas of KMS cannot be kept to.
    #[error(transparent)]
    Quotas(#[from] kms::QuotaError),
    /// What custom key stores connect to cannot be read.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// The seal's file cannot be read.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An AWS owned key could not be made.
    #[error("making an AWS owned key failed")]
    OwnedKey(#[source] kms::Error),
    /// An AWS owned key could not be committed.
    #[error("committing an AWS owned key failed")]
    Commit(#[source] CommitError),
}

/// Opens the store in `directory`, composes the services on it, and makes the AWS owned
/// keys of the configured regions that are missing. Tokens of identity providers are verified
/// with the keys that `issuers` has; `sealing` is told when the server is to be sealed.
pub(crate) async fn deployment(
    directory: &DataDirectory,
    config: &Config,
    issuers: Arc<Issuers>,
    sealing: Arc<Notify>,
) -> Result<Deployment, ComposeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let last_written = directory.last_written();
    let memory = config
        .limits
        .cache_memory
        .unwrap_or_else(memory::cache_share);
    let mut options = options(directory, &clock, &entropy);
    options.tuning.cache_bytes = memory::of_blocks(memory).max(options.tuning.cache_bytes);
    let engine = Arc::new(EmbeddedStore::open(&options)?);
    let store: Arc<dyn Store> = Arc::new(CachedStore::new(engine.clone(), memory));
    let sources = sources(config)?;
    let shred = kms::ShredKeys::open(
        directory.shred(),
        directory.data_key(),
        Arc::clone(&entropy),
    )?;
    let keyring = kms::Keyring::new(Arc::clone(&clock), Arc::clone(&entropy), Arc::new(shred));
    keyring.check(&store.snapshot())?;
    for region in &config.regions {
        owned_key(&keyring, &*store, region).await?;
    }
    let runtime =
        featurestore::Runtime::open(Arc::clone(&store), feature_store_options(config)).await?;
    let mut parts = parts(directory, config, issuers)?;
    let keyring = Arc::new(keyring);
    parts.insert(Arc::clone(&keyring));
    parts.insert(Arc::new(operator::Backups(Arc::new(Maker {
        directory: config.backup.as_ref().map(|place| place.directory.clone()),
        data: directory.path().to_path_buf(),
        key: LockedKey32::new(backups_key(directory.data_key())),
        store: Arc::downgrade(&engine),
        keyring,
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        running: AtomicBool::new(false),
    }))));
    let keeper = Keeper::new(
        directory.path().to_path_buf(),
        config.directory.seal.clone(),
        Arc::clone(&clock),
        sealing,
    );
    parts.insert(Arc::new(operator::Seals(Arc::new(keeper))));
    parts.insert(Arc::new(runtime));
    let builder = ServicesBuilder {
        store,
        clock,
        entropy,
        sources,
        parts,
    };
    let services = builder.build();
    if let Some(last) = last_written {
        services.resume(last);
    }
    Ok(Deployment { services, engine })
}

/// The shared parts that need neither store nor keys.
fn parts(
    directory: &DataDirectory,
    config: &Config,
    issuers: Arc<Issuers>,
) -> Result<Parts, ComposeError> {
    let mut parts = Parts::default();
    let lookups = config.limits.lookups_per_second;
    parts.insert(Arc::new(cloudtrail::Lookups::new(lookups)));
    parts.insert(Arc::new(operator::Explanations::default()));
    parts.insert(Arc::new(iam::LastUsed::default()));
    parts.insert(Arc::new(iam::AuthorizationMessages::new(
        directory.data_key(),
    )));
    parts.insert(Arc::new(iam::SessionTokens::new(directory.data_key())));
    parts.insert(Arc::new(iam::IssuerKeys(issuers)));
    parts.insert(Arc::new(Principals(Arc::new(iam::IamResources))));
    parts.insert(Arc::new(LinkedRoles(Arc::new(iam::IamResources))));
    let mut actions = KnownActions::default();
    router::register(&mut actions);
    s3::register_internal(&mut actions);
    parts.insert(Arc::new(actions));
    parts.insert(Arc::new(config.resource_quotas));
    parts.insert(Arc::new(config.prices.clone()));
    parts.insert(Arc::new(kms::Regions(config.regions.clone())));
    parts.insert(Arc::new(outside::load(
        &config.outside,
        &directory.lineage()?,
    )?));
    parts.insert(Arc::new(ram::Shareable(vec![Arc::new(
        featurestore::FeatureGroups,
    )])));
    Ok(parts)
}

/// What the configuration says of feature groups.
fn feature_store_options(config: &Config) -> featurestore::Options {
    featurestore::Options {
        outside_key_lifetime: Duration::from_secs(config.limits.outside_key_seconds),
        quotas: featurestore::Quotas {
            groups: config.limits.feature_groups,
            ..config.feature_store
        },
        extensions: config.extensions,
        renewal: featurestore::RenewalLimits {
            age: Duration::from_secs(config.limits.data_key_days * 24 * 60 * 60),
            records: config.limits.data_key_records,
        },
        outbox_budget: config.limits.outbox_bytes,
        outbox_account_budget: config.limits.outbox_of_account(),
        ..featurestore::Options::default()
    }
}

/// Where the pipeline finds policies, resources and quotas.
fn sources(config: &Config) -> Result<Sources, ComposeError> {
    let identities = Arc::new(iam::Identities::default());
    let quotas = &config.quotas;
    let quotas = Arc::new(kms::RequestQuotas::new(&quotas.per_second, quotas.factor)?);
    Ok(
        Sources::new(identities, Arc::new(iam::OrganizationTree::default()))
            .resources("iam", Arc::new(iam::IamResources))
            .resources("organizations", Arc::new(iam::OrganizationResources))
            .resources("kms", Arc::new(kms::KeyPolicies))
            .resources("ram", Arc::new(ram::Shares))
            .resources("s3", Arc::new(s3::Buckets))
            .resources("sagemaker", Arc::new(featurestore::FeatureGroups))
            .quotas(Service::Kms, quotas.clone())
            // `GetKeyUsage` is there; the others are paced.
            .quotas(Service::Strongroom, quotas)
            .calls_per_second(config.limits.calls_per_second)
            .write_budgets(WriteBudgets {
                metadata: config.limits.account_metadata_bytes,
                log: config.limits.account_log_bytes,
            }),
    )
}

/// Makes SageMaker's AWS owned key in `region`, under which groups without a key are kept.
async fn owned_key(
    keyring: &kms::Keyring,
    store: &dyn Store,
    region: &Region,
) -> Result<(), ComposeError> {
    let view = View::recording(store.snapshot());
    let made = keyring.ensure_owned_key(&view, Service::SageMaker, region);
    if let Some(batch) = made.map_err(ComposeError::OwnedKey)? {
        store.commit(batch).await.map_err(ComposeError::Commit)?;
    }
    Ok(())
}

/// The store's options for `directory`, with the tables of every service.
pub(crate) fn options<'a>(
    directory: &'a DataDirectory,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Options<'a> {
    let mut options = Options::new(
        directory.store(),
        directory.data_key(),
        Arc::clone(clock),
        Arc::clone(entropy),
    );
    options.tables.extend(iam::tables());
    options.tables.extend(kms::tables());
    options.tables.extend(s3::tables());
    options.tables.extend(featurestore::tables());
    options.tables.extend(ram::tables());
    options.spaces.extend(online::spaces());
    options.logs.push(&audit::EVENTS);
    options.logs.push(&featurestore::OUTBOX);
    options
}
