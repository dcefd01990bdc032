//! The resources that a record names, and the accounts that own them.

use audit::{Record, Resource};
use types::{AccountId, Arn};

use crate::Ctx;
use crate::authorize::Authorization;
use crate::operation::EventDetail;
use crate::sources::Principals;

/// Names the resources of the needs where the operation has named none.
pub(super) fn name_resources(record: &mut Record, authorization: &Authorization) {
    if record.resources.is_empty() {
        record.resources = authorization.resources.iter().map(resource_of).collect();
    }
}

/// The accounts that own what the call was about, as far as they exist: an ARN that a caller
/// made up must not make a record in a history.
pub(super) fn owners(ctx: &Ctx, record: &Record) -> Vec<AccountId> {
    let Ok(Principals(directory)) = ctx.part() else {
        return Vec::new();
    };
    let accounts = record.resources.iter();
    accounts
        .filter_map(|resource| resource.account_id.as_ref()?.parse().ok())
        .filter(|account| directory.account_exists(ctx.view(), *account))
        .collect()
}

fn resource_of(arn: &Arn) -> Resource {
    Resource {
        arn: arn.to_string(),
        account_id: arn.account().map(String::from),
        kind: resource_kind(arn).to_owned(),
    }
}

/// The type that CloudTrail gives a resource; KMS shows its aliases as keys too.
fn resource_kind(arn: &Arn) -> &'static str {
    let (kind, _) = arn
        .resource()
        .split_once('/')
        .unwrap_or_else(|| (arn.resource(), ""));
    match (arn.service(), kind) {
        ("kms", _) => "AWS::KMS::Key",
        ("sagemaker", "feature-group") => "AWS::SageMaker::FeatureGroup",
        ("iam", "user") => "AWS::IAM::User",
        ("iam", "role") => "AWS::IAM::Role",
        ("iam", "policy") => "AWS::IAM::Policy",
        ("iam", "oidc-provider") => "AWS::IAM::OIDCProvider",
        ("cloudtrail", _) => "AWS::CloudTrail::Trail",
        ("ram", "resource-share") => "AWS::RAM::ResourceShare",
        ("ram", "permission") => "AWS::RAM::Permission",
        ("s3", bucket) if bucket == arn.resource() => "AWS::S3::Bucket",
        ("s3", _) => "AWS::S3::Object",
        _ => "AWS::Resource",
    }
}

impl EventDetail {
    /// Adds a resource, with the type that CloudTrail gives it.
    pub fn resource(mut self, arn: &Arn, kind: &str) -> Self {
        self.resources.push(Resource {
            arn: arn.to_string(),
            account_id: arn.account().map(String::from),
            kind: kind.to_owned(),
        });
        self
    }
}
