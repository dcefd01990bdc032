//! Groups under KMS keys in an external key store, whose proxy may answer late or never.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::digest::sha256;
use featurestore::{Options, Undone};
use kms::{NoAnswer, Outside, Proxy, ProxyCall, ProxyClient, Sent};
use serde_json::{Value, json};
use tokio::sync::watch;
use types::Timestamp;
use zeroize::Zeroizing;

use crate::renewal::keys;
use crate::world::{World, account, data_keys, fill, text};

const ENDPOINT: &str = "https://xks.example.com";

/// How long what must not wait for the proxy may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// A proxy that hides nothing: each key encrypts to what it was given. While it hangs, it gives no
/// answer; whoever was waiting hears of a time-out when it does not hang any more. While it is down,
/// nobody reaches it.
#[derive(Debug)]
struct Open(watch::Receiver<bool>, Arc<AtomicBool>);

impl ProxyClient for Open {
    fn post(&self, call: ProxyCall) -> Sent<'_> {
        let mut hangs = self.0.clone();
        Box::pin(async move {
            if self.1.load(Ordering::Relaxed) {
                return Err(NoAnswer::Unreachable);
            }
            if *hangs.borrow() {
                hangs.wait_for(|hangs| !hangs).await.unwrap();
                return Err(NoAnswer::TimedOut);
            }
            let asked: Value = serde_json::from_slice(&call.body).unwrap();
            let bytes = |name: &str| STANDARD.decode(asked[name].as_str().unwrap()).unwrap();
            let answer = match call.path.rsplit('/').next().unwrap() {
                "health" => json!({
                    "xksProxyFleetSize": 1, "xksProxyVendor": "v", "xksProxyModel": "m",
                    "ekmVendor": "v",
                    "ekmFleetDetails": [{ "id": "1", "model": "m", "healthStatus": "ACTIVE" }],
                }),
                "metadata" => json!({
                    "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"],
                    "keyStatus": "ENABLED",
                }),
                "encrypt" => {
                    let (aad, text) = (bytes("additionalAuthenticatedData"), bytes("plaintext"));
                    let parts = [&aad, &[0; 12][..], &text, &[0; 16][..]];
                    let proof = sha256(&parts.concat());
                    json!({
                        "ciphertext": asked["plaintext"],
                        "initializationVector": STANDARD.encode([0; 12]),
                        "authenticationTag": STANDARD.encode([0; 16]),
                        "ciphertextDataIntegrityValue": STANDARD.encode(proof),
                    })
                }
                "decrypt" => json!({ "plaintext": asked["ciphertext"] }),
                other => json!({ "unknown": other }),
            };
            Ok((200, Zeroizing::new(answer.to_string().into_bytes())))
        })
    }

    fn certificate_end(&self, _endpoint: &str) -> Option<Timestamp> {
        None
    }
}

struct Stores {
    world: World,
    hangs: watch::Sender<bool>,
    is_down: Arc<AtomicBool>,
    /// The ARN of a KMS key in the store.
    key: String,
}

/// For how long the rest of the background work waits for a store that hangs.
const PATIENCE: Duration = Duration::from_millis(50);

/// A store that others wait for so long.
fn stores(patience: Duration) -> Stores {
    let (hangs, is_hanging) = watch::channel(false);
    let is_down = Arc::new(AtomicBool::new(false));
    let proxy = Open(is_hanging, Arc::clone(&is_down));
    let proxies = vec![Proxy {
        endpoint: ENDPOINT.to_owned(),
        account: account(),
        health_period: Duration::from_mins(1),
    }];
    let outside = Outside::new(Vec::new(), proxies, Arc::new(proxy));
    let options = Options {
        patience,
        ..Options::default()
    };
    let world = World::connecting_to(options, outside);
    let made = world.ok(
        "CreateCustomKeyStore",
        json!({
            "CustomKeyStoreName": "proxy",
            "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
            "XksProxyConnectivity": "PUBLIC_ENDPOINT",
            "XksProxyUriEndpoint": ENDPOINT,
            "XksProxyUriPath": "/one/kms/xks/v1",
            "XksProxyAuthenticationCredential": {
                "AccessKeyId": "AAAAAAAAAAAAAAAAAAAA",
                "RawSecretAccessKey": "0123456789012345678901234567890123456789012",
            },
        }),
    );
    let store = json!({ "CustomKeyStoreId": made["CustomKeyStoreId"] });
    world.ok("ConnectCustomKeyStore", store);
    let tended = kms::tend_key_stores(&world.services);
    world.block_on(tended).unwrap();
    let key = json!({
        "CustomKeyStoreId": made["CustomKeyStoreId"],
        "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "one",
    });
    let key = text(&world.ok("CreateKey", key)["KeyMetadata"]["Arn"]);
    Stores {
        world,
        hangs,
        is_down,
        key,
    }
}

impl Stores {
    /// What the server does in the background, which must not wait for the proxy.
    fn maintain(&self) -> Vec<Undone> {
        let maintained = featurestore::maintain(&self.world.services);
        let maintained = async { tokio::time::timeout(DEADLINE, maintained).await };
        self.world.block_on(maintained).unwrap()
    }

    /// Maintains until `done`, of which each part may come late on a slow machine.
    fn finish(&self, done: impl Fn() -> bool) {
        let is_done = (0..200).any(|_| {
            self.maintain();
            self.world.settle();
            let is_done = done();
            if !is_done {
                self.world.wait(1);
            }
            is_done
        });
        assert!(is_done, "it does not come to its end");
    }

    /// Waits until the proxy that hangs was asked.
    fn is_asked(&self) {
        let asked = async {
            while self.hangs.receiver_count() < 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let asked = async { tokio::time::timeout(DEADLINE, asked).await };
        self.world.block_on(asked).unwrap();
    }

    fn number(&self, group: &str) -> u64 {
        let number = &keys(&self.world, group)["DataKey"]["Number"];
        number.as_u64().unwrap()
    }
}

#[test]
fn a_proxy_that_hangs_holds_up_no_renewal_of_others() {
    let stores = stores(PATIENCE);
    let world = &stores.world;
    // In the order of their names the two behind the proxy come first.
    for name in ["a", "b"] {
        world.group_under(name, &stores.key);
    }
    world.group_under("c", &world.key());
    for name in ["a", "b", "c"] {
        fill(world, name, 3);
    }
    world.wait(91 * 24 * 3600);
    stores.hangs.send_replace(true);
    assert!(stores.maintain().is_empty());
    let numbers = || ["a", "b", "c"].map(|name| stores.number(name));
    assert_eq!(numbers(), [1, 1, 2]);
    stores.is_asked();
    // One call at a time is under way for the store.
    assert!(stores.maintain().is_empty());
    assert_eq!(stores.hangs.receiver_count(), 2);
    // It failed after others had waited: the next call says so, and nothing of the store is asked.
    stores.hangs.send_replace(false);
    world.settle();
    let undone = stores.maintain();
    assert_eq!(undone.len(), 1, "{undone:?}");
    assert_eq!(numbers(), [1, 1, 2]);
    let told = ["a", "b"].map(|name| keys(world, name)["Reason"].clone());
    let failed = told.iter().find(|reason| !reason.is_null()).unwrap();
    assert!(text(failed).starts_with("KMSInvalidStateException: "));
    let of_a = undone[0].what.ends_with("/a");
    // Then it is the other's turn.
    stores.hangs.send_replace(true);
    world.wait(1);
    assert!(stores.maintain().is_empty());
    stores.is_asked();
    stores.hangs.send_replace(false);
    world.settle();
    let undone = stores.maintain();
    assert_eq!(undone.len(), 1, "{undone:?}");
    assert!(undone[0].what.ends_with(if of_a { "/b" } else { "/a" }));
    world.wait(2);
    stores.finish(|| numbers() == [2, 2, 2]);
    assert_eq!(keys(world, "a").get("Reason"), None);
}

#[test]
fn renewals_that_fail_take_nobodys_turn() {
    let stores = stores(DEADLINE);
    let world = &stores.world;
    // More than are begun at a time, and all of them before the other.
    let failing: Vec<String> = (0..12).map(|number| format!("a{number}")).collect();
    for name in &failing {
        world.group_under(name, &stores.key);
    }
    world.group_under("b", &world.key());
    world.wait(91 * 24 * 3600);
    stores.is_down.store(true, Ordering::Relaxed);
    assert_eq!(stores.maintain().len(), failing.len());
    assert_eq!((stores.number("a0"), stores.number("b")), (1, 2));
    // They wait, each longer than before.
    assert!(stores.maintain().is_empty());
    world.wait(1);
    assert_eq!(stores.maintain().len(), failing.len());
    world.wait(1);
    assert!(stores.maintain().is_empty());
    stores.is_down.store(false, Ordering::Relaxed);
    world.wait(1);
    // So many at a time, all in turn.
    assert!(stores.maintain().is_empty() && stores.maintain().is_empty());
    assert!(failing.iter().all(|name| stores.number(name) == 2));
}

#[test]
fn a_proxy_that_hangs_holds_up_no_move_of_others() {
    let stores = stores(PATIENCE);
    let (world, [old, new]) = (&stores.world, [(); 2].map(|()| stores.world.key()));
    world.group_under("a", &stores.key);
    world.group_under("b", &old);
    for name in ["a", "b"] {
        fill(world, name, 3);
        let to = json!({ "FeatureGroupName": name, "KmsKeyId": new });
        world.ok("RekeyFeatureGroup", to);
    }
    stores.hangs.send_replace(true);
    assert!(stores.maintain().is_empty());
    let states = || ["a", "b"].map(|name| text(&keys(world, name)["State"]));
    assert_eq!(states(), ["Moving", "Settled"]);
    stores.is_asked();
    stores.hangs.send_replace(false);
    world.settle();
    assert_eq!(stores.maintain().len(), 1);
    stores.finish(|| states() == ["Settled", "Settled"]);
    assert_eq!(data_keys(world), [2]);
}

#[test]
fn what_is_under_way_for_a_key_store_ends_when_the_server_does() {
    let stores = stores(PATIENCE);
    let world = &stores.world;
    world.group_under("a", &stores.key);
    fill(world, "a", 3);
    world.wait(91 * 24 * 3600);
    stores.hangs.send_replace(true);
    assert!(stores.maintain().is_empty());
    stores.is_asked();
    let held = Arc::strong_count(&world.services);
    let ended = featurestore::end(&world.services);
    let ended = async { tokio::time::timeout(DEADLINE, ended).await };
    world.block_on(ended).unwrap();
    assert_eq!(stores.hangs.receiver_count(), 1);
    assert!(Arc::strong_count(&world.services) < held);
    // Nothing begins any more.
    assert!(stores.maintain().is_empty());
    assert_eq!(stores.hangs.receiver_count(), 1);
}
