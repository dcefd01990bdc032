//! Visibility conditions: what a search leaves out, and what policies may demand of it.

use std::collections::BTreeMap;

use pipeline::KeySet;
use shapes::sagemaker::VisibilityConditions;
use types::fold_case;

use crate::Error;
use crate::records::GroupRecord;

const TAGS: &str = "Tags.";

/// What policies of AWS write behind the key that a condition is about.
const OPERATOR: &str = "/EqualsIfExists";

/// The tags that everything found must have, if it has them with another value.
#[derive(Debug)]
pub(crate) struct Visibility(BTreeMap<String, String>);

impl Visibility {
    /// The conditions of a request.
    ///
    /// Fails for one without key or value, whose key names no tag, or that another one repeats
    /// but for the case of its letters, which condition keys do not tell apart.
    pub(crate) fn of(asked: Option<&[VisibilityConditions]>) -> Result<Self, Error> {
        let mut conditions = BTreeMap::new();
        for condition in asked.unwrap_or_default() {
            let (key, value) = Self::pair(condition)?;
            if conditions
                .insert(fold_case(key).into_owned(), value.to_owned())
                .is_some()
            {
                return Err(Error::validation(format!(
                    "VisibilityConditions has the key `{key}` more than once."
                )));
            }
        }
        Ok(Self(conditions))
    }

    fn pair(condition: &VisibilityConditions) -> Result<(&str, &str), Error> {
        let (Some(key), Some(value)) = (&condition.key, &condition.value) else {
            return Err(Error::validation(
                "a visibility condition needs both Key and Value.",
            ));
        };
        let key = key.strip_prefix(TAGS).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| {
            Error::validation("the Key of a visibility condition must have the form Tags.<key>.")
        })?;
        // Policies could not tell this from the condition that they demand of another tag.
        if fold_case(key).ends_with(&*fold_case(OPERATOR)) {
            return Err(Error::validation(format!(
                "the Key of a visibility condition must not end with {OPERATOR}."
            )));
        }
        Ok((key, value))
    }

    /// What policies see: each condition under its key, and once more with the operator that
    /// it stands for, as policies of AWS write it.
    pub(crate) fn condition_keys(&self) -> KeySet {
        let mut keys = BTreeMap::new();
        for (key, value) in &self.0 {
            keys.insert(format!("{TAGS}{key}"), value.clone());
            keys.insert(format!("{TAGS}{key}{OPERATOR}"), value.clone());
        }
        KeySet::default().map("sagemaker:searchvisibilitycondition", &keys)
    }

    /// Whether `group` and its features may be found.
    pub(crate) fn shows(&self, group: &GroupRecord) -> bool {
        self.0.is_empty()
            || group.tags.iter().all(|(key, value)| {
                let wanted = self.0.get(&*fold_case(key));
                wanted.is_none_or(|wanted| wanted == value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[&str]) -> Result<Visibility, Error> {
        let condition = |key: &&str| VisibilityConditions {
            key: Some(format!("{TAGS}{key}")),
            value: Some("v".to_owned()),
        };
        Visibility::of(Some(&keys.iter().map(condition).collect::<Vec<_>>()))
    }

    #[test]
    fn keys_are_told_apart_as_policies_tell_them_apart() {
        assert!(of(&["team", "Team"]).is_err());
        assert!(of(&["\u{e9}quipe", "\u{c9}QUIPE"]).is_err());
        // The Kelvin sign is no k.
        let conditions = of(&["k", "\u{212a}"]).unwrap();
        assert_eq!(conditions.0.len(), 2);
        assert!(of(&["team/equalsIFexists"]).is_err());
    }
}
