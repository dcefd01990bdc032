//! A token that hangs costs its callers their time-out, and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strongroom_token::{Error, Session, Settings, Token, settle};
use testkit::SoftHsm;

use crate::{PIN, TOKEN, pin, settings, token};

/// Longer than anything here takes.
const MINUTE: Duration = Duration::from_mins(1);

/// Has a session of `token` at work on a call that the token does not answer before it is let go: by
/// dropping what is returned.
fn hang(token: &Token) -> Sender<()> {
    loop {
        let (let_go, gate) = channel::<()>();
        let (gate, begun) = (Arc::new(Mutex::new(gate)), Arc::new(AtomicBool::new(false)));
        let begins = Arc::clone(&begun);
        let hung = token.run_blocking(move |_: &Session| {
            begins.store(true, Ordering::SeqCst);
            let _released = gate.lock().unwrap().recv();
            Ok(())
        });
        assert!(matches!(hung, Err(Error::Timeout)), "{hung:?}");
        // One whose turn does not come in time is never begun.
        if begun.load(Ordering::SeqCst) {
            return let_go;
        }
    }
}

fn impatient(hsm: &SoftHsm) -> Token {
    hsm.make_token(TOKEN, PIN);
    let timeout = Duration::from_millis(300);
    let settings = Settings {
        timeout,
        ..settings(hsm)
    };
    let token = Token::open(settings, pin(PIN)).unwrap();
    // The module is loaded and both sessions are there before anything counts.
    while token.run_blocking(|session| session.random(1)).is_err() {}
    token
}

#[test]
fn calls_of_a_hanging_token_end_in_time_and_go_on_when_it_does() {
    SoftHsm::in_own_process(|hsm| {
        let token = impatient(hsm);
        let (first, second) = (hang(&token), hang(&token));
        // No thread is free.
        let refused = token.run_blocking(|session| session.random(1));
        assert!(matches!(refused, Err(Error::Timeout)), "{refused:?}");
        drop(first);
        while token.run_blocking(|session| session.random(1)).is_err() {}
        drop(second);
    });
}

#[test]
fn what_nobody_waits_for_any_more_does_not_happen() {
    SoftHsm::in_own_process(|hsm| {
        let token = impatient(hsm);
        let (first, second) = (hang(&token), hang(&token));
        token
            .run_blocking(|session| session.make_key("late"))
            .unwrap_err();
        drop((first, second));
        while token.run_blocking(|session| session.random(1)).is_err() {}
        let find = || token.run_blocking(|session| session.check_key("late"));
        let mut found = find();
        while matches!(found, Err(Error::Timeout)) {
            found = find();
        }
        assert!(matches!(found, Err(Error::NoKey { .. })), "{found:?}");
    });
}

#[test]
fn no_more_calls_wait_than_may() {
    SoftHsm::in_own_process(|hsm| {
        let token = impatient(hsm);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (first, second) = (hang(&token), hang(&token));
        let token = Arc::new(token);
        let busy = runtime.block_on(async {
            let mut calls = Vec::new();
            for _ in 0..200 {
                let token = Arc::clone(&token);
                calls.push(tokio::spawn(async move {
                    token.run(|session| session.random(1)).await
                }));
            }
            let mut busy = 0;
            for call in calls {
                busy += usize::from(matches!(call.await.unwrap(), Err(Error::Busy)));
            }
            busy
        });
        // Two sessions, sixty-four calls for each.
        assert_eq!(busy, 200 - 128);
        drop((first, second));
    });
}

#[test]
fn a_task_that_panics_leaves_the_token_usable() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        let fail = |_: &Session| -> Result<(), Error> { panic!("a bug") };
        assert!(matches!(token.run_blocking(fail), Err(Error::Threads)));
        token.run_blocking(|session| session.random(1)).unwrap();
        token.run_blocking(|session| session.random(1)).unwrap();
    });
}

#[test]
fn whoever_ends_a_process_can_wait_for_calls_and_for_sessions() {
    SoftHsm::in_own_process(|hsm| {
        let token = impatient(hsm);
        assert!(settle(MINUTE), "nothing was asked");
        let held = hang(&token);
        assert!(!settle(Duration::ZERO), "a call runs");
        drop(token);
        assert!(!settle(Duration::ZERO), "its session is open");
        drop(held);
        assert!(settle(MINUTE));
    });
}
