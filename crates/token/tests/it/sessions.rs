//! Who may open a session, and what becomes of sessions when the token goes away.

use crypto::SystemEntropy;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session as RawSession, UserType};
use cryptoki::slot::Slot as RawSlot;
use cryptoki::types::AuthPin;
use strongroom_token::{Error, Settings, Slot, Token};
use testkit::SoftHsm;

use crate::{PIN, TOKEN, pin, settings, token};

fn refusal(settings: Settings, with: &str) -> Error {
    let token = Token::open(settings, pin(with)).unwrap();
    token.run_blocking(|session| session.random(1)).unwrap_err()
}

#[test]
fn a_wrong_pin_opens_nothing() {
    SoftHsm::in_own_process(|hsm| {
        hsm.make_token(TOKEN, PIN);
        assert!(matches!(refusal(settings(hsm), "wrong"), Error::WrongPin));
    });
}

#[test]
fn a_wrong_pin_opens_nothing_where_the_token_is_in_use() {
    SoftHsm::in_own_process(|hsm| {
        let user = token(hsm);
        user.run_blocking(|session| session.random(1)).unwrap();
        assert!(matches!(refusal(settings(hsm), "wrong"), Error::WrongPin));
        user.run_blocking(|session| session.random(1)).unwrap();
    });
}

#[test]
fn a_refused_pin_is_not_tried_again_before_the_token_is_opened_anew() {
    SoftHsm::in_own_process(|hsm| {
        hsm.make_token(TOKEN, PIN);
        let open = || Token::open(settings(hsm), pin("wrong-pin")).unwrap();
        let token = open();
        let ask = |token: &Token| token.run_blocking(|session| session.random(1));
        assert!(matches!(ask(&token), Err(Error::WrongPin)));
        // Were it tried now, it would be right.
        set_pin(hsm, PIN, "wrong-pin");
        for _ in 0..8 {
            assert!(matches!(ask(&token), Err(Error::WrongPin)));
        }
        ask(&open()).unwrap();
    });
}

/// Changes the token's PIN, as its owner does.
fn set_pin(hsm: &SoftHsm, old: &str, new: &str) {
    let (session, _) = raw_session(hsm);
    let (old, new) = (AuthPin::new(old.into()), AuthPin::new(new.into()));
    session.login(UserType::User, Some(&old)).unwrap();
    session.set_pin(&old, &new).unwrap();
}

/// A session of somebody else's with the token.
pub(crate) fn raw_session(hsm: &SoftHsm) -> (RawSession, Pkcs11) {
    let pkcs11 = Pkcs11::new(hsm.module()).unwrap();
    // The module may have been started before.
    let _started = pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let slots = pkcs11.get_slots_with_initialized_token().unwrap();
    let is_it = |slot: &RawSlot| pkcs11.get_token_info(*slot).unwrap().label() == TOKEN;
    let slot = slots.into_iter().find(is_it).unwrap();
    (pkcs11.open_rw_session(slot).unwrap(), pkcs11)
}

#[test]
fn a_token_that_does_not_exist_is_named() {
    SoftHsm::in_own_process(|hsm| {
        hsm.make_token("another", PIN);
        let refused = refusal(settings(hsm), PIN);
        let text = "the PKCS#11 module does not have the token `first token`";
        assert_eq!(refused.to_string(), text);
    });
}

#[test]
fn a_label_of_two_tokens_means_neither() {
    SoftHsm::in_own_process(|hsm| {
        hsm.make_token(TOKEN, PIN);
        hsm.make_token(TOKEN, PIN);
        let refused = refusal(settings(hsm), PIN);
        assert!(
            matches!(refused, Error::SeveralTokens { .. }),
            "{refused:?}"
        );
    });
}

#[test]
fn a_library_that_is_no_module_is_refused() {
    let settings = Settings::new("/no/such/module.so".into(), Slot::Number(0));
    assert!(matches!(refusal(settings, PIN), Error::Module { .. }));
}

#[test]
fn sessions_that_were_lost_are_opened_anew() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        token
            .run_blocking(|session| session.make_key("one"))
            .unwrap();
        let seal = || {
            let seal = |session: &strongroom_token::Session| {
                session.seal("one", &SystemEntropy, b"", b"plaintext")
            };
            token.run_blocking(seal)
        };
        for _ in 0..3 {
            // Takes every session from under its user, as a module does that lost its device.
            Pkcs11::new(hsm.module()).unwrap().finalize().unwrap();
            for _ in 0..4 {
                seal().unwrap();
            }
        }
    });
}

#[test]
fn a_key_that_went_away_with_its_token_is_missed_and_not_made_up() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        token
            .run_blocking(|session| session.make_key("one"))
            .unwrap();
        std::fs::rename(hsm.tokens(), hsm.tokens().with_extension("away")).unwrap();
        for _ in 0..4 {
            let sealed =
                token.run_blocking(|session| session.seal("one", &SystemEntropy, b"", b""));
            sealed.unwrap_err();
        }
    });
}

#[test]
fn a_token_is_found_without_a_pin() {
    SoftHsm::in_own_process(|hsm| {
        hsm.make_token(TOKEN, PIN);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let probe = |settings| {
            let token = Token::open(settings, pin("")).unwrap();
            runtime.block_on(token.probe())
        };
        probe(settings(hsm)).unwrap();
        let slot = Slot::Label("another".to_owned());
        let refused = probe(Settings {
            slot,
            ..settings(hsm)
        });
        assert!(matches!(refused, Err(Error::NoToken { .. })), "{refused:?}");
    });
}

#[test]
fn a_deleted_token_decrypts_nothing() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        token
            .run_blocking(|session| session.make_key("one"))
            .unwrap();
        let sealed = token.run_blocking(|session| session.seal("one", &SystemEntropy, b"", b"x"));
        let sealed = sealed.unwrap();
        hsm.delete_token(TOKEN);
        let opened = token.run_blocking(move |session| session.open("one", b"", &sealed));
        assert!(opened.is_err());
    });
}
