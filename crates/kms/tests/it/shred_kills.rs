//! A process that is killed while keys end: no key that stays is lost, and none that has ended comes
//! back.
//!
//! The test runs itself as a process of its own under `strace`, which kills it right before one of
//! its system calls, each time another one. `STRONGROOM_SHRED_KILLS=all` (`make seal-kills`) takes
//! those calls in turn by which any file is written; else those about the file of shred keys, and
//! the syncs of the store.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use crypto::Key32;
use kms::{Decrypt, DeleteImportedKeyMaterial, Encrypt, ScheduleKeyDeletion};
use pipeline::Caller;
use shapes::Blob;
use shapes::kms::{KeyMetadata, KeyState, ScheduleKeyDeletionRequest};
use tempfile::TempDir;
use types::Timestamp;

use crate::decryption::decrypt;
use crate::harness::{HOME, World};
use crate::imports::{arn, delete, give, recovers, state, stored, symmetric};
use crate::keys::{create, describe, encrypt};

/// The test, as its process is to find it.
const TEST: &str = "shred_kills::a_kill_at_any_system_call_loses_no_key_and_brings_none_back";

/// What the process that is killed is told: where the files are, what opens them, the time, and the
/// key that is to lose its imported material.
const PLACE: &str = "STRONGROOM_SHRED_KILLS_PLACE";
const DATA_KEY: &str = "STRONGROOM_SHRED_KILLS_DATA_KEY";
const TIME: &str = "STRONGROOM_SHRED_KILLS_TIME";
const KEY: &str = "STRONGROOM_SHRED_KILLS_KEY";

/// The file, if only calls about one count, and the call.
type At = (&'static str, &'static str);

const SHORT: [At; 3] = [
    ("shred.keys", "pwrite64"),
    ("shred.keys", "fsync"),
    ("", "fdatasync"),
];
const ALL: [At; 4] = [
    ("", "pwrite64"),
    ("", "write"),
    ("", "fsync"),
    ("", "fdatasync"),
];

/// More calls of one kind than there are: the process is not killed at all then.
const MOST: usize = 2_000;

/// A key and a ciphertext under it.
struct Used {
    key: KeyMetadata,
    blob: Blob,
}

/// A deployment in which two keys are to end: their time has come.
struct Before {
    world: World,
    admin: Caller,
    /// One with material of the account, and one with imported material.
    kept: [Used; 2],
    gone: [KeyMetadata; 2],
    /// The wrapped materials of these, as they also stay in the store's files.
    wrapped: [Vec<kms::fuzzing::Wrapped>; 2],
    /// One that loses its imported material, and that.
    taken: Used,
    lost: Vec<kms::fuzzing::Wrapped>,
}

/// What a process that was killed had come to: how many keys it has said to be destroyed, and how
/// many could still be recovered.
type Reached = (usize, usize);

#[tokio::test]
async fn a_kill_at_any_system_call_loses_no_key_and_brings_none_back() {
    if let Some(place) = std::env::var_os(PLACE) {
        return carry_out(place.into()).await;
    }
    let before = Before::new().await;
    let all = std::env::var("STRONGROOM_SHRED_KILLS").is_ok_and(|which| which == "all");
    let calls = if all { &ALL[..] } else { &SHORT };
    let mut reached = BTreeSet::new();
    for at in calls {
        for number in 1..MOST {
            let files = before.world.files();
            let was_killed = before.carry_out_elsewhere(&files, *at, number);
            reached.insert(before.check(files).await);
            if !was_killed {
                assert!(number > 1, "no {at:?} was made");
                break;
            }
        }
    }
    // A rig that always kills too early, or too late, shows nothing.
    for expected in [(0, 2), (0, 1), (2, 0)] {
        assert!(reached.contains(&expected), "{expected:?} in {reached:?}");
    }
}

/// What the process does that is killed.
async fn carry_out(place: PathBuf) {
    let told = |name: &str| std::env::var(name).unwrap();
    let data_key = hex::decode(told(DATA_KEY)).unwrap();
    let now = Timestamp::new(told(TIME).parse().unwrap(), 0);
    let world = World::at(place, Key32::try_from(data_key.as_slice()).unwrap(), now);
    let admin = world.admin();
    let taken = world.call::<kms::DescribeKey>(&admin, describe(&told(KEY)));
    let taken = taken.await.unwrap().key_metadata.unwrap();
    let input = delete(&taken);
    world
        .call::<DeleteImportedKeyMaterial>(&admin, input)
        .await
        .unwrap();
    world.maintain().await;
}

impl Before {
    async fn new() -> Self {
        let world = World::new();
        let admin = world.admin();
        let own = create(&world, &admin).await;
        let other = create(&world, &admin).await;
        let mut imported = Vec::new();
        for byte in 1..=3 {
            let key = symmetric(&world, &admin).await;
            give(&world, &admin, &key, &[byte; 32]).await;
            imported.push(key);
        }
        let [kept, gone, taken] = imported.try_into().unwrap();
        let gone = [other, gone];
        for key in &gone {
            let input = ScheduleKeyDeletionRequest {
                key_id: key.key_id.clone(),
                pending_window_in_days: Some(7),
            };
            let ends = world.call::<ScheduleKeyDeletion>(&admin, input).await;
            ends.unwrap();
        }
        let wrapped = [&gone[0], &gone[1]].map(|key| stored(&world, key));
        let lost = stored(&world, &taken);
        world.advance(7 * 86_400);
        // What is written now is believed to be written at this time.
        let kept = [
            used(&world, &admin, own).await,
            used(&world, &admin, kept).await,
        ];
        let taken = used(&world, &admin, taken).await;
        Self {
            world,
            admin,
            kept,
            gone,
            wrapped,
            taken,
            lost,
        }
    }

    /// Carries out what is due in a process on `files`, which is killed right before the call of this
    /// number; false if it came to its end before.
    fn carry_out_elsewhere(&self, files: &TempDir, (path, call): At, number: usize) -> bool {
        let mut traced = Command::new("strace");
        traced
            .args(["-f", "-q", "-o", "/dev/null", "-e"])
            .arg(format!("trace={call}"))
            .arg("-e")
            .arg(format!("inject={call}:signal=SIGKILL:when={number}"));
        if !path.is_empty() {
            traced.arg("-P").arg(files.path().join(path));
        }
        let ended = traced
            .arg(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
            .env(PLACE, files.path())
            .env(DATA_KEY, hex::encode(self.world.data_key().expose()))
            .env(TIME, self.world.now().seconds().to_string())
            .env(KEY, &self.taken.key.key_id)
            .output()
            .expect("strace is missing: run scripts/debian-packages.sh strace");
        if ended.status.signal() == Some(9) {
            return true;
        }
        let (out, err) = (
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr),
        );
        let through = ended.status.success() && out.contains("1 passed");
        assert!(through, "{path} {call} {number}: {out}\n{err}");
        false
    }

    /// Goes on with what a process has left behind.
    async fn check(&self, files: TempDir) -> Reached {
        let world = self.world.over(files);
        let destroyed = self.destroyed(&world);
        let left = self.recoverable(&world);
        // What is said to be destroyed cannot be recovered.
        assert!(destroyed + left <= 2, "{destroyed} {left}");
        self.use_kept(&world).await;
        world.maintain().await;
        assert_eq!((self.destroyed(&world), self.recoverable(&world)), (2, 0));
        for key in &self.gone {
            assert!(kms::fuzzing::leftovers(&world.view(), &arn(key)).is_empty());
        }
        // A call that was not answered may have been carried out.
        if state(&world, &self.admin, &self.taken.key).await == KeyState::PendingImport {
            assert!(!recovers(&world, &self.taken.key, &self.lost));
        } else {
            opens(&world, &self.admin, &self.taken).await;
        }
        self.use_kept(&world).await;
        let new = create(&world, &self.admin).await;
        let new = used(&world, &self.admin, new).await;
        let world = world.restarted();
        self.use_kept(&world).await;
        opens(&world, &self.admin, &new).await;
        (destroyed, left)
    }

    /// How many of the keys are said to be destroyed: each of them once.
    fn destroyed(&self, world: &World) -> usize {
        let records = world.records(HOME);
        let of = |key: &KeyMetadata| {
            let details = serde_json::json!({ "keyId": key.key_id });
            let is_it = |record: &&audit::Record| {
                record.event_name == "DeleteKey"
                    && record.service_event_details.as_ref() == Some(&details)
            };
            records.iter().filter(is_it).count()
        };
        let each = [&self.gone[0], &self.gone[1]].map(of);
        assert!(each.iter().all(|times| *times <= 1), "{each:?}");
        each.iter().sum()
    }

    /// How many of the keys could still be recovered.
    fn recoverable(&self, world: &World) -> usize {
        let keys = self.gone.iter().zip(&self.wrapped);
        let opens = keys.filter(|(key, wrapped)| recovers(world, key, wrapped));
        opens.count()
    }

    async fn use_kept(&self, world: &World) {
        for used in &self.kept {
            opens(world, &self.admin, used).await;
        }
    }
}

async fn used(world: &World, admin: &Caller, key: KeyMetadata) -> Used {
    let answer = world.call::<Encrypt>(admin, encrypt(&key.key_id)).await;
    let blob = answer.unwrap().ciphertext_blob.unwrap();
    Used { key, blob }
}

async fn opens(world: &World, admin: &Caller, used: &Used) {
    let opened = world.call::<Decrypt>(admin, decrypt(used.blob.clone(), None));
    assert_eq!(opened.await.unwrap().key_id, used.key.arn);
}
