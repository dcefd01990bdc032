//! The credentials that sign requests, kept ready between them.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
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
    stamp: [Revision; 3],
    known: Arc<Known>,
}

impl KnownCredentials {
    /// The credential with this id; `None` if it is unknown, inactive or without its owner.
    pub(crate) fn find(&self, view: &View, id: &AccessKeyId) -> Option<Arc<Known>> {
        let stamp = iam::credential_stamp(view.snapshot());
        if let Some(kept) = self.kept.load().get(id)
            && kept.stamp == stamp
        {
            return Some(Arc::clone(&kept.known));
        }
        let credential = iam::find_credential(view, id)?;
        let known = Arc::new(Known {
            secret: SecretAccessKey::new(credential.secret.expose()),
            caller: Arc::new(Caller {
                principal: credential.principal,
                access_key: Some(id.clone()),
            }),
        });
        self.keep(id, stamp, &known);
        Some(known)
    }

    fn keep(&self, id: &AccessKeyId, stamp: [Revision; 3], known: &Arc<Known>) {
        let kept = Arc::new(Kept {
            stamp,
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

impl fmt::Debug for KnownCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownCredentials({})", self.kept.load().len())
    }
}
