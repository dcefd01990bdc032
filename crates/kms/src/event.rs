//! Parts of audit records: parameters under AWS's lower-camel names, without what is absent.
//!
//! Never plaintext, ciphertext, data keys or grant tokens: AWS's records of KMS show none either.

use pipeline::EventDetail;
use serde_json::{Map, Value};

use crate::context::EncryptionContext;

/// The fields of `requestParameters` or `responseElements`.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field if it has a value.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// And these fields.
    pub(crate) fn and(mut self, fields: Self) -> Self {
        self.0.extend(fields.0);
        self
    }

    /// Adds the encryption context, in clear.
    pub(crate) fn context(self, context: Option<&EncryptionContext>) -> Self {
        self.context_as("encryptionContext", context)
    }

    /// Adds an encryption context under `name`.
    pub(crate) fn context_as(self, name: &str, context: Option<&EncryptionContext>) -> Self {
        let pairs = |context: &EncryptionContext| -> Map<String, Value> {
            context
                .iter()
                .map(|(key, value)| (key.clone(), Value::from(value.clone())))
                .collect()
        };
        self.maybe(name, context.map(pairs))
    }

    /// The object; null if it has no field.
    pub(crate) fn value(self) -> Value {
        if self.0.is_empty() {
            Value::Null
        } else {
            Value::Object(self.0)
        }
    }

    /// The detail of a call whose answer is not recorded. The key is named by the pipeline.
    pub(crate) fn request(self) -> EventDetail {
        EventDetail {
            request: self.value(),
            ..EventDetail::default()
        }
    }
}
