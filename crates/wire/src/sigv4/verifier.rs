//! Verification: the one way from [`Unverified`] to [`Verified`].

use std::time::Duration;

use crypto::digest::sha256;
use crypto::mac::ct_eq;
use types::{AccessKeyId, Timestamp};

use super::keys::{SecretAccessKey, SigningKeyCache};
use super::payload::hex_of;
use super::unverified::ALGORITHM;
use super::{AuthError, PayloadHash, Place, Unverified, canonical};

/// The difference between the clocks of client and server that AWS accepts.
pub const DEFAULT_SKEW: Duration = Duration::from_mins(5);

/// Verifies signatures; one per server.
#[derive(Debug)]
pub struct Verifier {
    skew: Duration,
    keys: SigningKeyCache,
    nobody: SecretAccessKey,
}

/// Proof that a request was signed with the secret that belongs to the access key.
///
/// Only [`Verifier::verify`] makes it. It says nothing about the session token, which the
/// owner of sessions must check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    access_key: AccessKeyId,
    place: Place,
}

impl Verified {
    /// The access key whose secret signed the request.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// Where the signature was.
    pub fn place(&self) -> Place {
        self.place
    }
}

impl Verifier {
    /// A verifier that accepts clocks `skew` apart ([`DEFAULT_SKEW`] is AWS's) and keeps up
    /// to `cached_keys` signing keys.
    pub fn new(skew: Duration, cached_keys: usize) -> Self {
        Self {
            skew,
            keys: SigningKeyCache::new(cached_keys),
            nobody: SecretAccessKey::new(b"nobody signs with this; refuse_unknown never accepts"),
        }
    }

    /// Checks that `request` was signed within the skew and has not expired.
    ///
    /// Needs no key: call it before a body is accepted. [`Self::verify`] repeats it. Fails with
    /// [`AuthError::NotYetCurrent`], [`AuthError::Expired`] and [`AuthError::PresignExpired`].
    pub fn check_time(&self, request: &Unverified<'_>, now: Timestamp) -> Result<(), AuthError> {
        let (at, skew) = (request.signed_at(), self.skew);
        if at > now.saturating_add(skew) {
            return Err(AuthError::NotYetCurrent { at, now, skew });
        }
        match request.expires() {
            Some(life) => {
                let end = at.saturating_add(life);
                if end < now {
                    return Err(AuthError::PresignExpired { end, now });
                }
            }
            None if at < now.saturating_sub(skew) => {
                return Err(AuthError::Expired { at, now, skew });
            }
            None => {}
        }
        Ok(())
    }

    /// Verifies `request` with the secret of its access key and the hash of its whole body.
    ///
    /// Check the region of the scope first: every scope takes room in the cache. Fails with
    /// the time errors of [`Self::check_time`], with [`AuthError::PayloadHash`] if the
    /// client declared another body, and with [`AuthError::Mismatch`].
    pub fn verify(
        &self,
        request: &Unverified<'_>,
        secret: &SecretAccessKey,
        payload: &PayloadHash,
        now: Timestamp,
    ) -> Result<Verified, AuthError> {
        self.check_time(request, now)?;
        if request
            .declared_payload()
            .is_some_and(|declared| declared != payload)
        {
            return Err(AuthError::PayloadHash);
        }
        let mut text = Vec::with_capacity(1024);
        canonical::write(request, payload, &mut text)?;
        let hash = hex_of(&sha256(&text));
        text.clear();
        let scope = request.scope();
        for line in [
            ALGORITHM.as_bytes(),
            request.date().text(),
            scope.text().as_bytes(),
        ] {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text.extend_from_slice(&hash);
        let expected = self.keys.get(secret, scope).tag(&text);
        if ct_eq(&expected, request.signature()) {
            Ok(Verified {
                access_key: request.access_key().clone(),
                place: request.place(),
            })
        } else {
            Err(AuthError::Mismatch)
        }
    }

    /// Refuses a request whose access key is unknown, after the same work that a bad
    /// signature costs, so that time does not tell the two apart.
    pub fn refuse_unknown(
        &self,
        request: &Unverified<'_>,
        payload: &PayloadHash,
        now: Timestamp,
    ) -> AuthError {
        match self.verify(request, &self.nobody, payload, now) {
            Ok(_) | Err(AuthError::Mismatch) => AuthError::UnrecognizedClient,
            Err(other) => other,
        }
    }
}
