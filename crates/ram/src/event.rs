//! Parts of audit records: the members of RAM's requests are named as CloudTrail shows them.

use pipeline::EventDetail;
use serde::Serialize;
use serde_json::{Map, Value, json};
use shapes::ram::{ResourceShare, ResourceShareInvitation};

/// The fields of an object; absent ones are left out.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a field, if there is a value.
    pub(crate) fn maybe(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        if !value.is_null() {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// The object.
    pub(crate) fn value(self) -> Value {
        Value::Object(self.0)
    }

    /// The detail of a call whose answer is not recorded.
    pub(crate) fn request(self) -> EventDetail {
        EventDetail {
            request: self.value(),
            ..EventDetail::default()
        }
    }

    /// The detail of a call that answers whether it was done.
    pub(crate) fn done(self, answered: Option<bool>) -> EventDetail {
        self.answered(answered.map(|done| json!({ "returnValue": done })))
    }

    /// The detail of a call with this answer.
    pub(crate) fn answered(self, response: Option<Value>) -> EventDetail {
        EventDetail {
            response: response.unwrap_or(Value::Null),
            ..self.request()
        }
    }
}

/// A share as the answer of a call that changed it shows it.
pub(crate) fn share(share: &ResourceShare) -> Value {
    let shown = Fields::default()
        .maybe("resourceShareArn", &share.resource_share_arn)
        .maybe("name", &share.name)
        .maybe("owningAccountId", &share.owning_account_id)
        .maybe("allowExternalPrincipals", share.allow_external_principals)
        .maybe("status", share.status)
        .value();
    json!({ "resourceShare": shown })
}

/// An invitation as the answer of a call that answered it shows it.
pub(crate) fn invitation(invitation: &ResourceShareInvitation) -> Value {
    let shown = Fields::default()
        .maybe(
            "resourceShareInvitationArn",
            &invitation.resource_share_invitation_arn,
        )
        .maybe("resourceShareArn", &invitation.resource_share_arn)
        .maybe("resourceShareName", &invitation.resource_share_name)
        .maybe("senderAccountId", &invitation.sender_account_id)
        .maybe("receiverAccountId", &invitation.receiver_account_id)
        .maybe("status", invitation.status)
        .value();
    json!({ "resourceShareInvitation": shown })
}
