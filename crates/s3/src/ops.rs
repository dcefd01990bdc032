//! The operations, one file each, named as at AWS.

pub(crate) mod create_bucket;
pub(crate) mod delete_bucket;
pub(crate) mod delete_bucket_policy;
pub(crate) mod get_bucket_acl;
pub(crate) mod get_bucket_encryption;
pub(crate) mod get_bucket_policy;
pub(crate) mod list_buckets;
pub(crate) mod put_bucket_encryption;
pub(crate) mod put_bucket_policy;
pub(crate) mod put_object;

policy::actions! {
    pub(crate) static:
    CREATE_BUCKET = "s3:CreateBucket",
    DELETE_BUCKET = "s3:DeleteBucket",
    DELETE_BUCKET_POLICY = "s3:DeleteBucketPolicy",
    GET_BUCKET_ACL = "s3:GetBucketAcl",
    GET_BUCKET_POLICY = "s3:GetBucketPolicy",
    GET_ENCRYPTION_CONFIGURATION = "s3:GetEncryptionConfiguration",
    LIST_ALL_MY_BUCKETS = "s3:ListAllMyBuckets",
    PUT_BUCKET_OWNERSHIP_CONTROLS = "s3:PutBucketOwnershipControls",
    PUT_BUCKET_POLICY = "s3:PutBucketPolicy",
    PUT_ENCRYPTION_CONFIGURATION = "s3:PutEncryptionConfiguration",
    PUT_OBJECT = "s3:PutObject",
    PUT_OBJECT_ACL = "s3:PutObjectAcl",
    GENERATE_DATA_KEY = "kms:GenerateDataKey",
}
