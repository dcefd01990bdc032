//! The features of a group: which names and types there may be.

use std::collections::{BTreeMap, HashSet};

use shapes::sagemaker::{self, FeatureDefinition};

use crate::Error;
use crate::records::Definition;
use crate::values::FeatureType;

/// Features of one group.
pub(crate) const MOST_FEATURES: usize = 2500;

/// Names that the offline store gives to columns of its own.
const RESERVED: [&str; 3] = ["is_deleted", "write_time", "api_invocation_time"];

/// Checks features that a group is to have beside those whose `names`, in lower case, it has
/// already; adds theirs.
pub(crate) fn check(
    features: &[FeatureDefinition],
    names: &mut HashSet<String>,
) -> Result<(), Error> {
    for feature in features {
        let name = &feature.feature_name;
        let lower = name.to_lowercase();
        if RESERVED.contains(&lower.as_str()) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is reserved."
            )));
        }
        if feature.collection_type.is_some() || feature.collection_config.is_some() {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is a collection; collections need an online store of type \
                 InMemory."
            )));
        }
        if !names.insert(lower) {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is defined more than once; names differ in more than case."
            )));
        }
    }
    Ok(())
}

/// The definitions as they are stored.
pub(crate) fn definitions(features: &[FeatureDefinition]) -> Vec<Definition> {
    features
        .iter()
        .map(|feature| Definition {
            name: feature.feature_name.clone(),
            kind: match feature.feature_type {
                sagemaker::FeatureType::Integral => FeatureType::Integral,
                sagemaker::FeatureType::Fractional => FeatureType::Fractional,
                sagemaker::FeatureType::String => FeatureType::String,
            },
            added: None,
            changed: None,
            description: None,
            parameters: BTreeMap::new(),
        })
        .collect()
}

/// The type as AWS shows it.
pub(crate) fn shape(kind: FeatureType) -> sagemaker::FeatureType {
    match kind {
        FeatureType::Integral => sagemaker::FeatureType::Integral,
        FeatureType::Fractional => sagemaker::FeatureType::Fractional,
        FeatureType::String => sagemaker::FeatureType::String,
    }
}
