//! JSON Web Key sets (RFC 7517): the public keys of an issuer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{Curve, SignatureAlgorithm, VerifyingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Bytes of the longest key set that is read.
const LONGEST: usize = 64 * 1024;

/// Keys that a set may have, of whatever kind.
const MOST_KEYS: usize = 64;

/// The keys of an issuer that a token can be signed with.
#[derive(Debug)]
pub struct KeySet(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    id: Option<String>,
    /// The one algorithm that the key is for, if the set says so.
    algorithm: Option<SignatureAlgorithm>,
    key: VerifyingKey,
}

/// A key set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// It is too long.
    #[error("a key set has at most 65536 bytes and 64 keys")]
    TooLarge,
    /// It is no key set.
    #[error("this is no JSON web key set")]
    Malformed(#[source] serde_json::Error),
    /// It holds what nobody but the issuer should have.
    #[error("the key set holds a private or secret key: it must hold public keys only")]
    Secret,
    /// It holds no key that is used here.
    #[error(
        "the key set holds no RSA key of 2048 bits or more and no key on P-256, P-384 or P-521"
    )]
    NoneUsable,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl KeySet {
    /// Reads a set. Keys that are not for signatures, of other kinds, or too weak are passed
    /// over.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > LONGEST {
            return Err(KeySetError::TooLarge);
        }
        let document: Document = serde_json::from_slice(text).map_err(KeySetError::Malformed)?;
        if document.keys.len() > MOST_KEYS {
            return Err(KeySetError::TooLarge);
        }
        if document.keys.iter().any(Jwk::is_secret) {
            return Err(KeySetError::Secret);
        }
        let usable: Vec<Entry> = document.keys.into_iter().filter_map(Jwk::entry).collect();
        if usable.is_empty() {
            return Err(KeySetError::NoneUsable);
        }
        Ok(Self(usable))
    }

    /// The key that a token names by id and algorithm. A token without an id must leave no
    /// choice; neither may a set whose keys share an id.
    pub(crate) fn find(
        &self,
        id: Option<&str>,
        algorithm: SignatureAlgorithm,
    ) -> Option<&VerifyingKey> {
        let mut found = self.0.iter().filter(|entry| {
            let of_key = entry.key.is_for(algorithm);
            let of_set = entry.algorithm.is_none_or(|only| only == algorithm);
            let named = id.is_none_or(|id| entry.id.as_deref() == Some(id));
            of_key && of_set && named
        });
        let entry = found.next()?;
        found.next().is_none().then_some(&entry.key)
    }
}

impl Jwk {
    fn is_secret(&self) -> bool {
        self.d.is_some() || self.k.is_some() || self.kty == "oct"
    }

    /// The key, if tokens can be signed with it.
    fn entry(self) -> Option<Entry> {
        let signs = self
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig");
        let verifies = |operations: &Vec<String>| operations.iter().any(|one| one == "verify");
        if !signs || !self.key_ops.as_ref().is_none_or(verifies) {
            return None;
        }
        let algorithm = match &self.alg {
            Some(name) => Some(SignatureAlgorithm::from_name(name)?),
            None => None,
        };
        let key = match self.kty.as_str() {
            "RSA" => VerifyingKey::rsa(&bytes(self.n.as_ref())?, &bytes(self.e.as_ref())?),
            "EC" => {
                let curve = match self.crv.as_deref()? {
                    "P-256" => Curve::P256,
                    "P-384" => Curve::P384,
                    "P-521" => Curve::P521,
                    _ => return None,
                };
                VerifyingKey::ec(curve, &bytes(self.x.as_ref())?, &bytes(self.y.as_ref())?)
            }
            _ => return None,
        };
        Some(Entry {
            id: self.kid,
            algorithm,
            key: key.ok()?,
        })
    }
}

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const P256: [&str; 2] = [
        "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    ];

    fn rsa(bits: usize) -> Value {
        let modulus = URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]);
        json!({ "kty": "RSA", "n": modulus, "e": "AQAB" })
    }

    fn ec() -> Value {
        json!({ "kty": "EC", "crv": "P-256", "x": P256[0], "y": P256[1] })
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn set(keys: &[Value]) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn refused(keys: &[Value], text: &str) {
        let message = set(keys).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    }

    #[test]
    fn a_key_is_found_by_its_id_and_for_its_algorithms_only() {
        let keys = [
            with(rsa(2048), "kid", json!("r")),
            with(ec(), "kid", json!("e")),
        ];
        let set = set(&keys).unwrap();
        let found = |id, algorithm| set.find(id, algorithm).is_some();
        assert!(found(Some("r"), SignatureAlgorithm::Rs256));
        assert!(found(Some("r"), SignatureAlgorithm::Rs512));
        assert!(found(Some("e"), SignatureAlgorithm::Es256));
        assert!(!found(Some("r"), SignatureAlgorithm::Es256));
        assert!(!found(Some("e"), SignatureAlgorithm::Rs256));
        assert!(!found(Some("e"), SignatureAlgorithm::Es384));
        assert!(!found(Some("x"), SignatureAlgorithm::Rs256));
        // Without an id there must be no choice.
        assert!(found(None, SignatureAlgorithm::Rs256));
    }

    #[test]
    fn a_key_that_the_set_binds_to_an_algorithm_is_for_no_other() {
        let set = set(&[with(rsa(2048), "alg", json!("RS384"))]).unwrap();
        assert!(set.find(None, SignatureAlgorithm::Rs384).is_some());
        assert!(set.find(None, SignatureAlgorithm::Rs256).is_none());
    }

    #[test]
    fn keys_that_share_an_id_are_no_key() {
        let key = with(rsa(2048), "kid", json!("a"));
        let set = set(&[key.clone(), key]).unwrap();
        assert!(set.find(Some("a"), SignatureAlgorithm::Rs256).is_none());
        assert!(set.find(None, SignatureAlgorithm::Rs256).is_none());
    }

    #[test]
    fn what_no_token_is_signed_with_is_passed_over() {
        for key in [
            rsa(1024),
            with(rsa(2048), "use", json!("enc")),
            with(rsa(2048), "key_ops", json!(["encrypt"])),
            with(rsa(2048), "alg", json!("PS256")),
            with(rsa(2048), "alg", json!("HS256")),
            with(rsa(2048), "e", json!("AA")),
            with(ec(), "crv", json!("secp256k1")),
            with(ec(), "y", json!(P256[0])),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": P256[0] }),
            json!({ "kty": "RSA" }),
        ] {
            refused(std::slice::from_ref(&key), "holds no RSA key");
            assert_eq!(set(&[key, ec()]).unwrap().0.len(), 1);
        }
    }

    #[test]
    fn secrets_in_a_set_are_refused() {
        for key in [
            with(ec(), "d", json!("AQAB")),
            json!({ "kty": "oct", "k": "AQAB" }),
            json!({ "kty": "oct" }),
        ] {
            refused(&[rsa(2048), key], "private or secret");
        }
    }

    #[test]
    fn sets_are_bounded_and_have_the_form_of_one() {
        refused(&vec![ec(); 65], "at most");
        for text in [
            "",
            "{}",
            "[]",
            r#"{"keys": {}}"#,
            r#"{"keys": [], "keys": []}"#,
        ] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
        let long = vec![b' '; LONGEST + 1];
        assert!(matches!(KeySet::parse(&long), Err(KeySetError::TooLarge)));
    }
}
