//! Sessions that end under load: the one way to lose a right that time brings, and nobody's call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use iam::SessionTokens;
use pipeline::{Caller, Services};
use serde_json::json;
use testkit::{Operations, Outcome, context_of};

use crate::world::{World, day, operations, read, region, text};

const READERS: u64 = 3;

/// How long a round may wait for the readers.
const PATIENCE: Duration = Duration::from_mins(1);

/// Rounds; `make race` has a thousand.
fn rounds() -> u64 {
    let wanted = std::env::var("STRONGROOM_RACE_ROUNDS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// What the readers share.
struct Race {
    services: Arc<Services>,
    /// Who may read in any round.
    steady: Arc<Caller>,
    /// The round, and the session that it is about.
    session: Mutex<(u64, Arc<Caller>)>,
    /// The last round whose session is known to be over.
    over: AtomicU64,
    /// Reads with the session of this round.
    reads: AtomicU64,
    stop: AtomicBool,
}

impl Race {
    /// Reads in turns with the session and as somebody else until the end.
    fn read_on(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let (runtime, operations) = (runtime.unwrap(), operations());
        while !self.stop.load(Ordering::SeqCst) {
            let steady = self.get(&runtime, &operations, &self.steady);
            assert!(is_throttled(&steady) || steady.is_ok(), "{steady:?}");
            let (round, session) = self.session.lock().unwrap().clone();
            let is_over = self.over.load(Ordering::SeqCst) >= round;
            let outcome = self.get(&runtime, &operations, &session);
            if is_throttled(&outcome) {
                std::thread::yield_now();
                continue;
            }
            match outcome {
                Ok(_) => assert!(!is_over, "the session of round {round} was over"),
                Err(refused) => assert_eq!(refused.code, "ExpiredTokenException"),
            }
            self.reads.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn get(
        &self,
        runtime: &tokio::runtime::Runtime,
        operations: &Operations,
        caller: &Arc<Caller>,
    ) -> Outcome {
        let ctx = context_of(&self.services, Arc::clone(caller), &region());
        runtime.block_on(operations.run("GetRecord", ctx, read("g", "a")))
    }

    /// Waits until the readers have read so often since the round began, or one has failed.
    fn wait_for_reads(&self, reads: u64, failed: impl Fn() -> bool) {
        let patience = (0..PATIENCE.as_millis()).any(|_| {
            let over = self.reads.load(Ordering::SeqCst) >= reads || failed();
            if !over {
                std::thread::sleep(Duration::from_millis(1));
            }
            over
        });
        assert!(patience, "nobody reads");
    }
}

/// Whether the group has been read as often as it may be in the second that stands still.
fn is_throttled(outcome: &Outcome) -> bool {
    let refused = outcome.as_ref().err();
    refused.is_some_and(|refused| refused.code == "ThrottlingException")
}

/// Ends the race, however its rounds end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A session of the role `Reader` of fifteen minutes, from its credentials.
fn enter(world: &World) -> Arc<Caller> {
    let input = json!({
        "RoleArn": "arn:aws:iam::111122223333:role/Reader", "RoleSessionName": "racer",
        "DurationSeconds": 900,
    });
    let answer = world.ok("AssumeRole", input);
    let id = text(&answer["Credentials"]["AccessKeyId"]).parse().unwrap();
    let token = text(&answer["Credentials"]["SessionToken"]);
    let tokens = world.services.part::<SessionTokens>().unwrap();
    Arc::new(
        iam::find_session(&world.view(), tokens, &id, &token)
            .unwrap()
            .caller,
    )
}

fn world() -> World {
    let world = World::new();
    let everything =
        json!([{ "Effect": "Allow", "Action": ["sagemaker:*", "kms:Decrypt"], "Resource": "*" }]);
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "sts:AssumeRole" } });
    let role = json!({ "RoleName": "Reader", "AssumeRolePolicyDocument": trust.to_string() });
    world.ok("CreateRole", role);
    let policy = json!({ "Version": "2012-10-17", "Statement": everything }).to_string();
    let policy = json!({ "RoleName": "Reader", "PolicyName": "inline", "PolicyDocument": policy });
    world.ok("PutRolePolicy", policy);
    let key = world.key();
    world.group_under("g", &key);
    world.put("g", &[("id", "a"), ("at", &day(1))]).unwrap();
    world
}

#[test]
fn a_session_that_has_expired_reads_nothing_under_load() {
    let world = world();
    let race = Race {
        services: Arc::clone(&world.services),
        steady: Arc::new(world.administrator.clone()),
        session: Mutex::new((0, enter(&world))),
        over: AtomicU64::new(0),
        reads: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    // Round 0 is over before it begins.
    world.wait(900);
    std::thread::scope(|scope| {
        let stop = Stop(&race.stop);
        let readers: Vec<_> = (0..READERS)
            .map(|_| scope.spawn(|| race.read_on()))
            .collect();
        let failed = || {
            readers
                .iter()
                .any(std::thread::ScopedJoinHandle::is_finished)
        };
        for round in 1..=rounds() {
            let session = enter(&world);
            *race.session.lock().unwrap() = (round, Arc::clone(&session));
            // Another minute, in which the group may be read again.
            world.wait(60);
            race.reads.store(0, Ordering::SeqCst);
            race.wait_for_reads(2 * READERS, failed);
            world.wait(840);
            race.over.store(round, Ordering::SeqCst);
            let refused = world.call_as(&session, "GetRecord", read("g", "a"));
            assert_eq!(refused.unwrap_err().code, "ExpiredTokenException");
            race.reads.store(0, Ordering::SeqCst);
            race.wait_for_reads(READERS, failed);
            if failed() {
                break;
            }
        }
        drop(stop);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
