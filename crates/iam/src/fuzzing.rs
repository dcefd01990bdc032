//! Doors for the fuzz targets; no part of the interface.

use crypto::secret::{Key32, SecretBytes};
use types::{AccessKeyId, Entropy, UniqueIdKind};

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
