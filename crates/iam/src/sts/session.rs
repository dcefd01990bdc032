//! Whom temporary credentials authenticate.

use std::sync::Arc;

use crypto::secret::SecretBytes;
use pipeline::{Caller, Session, SessionPolicy};
use policy::{Document, DocumentKind};
use store::View;
use types::{AccessKeyId, Principal};

use super::token::{Bounds, Holder, Owner, SessionTokens};
use crate::credential::is_open;
use crate::records::{RoleRecord, UserRecord};
use crate::{lookup, tables};

/// Temporary credentials that may sign until they expire.
#[derive(Debug)]
pub struct SessionCredential {
    /// Whom they authenticate.
    pub caller: Caller,
    /// The secret of the access key.
    pub secret: SecretBytes,
}

/// The credentials with this id and token; `None` if the token was not made here for the
/// access key, or if whom it stands for is gone.
///
/// Whether the session has expired is for the caller of this function to compare, once the
/// signature is known to be right.
pub fn find_session(
    view: &View,
    tokens: &SessionTokens,
    id: &AccessKeyId,
    token: &str,
) -> Option<SessionCredential> {
    let (secret, claims) = tokens.open(id, token)?;
    let (principal, issuer) = match claims.holder {
        Holder::Role { id, session } => {
            let role = lookup::with_id::<RoleRecord>(view, &id)?;
            (role.session(session), None)
        }
        Holder::Itself(owner) => (principal_of(view, &owner)?, None),
        Holder::Federated { name, issuer } => {
            let issuer = principal_of(view, &issuer)?;
            let account = issuer.account()?;
            (Principal::FederatedUser { account, name }, Some(issuer))
        }
    };
    if !is_open(view, principal.account()?) {
        return None;
    }
    let session = Session {
        issued: claims.issued,
        expires: claims.expires,
        policies: policies(&claims.bounds)?,
        tags: claims.bounds.tags,
        transitive: claims.bounds.transitive,
        source_identity: claims.source_identity,
        provider: claims.provider,
        issuer,
    };
    let caller = Caller {
        principal,
        access_key: Some(id.clone()),
        session: Some(Arc::new(session)),
    };
    Some(SessionCredential { caller, secret })
}

fn principal_of(view: &View, owner: &Owner) -> Option<Principal> {
    match owner {
        Owner::User(id) => Some(lookup::with_id::<UserRecord>(view, id)?.principal()),
        Owner::Root(account) => Some(Principal::Root { account: *account }),
    }
}

/// The policies that bound a session. `None` if there is one that cannot be read any more:
/// such a session may not be let do more than was meant.
#[expect(
    clippy::option_option,
    reason = "no policies bound less than unreadable ones"
)]
fn policies(bounds: &Bounds) -> Option<Option<Vec<SessionPolicy>>> {
    let inline = match &bounds.policy {
        Some(text) => {
            let document = Document::parse(text, DocumentKind::Session).ok()?;
            Some(SessionPolicy::Inline(Arc::new(document)))
        }
        None => None,
    };
    let managed = bounds.managed.iter().cloned().map(SessionPolicy::Managed);
    let all: Vec<SessionPolicy> = inline.into_iter().chain(managed).collect();
    Some((!all.is_empty()).then_some(all))
}

/// Whether whom the session stands for is still there: the role, or the user that made it, with
/// the same unique id, in an account that is open.
pub(crate) fn is_good(view: &View, principal: &Principal, session: &Session) -> bool {
    if !principal
        .account()
        .is_some_and(|account| is_open(view, account))
    {
        return false;
    }
    match principal {
        Principal::Root { .. } => true,
        Principal::User {
            account,
            arn,
            id,
            name,
        } => {
            let row = view.get(&tables::USERS, &tables::named(*account, name));
            row.is_some_and(|row| row.record.id == *id && row.record.arn() == *arn)
        }
        Principal::AssumedRole {
            account,
            role_id,
            role_name,
            ..
        } => {
            let row = view.get(&tables::ROLES, &tables::named(*account, role_name));
            row.is_some_and(|row| row.record.id == *role_id)
        }
        Principal::FederatedUser { account, .. } => session.issuer.as_ref().is_some_and(|issuer| {
            let is_owner = matches!(issuer, Principal::User { .. } | Principal::Root { .. });
            is_owner && issuer.account() == Some(*account) && is_good(view, issuer, session)
        }),
        Principal::WebIdentity(_) | Principal::Service { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;
    use crypto::secret::Key32;
    use store::SnapshotBuilder;
    use types::{AccountId, Timestamp, UniqueIdKind};

    use super::super::token::{Claims, SECRET_LENGTH};
    use super::*;
    use crate::records::AccountRecord;

    fn account() -> AccountId {
        "111122223333".parse().unwrap()
    }

    /// The account alone, which may be closed.
    fn view(closed: Option<Timestamp>) -> View {
        let record = AccountRecord {
            id: account(),
            name: "one".to_owned(),
            email: None,
            created: Timestamp::EPOCH,
            management: true,
            closed,
            root_keys: Vec::new(),
        };
        let mut rows = SnapshotBuilder::new(&tables());
        let row = tables::account(account());
        rows.row(&tables::ACCOUNTS, row, 1, Arc::new(record));
        View::plain(Arc::new(rows.build(1)))
    }

    /// What a session of the root user authenticates that is bounded by `policy`.
    fn found(view: &View, policy: Option<&str>) -> Option<SessionCredential> {
        let tokens = SessionTokens::new(&Key32::generate(&SystemEntropy));
        let id = AccessKeyId::generate(&SystemEntropy, UniqueIdKind::TemporaryKey);
        let secret = SecretBytes::from(vec![b's'; SECRET_LENGTH]);
        let claims = Claims {
            issued: Timestamp::EPOCH,
            expires: Timestamp::new(3600, 0),
            holder: Holder::Itself(Owner::Root(account())),
            bounds: Bounds {
                policy: policy.map(str::to_owned),
                ..Bounds::default()
            },
            source_identity: None,
            provider: None,
        };
        let token = tokens.seal(&SystemEntropy, &id, &secret, &claims, 0);
        find_session(view, &tokens, &id, &token.unwrap())
    }

    #[test]
    fn a_session_whose_policy_cannot_be_read_is_none() {
        let open = view(None);
        let bounds = |policy| {
            let caller = found(&open, policy)?.caller;
            Some(caller.session?.policies.is_some())
        };
        let policy = r#"{"Version":"2012-10-17","Statement":
            {"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
        assert_eq!(bounds(Some(policy)), Some(true));
        assert_eq!(bounds(None), Some(false));
        for unreadable in ["", "{}", "not a policy"] {
            assert_eq!(bounds(Some(unreadable)), None, "{unreadable}");
        }
    }

    #[test]
    fn in_a_closed_account_there_are_no_sessions() {
        let caller = found(&view(None), None).unwrap().caller;
        let session = caller.session.as_ref().unwrap();
        assert!(is_good(&view(None), &caller.principal, session));
        let closed = view(Some(Timestamp::EPOCH));
        assert!(!is_good(&closed, &caller.principal, session));
        assert!(found(&closed, None).is_none());
    }
}
