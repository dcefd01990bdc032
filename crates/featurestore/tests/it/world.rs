//! A deployment with IAM, KMS and the feature store, called by the names of operations.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::faults::{Faults, FaultyStore, FillingDisk};
use crate::repeated::{Counted, Watched};
use audit::Record;
use crypto::{Key32, SystemEntropy};
use featurestore::{FeatureGroups, Runtime};
use online::CachedStore;
use pipeline::sources::{LinkedRoles, Principals, Sources, WriteBudgets};
use pipeline::{Caller, Parts, Services, ServicesBuilder};
use serde_json::{Value, json};
use store::embedded::Options;
use store::{Batch, EmbeddedStore, Space, View};
pub(crate) use testkit::Outcome;
use testkit::{Deployment, Operations};
use types::{AccountId, Clock, ManualClock, Region, Service, Timestamp};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "us-east-1";

/// 2026-01-10T00:00:00Z.
pub(crate) const NOW: i64 = 1_768_003_200;

/// What survives a restart.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    data_key: Key32,
}

/// A running deployment with its administrator.
pub(crate) struct World {
    deployment: Deployment,
    pub(crate) administrator: Caller,
    /// Makes commits fail.
    pub(crate) faults: Arc<Faults>,
    home: Home,
}

impl World {
    /// A new deployment on an empty directory.
    pub(crate) fn new() -> Self {
        Self::with(featurestore::Options::default())
    }

    pub(crate) fn with(options: featurestore::Options) -> Self {
        Self::with_quotas(options, &BTreeMap::new())
    }

    /// A deployment whose KMS takes so many calls a second, by family of operations.
    pub(crate) fn with_quotas(
        options: featurestore::Options,
        quotas: &BTreeMap<String, f64>,
    ) -> Self {
        let quotas = (!quotas.is_empty()).then(|| kms::RequestQuotas::new(quotas, 1).unwrap());
        let bounds = Bounds {
            quotas,
            ..Bounds::default()
        };
        Self::bounded(options, bounds)
    }

    /// A deployment where each principal may make so many calls a second that no quota counts;
    /// KMS has its usual quotas, as in the server.
    pub(crate) fn paced(calls_per_second: u32) -> Self {
        let quotas = kms::RequestQuotas::new(&BTreeMap::new(), 1).unwrap();
        let bounds = Bounds {
            quotas: Some(quotas),
            calls_per_second,
            ..Bounds::default()
        };
        Self::bounded(featurestore::Options::default(), bounds)
    }

    /// A deployment where each account may write so much in a day.
    pub(crate) fn with_budgets(budgets: WriteBudgets) -> Self {
        let bounds = Bounds {
            budgets,
            ..Bounds::default()
        };
        Self::bounded(featurestore::Options::default(), bounds)
    }

    /// The same, whose KMS takes so many calls a second, by family of operations.
    pub(crate) fn with_quotas_and_budgets(
        quotas: &BTreeMap<String, f64>,
        budgets: WriteBudgets,
    ) -> Self {
        let bounds = Bounds {
            quotas: Some(kms::RequestQuotas::new(quotas, 1).unwrap()),
            budgets,
            ..Bounds::default()
        };
        Self::bounded(featurestore::Options::default(), bounds)
    }

    /// A deployment whose KMS may use these tokens and proxies.
    pub(crate) fn connecting_to(options: featurestore::Options, outside: kms::Outside) -> Self {
        let bounds = Bounds {
            outside: Some(outside),
            ..Bounds::default()
        };
        Self::bounded(options, bounds)
    }

    fn bounded(options: featurestore::Options, bounds: Bounds) -> Self {
        let home = Home {
            directory: tempfile::tempdir().unwrap(),
            data_key: Key32::generate(&SystemEntropy),
        };
        let clock = Arc::new(ManualClock::new(Timestamp::new(NOW, 0)));
        let faults = Arc::new(Faults::default());
        let starting = start(&home, clock.clone(), faults.clone(), options, bounds);
        let deployment = Deployment::start(clock.clone(), region(), operations(), starting);
        let mut batch = Batch::default();
        let (now, entropy) = (clock.now(), deployment.services.entropy());
        let key = iam::bootstrap(&mut batch, account(), now, entropy).unwrap();
        deployment.commit(batch);
        make_owned_key(&deployment);
        let administrator = caller(&deployment.services, &key.id);
        Self {
            deployment,
            administrator,
            faults,
            home,
        }
    }

    /// The same deployment after a restart.
    pub(crate) fn restarted(self) -> Self {
        let Self {
            deployment,
            administrator,
            faults,
            home,
        } = self;
        let options = featurestore::Options::default();
        let starting = start(
            &home,
            deployment.clock.clone(),
            faults.clone(),
            options,
            Bounds::default(),
        );
        Self {
            deployment: deployment.restarted(starting),
            administrator,
            faults,
            home,
        }
    }

    pub(crate) fn call(&self, operation: &str, input: Value) -> Outcome {
        self.call_as(&self.administrator, operation, input)
    }

    /// Calls `operation` as the administrator, who must succeed.
    pub(crate) fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    /// Calls `operation` as the administrator, who must fail with this code and in whose
    /// message this text must be.
    pub(crate) fn refuses(&self, operation: &str, input: Value, code: &str, text: &str) {
        check_refused(self.call(operation, input), code, text);
    }

    /// Makes another account and returns its administrator.
    pub(crate) fn other_account(&self, id: &str) -> Caller {
        let (mut batch, now) = (Batch::default(), self.clock.now());
        let entropy = self.services.entropy();
        let key = iam::bootstrap(&mut batch, id.parse().unwrap(), now, entropy).unwrap();
        self.commit(batch);
        self.caller_of(&key.id)
    }

    /// The root user of an account.
    pub(crate) fn root_of(&self, account: AccountId) -> Caller {
        let (mut batch, now) = (Batch::default(), self.clock.now());
        let view = View::recording(self.services.store().snapshot());
        let entropy = self.services.entropy();
        let key = iam::create_root_access_key(&mut batch, &view, account, now, entropy).unwrap();
        self.commit(batch);
        self.caller_of(&key.id)
    }

    /// Whoever signs with a long-term access key.
    pub(crate) fn caller_of(&self, key: &types::AccessKeyId) -> Caller {
        caller(&self.services, key)
    }

    /// Creates a user with this inline policy.
    pub(crate) fn user(&self, name: &str, statements: &Value) -> Caller {
        self.ok("CreateUser", json!({ "UserName": name }));
        self.put_policy(name, statements);
        let key = self.ok("CreateAccessKey", json!({ "UserName": name }));
        let key = key["AccessKey"]["AccessKeyId"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        self.caller_of(&key)
    }

    /// Replaces the user's inline policy.
    pub(crate) fn put_policy(&self, user: &str, statements: &Value) {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let input = json!({ "UserName": user, "PolicyName": "inline", "PolicyDocument": document });
        self.ok("PutUserPolicy", input);
    }

    /// Creates a KMS key and returns its ARN.
    pub(crate) fn key(&self) -> String {
        text(&self.ok("CreateKey", json!({}))["KeyMetadata"]["Arn"])
    }

    /// Creates a group with the usual features.
    pub(crate) fn group(&self, name: &str) {
        self.ok("CreateFeatureGroup", group(name));
    }

    /// Creates a group under the KMS key `key`.
    pub(crate) fn group_under(&self, name: &str, key: &str) {
        self.ok("CreateFeatureGroup", group_under(name, key));
    }

    pub(crate) fn put(&self, group: &str, features: &[(&str, &str)]) -> Outcome {
        self.call(
            "PutRecord",
            json!({ "FeatureGroupName": group, "Record": record(features) }),
        )
    }

    /// The record's features as pairs; nothing if there is no record.
    pub(crate) fn get(&self, group: &str, identifier: &str) -> Option<Vec<(String, String)>> {
        features(&self.ok("GetRecord", read(group, identifier)))
    }

    /// Does what the server does in the background, until there is nothing to do.
    pub(crate) fn maintain(&self) {
        featurestore::wipe(&self.services);
        let undone = self.block_on(featurestore::maintain(&self.services));
        assert!(undone.is_empty(), "{undone:?}");
    }

    /// How many cells the engine holds.
    pub(crate) fn cells(&self, space: Space) -> usize {
        use std::ops::Bound::Unbounded;
        self.services
            .store()
            .cells(space, Unbounded, Unbounded, 100_000)
            .unwrap()
            .len()
    }

    /// All audit records of the account, newest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.deployment.records_of(account())
    }

    /// The audit records of one operation, newest first.
    pub(crate) fn records_of(&self, operation: &str) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.event_name == operation);
        records
    }

    /// Creates the role `features` that `service` may assume.
    pub(crate) fn role(&self, service: &str) {
        let trust = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
        } });
        let document = trust.to_string();
        let input = json!({ "RoleName": "features", "AssumeRolePolicyDocument": document });
        self.ok("CreateRole", input);
    }
}

impl Deref for World {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

/// What callers may do.
struct Bounds {
    quotas: Option<kms::RequestQuotas>,
    calls_per_second: u32,
    budgets: WriteBudgets,
    outside: Option<kms::Outside>,
}

impl Default for Bounds {
    /// More than any test does in a second: the clock stands still.
    fn default() -> Self {
        Self {
            quotas: None,
            calls_per_second: 1_000_000,
            budgets: WriteBudgets::default(),
            outside: None,
        }
    }
}

async fn start(
    home: &Home,
    clock: Arc<ManualClock>,
    faults: Arc<Faults>,
    options: featurestore::Options,
    bounds: Bounds,
) -> Arc<Services> {
    let entropy = Arc::new(SystemEntropy);
    let store = Arc::new(CachedStore::new(
        Arc::new(open(home, clock.clone(), &faults)),
        1024 * 1024,
    ));
    let store = Arc::new(FaultyStore {
        inner: store,
        faults,
    });
    let mut parts = Parts::default();
    parts.insert(Arc::new(iam::LastUsed::default()));
    parts.insert(Arc::new(iam::SessionTokens::new(&home.data_key)));
    parts.insert(Arc::new(Principals(Arc::new(iam::IamResources))));
    let shred = home.directory.path().join("shred.keys");
    let shred = Arc::new(kms::ShredKeys::open(shred, &home.data_key, entropy.clone()).unwrap());
    let keyring = kms::Keyring::new(clock.clone(), entropy.clone(), shred);
    parts.insert(Arc::new(keyring));
    parts.insert(Arc::new(kms::Prices::default()));
    parts.insert(Arc::new(ram::Shareable(vec![Arc::new(FeatureGroups)])));
    parts.insert(Arc::new(kms::ResourceQuotas::default()));
    if let Some(outside) = bounds.outside {
        parts.insert(Arc::new(outside));
        parts.insert(Arc::new(LinkedRoles(Arc::new(iam::IamResources))));
    }
    parts.insert(Arc::new(
        Runtime::open(store.clone(), options).await.unwrap(),
    ));
    let sources = Sources::new(
        Arc::new(Watched(iam::Identities::default())),
        Arc::new(iam::OrganizationTree::default()),
    )
    .resources("iam", Arc::new(iam::IamResources))
    .resources("organizations", Arc::new(iam::OrganizationResources))
    .resources("kms", Arc::new(Counted(kms::KeyPolicies)))
    .resources("ram", Arc::new(ram::Shares))
    .resources("s3", Arc::new(s3::Buckets))
    .resources("sagemaker", Arc::new(FeatureGroups))
    .calls_per_second(bounds.calls_per_second)
    .write_budgets(bounds.budgets);
    let sources = match bounds.quotas.map(Arc::new) {
        Some(quotas) => sources
            .quotas(Service::Kms, quotas.clone())
            .quotas(Service::Strongroom, quotas),
        None => sources,
    };
    ServicesBuilder {
        store,
        clock,
        entropy,
        sources,
        parts,
    }
    .build()
}

fn open(home: &Home, clock: Arc<ManualClock>, faults: &Arc<Faults>) -> EmbeddedStore {
    let directory = home.directory.path();
    let mut options = Options::new(directory, &home.data_key, clock, Arc::new(SystemEntropy));
    options.disk = Arc::new(FillingDisk(Arc::clone(faults)));
    options.tables = iam::tables();
    options.tables.extend(kms::tables());
    options.tables.extend(s3::tables());
    options.tables.extend(featurestore::tables());
    options.tables.extend(ram::tables());
    options.spaces.extend(online::spaces());
    options.logs = vec![&audit::EVENTS, &featurestore::OUTBOX];
    EmbeddedStore::open(&options).unwrap()
}

pub(crate) fn operations() -> Operations {
    let mut operations = Operations::default();
    iam::register(&mut operations);
    kms::register(&mut operations);
    s3::register(&mut operations);
    featurestore::register(&mut operations);
    ram::register(&mut operations);
    operations
}

fn make_owned_key(deployment: &Deployment) {
    let view = View::recording(deployment.services.store().snapshot());
    let keyring: &kms::Keyring = deployment.services.part().unwrap();
    let batch = keyring
        .ensure_owned_key(&view, Service::SageMaker, &region())
        .unwrap();
    deployment.commit(batch.unwrap());
}

pub(crate) fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

pub(crate) fn region() -> Region {
    REGION.parse().unwrap()
}

fn caller(services: &Services, key: &types::AccessKeyId) -> Caller {
    let view = View::plain(services.store().snapshot());
    let credential = iam::find_credential(&view, key).unwrap();
    Caller::new(credential.principal, Some(key.clone()))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The ARN of a group.
pub(crate) fn group_arn(name: &str) -> String {
    format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{name}")
}

/// The request for a group with the usual features.
pub(crate) fn group(name: &str) -> Value {
    let feature = |name: &str, kind: &str| json!({ "FeatureName": name, "FeatureType": kind });
    json!({
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "at",
        "FeatureDefinitions": [
            feature("id", "String"), feature("at", "String"), feature("count", "Integral"),
            feature("ratio", "Fractional"), feature("note", "String"),
        ],
        "OnlineStoreConfig": { "EnableOnlineStore": true },
    })
}

/// The request for a group in memory: the usual features, and a collection of each kind.
pub(crate) fn group_in_memory(name: &str) -> Value {
    let collection = |name: &str, kind: &str, collection: &str| json!({ "FeatureName": name, "FeatureType": kind, "CollectionType": collection });
    let mut request = group(name);
    request["OnlineStoreConfig"]["StorageType"] = "InMemory".into();
    let features = request["FeatureDefinitions"].as_array_mut().unwrap();
    features.push(collection("list", "String", "List"));
    features.push(collection("set", "Integral", "Set"));
    let mut vector = collection("vector", "Fractional", "Vector");
    vector["CollectionConfig"] = json!({ "VectorConfig": { "Dimension": 3 } });
    features.push(vector);
    request
}

/// The request for a group under the KMS key `key`.
pub(crate) fn group_under(name: &str, key: &str) -> Value {
    let mut request = group(name);
    request["OnlineStoreConfig"]["SecurityConfig"] = json!({ "KmsKeyId": key });
    request
}

/// A record on the wire.
pub(crate) fn record(features: &[(&str, &str)]) -> Value {
    let feature =
        |(name, value): &(&str, &str)| json!({ "FeatureName": name, "ValueAsString": value });
    features.iter().map(feature).collect()
}

/// The request for one record.
pub(crate) fn read(group: &str, identifier: &str) -> Value {
    json!({ "FeatureGroupName": group, "RecordIdentifierValueAsString": identifier })
}

/// The request that deletes one record.
pub(crate) fn delete(group: &str, identifier: &str, event_time: &str, mode: Option<&str>) -> Value {
    let mut request = read(group, identifier);
    request["EventTime"] = event_time.into();
    if let Some(mode) = mode {
        request["DeletionMode"] = mode.into();
    }
    request
}

/// The features in an answer of `GetRecord`.
pub(crate) fn features(answer: &Value) -> Option<Vec<(String, String)>> {
    let record = answer.get("Record")?.as_array().unwrap();
    let pair = |feature: &Value| {
        (
            text(&feature["FeatureName"]),
            text(&feature["ValueAsString"]),
        )
    };
    Some(record.iter().map(pair).collect())
}

/// The day of January 2026 as an event time.
pub(crate) fn day(day: u32) -> String {
    format!("2026-01-{day:02}T00:00:00Z")
}

pub(crate) fn check_refused(outcome: Outcome, code: &str, text: &str) {
    let refused = outcome.unwrap_err();
    assert_eq!(refused.code, code, "{refused:?}");
    assert!(refused.message.contains(text), "{refused:?}");
}

/// The numbers of the data keys that cells are under, each once, in order.
pub(crate) fn data_keys(world: &World) -> Vec<u32> {
    use std::ops::Bound::Unbounded;
    let cells = world
        .services
        .store()
        .cells(online::CELLS, Unbounded, Unbounded, 100_000);
    let numbers = cells.unwrap().into_iter();
    let numbers = numbers.map(|(_, value)| online::Header::read(&value).unwrap().data_key);
    let numbers: std::collections::BTreeSet<u32> = numbers.collect();
    numbers.into_iter().collect()
}

/// Writes records `0` to `count` of a group.
pub(crate) fn fill(world: &World, group: &str, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(25) {
        let entry = |number: &usize| {
            json!({
                "FeatureGroupName": group,
                "Record": record(&[("id", &number.to_string()), ("at", &day(1))]),
            })
        };
        let entries: Vec<Value> = numbers.iter().map(entry).collect();
        let answer = world.ok("BatchWriteRecord", json!({ "Entries": entries }));
        assert_eq!(answer["Errors"], json!([]));
    }
}
