//! The credentials that sign requests, kept ready between them.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use iam::SessionTokens;
use imbl::OrdMap;
use pipeline::Caller;
use store::{Revision, View};
use types::{AccessKeyId, Timestamp};
use wire::sigv4::{AuthError, SecretAccessKey};

/// How many credentials are kept before all are forgotten and looked up anew.
const MOST_KEPT: usize = 16_384;

/// A credential that may sign, as a request needs it.
#[derive(Debug)]
pub(crate) struct Known {
    /// Whom it authenticates.
    pub caller: Arc<Caller>,
    /// The secret, ready to derive signing keys.
    pub secret: SecretAccessKey,
}

impl Known {
    /// Fails if the credential is a session's that is over.
    pub(crate) fn check_life(&self, now: Timestamp) -> Result<(), AuthError> {
        match &self.caller.session {
            Some(session) if session.expires <= now => Err(AuthError::ExpiredToken),
            Some(_) | None => Ok(()),
        }
    }
}

/// Credentials that were used since a commit last changed an access key or its owner.
///
/// An entry counts only in snapshots of the same tables that it was read from, so a key that
/// is made inactive, deleted or given another secret is looked up again by the next request.
/// Unknown keys are not remembered: a flood of them takes no room.
#[derive(Default)]
pub(crate) struct KnownCredentials {
    kept: ArcSwap<OrdMap<AccessKeyId, Arc<Kept>>>,
}

struct Kept {
    stamp: [Revision; 4],
    /// The session token that a temporary key came with.
    token: Option<Box<str>>,
    known: Arc<Known>,
}

impl KnownCredentials {
    /// The credential with this id and, if it is a temporary one, this session token; `None` if
    /// it is unknown, inactive or without its owner, or if the token is not its own.
    ///
    /// A session that has expired is found like any other.
    pub(crate) fn find(
        &self,
        view: &View,
        tokens: &SessionTokens,
        id: &AccessKeyId,
        token: Option<&str>,
    ) -> Option<Arc<Known>> {
        let stamp = iam::credential_stamp(view.snapshot());
        if let Some(kept) = self.kept.load().get(id)
            && kept.stamp == stamp
            && same(kept.token.as_deref(), token)
        {
            return Some(Arc::clone(&kept.known));
        }
        let known = Arc::new(match token {
            None => {
                let credential = iam::find_credential(view, id)?;
                Known {
                    secret: SecretAccessKey::new(credential.secret.expose()),
                    caller: Arc::new(Caller::new(credential.principal, Some(id.clone()))),
                }
            }
            Some(token) => {
                let session = iam::find_session(view, tokens, id, token)?;
                Known {
                    secret: SecretAccessKey::new(session.secret.expose()),
                    caller: Arc::new(session.caller),
                }
            }
        });
        self.keep(id, stamp, token, &known);
        Some(known)
    }

    fn keep(
        &self,
        id: &AccessKeyId,
        stamp: [Revision; 4],
        token: Option<&str>,
        known: &Arc<Known>,
    ) {
        let kept = Arc::new(Kept {
            stamp,
            token: token.map(Box::from),
            known: Arc::clone(known),
        });
        self.kept.rcu(|all| {
            // A request on an older snapshot must not push out what newer ones use.
            if all.get(id).is_some_and(|other| other.stamp > kept.stamp) {
                return OrdMap::clone(all);
            }
            let full = all.len() >= MOST_KEPT && !all.contains_key(id);
            let mut all = if full {
                OrdMap::new()
            } else {
                OrdMap::clone(all)
            };
            all.insert(id.clone(), Arc::clone(&kept));
            all
        });
    }
}

/// Whether the token is the one that was opened before.
fn same(kept: Option<&str>, token: Option<&str>) -> bool {
    match (kept, token) {
        (None, None) => true,
        (Some(kept), Some(token)) => crypto::ct_eq(kept.as_bytes(), token.as_bytes()),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

impl fmt::Debug for KnownCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownCredentials({})", self.kept.load().len())
    }
}

#[cfg(test)]
mod tests {
    use pipeline::Session;
    use types::Principal;

    use super::*;

    #[test]
    fn a_session_signs_until_it_expires() {
        let session = Session {
            issued: Timestamp::new(1000, 0),
            expires: Timestamp::new(1900, 0),
            policies: None,
            tags: Vec::new(),
            transitive: Vec::new(),
            source_identity: None,
            provider: None,
            issuer: None,
        };
        let account = "111122223333".parse().unwrap();
        let known = |session| Known {
            caller: Arc::new(Caller {
                principal: Principal::Root { account },
                access_key: None,
                session,
            }),
            secret: SecretAccessKey::new(b"secret"),
        };
        let temporary = known(Some(Arc::new(session)));
        let at = |seconds, nanos| temporary.check_life(Timestamp::new(seconds, nanos));
        assert_eq!(at(1899, 999_999_999), Ok(()));
        assert_eq!(at(1900, 0), Err(AuthError::ExpiredToken));
        assert_eq!(known(None).check_life(Timestamp::new(1900, 0)), Ok(()));
    }

    #[test]
    fn a_kept_credential_counts_with_its_own_token_only() {
        assert!(same(None, None));
        assert!(same(Some("token"), Some("token")));
        for other in [None, Some(""), Some("tokem"), Some("token ")] {
            assert!(!same(Some("token"), other));
            assert!(!same(other, Some("token")));
        }
    }
}
