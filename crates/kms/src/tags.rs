//! Tags of KMS keys.

use std::collections::BTreeMap;

use serde_json::Value;
use shapes::kms::Tag;
use types::{TagError, check_tag_count, read_tags, with_tags};

use crate::Error;
use crate::event::Fields;

/// The tags as a map.
///
/// Fails with `TagException` for more than 50, for two whose keys are the same but for the case
/// of letters, and for keys that begin with `aws:`.
pub(crate) fn checked(tags: &[Tag]) -> Result<BTreeMap<String, String>, Error> {
    check_tag_count(tags.len()).map_err(|broken| refusal(&broken))?;
    let pair = |tag: &Tag| (tag.tag_key.clone(), tag.tag_value.clone());
    read_tags(tags.iter().map(pair)).map_err(|broken| refusal(&broken))
}

/// `own` with `added`, which replace tags of exactly the same keys.
///
/// Fails with `TagException` beyond 50, and for keys that then differ in case only.
pub(crate) fn with(
    own: &BTreeMap<String, String>,
    added: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    with_tags(own, added).map_err(|broken| refusal(&broken))
}

fn refusal(broken: &TagError) -> Error {
    Error::Tags(match broken {
        TagError::Reserved { .. } => "Tags beginning with aws: are reserved",
        TagError::Repeated { .. } | TagError::SameButForCase => "Duplicate tag keys",
        TagError::TooMany => "Too many tags",
    })
}

/// The tags as records show them.
pub(crate) fn in_event(tags: &[Tag]) -> Vec<Value> {
    let shown = tags.iter().map(|tag| {
        let fields = Fields::default().with("tagKey", tag.tag_key.clone());
        fields.with("tagValue", tag.tag_value.clone()).value()
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&str], expected: Result<usize, &str>) {
        let tag = |key: &&str| Tag {
            tag_key: (*key).to_owned(),
            tag_value: "v".to_owned(),
        };
        let tags: Vec<Tag> = keys.iter().map(tag).collect();
        let found = checked(&tags)
            .map(|tags| tags.len())
            .map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{keys:?}");
    }

    #[test]
    fn tags_follow_the_rules_of_kms() {
        check(&[], Ok(0));
        check(&["a", "A"], Err("Duplicate tag keys"));
        check(&["é", "É"], Err("Duplicate tag keys"));
        check(&["k", "\u{212A}"], Ok(2));
        check(&["a", "b", "a"], Err("Duplicate tag keys"));
        check(&["aws:a"], Err("Tags beginning with aws: are reserved"));
        check(&["AWS:a"], Err("Tags beginning with aws: are reserved"));
        let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many[..50], Ok(50));
        check(&many, Err("Too many tags"));
    }
}
