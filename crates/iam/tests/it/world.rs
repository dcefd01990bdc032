//! A deployment of IAM alone, called by the names of its operations.

use std::ops::Deref;
use std::sync::Arc;

use audit::Record;
use crypto::secret::Key32;
use iam::{
    AuthorizationMessages, IamResources, Identities, IssuerKeys, LastUsed, OrganizationResources,
    OrganizationTree, SessionTokens,
};
use pipeline::sources::{Principals, Sources, WriteBudgets};
use pipeline::{Caller, Parts, Services, ServicesBuilder};
use serde_json::{Value, json};
use store::embedded::Options;
use store::{Batch, EmbeddedStore, Store, View};
pub(crate) use testkit::Outcome;
use testkit::{Deployment, Operations, Seeded};
use types::{AccessKeyId, AccountId, Clock, ManualClock, Principal, Region, Timestamp};

use crate::web_identity_tokens::TestKeys;

/// The account of all tests.
pub(crate) const ACCOUNT: &str = "111122223333";

/// A deployment with its administrator.
pub(crate) struct World {
    deployment: Deployment,
    pub(crate) administrator: Caller,
    /// The administrator's access key, as bootstrapping returned it.
    pub(crate) first_key: iam::AccessKey,
    _directory: tempfile::TempDir,
}

impl World {
    /// A new deployment on an empty directory, whose clock stands still.
    pub(crate) fn new() -> Self {
        Self::paced(1_000_000)
    }

    /// The same where each principal may make so many calls a second.
    pub(crate) fn paced(calls_per_second: u32) -> Self {
        Self::bounded(calls_per_second, WriteBudgets::default())
    }

    /// The same where each account may write so much in a day.
    pub(crate) fn with_budgets(budgets: WriteBudgets) -> Self {
        Self::bounded(1_000_000, budgets)
    }

    fn bounded(calls_per_second: u32, budgets: WriteBudgets) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::new(1_700_000_000, 0)));
        let entropy = Arc::new(Seeded::default());
        let data_key = Key32::generate(&*entropy);
        let mut options = Options::new(directory.path(), &data_key, clock.clone(), entropy.clone());
        options.tables = iam::tables();
        options.logs = vec![&audit::EVENTS];
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&options).unwrap());
        let mut parts = Parts::default();
        parts.insert(Arc::new(LastUsed::default()));
        parts.insert(Arc::new(Principals(Arc::new(IamResources))));
        parts.insert(Arc::new(SessionTokens::new(&data_key)));
        parts.insert(Arc::new(AuthorizationMessages::new(&data_key)));
        parts.insert(Arc::new(IssuerKeys(Arc::new(TestKeys))));
        let sources = Sources::new(
            Arc::new(Identities::default()),
            Arc::new(OrganizationTree::default()),
        )
        .resources("iam", Arc::new(IamResources))
        .resources("organizations", Arc::new(OrganizationResources))
        .calls_per_second(calls_per_second)
        .write_budgets(budgets);
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
        let deployment = Deployment::start(clock, region(), operations, async { services });
        let mut batch = Batch::default();
        let (now, entropy) = (deployment.clock.now(), deployment.services.entropy());
        let first_key = iam::bootstrap(&mut batch, account(), now, entropy).unwrap();
        deployment.commit(batch);
        let administrator = caller(&deployment.services, &first_key.id).unwrap();
        Self {
            deployment,
            administrator,
            first_key,
            _directory: directory,
        }
    }

    /// Calls `operation` as the administrator.
    pub(crate) fn call(&self, operation: &str, input: Value) -> Outcome {
        self.call_as(&self.administrator, operation, input)
    }

    /// Calls `operation` as the administrator, who must succeed.
    pub(crate) fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    /// Calls `operation` as the administrator and checks the code, status and message.
    pub(crate) fn refuses(&self, operation: &str, input: Value, expected: (&str, u16, &str)) {
        check_refused(self.call(operation, input), expected);
    }

    /// Calls all at once as the administrator.
    pub(crate) fn call_together(&self, calls: Vec<(&str, Value)>) -> Vec<Outcome> {
        self.deployment.call_together(&self.administrator, calls)
    }

    /// Who signs with `key`.
    pub(crate) fn caller(&self, key: &AccessKeyId) -> Option<Caller> {
        caller(&self.services, key)
    }

    /// Creates a user with an access key and, if given, an inline policy.
    pub(crate) fn user(&self, name: &str, policy: Option<Value>) -> Caller {
        self.ok("CreateUser", json!({ "UserName": name }));
        if let Some(policy) = policy {
            self.put_policy(name, "inline", &policy);
        }
        let key = self.key_of(name);
        self.caller(&key).unwrap()
    }

    /// Creates an access key of `user`.
    pub(crate) fn key_of(&self, user: &str) -> AccessKeyId {
        let created = self.ok("CreateAccessKey", json!({ "UserName": user }));
        created["AccessKey"]["AccessKeyId"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Puts an inline policy.
    pub(crate) fn put_policy(&self, user: &str, name: &str, policy: &Value) {
        let input = json!({
            "UserName": user, "PolicyName": name, "PolicyDocument": policy.to_string(),
        });
        self.ok("PutUserPolicy", input);
    }

    /// Creates a managed policy and returns its ARN.
    pub(crate) fn policy(&self, name: &str, document: &Value) -> String {
        let input = json!({ "PolicyName": name, "PolicyDocument": document.to_string() });
        self.ok("CreatePolicy", input)["Policy"]["Arn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A caller for the root user, with an access key of its own.
    pub(crate) fn root(&self) -> Caller {
        self.root_of(account())
    }

    /// A caller for the root user of an account, with an access key of its own.
    pub(crate) fn root_of(&self, account: AccountId) -> Caller {
        let mut batch = Batch::default();
        let view = View::recording(self.services.store().snapshot());
        let now = self.clock.now();
        let entropy = self.services.entropy();
        let key = iam::create_root_access_key(&mut batch, &view, account, now, entropy).unwrap();
        self.commit(batch);
        self.caller(&key.id).unwrap()
    }

    /// Who signs with the temporary credentials that `answer` holds, while they last.
    pub(crate) fn session(&self, answer: &Value) -> Option<Caller> {
        let credentials = &answer["Credentials"];
        let text = |name: &str| credentials[name].as_str().unwrap();
        let id = text("AccessKeyId").parse().unwrap();
        let tokens = self.services.part::<SessionTokens>().unwrap();
        let token = text("SessionToken");
        Some(iam::find_session(&self.view(), tokens, &id, token)?.caller)
    }

    /// The newest audit record.
    pub(crate) fn last_record(&self) -> Record {
        self.records().swap_remove(0)
    }

    /// All audit records, newest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.records_of(account())
    }
}

impl Deref for World {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

/// Checks that a call failed with this code, status and message.
pub(crate) fn check_refused(outcome: Outcome, (code, status, message): (&str, u16, &str)) {
    let refused = outcome.unwrap_err();
    let shown = (
        refused.code.as_str(),
        refused.status,
        refused.message.as_str(),
    );
    assert_eq!(shown, (code, Some(status), message));
}

/// Checks that a call was denied for lack of `action` on `resource`.
pub(crate) fn check_denied(outcome: Outcome, action: &str, resource: &str) {
    let refused = outcome.unwrap_err();
    assert_eq!(refused.code, "AccessDenied", "{refused:?}");
    let what = format!("is not authorized to perform: {action} on resource: {resource}");
    assert!(refused.message.contains(&what), "{refused:?}");
}

/// Checks that a call was denied for lack of `action`, on whatever it needs that for.
pub(crate) fn check_lacks(outcome: Outcome, action: &str) {
    let refused = outcome.unwrap_err();
    assert_eq!(refused.code, "AccessDenied", "{refused:?}");
    let what = format!("is not authorized to perform: {action} on resource: ");
    assert!(refused.message.contains(&what), "{refused:?}");
}

/// A policy of one statement.
pub(crate) fn allow(action: &str, resource: &str) -> Value {
    statement(&json!({ "Effect": "Allow", "Action": action, "Resource": resource }))
}

/// A policy of this statement.
pub(crate) fn statement(statement: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

pub(crate) fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

pub(crate) fn region() -> Region {
    "us-east-1".parse().unwrap()
}

pub(crate) fn user_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

pub(crate) fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

/// The unique id of a caller that is a user.
pub(crate) fn id_of(caller: &Caller) -> types::UniqueId {
    let id = match &caller.principal {
        Principal::User { id, .. } => Some(id.clone()),
        _ => None,
    };
    id.unwrap()
}

fn caller(services: &Services, key: &AccessKeyId) -> Option<Caller> {
    let view = View::plain(services.store().snapshot());
    let credential = iam::find_credential(&view, key)?;
    Some(Caller::new(credential.principal, Some(key.clone())))
}
