//! The tags of groups.

use std::collections::BTreeMap;

use shapes::sagemaker::Tag;
use types::{MOST_TAGS, TagError, read_tags, with_tags};

use crate::Error;

/// The tags, each key once.
///
/// Fails with `ValidationException` for a key that is reserved or appears twice, be it in another
/// case.
pub(crate) fn checked(tags: &[Tag]) -> Result<BTreeMap<String, String>, Error> {
    let pairs = tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()));
    read_tags(pairs).map_err(refusal)
}

/// `own` with `added`, which replace tags of exactly the same keys.
///
/// Fails with `ValidationException` beyond 50, and for keys that then differ in case only.
pub(crate) fn with(
    own: &BTreeMap<String, String>,
    added: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    with_tags(own, added).map_err(refusal)
}

fn refusal(broken: TagError) -> Error {
    Error::validation(match broken {
        TagError::Reserved { .. } => "tag keys that begin with aws: are reserved.".to_owned(),
        TagError::Repeated { key } => format!("tag key `{key}` appears more than once."),
        TagError::SameButForCase => {
            "tag keys must differ in more than the case of their letters.".to_owned()
        }
        TagError::TooMany => format!("a feature group has at most {MOST_TAGS} tags."),
    })
}

/// The tags as AWS shows them.
pub(crate) fn shape(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag {
        key: key.clone(),
        value: value.clone(),
    };
    tags.iter().map(tag).collect()
}
