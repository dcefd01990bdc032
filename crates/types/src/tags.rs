//! Tags of resources: the rules that every service has, each in words of its own.

use std::collections::BTreeMap;

use crate::{differ_in_case_only, fold_case};

/// How many tags a resource has at most.
pub const MOST_TAGS: usize = 50;

/// The rule that tags break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A key begins with `aws:`, in whatever case.
    #[error("the tag key `{key}` is reserved")]
    Reserved {
        /// The key.
        key: String,
    },
    /// A key is given more than once.
    #[error("the tag key `{key}` is given more than once")]
    Repeated {
        /// The key.
        key: String,
    },
    /// Two keys differ in the case of their letters only.
    #[error("tag keys differ in case only")]
    SameButForCase,
    /// There are more than [`MOST_TAGS`].
    #[error("there are more than {MOST_TAGS} tags")]
    TooMany,
}

/// The tags that a request gives, as pairs of key and value, each key once.
///
/// Fails for a key that is reserved or appears twice, be it in another case. How many there are is
/// not looked at.
pub fn read_tags(
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, TagError> {
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        if is_reserved_tag(&key) {
            return Err(TagError::Reserved { key });
        }
        if tags.contains_key(&key) {
            return Err(TagError::Repeated { key });
        }
        tags.insert(key, value);
    }
    check_case(&tags)?;
    Ok(tags)
}

/// `own` with `added`, which replace tags of exactly the same keys.
///
/// Fails beyond [`MOST_TAGS`], and for keys that then differ in case only.
pub fn with_tags(
    own: &BTreeMap<String, String>,
    added: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, TagError> {
    let mut tags = own.clone();
    tags.extend(added);
    check_tag_count(tags.len())?;
    check_case(&tags)?;
    Ok(tags)
}

/// Fails for more than [`MOST_TAGS`].
pub fn check_tag_count(number: usize) -> Result<(), TagError> {
    if number > MOST_TAGS {
        return Err(TagError::TooMany);
    }
    Ok(())
}

/// Whether AWS keeps the tag key for itself.
pub fn is_reserved_tag(key: &str) -> bool {
    fold_case(key).starts_with("aws:")
}

/// Condition keys do not tell keys apart that differ in case only: of two such tags nobody could
/// say which one `aws:ResourceTag` and `aws:RequestTag` decide on.
fn check_case(tags: &BTreeMap<String, String>) -> Result<(), TagError> {
    if differ_in_case_only(tags.keys().map(String::as_str)) {
        return Err(TagError::SameButForCase);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &[&str]) -> Result<BTreeMap<String, String>, TagError> {
        read_tags(keys.iter().map(|key| ((*key).to_owned(), "v".to_owned())))
    }

    fn check(own: &[&str], added: &[&str], expected: &Result<usize, TagError>) {
        let own = read(own).unwrap();
        let found = read(added).and_then(|added| with_tags(&own, added));
        assert_eq!(&found.map(|tags| tags.len()), expected, "{added:?}");
    }

    #[test]
    fn keys_differ_in_more_than_case() {
        let key = || "team".to_owned();
        check(&[], &["team", "cost"], &Ok(2));
        check(&["team"], &["team"], &Ok(1));
        check(
            &[],
            &["team", "team"],
            &Err(TagError::Repeated { key: key() }),
        );
        check(&[], &["team", "Team"], &Err(TagError::SameButForCase));
        check(&["team"], &["Team"], &Err(TagError::SameButForCase));
        check(&["équipe"], &["ÉQUIPE"], &Err(TagError::SameButForCase));
        // The Kelvin sign is no K.
        check(&[], &["k", "\u{212A}"], &Ok(2));
    }

    #[test]
    fn keys_of_aws_are_reserved_in_every_case() {
        for key in ["aws:x", "AWS:x", "aWs:"] {
            let key = key.to_owned();
            let given = [key.as_str()];
            check(&[], &given, &Err(TagError::Reserved { key: key.clone() }));
        }
        check(&[], &["aws", "x-aws:"], &Ok(2));
    }

    #[test]
    fn a_resource_has_fifty_tags() {
        let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&[], &many[..50], &Ok(50));
        check(&many[..50], &many[50..], &Err(TagError::TooMany));
        check(&many[..50], &many[..50], &Ok(50));
    }
}
