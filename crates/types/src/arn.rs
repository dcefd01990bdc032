//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AccountId, PARTITION, Region};

/// A parsed ARN with its six segments; the sixth keeps its colons.
///
/// Cheap to clone. Region and account may be empty, as in IAM and S3 ARNs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    text: Arc<str>,
    /// Byte offsets of the five separating colons.
    colons: [u16; 5],
}

/// The text is not an ARN: prefix `arn` and five colons are needed, 2,048 bytes at most, and
/// no control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN")]
pub struct InvalidArn;

impl Arn {
    /// Builds the ARN of a resource of this deployment's partition.
    ///
    /// `region` and `account` are `None` where the service's ARNs leave them empty.
    /// An overlong `resource` is cut so that the ARN stays below 64 KiB.
    pub fn new(
        service: &str,
        region: Option<&Region>,
        account: Option<AccountId>,
        resource: &str,
    ) -> Self {
        let region = region.map_or("", Region::as_str);
        let account_text = account.as_ref().map_or("", AccountId::as_str);
        let text = format!("arn:{PARTITION}:{service}:{region}:{account_text}:{resource}");
        Self::index(&text).unwrap_or_else(|| Self {
            text: Arc::from(text),
            colons: [0; 5],
        })
    }

    fn index(text: &str) -> Option<Self> {
        let mut colons = [0_u16; 5];
        let mut found = text.bytes().enumerate().filter(|(_, byte)| *byte == b':');
        for slot in &mut colons {
            *slot = u16::try_from(found.next()?.0).ok()?;
        }
        Some(Self {
            text: Arc::from(text),
            colons,
        })
    }

    fn segment(&self, number: usize) -> &str {
        let start = match number.checked_sub(1) {
            None => 0,
            Some(before) => self.colons.get(before).map_or(0, |at| usize::from(*at) + 1),
        };
        let end = self
            .colons
            .get(number)
            .map_or(self.text.len(), |at| usize::from(*at));
        self.text.get(Range { start, end }).unwrap_or("")
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Second segment, usually `aws`.
    pub fn partition(&self) -> &str {
        self.segment(1)
    }

    /// Third segment: `kms`, `iam`, `sagemaker`, …
    pub fn service(&self) -> &str {
        self.segment(2)
    }

    /// Fourth segment, possibly empty.
    pub fn region(&self) -> &str {
        self.segment(3)
    }

    /// Fifth segment as written, possibly empty.
    pub fn account_text(&self) -> &str {
        self.segment(4)
    }

    /// Fifth segment as an account id, if it is one.
    pub fn account(&self) -> Option<AccountId> {
        self.account_text().parse().ok()
    }

    /// Sixth segment: `key/1234…`, `user/path/Alice`, …
    pub fn resource(&self) -> &str {
        self.segment(5)
    }

    /// The part of the resource behind `kind/`, if the resource is of that kind.
    ///
    /// `arn:aws:kms:r:a:key/1234` has `resource_of("key") == Some("1234")`.
    pub fn resource_of(&self, kind: &str) -> Option<&str> {
        self.resource().strip_prefix(kind)?.strip_prefix('/')
    }
}

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with("arn:") || text.len() > 2048 || text.contains(char::is_control) {
            return Err(InvalidArn);
        }
        let arn = Self::index(text).ok_or(InvalidArn)?;
        if arn.partition().is_empty() || arn.service().is_empty() || arn.resource().is_empty() {
            return Err(InvalidArn);
        }
        Ok(arn)
    }
}

impl TryFrom<String> for Arn {
    type Error = InvalidArn;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.as_str().to_owned()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_split_at_the_first_five_colons() {
        let arn: Arn = "arn:aws:logs:us-east-1:111122223333:group:a:b"
            .parse()
            .unwrap();
        assert_eq!(arn.service(), "logs");
        assert_eq!(arn.region(), "us-east-1");
        assert_eq!(arn.account_text(), "111122223333");
        assert_eq!(arn.resource(), "group:a:b");
    }

    #[test]
    fn empty_region_and_account_are_kept() {
        let arn: Arn = "arn:aws:s3:::bucket/key".parse().unwrap();
        assert_eq!((arn.region(), arn.account_text()), ("", ""));
        assert_eq!(arn.account(), None);
    }

    #[test]
    fn built_arns_read_back() {
        let account = "111122223333".parse().unwrap();
        let region: Region = "eu-west-1".parse().unwrap();
        let arn = Arn::new("kms", Some(&region), Some(account), "key/abc");
        assert_eq!(arn.as_str(), "arn:aws:kms:eu-west-1:111122223333:key/abc");
        assert_eq!(arn.resource_of("key"), Some("abc"));
        assert_eq!(arn.as_str().parse::<Arn>().unwrap(), arn);
    }

    #[test]
    fn what_is_not_an_arn_is_refused() {
        for text in [
            "",
            "arn",
            "arn:aws:kms:us-east-1:111122223333",
            "urn:aws:kms:a:b:c",
            "arn:aws:kms:a:b:",
            "arn:aws:kms:a:b:key/x\ny",
        ] {
            assert_eq!(text.parse::<Arn>(), Err(InvalidArn), "{text}");
        }
    }
}
