//! One audit record, in CloudTrail's JSON form.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::Timestamp;

use crate::UserIdentity;

/// The version of the record format that is written.
const EVENT_VERSION: &str = "1.11";

/// `eventCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    /// Control-plane and KMS calls; kept in the event history.
    Management,
    /// Record operations; recorded only where a trail selects them.
    Data,
}

/// `eventType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventType {
    /// A call of an API operation.
    AwsApiCall,
    /// Something the service did of itself (rotation, deletion at the end of its window).
    AwsServiceEvent,
}

/// An element of `resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The resource's ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The account that owns it.
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// `AWS::<service>::<type>`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// How the connection was protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsDetails {
    /// `TLSv1.3`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// The cipher suite's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// The `Host` that the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_provided_host_header: Option<String>,
}

/// A CloudTrail record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The format's version.
    pub event_version: String,
    /// Who called.
    pub user_identity: UserIdentity,
    /// When the call was completed, `YYYY-MM-DDTHH:MM:SSZ`.
    pub event_time: String,
    /// `kms.amazonaws.com`, …
    pub event_source: String,
    /// The operation.
    pub event_name: String,
    /// The region that answered.
    pub aws_region: String,
    /// The client's address, or the service that called.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// The client's `User-Agent`, or the service that called.
    pub user_agent: String,
    /// The error's code, on failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The error's message, on failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The parameters, without anything secret.
    pub request_parameters: Value,
    /// The answer of a mutating call, without anything secret.
    pub response_elements: Value,
    /// What decided, and whatever the service adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_event_data: Option<Value>,
    /// What a service did of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_event_details: Option<Value>,
    /// The id that the client was given.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// The id of this record.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether the call could change anything.
    pub read_only: bool,
    /// What the call was about.
    pub resources: Vec<Resource>,
    /// An API call or a service's own act.
    pub event_type: EventType,
    /// Whether this is a management event.
    pub management_event: bool,
    /// The account whose history holds this copy.
    pub recipient_account_id: String,
    /// The same in every account's copy of one event.
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<String>,
    /// Management or data.
    pub event_category: Category,
    /// How the connection was protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_details: Option<TlsDetails>,
}

impl Record {
    /// A record with everything that a caller does not set left empty.
    pub fn new(user_identity: UserIdentity, at: Timestamp) -> Self {
        Self {
            event_version: EVENT_VERSION.to_owned(),
            user_identity,
            event_time: at.to_iso8601(),
            event_source: String::new(),
            event_name: String::new(),
            aws_region: String::new(),
            source_ip_address: String::new(),
            user_agent: String::new(),
            error_code: None,
            error_message: None,
            request_parameters: Value::Null,
            response_elements: Value::Null,
            additional_event_data: None,
            service_event_details: None,
            request_id: String::new(),
            event_id: String::new(),
            read_only: true,
            resources: Vec::new(),
            event_type: EventType::AwsApiCall,
            management_event: true,
            recipient_account_id: String::new(),
            shared_event_id: None,
            event_category: Category::Management,
            tls_details: None,
        }
    }

    /// Cuts what exceeds CloudTrail's field limits: 1 KB of user agent, names, error code and
    /// message; parameters and answers above 100 KB are replaced by a note of their size.
    pub fn truncated(self) -> Self {
        let mut record = self.cut(MOST_TEXT, MOST_TEXT);
        for value in [
            &mut record.request_parameters,
            &mut record.response_elements,
        ] {
            let size = value.to_string().len();
            if size > 100 * 1024 {
                *value = serde_json::json!({ "omitted": true, "originalSize": size });
            }
        }
        record
    }

    /// Cuts what a stranger can have put into a record: 200 bytes of the error's message, which
    /// is longer than any of AWS's beginnings of one, and 100 of everything else.
    pub fn of_stranger(self) -> Self {
        let mut record = self.cut(100, 200);
        let tls = record.tls_details.as_mut();
        if let Some(host) = tls.and_then(|tls| tls.client_provided_host_header.as_mut()) {
            cut(host, 100);
        }
        record
    }

    /// Cuts the error's message at `message` bytes, and what else callers choose at `text`.
    fn cut(mut self, text: usize, message: usize) -> Self {
        for chosen in [
            &mut self.user_agent,
            &mut self.event_name,
            &mut self.event_source,
        ] {
            cut(chosen, text);
        }
        let (key, code) = (&mut self.user_identity.access_key_id, &mut self.error_code);
        for chosen in [key, code].into_iter().flatten() {
            cut(chosen, text);
        }
        if let Some(error) = &mut self.error_message {
            cut(error, message);
        }
        self
    }
}

/// The most bytes of a text that callers choose.
const MOST_TEXT: usize = 1024;

fn cut(text: &mut String, most: usize) {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

/// A timestamp inside parameters and answers: `Aug 10, 2022, 10:38:27 PM`.
pub fn timestamp_text(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let iso = at.to_iso8601();
    let mut numbers = iso
        .split(['-', 'T', ':', 'Z'])
        .map(|part| part.parse::<usize>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (year, month, day, hour, minute, second) = (next(), next(), next(), next(), next(), next());
    let name = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or("Jan");
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{name} {day}, {year}, {hour}:{minute:02}:{second:02} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(iso: &str) -> String {
        timestamp_text(Timestamp::parse_iso8601(iso).unwrap())
    }

    #[test]
    fn timestamps_read_as_in_the_console() {
        assert_eq!(text("2022-08-10T22:38:27Z"), "Aug 10, 2022, 10:38:27 PM");
        assert_eq!(text("2022-01-01T00:05:00Z"), "Jan 1, 2022, 12:05:00 AM");
        assert_eq!(text("2022-12-31T12:00:09Z"), "Dec 31, 2022, 12:00:09 PM");
    }

    #[test]
    fn overlong_texts_are_cut_at_a_character() {
        let mut record = Record::new(UserIdentity::unknown(None), Timestamp::EPOCH);
        record.user_agent = "ä".repeat(1000);
        record.error_message = Some("x".repeat(5000));
        record.request_parameters = Value::String("y".repeat(200 * 1024));
        let record = record.truncated();
        assert_eq!(
            (record.user_agent.len(), record.error_message.unwrap().len()),
            (1024, 1024)
        );
        assert_eq!(record.request_parameters["omitted"], Value::Bool(true));
    }

    #[test]
    fn a_record_of_a_stranger_is_short_whatever_was_sent() {
        let long = "ä".repeat(5_000);
        let mut record = Record::new(UserIdentity::unknown(Some(&long)), Timestamp::EPOCH);
        for text in [&mut record.user_agent, &mut record.event_name] {
            text.clone_from(&long);
        }
        record.error_code = Some(long.clone());
        record.error_message = Some(long.clone());
        record.tls_details = Some(TlsDetails {
            tls_version: None,
            cipher_suite: None,
            client_provided_host_header: Some(long),
        });
        let size = serde_json::to_vec(&record.of_stranger()).unwrap().len();
        assert!(size < 1_500, "{size}");
    }

    #[test]
    fn a_record_has_the_names_of_cloudtrail() {
        let record = Record::new(UserIdentity::unknown(None), Timestamp::EPOCH);
        let json = serde_json::to_value(&record).unwrap();
        for name in [
            "eventVersion",
            "userIdentity",
            "sourceIPAddress",
            "requestID",
            "eventID",
            "recipientAccountId",
        ] {
            assert!(json.get(name).is_some(), "{name}");
        }
    }
}
