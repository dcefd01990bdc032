//! The features of a group: which names and types there may be.

use std::collections::{BTreeMap, HashSet};

use shapes::sagemaker::{self, FeatureDefinition};

use crate::Error;
use crate::collections::Collection;
use crate::records::{Definition, Storage};
use crate::values::FeatureType;

/// Names that the offline store gives to columns of its own.
const RESERVED: [&str; 3] = ["is_deleted", "write_time", "api_invocation_time"];

/// Vectors of one group.
const MOST_VECTORS: usize = 1;

/// What a group has already, beside which features are to come.
#[derive(Debug)]
pub(crate) struct Known {
    storage: Option<Storage>,
    /// The names of its features, in lower case.
    names: HashSet<String>,
    vectors: usize,
}

impl Known {
    /// The features of a group with an online store of this type, or none.
    pub(crate) fn of(storage: Option<Storage>, definitions: &[Definition]) -> Self {
        let is_vector = |known: &&Definition| is_vector(known.collection);
        Self {
            storage,
            names: (definitions.iter())
                .map(|known| known.name.to_lowercase())
                .collect(),
            vectors: definitions.iter().filter(is_vector).count(),
        }
    }

    /// How many features there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Checks features that are to be added, and counts them in.
    ///
    /// Names differ in more than case and are not reserved. Collections need a group in
    /// memory, which may have one vector.
    pub(crate) fn add(&mut self, features: &[FeatureDefinition]) -> Result<(), Error> {
        for feature in features {
            self.add_one(feature)?;
        }
        Ok(())
    }

    fn add_one(&mut self, feature: &FeatureDefinition) -> Result<(), Error> {
        let name = &feature.feature_name;
        let lower = name.to_lowercase();
        if RESERVED.contains(&lower.as_str()) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is reserved."
            )));
        }
        let collection = Collection::of(feature)?;
        if collection.is_some() && self.storage != Some(Storage::InMemory) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is a collection; collections need an online store of type \
                 InMemory."
            )));
        }
        self.vectors += usize::from(is_vector(collection));
        if self.vectors > MOST_VECTORS {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is a second Vector; a feature group has at most one."
            )));
        }
        if !self.names.insert(lower) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is defined more than once; names differ in more than case."
            )));
        }
        Ok(())
    }
}

fn is_vector(collection: Option<Collection>) -> bool {
    matches!(collection, Some(Collection::Vector { .. }))
}

/// The definitions as they are stored.
pub(crate) fn definitions(features: &[FeatureDefinition]) -> Result<Vec<Definition>, Error> {
    let definition = |feature: &FeatureDefinition| {
        Ok(Definition {
            name: feature.feature_name.clone(),
            kind: match feature.feature_type {
                sagemaker::FeatureType::Integral => FeatureType::Integral,
                sagemaker::FeatureType::Fractional => FeatureType::Fractional,
                sagemaker::FeatureType::String => FeatureType::String,
            },
            collection: Collection::of(feature)?,
            added: None,
            changed: None,
            description: None,
            parameters: BTreeMap::new(),
        })
    };
    features.iter().map(definition).collect()
}

/// A definition as AWS shows it.
pub(crate) fn definition(definition: &Definition) -> FeatureDefinition {
    let collection = definition.collection;
    FeatureDefinition {
        feature_name: definition.name.clone(),
        feature_type: shape(definition.kind),
        collection_type: collection.map(Collection::shape),
        collection_config: collection.and_then(Collection::config),
    }
}

/// The type as AWS shows it.
pub(crate) fn shape(kind: FeatureType) -> sagemaker::FeatureType {
    match kind {
        FeatureType::Integral => sagemaker::FeatureType::Integral,
        FeatureType::Fractional => sagemaker::FeatureType::Fractional,
        FeatureType::String => sagemaker::FeatureType::String,
    }
}
