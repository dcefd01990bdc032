//! Parts of audit records: parameters under lower-camel names.

use serde::Serialize;
use serde_json::{Map, Value, json};

use pipeline::EventDetail;

/// The fields of `requestParameters`; absent ones are left out.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a field, if there is a value; structures get lower-camel names throughout.
    pub(crate) fn maybe(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).map_or(Value::Null, lower_camel);
        if !value.is_null() {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// The detail of a call whose answer is not recorded. The group is named by the pipeline.
    pub(crate) fn request(self) -> EventDetail {
        EventDetail {
            request: Value::Object(self.0),
            ..EventDetail::default()
        }
    }
}

/// A throughput that is asked for.
pub(crate) fn throughput(mode: impl Serialize, read: Option<i32>, write: Option<i32>) -> Value {
    json!({
        "throughputMode": mode,
        "provisionedReadCapacityUnits": read,
        "provisionedWriteCapacityUnits": write,
    })
}

/// The detail of a record operation: which group, and nothing of the record.
pub(crate) fn of_record_call(group: &str) -> EventDetail {
    EventDetail {
        request: json!({ "featureGroupName": group }),
        ..EventDetail::default()
    }
}

fn lower_camel(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let renamed = fields
                .into_iter()
                .map(|(name, value)| (lower_first(&name), lower_camel(value)));
            Value::Object(renamed.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(lower_camel).collect()),
        other => other,
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_camel_at_every_depth() {
        let nested = json!({ "SecurityConfig": [{ "KmsKeyId": "X" }] });
        let detail = Fields::default()
            .maybe("config", nested)
            .maybe("absent", None::<String>)
            .request();
        assert_eq!(
            detail.request,
            json!({ "config": { "securityConfig": [{ "kmsKeyId": "X" }] } })
        );
    }
}
