//! Decisions, their reasons, and what the caller is told.

use std::fmt;

/// The kinds of policies that AWS tells apart in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyType {
    /// Identity policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// The resource's policy; key policies too.
    Resource,
    /// The role's trust policy.
    Trust,
    /// Service control policies.
    ServiceControl,
    /// Resource control policies.
    ResourceControl,
}

impl PolicyType {
    /// As messages name it: `identity-based policy`, `permissions boundary`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
        }
    }

    /// Whether it is a policy of the organization, which its member accounts may not read.
    pub fn is_of_the_organization(self) -> bool {
        matches!(self, Self::ServiceControl | Self::ResourceControl)
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What allowed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedBy {
    /// The account's root user, in or from its own account.
    RootUser,
    /// Identity policies (for a key: where its policy delegates to the account).
    IdentityPolicy,
    /// The resource's policy, which names the caller.
    ResourcePolicy,
    /// The caller's identity policies and the resource's policy, across accounts.
    BothAccounts,
    /// A grant, where no policy allowed: its place in [`crate::Policies::grants`].
    Grant {
        /// The index.
        index: usize,
    },
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    /// The kind of policy that has a matching Deny, or lacks the Allow. AWS names one only.
    pub policy: PolicyType,
    /// Whether a Deny matched. Otherwise an Allow is missing.
    pub explicit: bool,
    /// Whether the resource belongs to another account: the caller then learns no reason.
    pub foreign: bool,
    /// Whether the policies took too many [steps](crate::Steps): what was left of them counted
    /// against the request.
    pub unfinished: bool,
}

/// The outcome of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Decision(pub(crate) Result<AllowedBy, Denial>);

impl Decision {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.0.is_ok()
    }

    /// What allowed the request.
    pub fn allowed_by(&self) -> Option<AllowedBy> {
        self.0.ok()
    }

    /// Why the request was denied.
    pub fn denial(&self) -> Option<Denial> {
        self.0.err()
    }

    /// The text of the access-denied error, as AWS's page "Troubleshoot access denied error messages"
    /// has it. `principal` is the caller's ARN,
    /// that of the session for roles; without `resource` the text names none.
    ///
    /// A decision that allowed gets the text without a reason.
    pub fn denial_message(&self, principal: &str, action: &str, resource: Option<&str>) -> String {
        let text = denial_message_without_reason(principal, action, resource);
        self.with_reason(text, action)
    }

    /// The same about a resource that `words` show instead of its ARN: `the resource …`.
    pub fn denial_message_in_words(&self, principal: &str, action: &str, words: &str) -> String {
        let text = format!("User: {principal} is not authorized to perform: {action} on {words}");
        self.with_reason(text, action)
    }

    fn with_reason(&self, mut text: String, action: &str) -> String {
        if let Some(reason) = self.denial().and_then(|denial| denial.reason(action)) {
            text.push(' ');
            text.push_str(&reason);
        }
        text
    }
}

impl Denial {
    /// The reason clause of the access-denied error; none for another account's resources.
    fn reason(self, action: &str) -> Option<String> {
        if self.foreign {
            return None;
        }
        let explicit = self.explicit
            // AWS reports a missing Allow of an organization's policy like a Deny.
            || matches!(self.policy, PolicyType::ServiceControl | PolicyType::ResourceControl);
        let name = self.policy.name();
        Some(match (explicit, self.policy) {
            (true, PolicyType::Identity) => format!("with an explicit deny in an {name}"),
            (true, PolicyType::Trust) => format!("with an explicit deny in the {name}"),
            (true, _) => format!("with an explicit deny in a {name}"),
            (false, _) => format!("because no {name} allows the {action} action"),
        })
    }
}

/// The text of an access-denied error that keeps its reason to itself, as `sts:AssumeRole`
/// does so that existing and missing roles look alike.
pub fn denial_message_without_reason(
    principal: &str,
    action: &str,
    resource: Option<&str>,
) -> String {
    let on = if resource.is_some() {
        " on resource: "
    } else {
        ""
    };
    let resource = resource.unwrap_or("");
    format!("User: {principal} is not authorized to perform: {action}{on}{resource}")
}
