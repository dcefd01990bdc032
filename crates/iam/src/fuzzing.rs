//! Doors for the fuzz targets; no part of the interface.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::secret::{Key32, SecretBytes};
use types::{AccessKeyId, Arn, Entropy, Timestamp, UniqueIdKind};

use crate::sts::web_identity::{KeySet, Token};
use crate::sts::{Claims, LONGEST, SECRET_LENGTH, SessionTokens};

/// The same bytes over and over.
#[derive(Debug)]
struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, target: &mut [u8]) {
        target.fill(7);
    }
}

/// Whether this is what a session token says inside. What nobody sealed never opens as a token;
/// what was sealed opens as it was.
///
/// # Panics
///
/// If that does not hold.
pub fn session_token(data: &[u8]) -> bool {
    let tokens = SessionTokens::new(&Key32::generate(&Fixed));
    let id = AccessKeyId::generate(&Fixed, UniqueIdKind::TemporaryKey);
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(tokens.open(&id, text).is_none(), "a forged token opens");
    }
    let Ok(claims) = serde_json::from_slice::<Claims>(data) else {
        return false;
    };
    let secret = SecretBytes::generate(&Fixed, SECRET_LENGTH);
    let Ok(token) = tokens.seal(&Fixed, &id, &secret, &claims, 0) else {
        return false;
    };
    let opened = tokens.open(&id, &token);
    assert_eq!(opened.is_some(), token.len() <= LONGEST);
    if let Some((_, said)) = opened {
        assert_eq!(said, claims, "a token says something else than was sealed");
    }
    true
}

/// A key whose signatures nobody makes here.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// Whether this is a key set, the token of an identity provider, or what stands inside one.
/// What nobody signed is never verified; whom a token stands for is among its words.
///
/// # Panics
///
/// If that does not hold.
pub fn web_identity(data: &[u8]) -> bool {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let header = encode(br#"{"alg": "ES256"}"#);
    let wrapped = format!("{header}.{}.{}", encode(data), encode(&[1; 64]));
    let keys = KeySet::parse(KEYS.as_bytes());
    let provider: Result<Arn, _> = "arn:aws:iam::000000000000:oidc-provider/a".parse();
    let (Ok(keys), Ok(provider)) = (keys, provider) else {
        return false;
    };
    let mut read = KeySet::parse(data).is_ok();
    for text in [std::str::from_utf8(data).unwrap_or_default(), &wrapped] {
        let Ok(token) = Token::parse(text) else {
            continue;
        };
        read = true;
        if let Some(key) = keys.find(token.key_id(), token.algorithm()) {
            assert!(token.verify(key).is_err(), "a forged token is verified");
        }
        let (ids, now) = (["a".to_owned()], Timestamp::new(0, 0));
        let claims = token.claims();
        if let Ok(identity) = claims.identity(provider.clone(), &ids, now) {
            assert_eq!(identity.audience, "a", "a token for somebody else");
            assert!(identity.tags.len() <= 50, "more tags than a session has");
        }
    }
    read
}
