//! The shapes of the operations on the keys of feature groups.

use serde::Serialize;

use crate::{Context, FromTree, Input, Output, Path, ReadError, Text, Tree};

/// A name or ARN of a feature group; what else it must be, the operation says.
const GROUP: Text = Text {
    min: Some(1),
    max: Some(256),
    ..Text::ANY
};

/// As in AWS's model of `CreateFeatureGroup`.
const KEY: Text = Text {
    min: Some(1),
    max: Some(2048),
    ..Text::ANY
};

/// The request of `RekeyFeatureGroup`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RekeyFeatureGroupInput {
    /// `FeatureGroupName`: the group, by name or ARN.
    pub feature_group_name: String,
    /// `KmsKeyId`: the key to move to, by id, ARN, alias or alias ARN.
    pub kms_key_id: Option<String>,
    /// `AwsOwnedKey`: whether to move to the AWS owned key instead.
    pub aws_owned_key: Option<bool>,
}

impl Input for RekeyFeatureGroupInput {}

impl FromTree for RekeyFeatureGroupInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let name = object.required("FeatureGroupName", &GROUP, cx, at)?;
        let kms_key_id = object.optional("KmsKeyId", &KEY, cx, at)?;
        let aws_owned_key = object.optional("AwsOwnedKey", &(), cx, at)?;
        Ok(name.map(|feature_group_name| Self {
            feature_group_name,
            kms_key_id,
            aws_owned_key,
        }))
    }
}

/// The response of `RekeyFeatureGroup`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RekeyFeatureGroupOutput {
    /// The group.
    pub feature_group_arn: String,
    /// The key that it is under from now on; absent: the AWS owned key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

impl Output for RekeyFeatureGroupOutput {}

/// The request of `DescribeFeatureGroupKeys`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeFeatureGroupKeysInput {
    /// `FeatureGroupName`: the group, by name or ARN.
    pub feature_group_name: String,
}

impl Input for DescribeFeatureGroupKeysInput {}

impl FromTree for DescribeFeatureGroupKeysInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let name = object.required("FeatureGroupName", &GROUP, cx, at)?;
        Ok(name.map(|feature_group_name| Self { feature_group_name }))
    }
}

/// The response of `DescribeFeatureGroupKeys`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeFeatureGroupKeysOutput {
    /// The group.
    pub feature_group_arn: String,
    /// The KMS key that it is under; absent: the AWS owned key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// The data key that seals records now.
    pub data_key: CurrentDataKey,
    /// `Settled`; `Renewing` while records are sealed anew under a new data key; `Moving` while
    /// some are still under a former KMS key; `Stopped` if either cannot go on.
    pub state: String,
    /// Why it cannot go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The KMS keys that records may still be under, oldest first.
    pub former_keys: Vec<FormerKmsKey>,
    /// How far it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ResealProgress>,
}

impl Output for DescribeFeatureGroupKeysOutput {}

/// The newest data key of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CurrentDataKey {
    /// Its number among the data keys that the group has had.
    pub number: u32,
    /// When it was made, in UTC.
    pub created: String,
    /// How many records it has sealed, about.
    pub records_sealed: u64,
}

/// A KMS key that a group moves away from.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FormerKmsKey {
    /// The key; absent: the AWS owned key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// How far sealing the records of a group anew has come.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResealProgress {
    /// When it began, in UTC.
    pub began: String,
    /// How many percent of the records were looked at, about.
    pub percent: u8,
    /// How many records were sealed anew.
    pub records_moved: u64,
    /// How many cannot be: their KMS key is gone, or they were tampered with.
    pub records_lost: u64,
}
