//! The parts of audit records: AWS's member names with a small first letter.

use serde_json::{Map, Value, json};
use types::{Arn, Timestamp};

/// The type of users in audit records.
pub(crate) const USER: &str = "AWS::IAM::User";
/// The type of groups in audit records.
pub(crate) const GROUP: &str = "AWS::IAM::Group";
/// The type of roles in audit records.
pub(crate) const ROLE: &str = "AWS::IAM::Role";
/// The type of managed policies in audit records.
pub(crate) const POLICY: &str = "AWS::IAM::Policy";

/// The type of OpenID Connect providers in audit records.
pub(crate) const OPEN_ID_PROVIDER: &str = "AWS::IAM::OIDCProvider";

/// An object of an audit record; without members it is null.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a member that the caller may have left out.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a time in CloudTrail's form.
    pub(crate) fn time(self, name: &str, at: Timestamp) -> Self {
        self.with(name, audit::timestamp_text(at))
    }

    /// Adds the tags of a request.
    pub(crate) fn tags(self, tags: Option<&[shapes::iam::Tag]>) -> Self {
        let tag = |tag: &shapes::iam::Tag| json!({ "key": tag.key, "value": tag.value });
        self.maybe(
            "tags",
            tags.map(|tags| tags.iter().map(tag).collect::<Vec<Value>>()),
        )
    }

    /// Adds what a listing is asked for.
    pub(crate) fn page(self, marker: Option<&str>, max_items: Option<i32>) -> Self {
        self.maybe("marker", marker).maybe("maxItems", max_items)
    }

    /// The object.
    pub(crate) fn value(self) -> Value {
        if self.0.is_empty() {
            Value::Null
        } else {
            Value::Object(self.0)
        }
    }
}

/// The detail of a call that reads: nothing of its answer is recorded.
pub(crate) fn request(fields: Fields) -> pipeline::EventDetail {
    pipeline::EventDetail {
        request: fields.value(),
        ..Default::default()
    }
}

/// The detail of a call about the managed policy that it names.
pub(crate) fn about_policy(fields: Fields, arn: &str) -> pipeline::EventDetail {
    about(request(fields), arn, POLICY)
}

/// The detail of a call about the OpenID Connect provider that it names.
pub(crate) fn about_provider(fields: Fields, arn: &str) -> pipeline::EventDetail {
    let fields = fields.with("openIDConnectProviderArn", arn);
    about(request(fields), arn, OPEN_ID_PROVIDER)
}

/// `detail` with the resource at `arn`, if it is an ARN.
pub(crate) fn about(detail: pipeline::EventDetail, arn: &str, kind: &str) -> pipeline::EventDetail {
    match arn.parse::<Arn>() {
        Ok(arn) => detail.resource(&arn, kind),
        Err(_not_an_arn) => detail,
    }
}

/// The detail of a call that makes a role, with the role if it was made.
pub(crate) fn created_role(
    detail: pipeline::EventDetail,
    role: Option<&shapes::iam::Role>,
) -> pipeline::EventDetail {
    let Some(role) = role else {
        return detail;
    };
    let trust = role.assume_role_policy_document.as_deref();
    let created = Fields::default()
        .with("path", role.path.as_str())
        .with("roleName", role.role_name.as_str())
        .with("roleId", role.role_id.as_str())
        .with("arn", role.arn.as_str())
        .time("createDate", role.create_date)
        .maybe("assumeRolePolicyDocument", trust)
        .tags(role.tags.as_deref());
    let response = Fields::default().with("role", created.value()).value();
    about(
        pipeline::EventDetail { response, ..detail },
        &role.arn,
        ROLE,
    )
}
