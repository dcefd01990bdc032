//! From what callers write to principals, and whether a share may have them.

use std::collections::BTreeSet;

use iam::Membership;
use pipeline::Ctx;
use pipeline::sources::Principals;
use policy::PrincipalPattern;
use types::{AccountId, Arn, PARTITION};

use crate::Error;
use crate::bounds::bounded;
use crate::records::{ORGANIZATIONS, SharePrincipal};

/// A principal as a caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamedPrincipal {
    /// Twelve digits.
    Account(AccountId),
    /// The ARN of an organization, with its id.
    Organization(Arn, String),
    /// The ARN of a unit, with the organization's id and its own.
    Unit(Arn, String, String),
    /// The ARN of a user or role, with its account.
    Individual(Arn, AccountId),
}

impl NamedPrincipal {
    /// Reads `text`.
    ///
    /// Fails with `InvalidParameterException` for what is no principal that resources are
    /// shared with here.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        if let Ok(account) = text.parse() {
            return Ok(Self::Account(account));
        }
        let invalid = || {
            Error::invalid(format!(
                "`{text}` is neither an account nor the ARN of an organization, an \
                 organizational unit, a user or a role"
            ))
        };
        let arn: Arn = text.parse().map_err(|_source| invalid())?;
        let account = arn.account().filter(|_| arn.partition() == PARTITION);
        let account = account.filter(|_| arn.region().is_empty());
        let account = account.ok_or_else(invalid)?;
        let resource = arn.resource().to_owned();
        let parts: Vec<&str> = resource.split('/').collect();
        match (arn.service(), parts.as_slice()) {
            ("organizations", ["organization", id]) if id.starts_with("o-") => {
                Ok(Self::Organization(arn, (*id).to_owned()))
            }
            ("organizations", ["ou", organization, id])
                if organization.starts_with("o-") && id.starts_with("ou-") =>
            {
                Ok(Self::Unit(
                    arn,
                    (*organization).to_owned(),
                    (*id).to_owned(),
                ))
            }
            // The policy of a resource will name it.
            ("iam", ["user" | "role", _, ..]) if !PrincipalPattern::can_name(&arn) => {
                Err(Error::invalid(format!(
                    "`{text}` cannot be named in a policy: names have letters, digits and \
                     `_+=,.@-`, and paths no wildcards"
                )))
            }
            ("iam", ["user" | "role", _, ..]) => Ok(Self::Individual(arn, account)),
            _ => Err(invalid()),
        }
    }

    /// Reads each of `texts` once.
    ///
    /// Fails as [`Self::read`] and [`bounded`] do.
    pub(crate) fn read_all(texts: Option<&[String]>) -> Result<Vec<Self>, Error> {
        let mut seen = BTreeSet::new();
        let texts = bounded("principals", texts)?.iter();
        let texts = texts.filter(|text| seen.insert(text.as_str()));
        texts.map(|text| Self::read(text)).collect()
    }

    /// The principal as callers name it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Account(account) => account.as_str(),
            Self::Organization(arn, _) | Self::Unit(arn, ..) | Self::Individual(arn, _) => {
                arn.as_str()
            }
        }
    }
}

/// A principal that a share can have, and what the organization says of it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) principal: SharePrincipal,
    /// Whether it is outside the owner's organization.
    pub(crate) external: bool,
    /// The organization that makes an invitation unnecessary.
    pub(crate) organization: Option<String>,
}

/// Finds `written` for a share of `owner`.
///
/// Fails with `UnknownResourceException` for organizations and units that the owner does not
/// share with, and for a user or role that does not exist; with `OperationNotPermittedException`
/// for whoever is outside the owner's organization unless the share `allows_external`; and with
/// `InvalidParameterException` for the owner itself.
pub(crate) fn candidate(
    ctx: &Ctx,
    owner: AccountId,
    allows_external: bool,
    written: &NamedPrincipal,
) -> Result<Candidate, Error> {
    let view = ctx.view();
    let own = Membership::of(view, owner);
    // Sharing within the organization needs no invitations once that was switched on.
    let shared = own.as_ref().map(|own| own.organization.clone());
    let shared = shared.filter(|id| view.get(&ORGANIZATIONS, &organization_row(id)).is_some());
    let unknown = |what: String| Error::Unknown { what };
    let (account, principal) = match written {
        NamedPrincipal::Organization(arn, id) => {
            if shared.as_deref() != Some(id) || !names_management(arn, own.as_ref()) {
                return Err(unknown(format!("Organization {id}")));
            }
            let (arn, id) = (arn.clone(), id.clone());
            (None, SharePrincipal::Organization { arn, id })
        }
        NamedPrincipal::Unit(arn, organization, id) => {
            let known = shared.as_deref() == Some(organization)
                && names_management(arn, own.as_ref())
                && Membership::has_unit(view, id);
            if !known {
                return Err(unknown(format!(
                    "OrganizationalUnit {id} in unknown organization"
                )));
            }
            let (arn, organization, id) = (arn.clone(), organization.clone(), id.clone());
            (
                None,
                SharePrincipal::Unit {
                    arn,
                    organization,
                    id,
                },
            )
        }
        NamedPrincipal::Account(account) => (Some(*account), SharePrincipal::Account(*account)),
        NamedPrincipal::Individual(arn, account) => {
            let Principals(directory) = ctx.part()?;
            let id = directory.unique_id(view, arn);
            let id = id.ok_or_else(|| unknown(format!("Principal {arn}")))?;
            let (arn, account) = (arn.clone(), *account);
            (
                Some(account),
                SharePrincipal::Individual { arn, id, account },
            )
        }
    };
    let Some(account) = account else {
        return Ok(Candidate {
            principal,
            external: false,
            organization: shared,
        });
    };
    if account == owner {
        return Err(Error::invalid(format!(
            "`{}` belongs to the account that owns the resource share",
            written.text()
        )));
    }
    let theirs = Membership::of(view, account).map(|it| it.organization);
    let external = theirs.is_none() || theirs != own.map(|own| own.organization);
    if external && !allows_external {
        return Err(Error::not_permitted(format!(
            "Principal {} is not in your AWS organization. You do not have permission to add \
             external AWS accounts to a resource share.",
            written.text()
        )));
    }
    Ok(Candidate {
        principal,
        external,
        organization: shared.filter(|_| !external),
    })
}

fn names_management(arn: &Arn, own: Option<&Membership>) -> bool {
    own.is_some_and(|own| arn.account() == Some(own.management))
}

/// The row key of an organization.
pub(crate) fn organization_row(id: &str) -> store::Key {
    store::Key::of(&[id])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::MOST_NAMED;

    fn check(text: &str, known: bool) {
        let read = NamedPrincipal::read(text);
        assert_eq!(read.is_ok(), known, "{text}");
        if let Ok(read) = read {
            assert_eq!(read.text(), text);
        }
    }

    #[test]
    fn accounts_organizations_units_users_and_roles_are_principals() {
        check("444455556666", true);
        check("arn:aws:iam::444455556666:role/path/Reader", true);
        check("arn:aws:iam::444455556666:user/Bob", true);
        check("arn:aws:iam::444455556666:role/x:y/Reader", true);
        check(
            "arn:aws:organizations::111122223333:organization/o-abcdefghij",
            true,
        );
        check(
            "arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-abcdefgh",
            true,
        );
    }

    #[test]
    fn each_principal_is_read_once_and_no_more_than_a_share_can_have() {
        let account = |number: usize| format!("{:012}", 100_000_000_000 + number);
        let mut texts: Vec<String> = (0..MOST_NAMED - 1).map(account).collect();
        texts.push(account(7));
        let all = NamedPrincipal::read_all(Some(&texts)).unwrap();
        assert_eq!(all.len(), MOST_NAMED - 1);
        texts.push(account(8));
        let refused = NamedPrincipal::read_all(Some(&texts)).unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
    }

    #[test]
    fn nothing_else_is_a_principal() {
        for text in [
            "",
            "*",
            "44445555666",
            "sagemaker.amazonaws.com",
            "arn:aws:iam::444455556666:root",
            "arn:aws:iam::444455556666:role",
            "arn:aws:iam::444455556666:role/a*/Reader",
            "arn:aws:iam::444455556666:role/a?b/Reader",
            "arn:aws:iam::444455556666:role/path/",
            "arn:aws:iam::444455556666:group/Readers",
            "arn:aws-cn:iam::444455556666:role/Reader",
            "arn:aws:sts::444455556666:assumed-role/Reader/session",
            "arn:aws:organizations::111122223333:root/o-abcdefghij/r-ab12",
            "arn:aws:organizations::111122223333:account/o-abcdefghij/444455556666",
            "arn:aws:organizations::111122223333:ou/o-abcdefghij",
        ] {
            check(text, false);
        }
    }
}
