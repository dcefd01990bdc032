//! What the pipeline learns of KMS resources: key policies and the keys' own condition keys.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use pipeline::sources::{GrantQuery, MatchedGrant, ResourceFacts, ResourceRule, ResourceSource};
use policy::{ConditionKey, ConditionKeys, Values};
use store::{Key, Revision, Snapshot, View};
use types::{Arn, same_but_for_case};

use crate::grants::constraints::Pairs;
use crate::grants::index::{self, Asked};
use crate::grants::record::GrantedOperation;
use crate::records::{ALIAS_NAMES, KeyRecord, KeyRow};
use crate::symmetric::rights_changed;

/// The source of key policies, for resources whose ARNs name `kms`.
///
/// A key is decided by its key policy and its grants. An alias has no policy: only identity policies allow
/// anything on it. Nor has a key that does not exist, and AWS owned keys do not exist for
/// anyone who asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyPolicies;

impl ResourceSource for KeyPolicies {
    fn facts(&self, view: &View, arn: &Arn) -> ResourceFacts {
        match KeyRow::at(view, arn) {
            Some(row) => key_facts(view, row.record),
            None => ResourceFacts {
                account: arn.account(),
                rule: ResourceRule::None,
                keys: None,
            },
        }
    }

    fn grants(&self, view: &View, query: &GrantQuery<'_>) -> Vec<MatchedGrant> {
        let need = query.need;
        let key = need.resource.as_ref().and_then(|arn| KeyRow::at(view, arn));
        let operation = GrantedOperation::of_action(need.action.operation());
        let (Some(key), Some(operation)) = (key, operation) else {
            return Vec::new();
        };
        let asked = Asked {
            operation,
            context: Pairs::of(need.pairs("kms:encryptioncontext")),
            source: query.source.map(Arn::as_str),
        };
        index::matching(view, &key.record, query.principal, &asked)
    }

    fn last_change(&self, snapshot: &Snapshot) -> Option<Revision> {
        Some(rights_changed(snapshot))
    }
}

/// The facts of a key, stored or about to be.
pub(crate) fn key_facts(view: &View, key: Arc<KeyRecord>) -> ResourceFacts {
    if view.is_recording() {
        // The aliases are read only if a policy asks for them, out of sight of the view. They
        // count as read, so that a change of them makes the call decide again.
        drop(view.scan(&ALIAS_NAMES, &key.row_key(), None));
    }
    ResourceFacts {
        account: Some(key.account),
        rule: ResourceRule::Key(Arc::clone(key.policy.document())),
        keys: Some(Arc::new(KeyKeys {
            key,
            snapshot: Arc::clone(view.snapshot()),
        })),
    }
}

/// The condition keys of a key: `kms:KeySpec`, `aws:ResourceTag/…` and their like.
struct KeyKeys {
    key: Arc<KeyRecord>,
    snapshot: Arc<Snapshot>,
}

impl ConditionKeys for KeyKeys {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        match (key.name(), key.suffix()) {
            ("kms:keyorigin", None) => Some(fixed(self.key.origin.as_str())),
            ("kms:keyspec", None) => Some(fixed(self.key.spec.as_str())),
            ("kms:keyusage", None) => Some(fixed(self.key.usage.as_str())),
            ("kms:multiregion", None) => Some(fixed(if self.key.is_multi_region() {
                "true"
            } else {
                "false"
            })),
            ("kms:multiregionkeytype", None) => {
                self.key.key_type().map(|kind| fixed(kind.as_str()))
            }
            ("kms:resourcealiases", None) => {
                let prefix = self.key.row_key();
                let names = self.snapshot.scan(&ALIAS_NAMES, &prefix);
                let name = |row: &Key| row.text_parts().pop().map(Cow::Owned);
                let names: Vec<_> = names.filter_map(|(row, _)| name(row)).collect();
                (!names.is_empty()).then_some(Values::Many(names))
            }
            ("aws:resourcetag", Some(tag)) => {
                let mut tags = self.key.tags.iter();
                let (_, value) = tags.find(|(name, _)| same_but_for_case(name, tag))?;
                Some(Values::One(Cow::Borrowed(value)))
            }
            _ => None,
        }
    }
}

impl fmt::Debug for KeyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyKeys({})", self.key.arn)
    }
}

fn fixed(value: &'static str) -> Values<'static> {
    Values::One(Cow::Borrowed(value))
}
