//! The shapes of our own service, written by hand: AWS has no model of it.

mod group_keys;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use zeroize::Zeroizing;

pub use self::group_keys::{
    CurrentDataKey, DescribeFeatureGroupKeysInput, DescribeFeatureGroupKeysOutput, FormerKmsKey,
    RekeyFeatureGroupInput, RekeyFeatureGroupOutput, ResealProgress,
};
use crate::{Context, FromTree, Input, Output, Path, ReadError, Text, Tree};

const REQUEST_ID: Text = Text {
    min: Some(1),
    max: Some(64),
    ..Text::ANY
};

const MOMENT: Text = Text {
    min: Some(1),
    max: Some(64),
    ..Text::ANY
};

const BACKUP_NAME: Text = Text {
    min: Some(1),
    max: Some(128),
    ..Text::ANY
};

/// What opens a seal, or will: never quoted.
const SEAL_SECRET: Text = Text {
    min: Some(1),
    max: Some(1024),
    echo: false,
    ..Text::ANY
};

const SEAL_KIND: Text = Text {
    min: Some(1),
    max: Some(32),
    ..Text::ANY
};

/// A text that is wiped with its last copy, and shown to nobody.
#[derive(Clone, Default)]
pub struct SecretText(Arc<Zeroizing<String>>);

impl SecretText {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(***)")
    }
}

/// The request of `RewrapSeal`.
#[derive(Debug, Clone, Default)]
pub struct RewrapSealInput {
    /// `Current`: what opens the seal now: the content of the key file, or the passphrase.
    pub current: Option<SecretText>,
    /// `NewKind`: `key-file` or `passphrase`.
    pub new_kind: String,
    /// `New`: what is to open it from now on.
    pub new: SecretText,
}

impl Input for RewrapSealInput {}

impl FromTree for RewrapSealInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let current: Option<String> = object.optional("Current", &SEAL_SECRET, cx, at)?;
        let new_kind = object.required("NewKind", &SEAL_KIND, cx, at)?;
        let new: Option<String> = object.required("New", &SEAL_SECRET, cx, at)?;
        let (Some(new_kind), Some(new)) = (new_kind, new) else {
            return Ok(None);
        };
        Ok(Some(Self {
            current: current.map(SecretText::from),
            new_kind,
            new: new.into(),
        }))
    }
}

/// The request of `RotateRootKey`.
#[derive(Debug, Clone, Default)]
pub struct RotateRootKeyInput {
    /// `Current`: what opens the seal.
    pub current: Option<SecretText>,
}

impl Input for RotateRootKeyInput {}

impl FromTree for RotateRootKeyInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let current: Option<String> = object.optional("Current", &SEAL_SECRET, cx, at)?;
        Ok(Some(Self {
            current: current.map(SecretText::from),
        }))
    }
}

/// The response of `RewrapSeal` and `RotateRootKey`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SealChangedOutput {
    /// The kind of seal that there is now.
    pub kind: String,
    /// How often the root key was replaced.
    pub root_key_generation: u64,
}

impl Output for SealChangedOutput {}

/// The request of `SealServer`, which says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SealServerInput;

impl Input for SealServerInput {}

impl FromTree for SealServerInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let _nothing = cx.object(tree, at)?;
        Ok(Some(Self))
    }
}

/// The response of `SealServer`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SealServerOutput {
    /// That calls are refused from now on.
    pub sealed: bool,
}

impl Output for SealServerOutput {}

/// The request of `CreateBackup`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateBackupInput {
    /// `Name`: the name of the file, length 1 to 128.
    pub name: String,
}

impl Input for CreateBackupInput {}

impl FromTree for CreateBackupInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let name = object.required("Name", &BACKUP_NAME, cx, at)?;
        Ok(name.map(|name| Self { name }))
    }
}

/// The response of `CreateBackup`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateBackupOutput {
    /// The file, on the server.
    pub path: String,
    /// The newest commit in it.
    pub revision: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

impl Output for CreateBackupOutput {}

/// The request of `ExplainRequest`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExplainRequestInput {
    /// `RequestId`: the id that the caller was answered with, length 1 to 64.
    pub request_id: String,
    /// `At`: `now`, `request` or a time; whose policies decide.
    pub at: Option<String>,
    /// `Near`: a time on the day of the request, where it is long past.
    pub near: Option<String>,
}

impl Input for ExplainRequestInput {}

impl FromTree for ExplainRequestInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let request_id = object.required("RequestId", &REQUEST_ID, cx, at)?;
        let moment = object.optional("At", &MOMENT, cx, at)?;
        let near = object.optional("Near", &MOMENT, cx, at)?;
        let Some(request_id) = request_id else {
            return Ok(None);
        };
        Ok(Some(Self {
            request_id,
            at: moment,
            near,
        }))
    }
}

/// The response of `ExplainRequest`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExplainRequestOutput {
    /// The request.
    pub request_id: String,
    /// Whose policies decided: `now`, `request` or a time.
    pub at: String,
    /// The calls of the request that left records: its own, and what services called for it.
    pub calls: Vec<ExplainedCall>,
}

impl Output for ExplainRequestOutput {}

/// One recorded call.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExplainedCall {
    /// `kms.amazonaws.com`, …
    pub event_source: String,
    /// The operation.
    pub event_name: String,
    /// When it was recorded.
    pub event_time: String,
    /// The caller's ARN.
    pub caller: String,
    /// The service that called on the caller's behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// How it ended, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What the caller was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The metadata revision that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at_revision: Option<u64>,
    /// The metadata revision that decides here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_at_revision: Option<u64>,
    /// Everything that the call needed.
    pub needs: Vec<ExplainedNeed>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One action on one resource, decided again.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExplainedNeed {
    /// The action.
    pub action: String,
    /// The resource, or `*`.
    pub resource: String,
    /// `allowed`, `explicitDeny`, `implicitDeny`, `unknown`, or of another account's resource
    /// `allowedByOwnAccount`.
    pub decision: String,
    /// Every statement that matches.
    pub matched: Vec<StatementReference>,
    /// The kind of policy of which an Allow is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Statements that would allow it but for one part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near_misses: Vec<NearStatement>,
    /// The changes that together would allow it, as few as possible.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub smallest_change: Vec<String>,
    /// Whether the service control policies let it pass, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_by_organization: Option<bool>,
    /// Whether the resource control policies let it pass, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_by_resource_control: Option<bool>,
    /// Whether the permissions boundary lets it pass, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_by_boundary: Option<bool>,
    /// Whether the session policies let it pass, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_by_session: Option<bool>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StatementReference {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// `identity-based policy`, …
    pub policy_type: String,
    /// The policy's name.
    pub policy_name: String,
    /// The managed policy's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// The root, unit or account that an organization's policy is attached to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The statement's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The line that it begins on, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// How it names the caller, in policies that name principals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// A statement that nearly matches.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NearStatement {
    /// Which one.
    #[serde(flatten)]
    pub statement: StatementReference,
    /// The part that keeps it from matching.
    pub but_for: String,
}

/// The request of `DiagnoseFeatureGroups`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DiagnoseFeatureGroupsInput {
    /// `NextToken`: where the page before ended.
    pub next_token: Option<String>,
}

const TOKEN: Text = Text {
    min: Some(1),
    max: Some(1024),
    ..Text::ANY
};

impl Input for DiagnoseFeatureGroupsInput {}

impl FromTree for DiagnoseFeatureGroupsInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let next_token = object.optional("NextToken", &TOKEN, cx, at)?;
        Ok(Some(Self { next_token }))
    }
}

/// The response of `DiagnoseFeatureGroups`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiagnoseFeatureGroupsOutput {
    /// The groups under customers' keys and those with an offline store, by name.
    pub feature_groups: Vec<DiagnosedGroup>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Output for DiagnoseFeatureGroupsOutput {}

/// A feature group, the health of its key, and its offline store.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiagnosedGroup {
    /// The group.
    pub feature_group_arn: String,
    /// The key of its online store, if that is a customer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// `Healthy`, `Unhealthy`, or `Unknown` if the service may not look at the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_health: Option<String>,
    /// The key's state, if the service may look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_state: Option<String>,
    /// Whether the key is rotated by itself, if the service may look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_rotation_enabled: Option<bool>,
    /// Whether the group's grant is there, if the service may look at the key's grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_present: Option<bool>,
    /// `Running` or `Stopped`.
    pub background_work: String,
    /// The offline store, if the group has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_store: Option<DiagnosedOfflineStore>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// The offline store of a feature group.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiagnosedOfflineStore {
    /// `Active`, or `Blocked` if the role could not write.
    pub status: String,
    /// How many records wait for it.
    pub waiting_records: u64,
    /// What they take on the disk, about, in bytes.
    pub waiting_bytes: u64,
    /// When the oldest of them was written, as ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_waiting_since: Option<String>,
}

/// Something that is wrong, and what helps.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// What is wrong.
    pub problem: String,
    /// What helps.
    pub cure: String,
}

/// The request of `GetKeyUsage`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GetKeyUsageInput {
    /// `Month`: which, as `2026-11`; the current one unless told otherwise.
    pub month: Option<String>,
    /// `KeyArn`: only this key.
    pub key_arn: Option<String>,
    /// `NextToken`: where the page before ended.
    pub next_token: Option<String>,
}

const MONTH: Text = Text {
    min: Some(7),
    max: Some(7),
    ..Text::ANY
};

impl Input for GetKeyUsageInput {}

impl FromTree for GetKeyUsageInput {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        let object = cx.object(tree, at)?;
        let month = object.optional("Month", &MONTH, cx, at)?;
        let key_arn = object.optional("KeyArn", &TOKEN, cx, at)?;
        let next_token = object.optional("NextToken", &TOKEN, cx, at)?;
        Ok(Some(Self {
            month,
            key_arn,
            next_token,
        }))
    }
}

/// The response of `GetKeyUsage`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyUsageOutput {
    /// The month.
    pub month: String,
    /// The currency of all costs.
    pub currency: String,
    /// The keys.
    pub keys: Vec<UsageOfKey>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl Output for GetKeyUsageOutput {}

/// The usage of one key. Costs are decimals with nine places.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsageOfKey {
    /// The key.
    pub key_arn: String,
    /// `AWS` or `CUSTOMER`; absent for keys of other accounts and those that are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_manager: Option<String>,
    /// Cryptographic calls that succeeded.
    pub calls: u64,
    /// What those of the account cost it.
    pub cost_of_calls: String,
    /// What the key itself costs.
    pub cost_of_key: String,
    /// The calls by caller and operation.
    pub uses: Vec<UseOfKey>,
}

/// One caller's calls of one operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UseOfKey {
    /// The ARN of a user, a role or the root user, or a service.
    pub caller: String,
    /// The operation of KMS.
    pub operation: String,
    /// Calls.
    pub calls: u64,
    /// What they cost the account: nothing if another account called.
    pub cost: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ScalarForm;

    #[test]
    fn a_request_is_read_and_checked() {
        let value = json!({ "RequestId": "r", "At": "now", "Other": 1 });
        let read = ExplainRequestInput::read(value, ScalarForm::Json).unwrap();
        let expected = ExplainRequestInput {
            request_id: "r".to_owned(),
            at: Some("now".to_owned()),
            near: None,
        };
        assert_eq!(read, expected);
        for refused in [
            json!({}),
            json!({ "RequestId": "" }),
            json!({ "RequestId": 1 }),
        ] {
            assert!(ExplainRequestInput::read(refused, ScalarForm::Json).is_err());
        }
    }
}
