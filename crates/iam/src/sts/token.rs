//! Session tokens: sealed, self-contained, and bound to the access key that they belong to.
//!
//! A token holds the secret of its access key and all that is known of the session, so that
//! no node keeps any state of it. What it says of whom it stands for is an id only: policies,
//! tags and names are read when a request is decided.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::XaesKey;
use crypto::kdf::derive_key;
use crypto::secret::{Key32, SecretBytes};
use serde::{Deserialize, Serialize};
use types::{AccessKeyId, AccountId, Arn, Entropy, Timestamp, UniqueId};

/// The use of the data key that tokens are sealed under; never changes.
const LABEL: &str = "iam/session-tokens";

/// The first byte of a token: its form.
const FORM: u8 = 1;

/// Characters of a secret access key.
pub(crate) const SECRET_LENGTH: usize = 40;

/// Bytes of a token beside its claims: form, nonce, tag and secret.
const OVERHEAD: usize = 1 + 24 + 16 + SECRET_LENGTH;

/// The longest token that is looked at; none that is made here is longer.
pub(crate) const LONGEST: usize = 8192;

/// Seals and opens session tokens. A shared part of the deployment.
pub struct SessionTokens {
    key: XaesKey,
}

/// Whom a session stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Holder {
    /// A role, in a session of this name.
    Role {
        /// The role's unique id.
        id: UniqueId,
        /// The session's name.
        session: String,
    },
    /// A user or root user itself.
    Itself(Owner),
    /// Whoever a user or root user made the session for.
    Federated {
        /// The session's name.
        name: String,
        /// Who made it.
        issuer: Owner,
    },
}

/// Who owns long-term credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// A user, by its unique id.
    User(UniqueId),
    /// The root user of an account.
    Root(AccountId),
}

/// What the maker of a session bounds it by and says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// The session policy that was passed.
    pub(crate) policy: Option<String>,
    /// Managed session policies.
    pub(crate) managed: Vec<Arn>,
    /// Session tags, inherited ones among them.
    pub(crate) tags: Vec<(String, String)>,
    /// The keys of those tags that later sessions inherit.
    pub(crate) transitive: Vec<String>,
}

/// Everything that a token says, but for the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) holder: Holder,
    pub(crate) bounds: Bounds,
    pub(crate) source_identity: Option<String>,
    pub(crate) provider: Option<String>,
}

impl SessionTokens {
    /// Tokens of the deployment with this data key.
    pub fn new(data_key: &Key32) -> Self {
        Self {
            key: XaesKey::new(&derive_key(data_key, LABEL, &[])),
        }
    }

    /// The token of the access key `id` with this secret, of at least `shortest` characters.
    pub(crate) fn seal(
        &self,
        entropy: &dyn Entropy,
        id: &AccessKeyId,
        secret: &SecretBytes,
        claims: &Claims,
        shortest: usize,
    ) -> Result<String, serde_json::Error> {
        let claims = serde_json::to_vec(claims)?;
        // Spaces behind the claims mean nothing. Three bytes make four characters.
        let room = shortest.div_ceil(4) * 3;
        let length = claims.len().max(room.saturating_sub(OVERHEAD));
        let mut plain = Vec::with_capacity(SECRET_LENGTH + length);
        plain.extend_from_slice(secret.expose());
        plain.extend_from_slice(&claims);
        plain.resize(SECRET_LENGTH + length, b' ');
        let plain = SecretBytes::from(plain);
        let mut token = vec![FORM];
        self.key
            .seal_into(entropy, id.as_str().as_bytes(), plain.expose(), &mut token);
        Ok(STANDARD.encode(token))
    }

    /// The secret and the claims of `token`; `None` if it was not made here for the access key
    /// `id`.
    pub(crate) fn open(&self, id: &AccessKeyId, token: &str) -> Option<(SecretBytes, Claims)> {
        if token.len() > LONGEST {
            return None;
        }
        let token = STANDARD.decode(token).ok()?;
        let sealed = token.strip_prefix(&[FORM])?;
        let plain = self.key.open(id.as_str().as_bytes(), sealed).ok()?;
        let (secret, claims) = plain.expose().split_at_checked(SECRET_LENGTH)?;
        let claims = serde_json::from_slice(claims).ok()?;
        Some((SecretBytes::from(secret.to_vec()), claims))
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTokens(..)")
    }
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;
    use types::UniqueIdKind;

    use super::*;

    fn id() -> AccessKeyId {
        AccessKeyId::generate(&SystemEntropy, UniqueIdKind::TemporaryKey)
    }

    fn claims() -> Claims {
        Claims {
            issued: Timestamp::new(1_700_000_000, 0),
            expires: Timestamp::new(1_700_003_600, 0),
            holder: Holder::Itself(Owner::Root("111122223333".parse().unwrap())),
            bounds: Bounds {
                tags: vec![("team".to_owned(), "blau".to_owned())],
                ..Bounds::default()
            },
            source_identity: None,
            provider: None,
        }
    }

    fn secret() -> SecretBytes {
        SecretBytes::from(vec![b's'; SECRET_LENGTH])
    }

    fn sealed(tokens: &SessionTokens, id: &AccessKeyId, shortest: usize) -> String {
        let sealed = tokens.seal(&SystemEntropy, id, &secret(), &claims(), shortest);
        sealed.unwrap()
    }

    fn tokens() -> SessionTokens {
        SessionTokens::new(&Key32::generate(&SystemEntropy))
    }

    #[test]
    fn a_token_opens_for_its_own_access_key_only() {
        let (tokens, mine) = (tokens(), id());
        let token = sealed(&tokens, &mine, 0);
        let (opened, said) = tokens.open(&mine, &token).unwrap();
        assert!(opened.ct_eq(&secret()));
        assert_eq!(said, claims());
        assert!(tokens.open(&id(), &token).is_none());
    }

    #[test]
    fn a_token_of_another_deployment_does_not_open() {
        let mine = id();
        let token = sealed(&tokens(), &mine, 0);
        assert!(tokens().open(&mine, &token).is_none());
    }

    #[test]
    fn a_token_that_differs_in_one_character_does_not_open() {
        let (tokens, mine) = (tokens(), id());
        let token = sealed(&tokens, &mine, 0);
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(tokens.open(&mine, &forged).is_none(), "{at}");
        }
        for length in [0, 4, token.len() - 4] {
            let shorter = token.get(..length).unwrap();
            assert!(tokens.open(&mine, shorter).is_none());
        }
        assert!(tokens.open(&mine, &format!("{token} ")).is_none());
        assert!(tokens.open(&mine, &"A".repeat(LONGEST + 4)).is_none());
    }

    #[test]
    fn a_token_is_as_long_as_was_asked_for() {
        let (tokens, mine) = (tokens(), id());
        for shortest in [0, 1, 100, 1000, 4095, 4096] {
            let token = sealed(&tokens, &mine, shortest);
            assert!(token.len() >= shortest, "{shortest}");
            assert!(token.len() <= shortest.max(600) + 16, "{}", token.len());
            assert!(tokens.open(&mine, &token).is_some());
        }
    }

    #[test]
    fn nothing_of_the_session_shows_in_its_token() {
        let (tokens, mine) = (tokens(), id());
        let token = STANDARD.decode(sealed(&tokens, &mine, 0)).unwrap();
        for shown in [&b"ssssssss"[..], b"team", b"111122223333"] {
            assert!(!token.windows(shown.len()).any(|part| part == shown));
        }
    }

    /// The access key and the token that a fixed data key sealed for it once.
    #[test]
    fn the_fixture_of_a_token_opens() {
        let mut lines = include_str!("../../testdata/formats/session-token.txt").lines();
        let (id, token) = (lines.next().unwrap(), lines.next().unwrap());
        let data_key = Key32::try_from([7; 32].as_slice()).unwrap();
        let tokens = SessionTokens::new(&data_key);
        let (opened, said) = tokens.open(&id.parse().unwrap(), token).unwrap();
        assert!(opened.ct_eq(&secret()));
        assert_eq!(said, claims_of_fixture());
    }

    /// With every member that a token can have.
    fn claims_of_fixture() -> Claims {
        Claims {
            holder: Holder::Role {
                id: "AROA0123456789ABCDEF0".parse().unwrap(),
                session: "one".to_owned(),
            },
            bounds: Bounds {
                policy: Some("{}".to_owned()),
                managed: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".parse().unwrap()],
                transitive: vec!["team".to_owned()],
                ..claims().bounds
            },
            source_identity: Some("alice".to_owned()),
            provider: Some("https://issuer.example.com".to_owned()),
            ..claims()
        }
    }
}
