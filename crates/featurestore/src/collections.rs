//! Features that hold several values: lists, sets and vectors.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use shapes::sagemaker::{self, CollectionConfig, CollectionType, FeatureDefinition, VectorConfig};

use crate::Error;
use crate::values::FeatureType;

/// The kind of a collection. All of its elements have the type of the feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collection {
    /// Elements in an order, some of them perhaps equal.
    List,
    /// Elements of which no two are equal.
    Set,
    /// A certain number of fractions in an order.
    Vector {
        /// How many elements it has.
        dimension: u16,
    },
}

impl Collection {
    /// The collection that a definition asks for, if it asks for one.
    ///
    /// Fails for a vector of another type than `Fractional` or without a dimension, and for
    /// a configuration that the feature has no use for.
    pub(crate) fn of(feature: &FeatureDefinition) -> Result<Option<Self>, Error> {
        let name = &feature.feature_name;
        let config = feature.collection_config.as_ref();
        let vector = config.and_then(|config| config.vector_config.as_ref());
        let collection = match feature.collection_type {
            None => None,
            Some(CollectionType::List) => Some(Self::List),
            Some(CollectionType::Set) => Some(Self::Set),
            Some(CollectionType::Vector) => return Self::vector(feature, vector).map(Some),
        };
        if config.is_some() {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is no Vector: CollectionConfig is not allowed."
            )));
        }
        Ok(collection)
    }

    fn vector(feature: &FeatureDefinition, config: Option<&VectorConfig>) -> Result<Self, Error> {
        let name = &feature.feature_name;
        if feature.feature_type != sagemaker::FeatureType::Fractional {
            return Err(Error::validation(format!(
                "FeatureName `{name}` is a Vector: its FeatureType must be Fractional."
            )));
        }
        let dimension = config.and_then(|config| u16::try_from(config.dimension).ok());
        let dimension = dimension.ok_or_else(|| {
            Error::validation(format!(
                "FeatureName `{name}` is a Vector: CollectionConfig needs a VectorConfig with a \
                 Dimension."
            ))
        })?;
        Ok(Self::Vector { dimension })
    }

    /// The kind as AWS shows it.
    pub(crate) fn shape(self) -> CollectionType {
        match self {
            Self::List => CollectionType::List,
            Self::Set => CollectionType::Set,
            Self::Vector { .. } => CollectionType::Vector,
        }
    }

    /// The configuration as AWS shows it.
    pub(crate) fn config(self) -> Option<CollectionConfig> {
        let Self::Vector { dimension } = self else {
            return None;
        };
        Some(CollectionConfig {
            vector_config: Some(VectorConfig {
                dimension: i32::from(dimension),
            }),
        })
    }

    /// Checks the elements of the feature `name`, whose type is `kind`.
    ///
    /// Elements of a set are equal if they are the same number, however it is written.
    pub(crate) fn check(
        self,
        name: &str,
        kind: FeatureType,
        elements: &[String],
    ) -> Result<(), Error> {
        if !elements.iter().all(|element| kind.admits(element)) {
            return Err(Error::validation(format!(
                "an element of FeatureName `{name}` is not of type {kind}."
            )));
        }
        match self {
            Self::List => Ok(()),
            Self::Set => {
                let mut seen = HashSet::with_capacity(elements.len());
                if elements
                    .iter()
                    .all(|element| seen.insert(kind.comparable(element)))
                {
                    return Ok(());
                }
                Err(Error::validation(format!(
                    "FeatureName `{name}` is a Set: no two of its elements may be equal."
                )))
            }
            Self::Vector { dimension } if usize::from(dimension) == elements.len() => Ok(()),
            Self::Vector { dimension } => Err(Error::validation(format!(
                "FeatureName `{name}` is a Vector of {dimension} elements; {} are sent.",
                elements.len()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(
        kind: sagemaker::FeatureType,
        collection: CollectionType,
        dimension: Option<i32>,
    ) -> Result<Option<Collection>, String> {
        let vector_config = dimension.map(|dimension| VectorConfig { dimension });
        let definition = FeatureDefinition {
            feature_name: "x".to_owned(),
            feature_type: kind,
            collection_type: Some(collection),
            collection_config: dimension.map(|_| CollectionConfig { vector_config }),
        };
        Collection::of(&definition).map_err(|error| error.to_string())
    }

    fn check(collection: Collection, kind: FeatureType, elements: &[&str], admitted: bool) {
        let elements: Vec<String> = elements.iter().map(|one| (*one).to_owned()).collect();
        let checked = collection.check("x", kind, &elements);
        assert_eq!(checked.is_ok(), admitted, "{collection:?} {elements:?}");
    }

    #[test]
    fn lists_and_sets_are_of_any_type_and_need_no_configuration() {
        use sagemaker::FeatureType::{Fractional, Integral, String};
        for kind in [Fractional, Integral, String] {
            let list = defined(kind, CollectionType::List, None);
            assert_eq!(list, Ok(Some(Collection::List)));
            let set = defined(kind, CollectionType::Set, None);
            assert_eq!(set, Ok(Some(Collection::Set)));
            assert!(defined(kind, CollectionType::Set, Some(2)).is_err());
        }
    }

    #[test]
    fn vectors_are_of_fractions_and_need_a_dimension() {
        use sagemaker::FeatureType::{Fractional, Integral};
        let vector = defined(Fractional, CollectionType::Vector, Some(8192));
        assert_eq!(vector, Ok(Some(Collection::Vector { dimension: 8192 })));
        assert!(defined(Fractional, CollectionType::Vector, None).is_err());
        assert!(defined(Integral, CollectionType::Vector, Some(2)).is_err());
    }

    #[test]
    fn a_configuration_without_a_collection_is_refused() {
        let definition = FeatureDefinition {
            feature_name: "x".to_owned(),
            feature_type: sagemaker::FeatureType::Fractional,
            collection_type: None,
            collection_config: Some(CollectionConfig::default()),
        };
        assert!(Collection::of(&definition).is_err());
    }

    #[test]
    fn every_element_has_the_type_of_the_feature() {
        check(Collection::List, FeatureType::Integral, &["1", "-2"], true);
        check(Collection::List, FeatureType::Integral, &["1", "x"], false);
        check(Collection::Set, FeatureType::Fractional, &["NaN"], false);
        check(Collection::List, FeatureType::String, &[], true);
    }

    #[test]
    fn lists_may_repeat_elements_and_sets_may_not() {
        let (integral, fractional) = (FeatureType::Integral, FeatureType::Fractional);
        check(Collection::List, integral, &["1", "1"], true);
        check(Collection::Set, integral, &["1", "2"], true);
        check(Collection::Set, integral, &["1", "+01"], false);
        check(Collection::Set, fractional, &["1", "1.0e0"], false);
        check(Collection::Set, fractional, &["0", "-0.0"], false);
        check(Collection::Set, FeatureType::String, &["1", "+1"], true);
        check(Collection::Set, FeatureType::String, &["a", "a"], false);
    }

    #[test]
    fn a_vector_has_exactly_its_dimension() {
        let vector = Collection::Vector { dimension: 2 };
        check(vector, FeatureType::Fractional, &["1", "1"], true);
        check(vector, FeatureType::Fractional, &["1"], false);
        check(vector, FeatureType::Fractional, &["1", "1", "1"], false);
    }
}
