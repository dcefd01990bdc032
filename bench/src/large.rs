//! The largest requests and answers that are legal: batches of large records.

use serde_json::{Value, json};

use crate::requests::{Draft, slot};
use crate::world::{LOADED_AT, feature_names};

/// The name of the feature that makes records large.
const TEXT: &str = "text";

/// Features of a group of large records, with their types.
pub(crate) fn features() -> impl Iterator<Item = (String, &'static str)> {
    let text = std::iter::once((TEXT.to_owned(), "String"));
    feature_names().take(2).chain(text)
}

/// The record in slot `number`, with a text of so many bytes.
fn record(number: usize, bytes: usize) -> Value {
    let values = [slot(number), LOADED_AT.to_owned(), "x".repeat(bytes)];
    let features = features().zip(values);
    let features =
        features.map(|((name, _), value)| json!({"FeatureName": name, "ValueAsString": value}));
    features.collect()
}

fn json_draft(method: &'static str, target: String, body: &Value) -> Draft {
    Draft {
        method,
        target,
        service: "sagemaker",
        content_type: Some("application/json"),
        operation: None,
        body: body.to_string(),
    }
}

/// `PutRecord` of the record in slot 0, with a text of so many bytes.
pub(crate) fn put(group: &str, bytes: usize) -> Draft {
    let input = json!({"Record": record(0, bytes)});
    json_draft("PUT", format!("/FeatureGroup/{group}"), &input)
}

/// `BatchWriteRecord` of the records in slots 0 to `count`, with a text of so many bytes each.
pub(crate) fn batch_write(group: &str, count: usize, bytes: usize) -> Draft {
    let entries = (0..count)
        .map(|number| json!({"FeatureGroupName": group, "Record": record(number, bytes)}));
    let input = json!({"Entries": entries.collect::<Value>()});
    json_draft("POST", "/BatchWriteRecord".to_owned(), &input)
}
