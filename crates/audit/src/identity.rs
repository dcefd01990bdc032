//! `userIdentity`: who made the call, in CloudTrail's words.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{AccessKeyId, AccountId, Principal, Service, Timestamp};

/// The `userIdentity` element, as AWS's page "CloudTrail userIdentity element" has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// `Root`, `IAMUser`, `AssumedRole`, `FederatedUser`, `WebIdentityUser`, `AWSService`,
    /// `AWSAccount`, `Unknown`; nothing for what a service does of itself.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The unique id, with the session's name for sessions; the account id for root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// The principal's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The account that the principal belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The access key that signed the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The friendly name of an IAM user, or the subject of a web identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The identity provider that vouches for a web identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
    /// The role or user behind a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_context: Option<SessionContext>,
    /// The service that made the call for the principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

/// The `sessionContext` element of temporary credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionContext {
    /// The role, user or root user behind the session; sessions of `GetSessionToken` have none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub session_issuer: Value,
    /// The identity provider that vouched for whom the session is for.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub web_id_federation_data: Value,
    /// Creation date and MFA state.
    pub attributes: Value,
    /// Who is behind the session, as its maker said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
}

impl UserIdentity {
    /// The element for what a service does of itself to something of `account`.
    pub fn of_service_event(account: AccountId) -> Self {
        Self {
            account_id: Some(account.to_string()),
            invoked_by: Some("AWS Internal".to_owned()),
            ..Self::of_kind("")
        }
    }

    /// The element for an authenticated principal, its access key, and the service that
    /// calls on its behalf, if any.
    pub fn of(
        principal: &Principal,
        key: Option<&AccessKeyId>,
        invoked_by: Option<Service>,
    ) -> Self {
        let mut identity = Self::of_kind(match principal {
            Principal::Root { .. } => "Root",
            Principal::User { .. } => "IAMUser",
            Principal::AssumedRole { .. } => "AssumedRole",
            Principal::FederatedUser { .. } => "FederatedUser",
            Principal::WebIdentity(_) => "WebIdentityUser",
            Principal::Service { .. } => "AWSService",
        });
        identity.invoked_by = invoked_by.map(|service| service.principal().to_owned());
        if let Principal::Service { name } = principal {
            identity.invoked_by = Some((*name).to_owned());
            return identity;
        }
        identity.arn = principal.arn().map(String::from);
        identity.account_id = principal.account().map(String::from);
        identity.access_key_id = key.map(|key| key.as_str().to_owned());
        identity.principal_id = principal_id(principal);
        if let Principal::User { name, .. } = principal {
            identity.user_name = Some(name.clone());
        }
        if let Principal::WebIdentity(web) = principal {
            identity.user_name = Some(web.subject.clone());
            identity.identity_provider = Some(web.provider.to_string());
        }
        if let Principal::AssumedRole {
            account,
            role_arn,
            role_id,
            role_name,
            ..
        } = principal
        {
            identity.session_context = Some(SessionContext {
                session_issuer: json!({
                    "type": "Role", "principalId": role_id, "arn": role_arn,
                    "accountId": account, "userName": role_name,
                }),
                web_id_federation_data: Value::Null,
                attributes: json!({ "mfaAuthenticated": "false" }),
                source_identity: None,
            });
        }
        identity
    }

    /// The element for a caller with temporary credentials that were made at `issued`: by
    /// `maker`, if the session is a federated user's; with the source identity that the
    /// maker set, and the identity provider that vouched for whom the session is for.
    pub fn in_session(
        mut self,
        issued: Timestamp,
        maker: Option<&Principal>,
        source_identity: Option<&str>,
        provider: Option<&str>,
    ) -> Self {
        let role = self.session_context.take();
        let of_maker = |maker| {
            let made_by = Self::of(maker, None, None);
            let mut element = json!({
                "type": made_by.kind, "principalId": made_by.principal_id,
                "arn": made_by.arn, "accountId": made_by.account_id,
            });
            if let (Some(name), Value::Object(fields)) = (made_by.user_name, &mut element) {
                fields.insert("userName".to_owned(), name.into());
            }
            element
        };
        let session_issuer = match maker {
            Some(maker) => of_maker(maker),
            None => role.map(|role| role.session_issuer).unwrap_or_default(),
        };
        // CloudTrail shows an empty object for roles that no provider vouched for.
        let nobody = if self.kind == "AssumedRole" {
            json!({})
        } else {
            Value::Null
        };
        let web = |provider| json!({ "federatedProvider": provider, "attributes": {} });
        let created = Timestamp::new(issued.seconds(), 0).to_iso8601();
        self.session_context = Some(SessionContext {
            session_issuer,
            web_id_federation_data: provider.map_or(nobody, web),
            attributes: json!({ "creationDate": created, "mfaAuthenticated": "false" }),
            source_identity: source_identity.map(str::to_owned),
        });
        self
    }

    /// Drops what `other` has not in common, so that the element stands for both.
    pub(crate) fn keep_common(&mut self, other: &Self) {
        fn keep<T: PartialEq>(own: &mut Option<T>, other: Option<&T>) {
            if own.as_ref() != other {
                *own = None;
            }
        }
        if self == other {
            return;
        }
        if self.kind != other.kind {
            "Unknown".clone_into(&mut self.kind);
        }
        keep(&mut self.principal_id, other.principal_id.as_ref());
        keep(&mut self.arn, other.arn.as_ref());
        keep(&mut self.account_id, other.account_id.as_ref());
        keep(&mut self.access_key_id, other.access_key_id.as_ref());
        keep(&mut self.user_name, other.user_name.as_ref());
        keep(
            &mut self.identity_provider,
            other.identity_provider.as_ref(),
        );
        keep(&mut self.invoked_by, other.invoked_by.as_ref());
        match (&mut self.session_context, &other.session_context) {
            (Some(own), Some(other)) if own.session_issuer == other.session_issuer => {
                if own != other {
                    own.web_id_federation_data = Value::Null;
                    own.attributes = json!({});
                    own.source_identity = None;
                }
            }
            (own, other) => keep(own, other.as_ref()),
        }
    }

    /// The element for what the deployment does of itself in `account`.
    pub fn internal(account: AccountId) -> Self {
        Self {
            account_id: Some(account.to_string()),
            invoked_by: Some("AWS Internal".to_owned()),
            ..Self::of_kind("AWSService")
        }
    }

    /// The element for a caller whose credentials were not accepted.
    pub fn unknown(access_key_id: Option<&str>) -> Self {
        Self {
            access_key_id: access_key_id.map(str::to_owned),
            ..Self::of_kind("Unknown")
        }
    }

    fn of_kind(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            principal_id: None,
            arn: None,
            account_id: None,
            access_key_id: None,
            user_name: None,
            identity_provider: None,
            session_context: None,
            invoked_by: None,
        }
    }

    /// What another account sees of the caller: type `AWSAccount` and two ids.
    pub fn seen_from_another_account(&self) -> Self {
        Self {
            principal_id: self.principal_id.clone(),
            account_id: self.account_id.clone(),
            invoked_by: self.invoked_by.clone(),
            ..Self::of_kind("AWSAccount")
        }
    }

    /// `Username` of `LookupEvents`: `root`, the user's name, or the session's name.
    pub fn lookup_name(&self) -> Option<&str> {
        match self.kind.as_str() {
            "Root" => Some("root"),
            "AssumedRole" | "FederatedUser" => self
                .principal_id
                .as_deref()?
                .split_once(':')
                .map(|(_, name)| name),
            "AWSService" => self.invoked_by.as_deref(),
            _ => self.user_name.as_deref(),
        }
    }
}

/// A web identity has no unique id: its record says who vouches for it, for whom.
fn principal_id(principal: &Principal) -> Option<String> {
    match principal {
        Principal::WebIdentity(identity) => Some(identity.id()),
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::AssumedRole { .. }
        | Principal::FederatedUser { .. }
        | Principal::Service { .. } => principal.user_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Principal {
        Principal::Root {
            account: "111122223333".parse().unwrap(),
        }
    }

    #[test]
    fn the_root_user_is_named_by_its_account() {
        let identity = UserIdentity::of(&root(), None, None);
        assert_eq!(
            (identity.kind.as_str(), identity.principal_id.as_deref()),
            ("Root", Some("111122223333"))
        );
        assert_eq!(
            identity.arn.as_deref(),
            Some("arn:aws:iam::111122223333:root")
        );
        assert_eq!(identity.lookup_name(), Some("root"));
    }

    #[test]
    fn a_service_acting_for_a_caller_shows_in_invoked_by() {
        let identity = UserIdentity::of(&root(), None, Some(Service::SageMaker));
        assert_eq!(
            identity.invoked_by.as_deref(),
            Some("sagemaker.amazonaws.com")
        );
        assert_eq!(identity.kind, "Root");
    }

    #[test]
    fn a_service_of_its_own_has_no_account() {
        let identity = UserIdentity::of(
            &Principal::Service {
                name: "sagemaker.amazonaws.com",
            },
            None,
            None,
        );
        assert_eq!(
            (identity.kind.as_str(), identity.account_id),
            ("AWSService", None)
        );
    }

    #[test]
    fn another_account_sees_ids_only() {
        let seen = UserIdentity::of(&root(), None, None).seen_from_another_account();
        assert_eq!((seen.kind.as_str(), seen.arn), ("AWSAccount", None));
    }
}
