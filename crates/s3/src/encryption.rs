//! Server-side encryption: what a bucket says of it, and what an object asks for.

use types::{Arn, Region};

use crate::Error;
use crate::records::Encryption;

/// `AES256` and `aws:kms`, as S3 names them.
pub(crate) const AES256: &str = "AES256";
pub(crate) const AWS_KMS: &str = "aws:kms";

/// The alias of the AWS managed key that serves whoever names none.
pub(crate) const MANAGED_KEY: &str = "alias/aws/s3";

impl Encryption {
    /// The encryption of this algorithm, under this key if it is `aws:kms`.
    ///
    /// Fails with `InvalidArgument` for another algorithm, for a key without `aws:kms`, and for
    /// the ARN of a key of another region than the bucket's.
    pub(crate) fn asked(
        algorithm: &str,
        key: Option<&str>,
        bucket_key: bool,
        region: &Region,
    ) -> Result<Self, Error> {
        let invalid = |text: &'static str| Error::Argument(text.into());
        match algorithm {
            AES256 if key.is_some() || bucket_key => Err(invalid(
                "a KMS key is not applicable if the default sse algorithm is not aws:kms",
            )),
            AES256 => Ok(Self::S3),
            AWS_KMS => {
                let arn = key.filter(|key| key.starts_with("arn:"));
                let arn = arn.map(str::parse::<Arn>).transpose();
                let arn = arn.map_err(|_source| invalid("the KMS key is not an ARN of a key"))?;
                if arn.is_some_and(|arn| arn.region() != region.as_str()) {
                    return Err(invalid("the KMS key must be in the region of the bucket"));
                }
                Ok(Self::Kms {
                    key: key.map(str::to_owned),
                    bucket_key,
                })
            }
            _ => Err(invalid("The encryption method specified is not supported")),
        }
    }

    /// The algorithm, as S3 names it.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::S3 => AES256,
            Self::Kms { .. } => AWS_KMS,
        }
    }

    /// The key that was chosen.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::S3 => None,
            Self::Kms { key, .. } => key.as_deref(),
        }
    }

    /// Whether objects share a data key.
    pub(crate) fn bucket_key(&self) -> bool {
        matches!(
            self,
            Self::Kms {
                bucket_key: true,
                ..
            }
        )
    }
}
