//! The credentials that sign requests, kept ready between them.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use iam::SessionTokens;
use imbl::OrdMap;
use pipeline::Caller;
use store::{Revision, View};
use types::AccessKeyId;
use wire::sigv4::SecretAccessKey;

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
