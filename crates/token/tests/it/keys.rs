//! What keys on the token do.

use crypto::SystemEntropy;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use strongroom_token::{Error, Session, Token};
use testkit::SoftHsm;

use crate::sessions::raw_session;
use crate::{PIN, pin, settings, token};

fn seal(token: &Token, label: &'static str, aad: &'static [u8]) -> Vec<u8> {
    let seal = move |session: &Session| session.seal(label, &SystemEntropy, aad, b"plaintext");
    token.run_blocking(seal).unwrap()
}

fn open(
    token: &Token,
    label: &'static str,
    aad: &'static [u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Error> {
    let sealed = sealed.to_vec();
    let opened = token.run_blocking(move |session| session.open(label, aad, &sealed));
    opened.map(|plaintext| plaintext.expose().to_vec())
}

fn make(token: &Token, label: &'static str) {
    token
        .run_blocking(move |session| session.make_key(label))
        .unwrap();
}

#[test]
fn a_key_opens_what_it_sealed_and_nothing_else() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        make(&token, "one");
        make(&token, "two");
        let sealed = seal(&token, "one", b"aad");
        assert_eq!(sealed.len(), b"plaintext".len() + 113);
        assert_eq!(open(&token, "one", b"aad", &sealed).unwrap(), b"plaintext");
        let refused = [
            open(&token, "two", b"aad", &sealed),
            open(&token, "one", b"other", &sealed),
            open(&token, "one", b"aad", &sealed[..31]),
            open(&token, "one", b"aad", b""),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(Error::Sealed(_))), "{refused:?}");
        }
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            let refused = open(&token, "one", b"aad", &altered);
            assert!(
                matches!(refused, Err(Error::Sealed(_))),
                "byte {at}: {refused:?}"
            );
        }
    });
}

#[test]
fn every_message_has_a_key_of_its_own() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        make(&token, "one");
        let (a, b) = (seal(&token, "one", b""), seal(&token, "one", b""));
        assert_ne!(a[..32], b[..32]);
        assert_ne!(a[a.len() - 25..], b[b.len() - 25..]);
    });
}

#[test]
fn making_a_key_twice_makes_it_once() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        make(&token, "one");
        let sealed = seal(&token, "one", b"");
        make(&token, "one");
        assert_eq!(open(&token, "one", b"", &sealed).unwrap(), b"plaintext");
    });
}

#[test]
fn keys_outlive_the_process_that_made_them() {
    SoftHsm::in_own_process(|hsm| {
        let first = token(hsm);
        make(&first, "one");
        let sealed = seal(&first, "one", b"");
        drop(first);
        let second = Token::open(settings(hsm), pin(PIN)).unwrap();
        assert_eq!(open(&second, "one", b"", &sealed).unwrap(), b"plaintext");
    });
}

#[test]
fn a_destroyed_key_is_gone_for_sessions_that_have_used_it() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        make(&token, "one");
        let sealed = seal(&token, "one", b"");
        // Another session, as another program would.
        let other = Token::open(settings(hsm), pin(PIN)).unwrap();
        other
            .run_blocking(|session| session.destroy_key("one"))
            .unwrap();
        other
            .run_blocking(|session| session.destroy_key("one"))
            .unwrap();
        let refused = open(&token, "one", b"", &sealed);
        assert!(matches!(refused, Err(Error::NoKey { .. })), "{refused:?}");
        let refused = token.run_blocking(|session| session.check_key("one"));
        assert!(matches!(refused, Err(Error::NoKey { .. })), "{refused:?}");
    });
}

#[test]
fn a_key_of_another_owner_is_neither_used_nor_destroyed_until_it_is_claimed() {
    SoftHsm::in_own_process(|hsm| {
        drop(token(hsm));
        let of = |owner: &str| {
            let mut settings = settings(hsm);
            settings.owner = Some(owner.to_owned());
            Token::open(settings, pin(PIN)).unwrap()
        };
        let (mine, other) = (of("mine"), of("other"));
        make(&mine, "one");
        let sealed = seal(&mine, "one", b"");
        let is_foreign = |refused: Result<Vec<u8>, Error>| {
            assert!(matches!(refused, Err(Error::Foreign { .. })), "{refused:?}");
        };
        is_foreign(open(&other, "one", b"", &sealed));
        let made = other.run_blocking(|session| session.make_key("one"));
        is_foreign(made.map(|()| Vec::new()));
        let destroy = |token: &Token| token.run_blocking(|session| session.destroy_key("one"));
        assert!(destroy(&other).unwrap(), "one is left");
        assert_eq!(open(&mine, "one", b"", &sealed).unwrap(), b"plaintext");
        let claim = |token: &Token| token.run_blocking(|session| session.claim_key("one"));
        assert!(claim(&other).unwrap());
        assert_eq!(open(&other, "one", b"", &sealed).unwrap(), b"plaintext");
        // A session that has used it before may go on for some seconds; a new one does not.
        is_foreign(open(&of("mine"), "one", b"", &sealed));
        assert!(destroy(&mine).unwrap());
        assert!(!destroy(&other).unwrap());
        assert!(!claim(&other).unwrap());
    });
}

#[test]
fn random_bytes_come_from_the_token() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        let draw = || token.run_blocking(|session| session.random(1024)).unwrap();
        let (a, b) = (draw(), draw());
        assert_eq!(a.expose().len(), 1024);
        assert!(!a.ct_eq(&b));
    });
}

#[test]
fn a_key_that_somebody_else_put_there_is_not_used() {
    SoftHsm::in_own_process(|hsm| {
        let token = token(hsm);
        make(&token, "ours");
        // Logged in with the token, as everything in this process is.
        let (session, _pkcs11) = raw_session(hsm);
        let common = |label: &str| {
            vec![
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Label(label.as_bytes().to_vec()),
                Attribute::Sign(true),
            ]
        };
        // One whose value is known, and one made on the token that can decrypt too.
        let mut known = common("known");
        known.push(Attribute::Value(vec![7; 32]));
        known.extend([Attribute::Encrypt(false), Attribute::Decrypt(false)]);
        session.create_object(&known).unwrap();
        let mut able = common("able");
        able.extend([Attribute::ValueLen(32.into()), Attribute::Decrypt(true)]);
        session.generate_key(&Mechanism::AesKeyGen, &able).unwrap();
        for label in ["known", "able"] {
            let check = token.run_blocking(move |session| session.check_key(label));
            assert!(
                matches!(check, Err(Error::Unfit { .. })),
                "{label}: {check:?}"
            );
            let made = token.run_blocking(move |session| session.make_key(label));
            assert!(
                matches!(made, Err(Error::Unfit { .. })),
                "{label}: {made:?}"
            );
            let seal = move |session: &Session| session.seal(label, &SystemEntropy, b"", b"x");
            token.run_blocking(seal).unwrap_err();
        }
        seal(&token, "ours", b"");
    });
}
