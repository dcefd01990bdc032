//! The shapes of bucket records, written by hand: S3 has no endpoint here yet, so our own
//! service sets buckets up, and what S3 decides is asked by other services in this process.

use serde::Serialize;

use crate::{Context, FromTree, Input, Object, Output, Path, ReadError, Text, Tree};

const BUCKET: Text = Text {
    min: Some(1),
    max: Some(255),
    ..Text::ANY
};

const OBJECT_KEY: Text = Text {
    min: Some(1),
    max: Some(1024),
    ..Text::ANY
};

const WORD: Text = Text {
    min: Some(1),
    max: Some(64),
    ..Text::ANY
};

const KMS_KEY: Text = Text {
    min: Some(1),
    max: Some(2048),
    ..Text::ANY
};

const POLICY: Text = Text {
    min: Some(1),
    max: Some(65_536),
    ..Text::ANY
};

const TOKEN: Text = Text {
    min: Some(1),
    max: Some(1024),
    ..Text::ANY
};

/// Reads a structure whose members `read` knows.
macro_rules! from_tree {
    ($shape:ty, |$object:ident, $cx:ident, $at:ident| $read:expr) => {
        impl Input for $shape {}

        impl FromTree for $shape {
            type Rule = ();

            fn from_tree(
                tree: &Tree<'_>,
                (): &(),
                $cx: &mut Context,
                $at: &Path<'_>,
            ) -> Result<Option<Self>, ReadError> {
                let $object: Object<'_, '_> = $cx.object(tree, $at)?;
                Ok($read)
            }
        }
    };
}

/// The request of the operations that take a bucket's name and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketInput {
    /// `Bucket`: the name.
    pub bucket: String,
}

from_tree!(BucketInput, |object, cx, at| {
    let bucket = object.required("Bucket", &BUCKET, cx, at)?;
    bucket.map(|bucket| Self { bucket })
});

/// The request of `CreateBucket`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateBucketInput {
    /// `Bucket`: the name.
    pub bucket: String,
    /// `ObjectOwnership`: `BucketOwnerEnforced` unless told otherwise.
    pub object_ownership: Option<String>,
}

from_tree!(CreateBucketInput, |object, cx, at| {
    let bucket = object.required("Bucket", &BUCKET, cx, at)?;
    let object_ownership = object.optional("ObjectOwnership", &WORD, cx, at)?;
    bucket.map(|bucket| Self {
        bucket,
        object_ownership,
    })
});

/// The response of `CreateBucket`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateBucketOutput {
    /// The bucket's ARN.
    pub bucket_arn: String,
    /// Its region.
    pub bucket_region: String,
}

impl Output for CreateBucketOutput {}

/// The request of `ListBuckets`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListBucketsInput {
    /// `ContinuationToken`: where the page before ended.
    pub continuation_token: Option<String>,
}

from_tree!(ListBucketsInput, |object, cx, at| {
    let continuation_token = object.optional("ContinuationToken", &TOKEN, cx, at)?;
    Some(Self { continuation_token })
});

/// The response of `ListBuckets`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListBucketsOutput {
    /// The buckets of the caller's account in all regions, by name.
    pub buckets: Vec<ListedBucket>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
}

impl Output for ListBucketsOutput {}

/// A bucket in a list.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedBucket {
    /// The name.
    pub name: String,
    /// The region.
    pub bucket_region: String,
    /// When it was created, as ISO 8601.
    pub creation_date: String,
}

/// The request of `PutBucketPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutBucketPolicyInput {
    /// `Bucket`: the name.
    pub bucket: String,
    /// `Policy`: the document.
    pub policy: String,
}

from_tree!(PutBucketPolicyInput, |object, cx, at| {
    let bucket = object.required("Bucket", &BUCKET, cx, at)?;
    let policy = object.required("Policy", &POLICY, cx, at)?;
    bucket
        .zip(policy)
        .map(|(bucket, policy)| Self { bucket, policy })
});

/// The response of `GetBucketPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetBucketPolicyOutput {
    /// The document.
    pub policy: String,
}

impl Output for GetBucketPolicyOutput {}

/// The request of `PutBucketEncryption`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutBucketEncryptionInput {
    /// `Bucket`: the name.
    pub bucket: String,
    /// `SSEAlgorithm`: `AES256` or `aws:kms`.
    pub sse_algorithm: String,
    /// `KMSMasterKeyID`: with `aws:kms` the key; the AWS managed key of S3 without.
    pub kms_master_key_id: Option<String>,
    /// `BucketKeyEnabled`: whether the bucket's objects share a data key.
    pub bucket_key_enabled: Option<bool>,
}

from_tree!(PutBucketEncryptionInput, |object, cx, at| {
    let bucket = object.required("Bucket", &BUCKET, cx, at)?;
    let sse_algorithm = object.required("SSEAlgorithm", &WORD, cx, at)?;
    let kms_master_key_id = object.optional("KMSMasterKeyID", &KMS_KEY, cx, at)?;
    let bucket_key_enabled = object.optional("BucketKeyEnabled", &(), cx, at)?;
    bucket
        .zip(sse_algorithm)
        .map(|(bucket, sse_algorithm)| Self {
            bucket,
            sse_algorithm,
            kms_master_key_id,
            bucket_key_enabled,
        })
});

/// The response of `GetBucketEncryption`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GetBucketEncryptionOutput {
    /// `AES256` or `aws:kms`.
    #[serde(rename = "SSEAlgorithm")]
    pub sse_algorithm: String,
    /// The key, if one was chosen.
    #[serde(rename = "KMSMasterKeyID", skip_serializing_if = "Option::is_none")]
    pub kms_master_key_id: Option<String>,
    /// Whether the bucket's objects share a data key.
    #[serde(rename = "BucketKeyEnabled")]
    pub bucket_key_enabled: bool,
}

impl Output for GetBucketEncryptionOutput {}

/// The response of `GetBucketAcl`, which services ask for in this process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetBucketAclOutput {
    /// The account that owns the bucket.
    pub owner: String,
    /// The bucket's region.
    pub bucket_region: String,
    /// The bucket's ARN.
    pub bucket_arn: String,
}

impl Output for GetBucketAclOutput {}

/// What an object is to be written with; services ask for it in this process, before there is
/// a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutObjectInput {
    /// `Bucket`: the bucket's name.
    pub bucket: String,
    /// `Key`: the object's key.
    pub key: String,
    /// `ACL`: a canned ACL, as of `x-amz-acl`.
    pub acl: Option<String>,
    /// `ServerSideEncryption`: `AES256` or `aws:kms`; what the bucket says without.
    pub server_side_encryption: Option<String>,
    /// `SSEKMSKeyId`: with `aws:kms` the key; the AWS managed key of S3 without.
    pub sse_kms_key_id: Option<String>,
    /// `ExpectedBucketOwner`: the account that must own the bucket.
    pub expected_bucket_owner: Option<String>,
}

from_tree!(PutObjectInput, |object, cx, at| {
    let bucket = object.required("Bucket", &BUCKET, cx, at)?;
    let key = object.required("Key", &OBJECT_KEY, cx, at)?;
    let acl = object.optional("ACL", &WORD, cx, at)?;
    let server_side_encryption = object.optional("ServerSideEncryption", &WORD, cx, at)?;
    let sse_kms_key_id = object.optional("SSEKMSKeyId", &KMS_KEY, cx, at)?;
    let expected_bucket_owner = object.optional("ExpectedBucketOwner", &WORD, cx, at)?;
    bucket.zip(key).map(|(bucket, key)| Self {
        bucket,
        key,
        acl,
        server_side_encryption,
        sse_kms_key_id,
        expected_bucket_owner,
    })
});

/// How an object will be encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PutObjectOutput {
    /// `AES256` or `aws:kms`.
    #[serde(rename = "ServerSideEncryption")]
    pub server_side_encryption: String,
    /// The ARN of the key, with `aws:kms`.
    #[serde(rename = "SSEKMSKeyId", skip_serializing_if = "Option::is_none")]
    pub sse_kms_key_id: Option<String>,
}

impl Output for PutObjectOutput {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ScalarForm;

    #[test]
    fn what_is_required_must_be_there() {
        let value = json!({ "Bucket": "b", "SSEAlgorithm": "aws:kms", "BucketKeyEnabled": true });
        let read = PutBucketEncryptionInput::read(value, ScalarForm::Json).unwrap();
        assert_eq!(
            read,
            PutBucketEncryptionInput {
                bucket: "b".to_owned(),
                sse_algorithm: "aws:kms".to_owned(),
                kms_master_key_id: None,
                bucket_key_enabled: Some(true),
            }
        );
        for refused in [
            json!({ "Bucket": "b" }),
            json!({ "SSEAlgorithm": "AES256" }),
            json!({ "Bucket": "", "SSEAlgorithm": "AES256" }),
        ] {
            assert!(PutBucketEncryptionInput::read(refused, ScalarForm::Json).is_err());
        }
    }
}
