//! Custom key stores in tests: a token and a proxy of its own for each test, and calls by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipeline::Caller;
use serde_json::{Value, json};
use testkit::xks::{Behaviour, Keys, Mode, Proxy, Request};
use testkit::{Operations, Outcome, SoftHsm};
use zeroize::Zeroizing;

use crate::harness::{HOME, World};

pub(crate) const CLUSTER: &str = "cluster-aaaaaaaaaaa";
pub(crate) const PIN: &str = "kmsuser-pin";
pub(crate) const ENDPOINT: &str = "https://xks.example.com";
pub(crate) const PATH: &str = "/one/kms/xks/v1";
pub(crate) const ACCESS_KEY: &str = "AAAAAAAAAAAAAAAAAAAA";
pub(crate) const SECRET: &str = "0123456789012345678901234567890123456789012";

/// The certificate by which callers name the token; any PEM will do.
pub(crate) const ANCHOR: &str =
    "-----BEGIN CERTIFICATE-----\nAQIDBA==\n-----END CERTIFICATE-----\n";

/// A deployment with a token and a proxy.
pub(crate) struct Outsiders {
    pub(crate) world: World,
    pub(crate) admin: Caller,
    operations: Operations,
    runtime: tokio::runtime::Runtime,
    behaviour: PathBuf,
}

/// Hands requests to a proxy in this process, without a network.
#[derive(Debug)]
struct InProcess(Proxy);

impl kms::ProxyClient for InProcess {
    fn post(&self, call: kms::ProxyCall) -> kms::Sent<'_> {
        Box::pin(async move {
            let request = Request {
                path: call.path,
                headers: Vec::new(),
                body: call.body.to_vec(),
                connection: 0,
                before: 0,
            };
            let secret = std::str::from_utf8(call.secret.expose()).unwrap();
            let answer = self.0.answer_as(&request, &call.access_key_id, secret);
            if answer.wait > Duration::ZERO {
                return Err(kms::NoAnswer::TimedOut);
            }
            Ok((answer.status, Zeroizing::new(answer.body)))
        })
    }

    fn certificate_end(&self, _endpoint: &str) -> Option<types::Timestamp> {
        None
    }
}

impl Outsiders {
    /// Tokens of the labels `first` (`CLUSTER`) and `managers`, and a proxy in front of the
    /// second.
    pub(crate) fn new(hsm: &SoftHsm) -> Self {
        Self::in_world(hsm, World::connecting_to)
    }

    /// The same in a deployment with these request quotas.
    pub(crate) fn throttling(hsm: &SoftHsm, quotas: &BTreeMap<String, f64>) -> Self {
        Self::in_world(hsm, |outside| World::throttling_outside(quotas, outside))
    }

    fn in_world(hsm: &SoftHsm, world: impl FnOnce(kms::Outside) -> World) -> Self {
        hsm.make_token("first", PIN);
        hsm.make_token("managers", PIN);
        let behaviour = hsm.tokens().with_file_name("behaviour.json");
        write(&behaviour, &honest());
        let ids = ["one".to_owned(), "two".to_owned()];
        let keys = Keys::open(&hsm.module(), "managers", PIN, &ids);
        let log = hsm.tokens().with_file_name("proxy.log");
        let proxy = Proxy::new(behaviour.clone(), keys, Some(log));
        let token = token::Settings {
            sessions: 1,
            timeout: Duration::from_secs(20),
            owner: Some("this-one".to_owned()),
            ..token::Settings::new(hsm.module(), token::Slot::Label("first".to_owned()))
        };
        let cluster = |id: &str, token: token::Settings, anchor: &str| kms::Cluster {
            id: id.to_owned(),
            account: HOME.parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            trust_anchor: kms::trust_anchor_of(anchor).unwrap(),
            token,
        };
        let gone = token::Settings {
            slot: token::Slot::Label("gone".to_owned()),
            ..token.clone()
        };
        let other = ANCHOR.replace("AQIDBA==", "BQYHCA==");
        let clusters = vec![
            cluster(CLUSTER, token.clone(), ANCHOR),
            cluster("cluster-bbbbbbbbbbb", gone, ANCHOR),
            cluster("cluster-ccccccccccc", token, &other),
        ];
        let proxies = vec![kms::Proxy {
            endpoint: ENDPOINT.to_owned(),
            account: HOME.parse().unwrap(),
            health_period: Duration::from_mins(1),
        }];
        let outside = kms::Outside::new(clusters, proxies, Arc::new(InProcess(proxy)));
        let world = world(outside);
        let mut operations = Operations::default();
        kms::register(&mut operations);
        Self {
            admin: world.user(HOME, "Admin", Some(ALL)),
            world,
            operations,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            behaviour,
        }
    }

    pub(crate) fn call(&self, operation: &str, input: Value) -> Outcome {
        self.call_as(&self.admin, operation, input)
    }

    pub(crate) fn call_as(&self, caller: &Caller, operation: &str, input: Value) -> Outcome {
        let ctx = testkit::context(&self.world.services, caller, &self.world.region);
        self.runtime
            .block_on(self.operations.run(operation, ctx, input))
    }

    pub(crate) fn ok(&self, operation: &str, input: Value) -> Value {
        let outcome = self.call(operation, input);
        outcome.unwrap_or_else(|refused| panic!("{operation}: {refused:?}"))
    }

    /// The code of a call that fails.
    pub(crate) fn code(&self, operation: &str, input: Value) -> String {
        match self.call(operation, input) {
            Ok(answer) => panic!("{operation} succeeded: {answer}"),
            Err(refused) => refused.code,
        }
    }

    /// Lets the server look at the health of proxies whose time has come.
    pub(crate) fn watch(&self) -> Vec<kms::HealthChange> {
        let watched = kms::watch_key_stores(&self.world.services);
        self.runtime.block_on(watched).unwrap()
    }

    /// Lets the server connect and disconnect what is to be.
    pub(crate) fn tend(&self) {
        let tended = kms::tend_key_stores(&self.world.services);
        self.runtime.block_on(tended).unwrap();
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// How the proxy behaves from now on.
    pub(crate) fn proxy(&self, change: impl FnOnce(&mut Behaviour)) {
        let mut behaviour = honest();
        change(&mut behaviour);
        write(&self.behaviour, &behaviour);
    }

    /// The proxy does this from now on.
    pub(crate) fn mode(&self, mode: Mode) {
        self.proxy(|behaviour| behaviour.mode = mode);
    }

    /// What the proxy was asked last.
    pub(crate) fn asked(&self) -> Value {
        let log = std::fs::read_to_string(self.behaviour.with_file_name("proxy.log")).unwrap();
        serde_json::from_str(log.lines().last().unwrap()).unwrap()
    }

    /// A store on the token, not connected.
    pub(crate) fn token_store(&self) -> Value {
        let made = self.ok("CreateCustomKeyStore", on_token());
        json!({ "CustomKeyStoreId": made["CustomKeyStoreId"] })
    }

    /// A store behind the proxy, not connected.
    pub(crate) fn proxy_store(&self) -> Value {
        let made = self.ok("CreateCustomKeyStore", behind_proxy());
        json!({ "CustomKeyStoreId": made["CustomKeyStoreId"] })
    }

    pub(crate) fn connected(&self, store: Value) -> Value {
        self.ok("ConnectCustomKeyStore", store.clone());
        self.tend();
        assert_eq!(self.connection(&store), "CONNECTED");
        store
    }

    /// The state of a store's connection.
    pub(crate) fn connection(&self, store: &Value) -> String {
        let entry = self.entry(store);
        entry["ConnectionState"].as_str().unwrap().to_owned()
    }

    pub(crate) fn entry(&self, store: &Value) -> Value {
        let listed = self.ok("DescribeCustomKeyStores", store.clone());
        listed["CustomKeyStores"][0].clone()
    }

    /// The id of a new key in a store on the token.
    pub(crate) fn token_key(&self, store: &Value) -> String {
        let input = merged(store, &json!({ "Origin": "AWS_CLOUDHSM" }));
        self.made(input)
    }

    /// The id of a new key that stands for the external key `id`.
    pub(crate) fn proxy_key(&self, store: &Value, id: &str) -> String {
        self.made(proxy_key(store, id))
    }

    fn made(&self, input: Value) -> String {
        let made = self.ok("CreateKey", input);
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    pub(crate) fn encrypt(&self, key: &str) -> Outcome {
        self.call("Encrypt", encryption(key))
    }

    /// A ciphertext under the key.
    pub(crate) fn blob(&self, key: &str) -> String {
        let made = self.encrypt(key).unwrap();
        made["CiphertextBlob"].as_str().unwrap().to_owned()
    }

    pub(crate) fn decrypt(&self, blob: &str, context: &str) -> Outcome {
        let input = json!({ "CiphertextBlob": blob, "EncryptionContext": { "a": context } });
        self.call("Decrypt", input)
    }

    /// Checks that the ciphertext opens.
    pub(crate) fn opens(&self, blob: &str) {
        let opened = self.decrypt(blob, "b").unwrap();
        assert_eq!(opened["Plaintext"], STANDARD.encode("plaintext"));
    }

    pub(crate) fn state(&self, key: &str) -> String {
        let found = self.ok("DescribeKey", json!({ "KeyId": key }));
        let state = found["KeyMetadata"]["KeyState"].as_str();
        state.unwrap().to_owned()
    }

    /// What the newest record says beside the parameters.
    pub(crate) fn noted(&self) -> Value {
        let record = self.world.newest_record(HOME);
        serde_json::to_value(record.additional_event_data).unwrap()
    }
}

const ALL: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn honest() -> Behaviour {
    let enabled = |id: &str| (id.to_owned(), "ENABLED".to_owned());
    Behaviour {
        credentials: [(ACCESS_KEY.to_owned(), SECRET.to_owned())].into(),
        path: PATH.to_owned(),
        keys: [enabled("one"), enabled("two")].into(),
        managers: vec!["ACTIVE".to_owned()],
        mode: Mode::Honest,
    }
}

fn write(path: &PathBuf, behaviour: &Behaviour) {
    std::fs::write(path, serde_json::to_vec(behaviour).unwrap()).unwrap();
}

pub(crate) fn encryption(key: &str) -> Value {
    let plaintext = STANDARD.encode("plaintext");
    json!({ "KeyId": key, "Plaintext": plaintext, "EncryptionContext": { "a": "b" } })
}

pub(crate) fn proxy_key(store: &Value, id: &str) -> Value {
    merged(
        store,
        &json!({ "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": id }),
    )
}

/// The parameters of a store on the token.
pub(crate) fn on_token() -> Value {
    json!({
        "CustomKeyStoreName": "token",
        "CloudHsmClusterId": CLUSTER,
        "TrustAnchorCertificate": ANCHOR,
        "KeyStorePassword": PIN,
    })
}

/// The parameters of a store behind the proxy.
pub(crate) fn behind_proxy() -> Value {
    json!({
        "CustomKeyStoreName": "proxy",
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "PUBLIC_ENDPOINT",
        "XksProxyUriEndpoint": ENDPOINT,
        "XksProxyUriPath": PATH,
        "XksProxyAuthenticationCredential": {
            "AccessKeyId": ACCESS_KEY, "RawSecretAccessKey": SECRET,
        },
    })
}

/// The fields of both; null takes one away.
pub(crate) fn merged(base: &Value, more: &Value) -> Value {
    let mut made = base.clone();
    let fields = made.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    made
}
