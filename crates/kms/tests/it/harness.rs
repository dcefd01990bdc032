//! A deployment with KMS only: an engine in a scratch directory, users, a clock that stands.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit::Record;
use crypto::{Key32, SystemEntropy};
use pipeline::sources::{
    AccountBounds, AttachedDocument, IdentityPolicies, IdentitySource, LinkedRoles, MakeLinkedRole,
    OrganizationSource, PrincipalDirectory, Principals, Sources,
};
use pipeline::{Caller, Ctx, Executed, Failure, Operation, Parts, Services, ServicesBuilder};
use policy::{Document, DocumentKind};
use store::embedded::Options;
use store::{EmbeddedStore, Store, View};
use tempfile::TempDir;
use testkit::TestDisk;
use types::{
    AccountId, Arn, Clock, Entropy, ManualClock, Principal, Region, Service, Timestamp, UniqueId,
    UniqueIdKind,
};

/// The account that most tests work in.
pub(crate) const HOME: &str = "111122223333";
/// Another account of the deployment.
pub(crate) const AWAY: &str = "444455556666";

/// The regions of the deployment; most tests work in the first.
pub(crate) const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// Allows a user everything that key policies leave to its account, and what multi-Region keys
/// need beside it.
pub(crate) const ALL_OF_KMS: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["kms:*","iam:CreateServiceLinkedRole"],"Resource":"*"}]}"#;

pub(crate) struct World {
    pub(crate) services: Arc<Services>,
    pub(crate) region: Region,
    /// Stands until a test moves it.
    pub(crate) clock: Arc<ManualClock>,
    users: Arc<Users>,
    quotas: Quotas,
    data_key: Key32,
    directory: Home,
    outside: Arc<kms::Outside>,
    /// What the store believes of its disk.
    pub(crate) disk: Arc<TestDisk>,
}

/// Where a deployment's data is: in a directory of its own, which ends with it, or in a given one.
#[derive(Debug)]
pub(crate) enum Home {
    Own(TempDir),
    Given(PathBuf),
}

impl Home {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Own(directory) => directory.path(),
            Self::Given(path) => path,
        }
    }
}

/// Calls a second by family, by how much all are raised, and how much there may be.
type Quotas = (BTreeMap<String, f64>, u32, kms::ResourceQuotas);

/// Users with one inline policy each, and the services whose role was asked for.
#[derive(Debug, Default)]
struct Users(
    Mutex<HashMap<UniqueId, (Arn, Arc<IdentityPolicies>)>>,
    Mutex<Vec<&'static str>>,
);

impl World {
    /// A deployment whose clock stands, and which therefore throttles nobody.
    pub(crate) fn new() -> Self {
        Self::beside(
            (BTreeMap::new(), 1_000_000, kms::ResourceQuotas::default()),
            kms::Outside::new(Vec::new(), Vec::new(), Arc::new(NoProxies)),
        )
    }

    /// A deployment in which there may be so much.
    pub(crate) fn holding(most: kms::ResourceQuotas) -> Self {
        Self::beside(
            (BTreeMap::new(), 1_000_000, most),
            kms::Outside::new(Vec::new(), Vec::new(), Arc::new(NoProxies)),
        )
    }

    /// A deployment with these request quotas.
    pub(crate) fn throttling(quotas: &BTreeMap<String, f64>, factor: u32) -> Self {
        Self::beside(
            (quotas.clone(), factor, kms::ResourceQuotas::default()),
            kms::Outside::new(Vec::new(), Vec::new(), Arc::new(NoProxies)),
        )
    }

    /// A deployment whose custom key stores may connect to `outside`.
    pub(crate) fn connecting_to(outside: kms::Outside) -> Self {
        let quotas = (BTreeMap::new(), 1_000_000, kms::ResourceQuotas::default());
        Self::beside(quotas, outside)
    }

    /// The same with these request quotas.
    pub(crate) fn throttling_outside(
        quotas: &BTreeMap<String, f64>,
        outside: kms::Outside,
    ) -> Self {
        let quotas = (quotas.clone(), 1, kms::ResourceQuotas::default());
        Self::beside(quotas, outside)
    }

    fn beside(quotas: Quotas, outside: kms::Outside) -> Self {
        let data_key = Key32::generate(&SystemEntropy);
        let start = Timestamp::new(1_795_466_820, 0);
        let directory = Home::Own(TempDir::new().unwrap());
        let users = Arc::default();
        Self::open(
            directory,
            data_key,
            (users, quotas),
            start,
            Arc::new(outside),
        )
    }

    /// The same deployment after a restart.
    pub(crate) fn restarted(self) -> Self {
        let Self {
            services,
            users,
            quotas,
            data_key,
            directory,
            clock,
            outside,
            ..
        } = self;
        drop(services);
        Self::open(directory, data_key, (users, quotas), clock.now(), outside)
    }

    /// The deployment in the directory at `path`, whose files `data_key` opens, at this time; it knows
    /// no users yet.
    pub(crate) fn at(path: PathBuf, data_key: Key32, now: Timestamp) -> Self {
        let quotas = (BTreeMap::new(), 1_000_000, kms::ResourceQuotas::default());
        let outside = kms::Outside::new(Vec::new(), Vec::new(), Arc::new(NoProxies));
        let held = (Arc::default(), quotas);
        Self::open(Home::Given(path), data_key, held, now, Arc::new(outside))
    }

    /// The data key.
    pub(crate) fn data_key(&self) -> &Key32 {
        &self.data_key
    }

    fn open(
        directory: Home,
        data_key: Key32,
        (users, quotas): (Arc<Users>, Quotas),
        now: Timestamp,
        outside: Arc<kms::Outside>,
    ) -> Self {
        // The monotonic clock begins anew, and with it what is counted by it.
        let throttle = kms::RequestQuotas::new(&quotas.0, quotas.1).unwrap();
        let throttle = Arc::new(throttle);
        let moved = Arc::new(ManualClock::new(now));
        let clock: Arc<dyn Clock> = moved.clone();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let path = directory.path().join("store");
        let mut options = Options::new(path, &data_key, Arc::clone(&clock), Arc::clone(&entropy));
        options.tables.extend(kms::tables());
        options.logs.push(&audit::EVENTS);
        let disk = Arc::new(TestDisk::new());
        options.disk = disk.clone();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&options).unwrap());
        let identities: Arc<dyn IdentitySource> = users.clone();
        let principals: Arc<dyn PrincipalDirectory> = users.clone();
        let sources = Sources::new(identities, users.clone())
            .resources("kms", Arc::new(kms::KeyPolicies))
            .quotas(Service::Kms, throttle.clone())
            .quotas(Service::Strongroom, throttle)
            .calls_per_second(quotas.1.saturating_mul(200));
        let shred = directory.path().join("shred.keys");
        let shred = kms::ShredKeys::open(shred, &data_key, Arc::clone(&entropy)).unwrap();
        let shred = Arc::new(shred);
        let keyring = kms::Keyring::new(Arc::clone(&clock), Arc::clone(&entropy), shred);
        keyring.check(&store.snapshot()).unwrap();
        let mut parts = Parts::default();
        parts.insert(Arc::new(keyring));
        parts.insert(Arc::new(kms::Regions(
            REGIONS.map(|name| name.parse().unwrap()).into(),
        )));
        parts.insert(Arc::new(kms::Prices::default()));
        parts.insert(Arc::new(quotas.2));
        parts.insert(Arc::new(Principals(principals)));
        let roles: Arc<dyn MakeLinkedRole> = users.clone();
        parts.insert(Arc::new(LinkedRoles(roles)));
        parts.insert(Arc::clone(&outside));
        let services = ServicesBuilder {
            store,
            clock,
            entropy,
            sources,
            parts,
        }
        .build();
        let region = REGIONS[0].parse().unwrap();
        Self {
            services,
            region,
            clock: moved,
            users,
            quotas,
            data_key,
            directory,
            outside,
            disk,
        }
    }

    /// Lets so many days pass, and what is due then happen.
    pub(crate) async fn pass_days(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
        self.maintain().await;
    }

    /// Lets so many seconds pass.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sets the wall clock so many days ahead; no time passes.
    pub(crate) fn set_days_ahead(&self, days: u64) {
        self.clock.set_ahead(Duration::from_secs(days * 86_400));
    }

    /// Sets the wall clock so many days back.
    pub(crate) fn set_days_back(&self, days: u64) {
        self.clock.set_back(Duration::from_secs(days * 86_400));
    }

    /// Lets a part of a second pass.
    pub(crate) fn advance_millis(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A key ring over another file of shred keys.
    pub(crate) fn keyring_over(&self, path: &Path) -> kms::Keyring {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let shred = kms::ShredKeys::open(path, &self.data_key, Arc::clone(&entropy)).unwrap();
        kms::Keyring::new(self.clock.clone(), entropy, Arc::new(shred))
    }

    /// What the maintenance task does, until nothing is left to do.
    pub(crate) async fn maintain(&self) {
        loop {
            let before = self.services.store().snapshot().revision();
            let undone = kms::maintain(&self.services).await;
            assert!(undone.is_empty(), "{undone:?}");
            if self.services.store().snapshot().revision() == before {
                return;
            }
        }
    }

    /// The deployment of a copy of this one's data directory.
    pub(crate) fn copied(&self) -> Self {
        self.copied_with(&self.directory().join("shred.keys"))
    }

    /// The deployment of a copy of this one's data directory, with this file of shred keys.
    pub(crate) fn copied_with(&self, shred: &Path) -> Self {
        let copy = self.files();
        std::fs::copy(shred, copy.path().join("shred.keys")).unwrap();
        self.over(copy)
    }

    /// A copy of this one's data directory.
    pub(crate) fn files(&self) -> TempDir {
        let copy = TempDir::new().unwrap();
        copy_directory(self.directory.path(), copy.path());
        copy
    }

    /// The deployment of such a copy.
    pub(crate) fn over(&self, copy: TempDir) -> Self {
        let users = Arc::clone(&self.users);
        let held = (users, self.quotas.clone());
        let outside = Arc::clone(&self.outside);
        let now = self.clock.now();
        Self::open(Home::Own(copy), self.data_key.clone(), held, now, outside)
    }

    /// Where the data is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Puts the key at `arn` into `state`, whether or not operations lead there.
    pub(crate) async fn put_in_state(&self, arn: &str, state: kms::KeyState) {
        let arn: Arn = arn.parse().unwrap();
        let batch = kms::fuzzing::in_state(&self.view(), &arn, state).unwrap();
        self.services.store().commit(batch).await.unwrap();
    }

    /// A user of `account` with this inline policy.
    pub(crate) fn user(&self, account: &str, name: &str, policy: Option<&str>) -> Caller {
        let id = UniqueId::generate(self.services.entropy(), UniqueIdKind::User);
        let arn: Arn = format!("arn:aws:iam::{account}:user/{name}")
            .parse()
            .unwrap();
        let attached = policy.map(|text| AttachedDocument {
            document: Arc::new(Document::parse(text, DocumentKind::Identity).unwrap()),
            name: "inline".to_owned(),
            arn: None,
        });
        let policies = IdentityPolicies {
            identity: attached.into_iter().collect(),
            ..Default::default()
        };
        let mut users = self.users.0.lock().unwrap();
        users.insert(id.clone(), (arn.clone(), Arc::new(policies)));
        let (account, name) = (account.parse().unwrap(), name.to_owned());
        Caller {
            principal: Principal::User {
                account,
                arn,
                id,
                name,
            },
            access_key: None,
            session: None,
        }
    }

    /// A user who may do whatever key policies leave to its account.
    pub(crate) fn admin(&self) -> Caller {
        self.user(HOME, "Admin", Some(ALL_OF_KMS))
    }

    /// Calls `O` and answers when its record is durable.
    pub(crate) async fn call<O: Operation>(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> Result<O::Output, Failure> {
        self.call_in::<O>(&self.region, caller, input).await
    }

    pub(crate) async fn call_in<O: Operation>(
        &self,
        region: &Region,
        caller: &Caller,
        input: O::Input,
    ) -> Result<O::Output, Failure> {
        let ctx = testkit::context(&self.services, caller, region);
        let Executed { result, .. } = pipeline::execute::<O>(ctx, input).await;
        result
    }

    /// Calls `O` as a service that acts for the resource at `source`.
    pub(crate) async fn call_about<O: Operation>(
        &self,
        service: &Caller,
        source: Option<&Arn>,
        input: O::Input,
    ) -> Result<O::Output, Failure> {
        let ctx = testkit::context(&self.services, service, &self.region);
        let ctx = match source {
            Some(source) => ctx.about(source.clone()),
            None => ctx,
        };
        pipeline::execute::<O>(ctx, input).await.result
    }

    /// Calls `O` as SageMaker does on the caller's behalf; what it changes is not committed.
    pub(crate) async fn call_via<O: Operation>(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> Result<O::Output, Failure> {
        let ctx = testkit::context(&self.services, caller, &self.region);
        let on_behalf = ctx.on_behalf_of(Service::SageMaker);
        pipeline::call::<O>(on_behalf, input).await
    }

    /// The services whose linked role was asked for, in order.
    pub(crate) fn linked_roles(&self) -> Vec<&'static str> {
        self.users.1.lock().unwrap().clone()
    }

    /// Deletes a user.
    pub(crate) fn remove(&self, user: &Caller) {
        let Principal::User { id, .. } = &user.principal else {
            panic!("not a user");
        };
        self.users.0.lock().unwrap().remove(id);
    }

    /// Gives the key at `arn` this many grants, each for a user that does not exist.
    pub(crate) async fn fill_with_grants(&self, arn: &str, number: usize) {
        let arn: Arn = arn.parse().unwrap();
        for start in (0..number).step_by(3_000) {
            let end = number.min(start + 3_000);
            let batch = kms::fuzzing::grants(&self.view(), &arn, start..end).unwrap();
            self.services.store().commit(batch).await.unwrap();
        }
    }

    /// The code and message with which `O` fails.
    pub(crate) async fn failure<O: Operation>(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> (String, String) {
        match self.call::<O>(caller, input).await {
            Ok(_) => panic!("{} succeeded", O::NAME),
            Err(failure) => (failure.code.into_owned(), failure.message),
        }
    }

    /// Checks that `O` is denied, and fails in no other way; `about` says in which case.
    pub(crate) async fn check_denied<O: Operation>(
        &self,
        caller: &Caller,
        input: O::Input,
        about: &str,
    ) {
        let (code, message) = self.failure::<O>(caller, input).await;
        assert_eq!(code, "AccessDeniedException", "{about}: {message}");
    }

    pub(crate) fn view(&self) -> View {
        testkit::view(&self.services)
    }

    /// The newest record in the history of `account`.
    pub(crate) fn newest_record(&self, account: &str) -> Record {
        self.records(account).into_iter().next().expect("a record")
    }

    /// The history of `account`, newest first.
    pub(crate) fn records(&self, account: &str) -> Vec<Record> {
        self.records_in(&self.region, account)
    }

    /// The history of `account` in one region, newest first.
    pub(crate) fn records_in(&self, region: &Region, account: &str) -> Vec<Record> {
        testkit::records(&self.services, account.parse().unwrap(), region)
    }
}

/// Reaches no proxy.
#[derive(Debug)]
struct NoProxies;

impl kms::ProxyClient for NoProxies {
    fn post(&self, _call: kms::ProxyCall) -> kms::Sent<'_> {
        Box::pin(async { Err(kms::NoAnswer::Unreachable) })
    }

    fn certificate_end(&self, _endpoint: &str) -> Option<Timestamp> {
        None
    }
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Notes what is asked for; there is no IAM here to make it.
impl MakeLinkedRole for Users {
    fn ensure<'a>(
        &'a self,
        _ctx: &'a Ctx,
        _service: Service,
        linked: &'static str,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> {
        self.1.lock().unwrap().push(linked);
        Box::pin(async { Ok(()) })
    }
}

/// These accounts belong to no organization.
impl OrganizationSource for Users {
    fn bounds(&self, _: &View, _: AccountId) -> Arc<AccountBounds> {
        Arc::default()
    }
}

impl IdentitySource for Users {
    fn policies(&self, _view: &View, principal: &Principal) -> Arc<IdentityPolicies> {
        let Principal::User { id, .. } = principal else {
            return Arc::default();
        };
        let users = self.0.lock().unwrap();
        users
            .get(id)
            .map(|(_, policies)| Arc::clone(policies))
            .unwrap_or_default()
    }

    fn managed(&self, _: &View, _: AccountId, _: &Arn) -> Option<AttachedDocument> {
        None
    }

    fn is_active(&self, _view: &View, _caller: &Caller) -> bool {
        true
    }
}

impl PrincipalDirectory for Users {
    fn unique_id(&self, _view: &View, arn: &Arn) -> Option<UniqueId> {
        let users = self.0.lock().unwrap();
        users
            .iter()
            .find(|(_, (known, _))| known == arn)
            .map(|(id, _)| id.clone())
    }

    fn arn_of(&self, _view: &View, id: &UniqueId) -> Option<Arn> {
        self.0.lock().unwrap().get(id).map(|(arn, _)| arn.clone())
    }

    fn role_id(&self, _view: &View, _account: AccountId, _name: &str) -> Option<UniqueId> {
        None
    }

    fn trust_policy(&self, _view: &View, _arn: &Arn) -> Option<Arc<Document>> {
        None
    }

    fn account_exists(&self, _view: &View, account: AccountId) -> bool {
        [HOME, AWAY].contains(&account.as_str())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "requests hold it as an option")]
pub(crate) fn context(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    )
}
