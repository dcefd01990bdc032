//! A deployment of IAM and our own service, called by the names of their operations.

use std::ops::Deref;
use std::sync::Arc;

use crypto::secret::Key32;
use iam::{
    AuthorizationMessages, IamResources, Identities, LastUsed, OrganizationResources,
    OrganizationTree, SessionTokens,
};
use operator::Explanations;
use pipeline::sources::{Principals, Sources, WriteBudgets};
use pipeline::{Caller, KnownActions, Parts, ServicesBuilder};
use serde_json::{Value, json};
use store::embedded::Options;
use store::{Batch, EmbeddedStore, Store};
use testkit::{Deployment, Operations, Outcome, Seeded, TestDisk};
use types::{AccessKeyId, AccountId, ManualClock, Region, Timestamp};

pub(crate) const ACCOUNT: &str = "111122223333";

/// What callers may do in a day and in a second.
pub(crate) struct Bounds {
    pub(crate) budgets: WriteBudgets,
    pub(crate) calls_per_second: u32,
}

impl Default for Bounds {
    /// More than any test does in a second: the clock stands still.
    fn default() -> Self {
        Self {
            budgets: WriteBudgets::default(),
            calls_per_second: 1_000_000,
        }
    }
}

/// A deployment with its administrator.
pub(crate) struct World {
    deployment: Deployment,
    pub(crate) administrator: Caller,
    /// What the store believes of its disk.
    pub(crate) disk: Arc<TestDisk>,
    _directory: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_parts| {})
    }

    /// One that has more parts.
    pub(crate) fn with(more: impl FnOnce(&mut Parts)) -> Self {
        Self::bounded(&Bounds::default(), more)
    }

    /// One that has more parts, and where callers may do so much.
    pub(crate) fn bounded(bounds: &Bounds, more: impl FnOnce(&mut Parts)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::new(1_700_000_000, 0)));
        let entropy = Arc::new(Seeded::default());
        let data_key = Key32::generate(&*entropy);
        let mut options = Options::new(directory.path(), &data_key, clock.clone(), entropy.clone());
        options.tables = iam::tables();
        options.logs = vec![&audit::EVENTS];
        let disk = Arc::new(TestDisk::new());
        options.disk = disk.clone();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&options).unwrap());
        let mut actions = KnownActions::default();
        iam::register(&mut actions);
        operator::register(&mut actions);
        let mut parts = Parts::default();
        parts.insert(Arc::new(Explanations::default()));
        parts.insert(Arc::new(LastUsed::default()));
        parts.insert(Arc::new(Principals(Arc::new(IamResources))));
        parts.insert(Arc::new(SessionTokens::new(&data_key)));
        parts.insert(Arc::new(AuthorizationMessages::new(&data_key)));
        parts.insert(Arc::new(actions));
        more(&mut parts);
        let sources = Sources::new(
            Arc::new(Identities::default()),
            Arc::new(OrganizationTree::default()),
        )
        .resources("iam", Arc::new(IamResources))
        .resources("organizations", Arc::new(OrganizationResources))
        .calls_per_second(bounds.calls_per_second)
        .write_budgets(bounds.budgets);
        let services = ServicesBuilder {
            store,
            clock: clock.clone(),
            entropy,
            sources,
            parts,
        }
        .build();
        let mut operations = Operations::default();
        iam::register(&mut operations);
        operator::register(&mut operations);
        let deployment = Deployment::start(clock, region(), operations, async { services });
        let mut batch = Batch::default();
        let now = deployment.services.clock().now();
        let account = ACCOUNT.parse().unwrap();
        let entropy = deployment.services.entropy();
        let first = iam::bootstrap(&mut batch, account, now, entropy).unwrap();
        deployment.commit(batch);
        let administrator = caller(&deployment, &first.id);
        Self {
            deployment,
            administrator,
            disk,
            _directory: directory,
        }
    }

    /// Calls `operation` as the administrator, who must succeed.
    pub(crate) fn ok(&self, operation: &str, input: Value) -> Value {
        self.call_as(&self.administrator, operation, input).unwrap()
    }

    /// Creates a user with an access key.
    pub(crate) fn user(&self, name: &str) -> Caller {
        self.ok("CreateUser", json!({ "UserName": name }));
        let created = self.ok("CreateAccessKey", json!({ "UserName": name }));
        let id = created["AccessKey"]["AccessKeyId"].as_str().unwrap();
        caller(&self.deployment, &id.parse().unwrap())
    }

    /// Puts the inline policy `name` of a user: this one statement.
    pub(crate) fn put(&self, user: &str, name: &str, effect: &str, action: &str, resource: &str) {
        let document = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": effect, "Action": action, "Resource": resource },
        ] });
        let input = json!({
            "UserName": user, "PolicyName": name, "PolicyDocument": document.to_string(),
        });
        self.ok("PutUserPolicy", input);
    }

    /// The root user of another account.
    pub(crate) fn root_of(&self, account: AccountId) -> Caller {
        let mut batch = Batch::default();
        let view = store::View::recording(self.services.store().snapshot());
        let now = self.services.clock().now();
        let entropy = self.services.entropy();
        let key = iam::create_root_access_key(&mut batch, &view, account, now, entropy).unwrap();
        self.commit(batch);
        caller(&self.deployment, &key.id)
    }

    /// The id of the newest request that was recorded in the first account.
    pub(crate) fn last_request(&self) -> String {
        let records = self.records_of(ACCOUNT.parse().unwrap());
        records[0].request_id.clone()
    }

    /// The id of the newest recorded request of the first account for `operation`.
    pub(crate) fn last_request_of(&self, operation: &str) -> String {
        let records = self.records_of(ACCOUNT.parse().unwrap());
        let mut records = records.iter();
        let found = records.find(|record| record.event_name == operation);
        found.unwrap().request_id.clone()
    }

    /// The id of the newest recorded request of the first account, if it is one for `operation`.
    pub(crate) fn newest_request_if(&self, operation: &str) -> Option<String> {
        let newest = self.records_of(ACCOUNT.parse().unwrap()).swap_remove(0);
        (newest.event_name == operation).then_some(newest.request_id)
    }

    /// Who signs with the temporary credentials that `answer` holds.
    pub(crate) fn session(&self, answer: &Value) -> Caller {
        let part = |name: &str| answer["Credentials"][name].as_str().unwrap();
        let tokens = self.services.part::<SessionTokens>().unwrap();
        let id = part("AccessKeyId").parse().unwrap();
        let found = iam::find_session(&self.view(), tokens, &id, part("SessionToken"));
        found.unwrap().caller
    }

    /// Explains a request as the administrator; at is `now` if nothing else is said.
    pub(crate) fn explain(&self, request: &str, more: Value) -> Value {
        self.explain_as(&self.administrator, request, more).unwrap()
    }

    pub(crate) fn explain_as(&self, caller: &Caller, request: &str, mut more: Value) -> Outcome {
        more["RequestId"] = json!(request);
        self.call_as(caller, "ExplainRequest", more)
    }
}

impl Deref for World {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

fn caller(deployment: &Deployment, key: &AccessKeyId) -> Caller {
    let credential = iam::find_credential(&deployment.view(), key).unwrap();
    Caller::new(credential.principal, Some(key.clone()))
}

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

pub(crate) fn user_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}
