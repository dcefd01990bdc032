//! `RewrapSeal` and `RotateRootKey`: whose turn it is, and on what is decided.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use operator::{KeepSeal, SealKind, SealRefused, SealState, SealTurn, Seals};
use pipeline::Caller;
use pipeline::sources::WriteBudgets;
use serde_json::{Value, json};
use store::{Batch, Lane, LogAppend, View};
use testkit::Operations;
use types::AccountId;

use crate::world::{ACCOUNT, Bounds, World};

/// A seal that counts what is asked of it.
#[derive(Default)]
struct Fake {
    changes: AtomicUsize,
    sealed: AtomicUsize,
    opens_itself: AtomicBool,
    wrong: Mutex<Vec<(String, bool)>>,
    /// Refused from now on.
    wait: Mutex<Option<Duration>>,
    /// Done between the decision and the beginning.
    between: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Done when the server is to be sealed.
    at_seal: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

struct Turn(Arc<Fake>, String);

impl SealTurn for Turn {
    fn tried(&mut self, was_wrong: bool) {
        let Self(seal, who) = self;
        seal.wrong.lock().unwrap().push((who.clone(), was_wrong));
    }
}

#[derive(Debug)]
struct Keeper(Arc<Fake>);

impl Keeper {
    fn change(&self, current: Option<&str>) -> Result<SealState, SealRefused> {
        if current != Some("right") {
            return Err(SealRefused::Wrong);
        }
        self.0.changes.fetch_add(1, Ordering::Relaxed);
        let (kind, generation) = ("passphrase", 1);
        Ok(SealState { kind, generation })
    }
}

impl KeepSeal for Keeper {
    fn owner(&self, view: &View) -> Option<AccountId> {
        if let Some(between) = self.0.between.lock().unwrap().take() {
            std::thread::spawn(between).join().unwrap();
        }
        iam::first_account(view)
    }

    fn turn(&self, who: &str) -> Result<Box<dyn SealTurn>, Duration> {
        match *self.0.wait.lock().unwrap() {
            Some(wait) => Err(wait),
            None => Ok(Box::new(Turn(Arc::clone(&self.0), who.to_owned()))),
        }
    }

    fn rewrap(
        &self,
        current: Option<&str>,
        _kind: SealKind,
        _new: &str,
    ) -> Result<SealState, SealRefused> {
        match current {
            None => Err(SealRefused::Elsewhere),
            current => self.change(current),
        }
    }

    fn waits_for_a_passphrase(&self) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        Ok(!self.0.opens_itself.load(Ordering::Relaxed))
    }

    fn seal(&self) {
        if let Some(look) = self.0.at_seal.lock().unwrap().take() {
            look();
        }
        self.0.sealed.fetch_add(1, Ordering::Relaxed);
    }

    fn rotate(&self, current: Option<&str>) -> Result<SealState, SealRefused> {
        self.change(current)
    }
}

fn world() -> (World, Arc<Fake>) {
    bounded(&Bounds::default())
}

fn bounded(bounds: &Bounds) -> (World, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let keeper = Arc::new(Keeper(Arc::clone(&fake)));
    let world = World::bounded(bounds, |parts| parts.insert(Arc::new(Seals(keeper))));
    (world, fake)
}

fn names(world: &World) -> Vec<String> {
    let records = world.records_of(ACCOUNT.parse().unwrap());
    let of_seal = records
        .iter()
        .filter(|it| it.event_name.contains("RootKey"));
    of_seal.map(|it| it.event_name.clone()).collect()
}

#[test]
fn a_wrong_secret_counts_against_whoever_gave_it() {
    let (world, fake) = world();
    for (current, code) in [("wrong", Some("InvalidSealException")), ("right", None)] {
        let input = json!({ "Current": current });
        let outcome = world.call_as(&world.administrator, "RotateRootKey", input);
        assert_eq!(outcome.err().map(|refused| refused.code).as_deref(), code);
    }
    let told = fake.wrong.lock().unwrap().clone();
    let [(first, true), (second, false)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(first, second);
    assert_eq!(names(&world).len(), 6);
}

#[test]
fn whoever_has_no_turn_begins_nothing() {
    let (world, fake) = world();
    *fake.wait.lock().unwrap() = Some(Duration::from_millis(1500));
    let input = json!({ "Current": "right" });
    let refused = world.call_as(&world.administrator, "RotateRootKey", input);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "ThrottlingException");
    assert!(refused.message.ends_with("in 2 s"), "{}", refused.message);
    assert_eq!(fake.changes.load(Ordering::Relaxed), 0);
    assert_eq!(names(&world), ["RotateRootKey"]);
}

#[test]
fn a_seal_that_others_hold_has_an_error_of_its_own() {
    let (world, _fake) = world();
    let input = json!({ "NewKind": "passphrase", "New": "another horse" });
    let refused = world.call_as(&world.administrator, "RewrapSeal", input);
    assert_eq!(refused.unwrap_err().code, "SealHeldElsewhereException");
}

#[test]
fn a_right_that_is_taken_away_before_it_begins_begins_nothing() {
    let (world, fake) = world();
    let bob = world.user("bob");
    world.put("bob", "own", "Allow", "strongroom:RotateRootKey", "*");
    let input = json!({ "Current": "right" });
    world.call_as(&bob, "RotateRootKey", input.clone()).unwrap();
    let (services, region) = (Arc::clone(&world.services), world.region.clone());
    let administrator = world.administrator.clone();
    *fake.between.lock().unwrap() = Some(Box::new(move || {
        let mut operations = Operations::default();
        iam::register(&mut operations);
        let ctx = testkit::context(&services, &administrator, &region);
        let taken = json!({ "UserName": "bob", "PolicyName": "own" });
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let done = operations.run("DeleteUserPolicy", ctx, taken);
        runtime.unwrap().block_on(done).unwrap();
    }));
    let before = names(&world).len();
    let refused = world
        .call_as(&bob, "RotateRootKey", input.clone())
        .unwrap_err();
    assert_eq!(refused.code, "ConcurrentModificationException");
    assert_eq!(fake.changes.load(Ordering::Relaxed), 1);
    // The refused call, and no beginning of anything.
    assert_eq!(names(&world).len(), before + 1);
    let refused = world.call_as(&bob, "RotateRootKey", input).unwrap_err();
    assert_eq!(refused.code, "AccessDeniedException");
}

#[test]
fn the_server_is_sealed_once_the_call_is_recorded_and_by_whom_policies_allow() {
    let (world, fake) = world();
    let sealed = || fake.sealed.load(Ordering::Relaxed);
    let bob = world.user("bob");
    let refused = world.call_as(&bob, "SealServer", json!({})).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), sealed()),
        ("AccessDeniedException", 0)
    );
    let other = json!({ "AccountName": "Other", "Email": "other@example.com" });
    let made = world.ok("organizations:CreateAccount", other);
    let account = made["CreateAccountStatus"]["AccountId"].as_str().unwrap();
    let stranger = world.root_of(account.parse().unwrap());
    let refused = world.call_as(&stranger, "SealServer", json!({}));
    assert_eq!(refused.unwrap_err().code, "AccessDeniedException");
    fake.opens_itself.store(true, Ordering::Relaxed);
    let refused = world.call_as(&world.administrator, "SealServer", json!({}));
    assert_eq!(refused.unwrap_err().code, "SealOpensItselfException");
    assert_eq!(sealed(), 0);
    fake.opens_itself.store(false, Ordering::Relaxed);
    // When it is sealed, the store has it already.
    let (services, region) = (Arc::clone(&world.services), world.region.clone());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let looked = Arc::clone(&seen);
    *fake.at_seal.lock().unwrap() = Some(Box::new(move || {
        let account = ACCOUNT.parse().unwrap();
        let names = testkit::records(&services, account, &region).into_iter();
        *looked.lock().unwrap() = names.map(|record| record.event_name).collect();
    }));
    assert_eq!(world.ok("SealServer", json!({})), json!({ "Sealed": true }));
    assert_eq!(sealed(), 1);
    assert_eq!(seen.lock().unwrap()[0], "SealServer");
    let records = world.records_of(ACCOUNT.parse().unwrap());
    assert_eq!(records[0].event_name, "SealServer");
    assert_eq!(records[0].response_elements, json!({ "sealed": true }));
}

#[test]
fn the_server_is_sealed_though_whoever_asked_for_it_hangs_up() {
    let (world, fake) = world();
    let mut calls = 0;
    // The answer may come before anybody can hang up.
    loop {
        calls += 1;
        if world.hang_up(&world.administrator, "SealServer", json!({})) {
            break;
        }
    }
    world.settle();
    assert_eq!(fake.sealed.load(Ordering::Relaxed), calls);
    let records = world.records_of(ACCOUNT.parse().unwrap());
    assert_eq!(records[0].event_name, "SealServer");
}

/// The code of a refusal; nothing if the call is answered.
fn code(world: &World, caller: &Caller, operation: &str, input: Value) -> Option<String> {
    let outcome = world.call_as(caller, operation, input);
    outcome.err().map(|refused| refused.code)
}

/// Checks that the administrator can do nothing but seal the server; says whether that is recorded.
fn seals_all_the_same(world: &World, fake: &Fake, refusal: &str) -> bool {
    let administrator = &world.administrator;
    for (operation, input) in [
        ("ListUsers", json!({})),
        ("CreateUser", json!({ "UserName": "made" })),
    ] {
        let refused = code(world, administrator, operation, input);
        assert_eq!(refused.as_deref(), Some(refusal), "{operation}");
    }
    let answer = world.call_as(administrator, "SealServer", json!({}));
    assert_eq!(answer.unwrap(), json!({ "Sealed": true }));
    assert_eq!(fake.sealed.load(Ordering::Relaxed), 1);
    let records = world.records_of(ACCOUNT.parse().unwrap());
    let newest = records.first();
    newest.is_some_and(|it| it.event_name == "SealServer" && it.error_code.is_none())
}

#[test]
fn a_disk_that_is_nearly_full_keeps_nobody_from_sealing() {
    let (world, fake) = world();
    world.disk.leave(100 << 20);
    assert!(seals_all_the_same(&world, &fake, "ServiceUnavailable"));
}

#[test]
fn an_account_that_has_taken_its_share_of_the_last_room_has_its_sealing_recorded() {
    let (world, fake) = world();
    world.disk.leave(100 << 20);
    let (store, account) = (world.services.store(), ACCOUNT.parse().ok());
    let took = |bytes: usize| {
        let mut batch = Batch::new(Lane::Revocation).on_account_of(account);
        batch.append(LogAppend {
            log: &audit::EVENTS,
            segment: u64::try_from(world.services.clock().now().seconds()).unwrap() / 86_400,
            stream: 0,
            payload: vec![0; bytes],
        });
        world.block_on(store.commit(batch)).is_ok()
    };
    for bytes in [16 * 1024, 1024, 1] {
        while took(bytes) {}
    }
    assert!(seals_all_the_same(&world, &fake, "ServiceUnavailable"));
}

#[test]
fn a_disk_without_room_for_the_record_keeps_nobody_from_sealing() {
    let (world, fake) = world();
    world.disk.leave(1 << 20);
    assert!(!seals_all_the_same(&world, &fake, "ServiceUnavailable"));
}

#[test]
fn an_account_that_has_written_all_it_may_can_still_seal() {
    let (world, fake) = bounded(&Bounds {
        budgets: WriteBudgets {
            log: 100_000,
            ..WriteBudgets::default()
        },
        ..Bounds::default()
    });
    let users = || code(&world, &world.administrator, "ListUsers", json!({}));
    assert!((0..1_000).any(|_| users().is_some()));
    assert!(seals_all_the_same(&world, &fake, "ThrottlingException"));
}

#[test]
fn whoever_makes_too_many_calls_can_still_seal() {
    let (world, fake) = bounded(&Bounds {
        calls_per_second: 20,
        ..Bounds::default()
    });
    let users = || code(&world, &world.administrator, "ListUsers", json!({}));
    assert!((0..100).any(|_| users().is_some()));
    assert!(seals_all_the_same(&world, &fake, "ThrottlingException"));
}

#[test]
fn attempts_to_seal_that_fail_are_counted() {
    let (world, fake) = bounded(&Bounds {
        calls_per_second: 20,
        ..Bounds::default()
    });
    fake.opens_itself.store(true, Ordering::Relaxed);
    let attempts = (0..60).map(|_| code(&world, &world.administrator, "SealServer", json!({})));
    let attempts: Vec<_> = attempts.flatten().collect();
    let of = |code: &str| attempts.iter().filter(|it| *it == code).count();
    assert!(of("SealOpensItselfException") <= 20);
    assert!(of("ThrottlingException") >= 40);
    assert_eq!(attempts.len(), 60);
    assert_eq!(fake.sealed.load(Ordering::Relaxed), 0);
}
