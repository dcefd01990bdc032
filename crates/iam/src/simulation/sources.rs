//! The policies that a simulation is about, and whose they are.

use std::sync::Arc;

use pipeline::{Ctx, Need};
use policy::{Action, Document, DocumentKind};
use shapes::iam::PolicySourceType;
use store::View;
use types::{AccountId, Arn, Principal, UniqueId};

use super::fault::Fault;
use crate::lookup::{Named, NamedGroup, NamedRole, NamedUser, account, last_segment};
use crate::managed::{self, Managed};
use crate::records::{Entity, EntityKind, PolicyText, UserRecord};
use crate::{Error, inline, members};

/// The unique id of whom nobody has made: no policy can name it.
const NOBODY: &str = "simulated_principal";

/// A policy of a simulation.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// What results call it.
    pub(crate) id: String,
    /// What results say it is.
    pub(crate) kind: PolicySourceType,
    /// How it came here.
    pub(crate) origin: Origin,
    pub(crate) document: Arc<Document>,
}

/// How a policy came into a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Inline, of this user, group or role.
    Inline {
        of: EntityKind,
        owner: String,
        name: String,
    },
    /// Attached.
    Managed(Arn),
    /// Passed with the request.
    Given,
}

/// The user, group or role whose policies are simulated; it may not exist.
#[derive(Debug)]
pub(crate) enum PolicySource {
    User(NamedUser),
    Group(NamedGroup),
    Role(NamedRole),
}

/// What a user, group or role brings into a simulation.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) arn: Arn,
    pub(crate) id: UniqueId,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) identity: Vec<Source>,
    pub(crate) boundary: Option<Source>,
}

impl PolicySource {
    /// Whom `arn` names in the caller's account.
    ///
    /// Fails with `InvalidInput` if it names no user, group or role, or one of another account.
    pub(crate) fn of(ctx: &Ctx, arn: &str) -> Result<Self, Error> {
        let (kind, owner, name) = entity(arn)?;
        let caller = account(ctx)?;
        if owner != caller.as_str() {
            return Err(Fault::ForeignSource { caller, owner }.into());
        }
        Ok(match kind {
            EntityKind::User => Self::User(Named::of(ctx, &name)?),
            EntityKind::Group => Self::Group(Named::of(ctx, &name)?),
            EntityKind::Role => Self::Role(Named::of(ctx, &name)?),
        })
    }

    /// The need of `action` on it.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        match self {
            Self::User(named) => named.need(action),
            Self::Group(named) => named.need(action),
            Self::Role(named) => named.need(action),
        }
    }

    /// Everything attached to it, and for a user to its groups.
    ///
    /// Fails with `NoSuchEntity` if there is no such user, group or role, and with
    /// `PolicyEvaluation` if one of the policies cannot be read.
    pub(crate) fn bring(&self, view: &View) -> Result<Brought, Error> {
        match self {
            Self::User(named) => {
                let user: &UserRecord = named.found()?;
                let mut brought = brought(view, user)?;
                for group in members::of_user(view, user) {
                    for source in sources(view, &*group)? {
                        let again = |known: &Source| known.origin == source.origin;
                        if !brought.identity.iter().any(again) {
                            brought.identity.push(source);
                        }
                    }
                }
                Ok(brought)
            }
            Self::Group(named) => brought(view, &**named.found()?),
            Self::Role(named) => brought(view, &**named.found()?),
        }
    }
}

fn brought<E: Entity>(view: &View, record: &E) -> Result<Brought, Error> {
    let account = record.account();
    let boundary = record.boundary().map(|arn| attached(view, account, arn));
    Ok(Brought {
        arn: record.arn(),
        id: record.id().clone(),
        tags: record.tags().to_vec(),
        identity: sources(view, record)?,
        boundary: boundary.transpose()?,
    })
}

/// The policies of one user, group or role.
fn sources<E: Entity>(view: &View, record: &E) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for policy in inline::all(view, record) {
        let id = format!("{}_{}_{}", E::KIND.word(), record.name(), policy.name);
        sources.push(Source {
            kind: match E::KIND {
                EntityKind::User => PolicySourceType::User,
                EntityKind::Group => PolicySourceType::Group,
                EntityKind::Role => PolicySourceType::Role,
            },
            origin: Origin::Inline {
                of: E::KIND,
                owner: record.name().to_owned(),
                name: policy.name.clone(),
            },
            document: readable(&policy.policy, &id)?,
            id,
        });
    }
    for arn in record.attached() {
        sources.push(attached(view, record.account(), arn)?);
    }
    Ok(sources)
}

fn attached(view: &View, account: AccountId, arn: &Arn) -> Result<Source, Error> {
    let unreadable = || Fault::Unreadable {
        id: arn.to_string(),
    };
    let policy = Managed::find(view, account, arn).ok_or_else(unreadable)?;
    let text = policy.in_force().ok_or_else(unreadable)?;
    Ok(Source {
        id: policy.name().to_owned(),
        kind: match policy {
            Managed::Aws(_) => PolicySourceType::AwsManaged,
            Managed::Customer(_) => PolicySourceType::UserManaged,
        },
        origin: Origin::Managed(arn.clone()),
        document: readable(text, policy.name())?,
    })
}

fn readable(text: &PolicyText, id: &str) -> Result<Arc<Document>, Error> {
    let document = text.readable().cloned();
    document.ok_or_else(|| Fault::Unreadable { id: id.to_owned() }.into())
}

/// Compiles the documents of one parameter.
///
/// Fails with `InvalidInput` and the text with which AWS refuses such a document.
pub(crate) fn given(
    parameter: &str,
    texts: &[String],
    kind: DocumentKind,
) -> Result<Vec<Source>, Error> {
    let numbered = texts.iter().zip(1_usize..);
    numbered
        .map(|(text, number)| {
            let id = format!("{parameter}.{number}");
            let document = compile(&id, text, kind)?;
            Ok(Source {
                id,
                kind: PolicySourceType::None,
                origin: Origin::Given,
                document,
            })
        })
        .collect()
}

/// Compiles a document that was passed.
pub(crate) fn compile(id: &str, text: &str, kind: DocumentKind) -> Result<Arc<Document>, Error> {
    let document = Document::parse(text, kind);
    let document = document.map_err(|source| Fault::Document {
        id: id.to_owned(),
        source,
    })?;
    Ok(Arc::new(document))
}

/// The kind, account and name of the user, group or role that `arn` names.
///
/// Fails with `InvalidInput` if it names none.
fn entity(arn: &str) -> Result<(EntityKind, String, String), Fault> {
    let unclear = || Fault::Entity {
        arn: arn.to_owned(),
    };
    let parsed: Arn = arn.parse().map_err(|_not_an_arn| unclear())?;
    if parsed.service() != "iam" || !parsed.region().is_empty() {
        return Err(unclear());
    }
    let mut kinds = [EntityKind::User, EntityKind::Group, EntityKind::Role].into_iter();
    let found = kinds.find_map(|kind| Some((kind, last_segment(parsed.resource_of(kind.word())?))));
    let (kind, name) = found
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(unclear)?;
    let owner = parsed.account_text().to_owned();
    Ok((kind, owner, name.to_owned()))
}

/// Who is taken for the caller.
#[derive(Debug)]
pub(crate) struct Caller {
    /// As evaluation takes it: a group for a user, which no policy can name.
    pub(crate) principal: Principal,
    /// Its ARN, unless nobody is named.
    pub(crate) arn: Option<Arn>,
    /// Its unique id and tags, if it is the policies' own principal.
    pub(crate) own: Option<(UniqueId, Vec<(String, String)>)>,
}

impl Caller {
    /// Nobody in particular, in `account`.
    pub(crate) fn nobody(account: AccountId) -> Result<Self, Error> {
        let arn = EntityKind::User.arn(account, "/", "");
        Ok(Self {
            principal: Principal::User {
                account,
                arn,
                id: nobody()?,
                name: String::new(),
            },
            arn: None,
            own: None,
        })
    }

    /// The principal whose policies are simulated.
    pub(crate) fn own(brought: &Brought) -> Result<Self, Error> {
        let named = Self::named(brought.arn.as_str(), Some(&brought.id))?;
        let own = Some((brought.id.clone(), brought.tags.clone()));
        Ok(Self { own, ..named })
    }

    /// The user, group or role at `arn`, with its id where that is known.
    ///
    /// Fails with `InvalidInput` if it names none.
    pub(crate) fn named(arn: &str, id: Option<&UniqueId>) -> Result<Self, Error> {
        let (kind, owner, name) = entity(arn).map_err(|_unclear| Fault::CallerKind)?;
        let account = owner.parse().map_err(|_no_account| Fault::CallerKind)?;
        let parsed: Arn = arn.parse().map_err(|_not_an_arn| Fault::CallerKind)?;
        let id = match id {
            Some(id) => id.clone(),
            None => nobody()?,
        };
        let principal = match kind {
            EntityKind::Role => Principal::AssumedRole {
                account,
                role_arn: parsed.clone(),
                role_id: id,
                role_name: name,
                session: String::new(),
            },
            EntityKind::User | EntityKind::Group => Principal::User {
                account,
                arn: parsed.clone(),
                id,
                name,
            },
        };
        Ok(Self {
            principal,
            arn: Some(parsed),
            own: None,
        })
    }

    /// Its friendly name, if it is a user.
    pub(crate) fn user_name(&self) -> Option<&str> {
        let path = self.arn.as_ref()?.resource_of(EntityKind::User.word())?;
        Some(last_segment(path))
    }
}

fn nobody() -> Result<UniqueId, Error> {
    let id = NOBODY.parse();
    id.map_err(|_not_an_id| Fault::CallerKind.into())
}

/// Whether `arn` is that of an AWS managed policy.
pub(crate) fn is_of_aws(arn: &Arn) -> bool {
    managed::is_aws(arn)
}
