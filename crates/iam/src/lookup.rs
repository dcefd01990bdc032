//! Finding what a call is about, without telling whether it exists.

use std::sync::Arc;

use pipeline::{Ctx, Need};
use policy::Action;
use store::{Key, View};
use types::{AccessKeyId, AccountId, Arn, Principal, UniqueId};

use crate::Error;
use crate::managed::{self, Managed};
use crate::records::{AccountRecord, UserRecord};
use crate::tables;

/// The user that a call names; it may not exist.
#[derive(Debug)]
pub(crate) struct NamedUser {
    pub(crate) account: AccountId,
    /// The name as the caller wrote it.
    name: String,
    user: Option<Arc<UserRecord>>,
}

impl NamedUser {
    /// Looks `name` up in the caller's account.
    pub(crate) fn of(ctx: &Ctx, name: &str) -> Result<Self, Error> {
        let account = account(ctx)?;
        let user = ctx
            .view()
            .get_shared(&tables::USERS, &tables::named(account, name));
        Ok(Self {
            account,
            name: name.to_owned(),
            user,
        })
    }

    /// The user's ARN; of a user that does not exist, the ARN that the caller named.
    pub(crate) fn arn(&self) -> Arn {
        match &self.user {
            Some(user) => user.arn(),
            None => crate::records::user_arn(self.account, "/", &self.name),
        }
    }

    /// The need of `action` on the user. A denial shows the name as the caller wrote it, so
    /// that it tells neither path nor existence.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        let shown = crate::records::user_arn(self.account, "/", &self.name);
        Need::on(action, self.arn()).named(shown)
    }

    /// The policy that bounds the user, for `iam:PermissionsBoundary`.
    pub(crate) fn boundary(&self) -> Option<&str> {
        self.user.as_ref()?.boundary.as_ref().map(Arn::as_str)
    }

    /// The user.
    ///
    /// Fails with `NoSuchEntity` if there is none; only a permitted caller gets here.
    pub(crate) fn found(&self) -> Result<&Arc<UserRecord>, Error> {
        self.user.as_ref().ok_or_else(|| Error::NoSuchUser {
            name: self.name.clone(),
        })
    }
}

/// Whom a call with an optional `UserName` is about.
#[derive(Debug)]
pub(crate) enum Subject {
    /// The root user of the caller's account, who calls for itself.
    Root(Arc<AccountRecord>),
    /// A user.
    User(NamedUser),
}

impl Subject {
    /// The user called `name`, or without a name the caller itself.
    ///
    /// Fails with `ValidationError` for callers that are neither user nor root and name
    /// nobody.
    pub(crate) fn of(ctx: &Ctx, name: Option<&str>) -> Result<Self, Error> {
        if let Some(name) = name {
            return NamedUser::of(ctx, name).map(Self::User);
        }
        match &ctx.caller().principal {
            Principal::User { name, .. } => NamedUser::of(ctx, name).map(Self::User),
            Principal::Root { account } => {
                let record = ctx
                    .view()
                    .get_shared(&tables::ACCOUNTS, &tables::account(*account));
                record.map(Self::Root).ok_or(Error::NoAccount)
            }
            Principal::AssumedRole { .. }
            | Principal::FederatedUser { .. }
            | Principal::Service { .. } => Err(Error::UserNameNeeded),
        }
    }

    /// The need of `action` on whom the call is about.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        match self {
            Self::User(named) => named.need(action),
            Self::Root(_) => Need::on(action, self.arn()),
        }
    }

    /// The ARN of the user or of the root user.
    pub(crate) fn arn(&self) -> Arn {
        match self {
            Self::Root(account) => Arn::new("iam", None, Some(account.id), "root"),
            Self::User(user) => user.arn(),
        }
    }
}

/// The account that a call works in: the caller's.
pub(crate) fn account(ctx: &Ctx) -> Result<AccountId, Error> {
    ctx.account().ok_or(Error::NoAccount)
}

/// The user at exactly this ARN.
pub(crate) fn user_at(view: &View, arn: &Arn) -> Option<Arc<UserRecord>> {
    let name = last_segment(arn.resource_of("user")?);
    let user = view.get_shared(&tables::USERS, &tables::named(arn.account()?, name))?;
    (user.arn() == *arn).then_some(user)
}

/// The user with this unique id.
pub(crate) fn user_with_id(view: &View, id: &UniqueId) -> Option<Arc<UserRecord>> {
    let owner = view
        .get(&tables::PRINCIPAL_IDS, &tables::principal_id(id))?
        .record;
    let key = tables::named(owner.account, &owner.user);
    let user = view.get_shared(&tables::USERS, &key)?;
    (user.id == *id).then_some(user)
}

/// The name behind a path: `Alice` of `path/Alice`.
pub(crate) fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The deployment's first account, which is its organization's management account; `None`
/// before [`crate::bootstrap`].
pub fn first_account(view: &View) -> Option<AccountId> {
    let everything = Key::of(&[]);
    let mut accounts = view.scan(&tables::ACCOUNTS, &everything, None);
    accounts
        .find(|(_, row)| row.record.management)
        .map(|(_, row)| row.record.id)
}

/// The access key called `id`, if it belongs to `subject`.
///
/// Fails with `NoSuchEntity` for other users' keys as for keys that do not exist.
pub(crate) fn key_of(subject: &Subject, id: &str) -> Result<AccessKeyId, Error> {
    let keys = match subject {
        Subject::Root(account) => &account.root_keys,
        Subject::User(named) => &named.found()?.access_keys,
    };
    let found = keys.iter().find(|key| key.as_str() == id).cloned();
    found.ok_or_else(|| Error::NoSuchAccessKey { id: id.to_owned() })
}

/// The managed policy that a call names by its ARN; it may not exist.
#[derive(Debug)]
pub(crate) struct NamedPolicy {
    /// The caller's account.
    pub(crate) account: AccountId,
    pub(crate) arn: Arn,
    policy: Option<Managed>,
}

impl NamedPolicy {
    /// Looks the policy up among AWS's and those of the caller's account.
    pub(crate) fn of(ctx: &Ctx, arn: &str) -> Result<Self, Error> {
        let account = account(ctx)?;
        let arn = managed::read_arn(arn)?;
        let policy = Managed::find(ctx.view(), account, &arn);
        Ok(Self {
            account,
            arn,
            policy,
        })
    }

    /// The need for reading the policy: AWS's are there for every account.
    pub(crate) fn need_to_read(&self, action: &'static Action) -> Need {
        let need = Need::on(action, self.arn.clone());
        if managed::is_aws(&self.arn) {
            need.owned_by_aws()
        } else {
            need
        }
    }

    /// The policy.
    ///
    /// Fails with `NoSuchEntity` if there is none; only a permitted caller gets here.
    pub(crate) fn found(&self) -> Result<&Managed, Error> {
        self.policy.as_ref().ok_or_else(|| Error::NoSuchPolicy {
            arn: self.arn.to_string(),
        })
    }
}
