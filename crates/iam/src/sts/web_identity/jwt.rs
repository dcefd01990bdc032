//! JSON Web Tokens (RFC 7519) in compact form, signed: reading and verifying one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{SignatureAlgorithm, VerifyingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Error;
use super::claims::Claims;

/// Characters of the longest token that is read.
const LONGEST: usize = 20_000;

/// A token whose signature may not be verified yet: until then it says nothing but whose key
/// would verify it.
#[derive(Debug)]
pub(crate) struct Token<'t> {
    algorithm: SignatureAlgorithm,
    key_id: Option<String>,
    claims: Claims,
    /// Header and payload as they are signed.
    signed: &'t str,
    signature: Vec<u8>,
}

/// What the header of a token may say; the rest has no meaning here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What kind of token it is, where the issuer says: access and logout tokens of one issuer
    /// are signed with the keys of its identity tokens.
    typ: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<IgnoredAny>,
}

impl<'t> Token<'t> {
    /// Reads a token.
    ///
    /// Fails with `InvalidIdentityToken` unless it is header, payload and signature in base64
    /// for URLs, the header names one algorithm that tokens are signed with, no extension and no
    /// other kind of token (`at+jwt`, `logout+jwt`), and the payload's claims have their types, each once.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::NotAToken);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Error::NotAToken)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::NotAToken)?;
        let header: Header = read(header)?;
        if header.crit.is_some() || !header.typ.as_deref().is_none_or(is_of_identities) {
            return Err(Error::NotAToken);
        }
        let algorithm = SignatureAlgorithm::from_name(&header.alg).ok_or(Error::Algorithm)?;
        Ok(Self {
            algorithm,
            key_id: header.kid,
            claims: read(payload)?,
            signed,
            signature: decode(signature)?,
        })
    }

    /// The algorithm that the token says it is signed with.
    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The id of the key that the token says it is signed with.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What the token says, which is worth nothing before it is verified.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks that the token is signed with `key`.
    ///
    /// Fails with `InvalidIdentityToken` if it is not, and for an algorithm that the key is not
    /// for.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<(), Error> {
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)
            .map_err(|_wrong| Error::Signature)
    }
}

/// Whether tokens of this type can be those of identities: any token, signed in any form.
fn is_of_identities(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    matches!(typ, "jwt" | "jose")
}

fn decode(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_not_base64| Error::NotAToken)
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Error> {
    // The reason could quote the token.
    serde_json::from_slice(&decode(part)?).map_err(|_unquoted| Error::NotAToken)
}

#[cfg(test)]
mod tests;
