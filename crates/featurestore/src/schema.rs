//! What is computed from a group's record once per load, for requests to use.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use online::PayloadWriter;
use pipeline::KeySet;

use crate::answer;
use crate::collections::Collection;
use crate::meter::Meter;
use crate::records::GroupRecord;
use crate::values::FeatureType;

/// A group's definitions, ready to look up and to write out.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    by_name: HashMap<Box<str>, usize>,
    features: Vec<Feature>,
    /// Whether any feature is a collection.
    has_lists: bool,
    identifier: usize,
    event_time: usize,
    /// How many records the newest data key has sealed since that was last written down.
    pub(crate) sealed: Arc<AtomicU64>,
    /// What the group uses of its throughput, if it was asked for.
    pub(crate) meter: OnceLock<Arc<Meter>>,
    /// The encryption context of every key of the group.
    pub(crate) context: BTreeMap<String, String>,
    /// The condition keys that KMS sees when a key of the group is unwrapped.
    pub(crate) decrypt_keys: Arc<KeySet>,
    /// The condition keys that the group itself has: its tags.
    pub(crate) resource_keys: Arc<KeySet>,
}

/// A feature as requests need it.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) name: Box<str>,
    pub(crate) kind: FeatureType,
    pub(crate) collection: Option<Collection>,
    /// The JSON of a value of this feature, up to the value itself.
    pub(crate) json_head: Box<[u8]>,
}

impl Schema {
    /// That of a copy, before it is loaded, which goes on counting where its original does.
    pub(crate) fn counting(sealed: &Arc<AtomicU64>) -> Self {
        Self {
            sealed: Arc::clone(sealed),
            ..Self::default()
        }
    }

    /// What follows from the rest of `group`.
    pub(crate) fn of(group: &GroupRecord) -> Self {
        let features: Vec<Feature> = group
            .definitions
            .iter()
            .map(|definition| Feature {
                name: Box::from(definition.name.as_str()),
                kind: definition.kind,
                collection: definition.collection,
                json_head: answer::json_head(&definition.name, definition.collection),
            })
            .collect();
        let named = features.iter().enumerate();
        let by_name: HashMap<Box<str>, usize> = named
            .map(|(index, feature)| (feature.name.clone(), index))
            .collect();
        let place = |name: &str| by_name.get(name).copied().unwrap_or(usize::MAX);
        let (identifier, event_time) = (place(&group.identifier), place(&group.event_time));
        let context = encryption_context(group.arn.as_str(), &group.id);
        Self {
            sealed: Arc::clone(&group.schema.sealed),
            identifier,
            event_time,
            meter: OnceLock::new(),
            by_name,
            has_lists: features.iter().any(|feature| feature.collection.is_some()),
            features,
            decrypt_keys: Arc::new(kms::encryption_context_keys(&context)),
            context,
            resource_keys: Arc::new(
                KeySet::default()
                    .map("aws:resourcetag", &group.tags)
                    .map("sagemaker:resourcetag", &group.tags),
            ),
        }
    }

    /// The place of the feature `name`. Tries `guess` first: callers tend to send features in
    /// the order of their definition.
    pub(crate) fn find(&self, name: &str, guess: usize) -> Option<usize> {
        match self.features.get(guess) {
            Some(feature) if *feature.name == *name => Some(guess),
            _ => self.by_name.get(name).copied(),
        }
    }

    /// The feature at `index`.
    pub(crate) fn feature(&self, index: usize) -> Option<&Feature> {
        self.features.get(index)
    }

    /// The beginning of a record's payload; `capacity` guesses the length of all values.
    pub(crate) fn writer(&self, identifier: &str, capacity: usize) -> PayloadWriter {
        if self.has_lists {
            PayloadWriter::with_lists(identifier, capacity)
        } else {
            PayloadWriter::new(identifier, capacity)
        }
    }

    /// How many features there are.
    pub(crate) fn len(&self) -> usize {
        self.features.len()
    }

    /// The place of the identifier.
    pub(crate) fn identifier(&self) -> usize {
        self.identifier
    }

    /// The place of the event time.
    pub(crate) fn event_time(&self) -> usize {
        self.event_time
    }
}

/// The encryption context of every data key and index key of a group.
///
/// It names the group, and with a random id this very group and not a later one of the same
/// name. Key policies and grants may be bound to it: it never changes.
pub(crate) fn encryption_context(arn: &str, id: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("aws:sagemaker:featureGroupArn", arn),
        ("aws:sagemaker:featureGroupId", id),
    ];
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
