//! Parts of audit records: the bucket as S3's records name it.

use audit::Resource;
use pipeline::EventDetail;
use serde_json::{Value, json};

use crate::records::bucket_arn;

/// The detail of a call about a bucket: its name, and what else was asked for.
pub(crate) fn of_bucket(bucket: &str, more: Value) -> EventDetail {
    let mut request = json!({ "bucketName": bucket });
    if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
        request.extend(more);
    }
    EventDetail {
        request,
        ..EventDetail::default()
    }
}

/// The same with the bucket as the resource, in the history of whose owner the call is too.
pub(crate) fn of_owned_bucket(bucket: &str, owner: Option<&str>) -> EventDetail {
    let mut detail = of_bucket(bucket, Value::Null);
    detail.resources.extend(owner.map(|owner| Resource {
        arn: bucket_arn(bucket).to_string(),
        account_id: Some(owner.to_owned()),
        kind: "AWS::S3::Bucket".to_owned(),
    }));
    detail
}
