//! Finding what a call is about, without telling whether it exists.

use std::sync::Arc;

use pipeline::{Ctx, Need, Needs};
use policy::Action;
use store::{Batch, Key, View};
use types::{AccessKeyId, AccountId, Arn, Entropy, Principal, Timestamp, UniqueId};

use crate::Error;
use crate::managed::{self, Managed};
use crate::records::{
    AccountRecord, Entity, EntityKind, GroupRecord, ManagedPolicyRecord, PolicyText,
    PrincipalIdRecord, RoleRecord, UserRecord,
};
use crate::tables::{self, Use};

/// The user, group or role that a call names; it may not exist.
#[derive(Debug)]
pub(crate) struct Named<E> {
    pub(crate) account: AccountId,
    /// The name as the caller wrote it.
    name: String,
    record: Option<Arc<E>>,
}

/// The user that a call names.
pub(crate) type NamedUser = Named<UserRecord>;
/// The group that a call names.
pub(crate) type NamedGroup = Named<GroupRecord>;
/// The role that a call names.
pub(crate) type NamedRole = Named<RoleRecord>;

impl<E: Entity> Named<E> {
    /// Looks `name` up in the caller's account.
    pub(crate) fn of(ctx: &Ctx, name: &str) -> Result<Self, Error> {
        let account = account(ctx)?;
        let record = ctx
            .view()
            .get_shared(E::table(), &tables::named(account, name));
        Ok(Self {
            account,
            name: name.to_owned(),
            record,
        })
    }

    /// The ARN; of what does not exist, the ARN that the caller named.
    pub(crate) fn arn(&self) -> Arn {
        match &self.record {
            Some(record) => record.arn(),
            None => E::KIND.arn(self.account, "/", &self.name),
        }
    }

    /// The need of `action` on it. A denial shows the name as the caller wrote it, so that it
    /// tells neither path nor existence.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        let shown = E::KIND.arn(self.account, "/", &self.name);
        Need::on(action, self.arn()).named(shown)
    }

    /// The policy that bounds it, for `iam:PermissionsBoundary`.
    pub(crate) fn boundary(&self) -> Option<&str> {
        self.record.as_ref()?.boundary().map(Arn::as_str)
    }

    /// The user, group or role.
    ///
    /// Fails with `NoSuchEntity` if there is none; only a permitted caller gets here.
    pub(crate) fn found(&self) -> Result<&Arc<E>, Error> {
        self.record.as_ref().ok_or_else(|| Error::NoSuchOwner {
            kind: E::KIND,
            name: self.name.clone(),
        })
    }
}

impl<E: Entity> Named<E> {
    /// The user, group or role, to change it.
    ///
    /// Fails like [`Self::found`], and with `UnmodifiableEntity` for a role that is linked to
    /// a service.
    pub(crate) fn changeable(&self) -> Result<&Arc<E>, Error> {
        let record = self.found()?;
        if record.is_protected() {
            return Err(Error::Protected {
                name: record.name().to_owned(),
            });
        }
        Ok(record)
    }

    /// The needs of `action` on the ARN as it is, and on the one that another path or name
    /// makes of it.
    pub(crate) fn needs_to_move(
        &self,
        action: &'static Action,
        path: Option<&str>,
        name: Option<&str>,
    ) -> Needs {
        let now = self.record.as_ref().map_or("/", |record| record.path());
        let name = name.unwrap_or(&self.name);
        let moved = E::KIND.arn(self.account, path.unwrap_or(now), name);
        let shown = E::KIND.arn(self.account, path.unwrap_or("/"), name);
        let needs = Needs::one(self.need(action));
        if moved == self.arn() {
            needs
        } else {
            needs.and(Need::on(action, moved).named(shown))
        }
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
            | Principal::WebIdentity(_)
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

/// The need of an action that lists the users, groups or roles below `path`: on what AWS names in
/// denials, `user/` and the path, for which its reference lists no resource.
pub(crate) fn listing_need(
    action: &'static Action,
    kind: EntityKind,
    account: AccountId,
    path: Option<&str>,
) -> Need {
    Need::on(action, kind.arn(account, path.unwrap_or("/"), ""))
}

/// The user, group or role at exactly this ARN.
pub(crate) fn at<E: Entity>(view: &View, arn: &Arn) -> Option<Arc<E>> {
    let name = last_segment(arn.resource_of(E::KIND.word())?);
    let record = view.get_shared(E::table(), &tables::named(arn.account()?, name))?;
    (record.arn() == *arn).then_some(record)
}

/// The user, group or role with this unique id.
pub(crate) fn with_id<E: Entity>(view: &View, id: &UniqueId) -> Option<Arc<E>> {
    let owner = owner_of(view, id).filter(|owner| owner.kind == E::KIND)?;
    let key = tables::named(owner.account, &owner.name);
    let record = view.get_shared(E::table(), &key)?;
    (record.id() == id).then_some(record)
}

/// Whose unique id it is.
fn owner_of(view: &View, id: &UniqueId) -> Option<Arc<PrincipalIdRecord>> {
    view.get_shared(&tables::PRINCIPAL_IDS, &tables::principal_id(id))
}

/// The ARN of the user or role with this unique id.
pub(crate) fn principal_arn(view: &View, id: &UniqueId) -> Option<Arn> {
    match owner_of(view, id)?.kind {
        EntityKind::User => Some(with_id::<UserRecord>(view, id)?.arn()),
        EntityKind::Role => Some(with_id::<RoleRecord>(view, id)?.arn()),
        EntityKind::Group => None,
    }
}

/// A unique id that nothing in the deployment has; that becomes a precondition.
pub(crate) fn unused_id(view: &View, entropy: &dyn Entropy, kind: EntityKind) -> UniqueId {
    loop {
        let id = UniqueId::generate(entropy, kind.id_kind());
        if owner_of(view, &id).is_none() {
            return id;
        }
    }
}

/// Writes a user, group or role that did not exist before.
pub(crate) fn put_new<E: Entity>(batch: &mut Batch, record: E) {
    put_id(batch, &record);
    put(batch, record);
}

/// Writes a user, group or role under another name or path than `before`.
///
/// Fails with `EntityAlreadyExists` if another one has the name.
pub(crate) fn put_moved<E: Entity>(
    batch: &mut Batch,
    view: &View,
    before: &E,
    record: E,
) -> Result<(), Error> {
    let account = record.account();
    let row = tables::named(account, before.name());
    if tables::named(account, record.name()) != row {
        unused_name::<E>(view, account, record.name())?;
        batch.delete(E::table(), row);
    }
    put_new(batch, record);
    Ok(())
}

/// Fails with `EntityAlreadyExists` if a user, group or role of `account` is called `name`.
pub(crate) fn unused_name<E: Entity>(
    view: &View,
    account: AccountId,
    name: &str,
) -> Result<(), Error> {
    match view.get(E::table(), &tables::named(account, name)) {
        None => Ok(()),
        Some(_) => Err(Error::OwnerExists {
            kind: E::KIND,
            name: name.to_owned(),
        }),
    }
}

/// Writes whose unique id it is.
fn put_id<E: Entity>(batch: &mut Batch, record: &E) {
    let owner = PrincipalIdRecord {
        account: record.account(),
        kind: E::KIND,
        name: record.name().to_owned(),
    };
    let row = tables::principal_id(record.id());
    batch.put(&tables::PRINCIPAL_IDS, row, owner);
}

/// Writes a user, group or role under its name.
pub(crate) fn put<E: Entity>(batch: &mut Batch, record: E) {
    let row = tables::named(record.account(), record.name());
    batch.put(E::table(), row, record);
}

/// Deletes a user, group or role, and the mark of its boundary.
pub(crate) fn delete<E: Entity>(batch: &mut Batch, record: &E) {
    batch.delete(E::table(), tables::named(record.account(), record.name()));
    batch.delete(&tables::PRINCIPAL_IDS, tables::principal_id(record.id()));
    if let Some(arn) = record.boundary() {
        let row = tables::attachment(record.account(), arn, Use::Boundary, record.id());
        batch.delete(&tables::ATTACHMENTS, row);
    }
}

/// The name behind a path: `Alice` of `path/Alice`.
pub(crate) fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// When the account was made; `None` if there is no such account.
pub fn account_made(view: &View, account: AccountId) -> Option<Timestamp> {
    let row = view.get(&tables::ACCOUNTS, &tables::account(account))?;
    Some(row.record.created)
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

    /// The need for changing the policy: for AWS's nobody has it.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        Need::on(action, self.arn.clone())
    }

    /// The policy, to change it.
    ///
    /// Fails with `NoSuchEntity` if the account has none such.
    pub(crate) fn changeable(&self) -> Result<&Arc<ManagedPolicyRecord>, Error> {
        match self.found()? {
            Managed::Customer(record) => Ok(record),
            Managed::Aws(_) => Err(self.not_found()),
        }
    }

    /// The version called `id`: its number, when it was made, and its text.
    ///
    /// Fails with `NoSuchEntity` if the policy has none such.
    pub(crate) fn version(&self, id: &str) -> Result<(u32, Timestamp, &PolicyText), Error> {
        let policy = self.found()?;
        let found = managed::version_number(id).and_then(|number| {
            let (created, text) = policy.version(number)?;
            Some((number, created, text))
        });
        found.ok_or_else(|| Error::NotAttachable {
            what: format!("{} version {id}", self.arn),
        })
    }

    fn not_found(&self) -> Error {
        Error::NoSuchPolicy {
            arn: self.arn.to_string(),
        }
    }

    /// The policy.
    ///
    /// Fails with `NoSuchEntity` if there is none; only a permitted caller gets here.
    pub(crate) fn found(&self) -> Result<&Managed, Error> {
        self.policy.as_ref().ok_or_else(|| self.not_found())
    }
}
