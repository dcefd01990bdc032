//! What the audit records of Organizations show of an answer.

use pipeline::EventDetail;
use shapes::organizations::{OrganizationalUnit, Policy, PolicyType};

use crate::event::{self, Fields};

/// The detail of a call that asked for `request` and, if it went well, has `policy`.
pub(super) fn of_policy(request: Fields, policy: Option<&Policy>) -> EventDetail {
    let summary = policy.and_then(|policy| policy.policy_summary.as_ref());
    let response = summary.map(|summary| {
        let summary = Fields::default()
            .maybe("id", summary.id.as_deref())
            .maybe("arn", summary.arn.as_deref())
            .maybe("name", summary.name.as_deref())
            .maybe("type", summary.r#type.map(PolicyType::as_str));
        let policy = Fields::default().with("policySummary", summary.value());
        Fields::default().with("policy", policy.value()).value()
    });
    EventDetail {
        response: response.unwrap_or_default(),
        ..event::request(request)
    }
}

/// The detail of a call that asked for `request` and, if it went well, has `unit`.
pub(super) fn of_unit(request: Fields, unit: Option<&OrganizationalUnit>) -> EventDetail {
    let response = unit.map(|unit| {
        let unit = Fields::default()
            .maybe("id", unit.id.as_deref())
            .maybe("arn", unit.arn.as_deref())
            .maybe("name", unit.name.as_deref());
        Fields::default()
            .with("organizationalUnit", unit.value())
            .value()
    });
    EventDetail {
        response: response.unwrap_or_default(),
        ..event::request(request)
    }
}
