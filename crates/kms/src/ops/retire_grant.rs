//! `RetireGrant`: gives a grant up.

use pipeline::sources::{MatchedGrant, ResourceFacts, ResourceRule};
use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::RetireGrantRequest;
use store::Batch;
use types::{Principal, Service};

use crate::event::Fields;
use crate::grants::party::{Party, keys_of};
use crate::grants::record::{GrantRecord, GrantedOperation, is_id};
use crate::grants::token::Token;
use crate::identifiers::{Forms, KeyTarget};
use crate::key_policies::key_facts;
use crate::symmetric::end_dry_run;
use crate::{Error, actions, state};

/// Deletes a grant, named by a token or by key and id. The next request is decided without it.
///
/// The grant decides who may: its retiring principal, its grantee if `RetireGrant` is among its
/// operations, the root user of the account that made it, and whom that account, the key's
/// account or an account that is the retiring principal lets by an identity policy. Policies
/// can deny it; a key policy cannot allow it.
///
/// Fails with `ValidationException` unless the grant is named in one way, with
/// `InvalidGrantTokenException` or `InvalidGrantIdException` for what names none, and with
/// `NotFoundException` if it does not exist.
#[derive(Debug)]
pub struct RetireGrant;

/// The key, and which of its grants.
#[derive(Debug)]
pub struct RetireGrantTarget {
    key: KeyTarget,
    grant: String,
    by_token: bool,
}

impl Operation for RetireGrant {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "RetireGrant";
    const ACTIONS: &'static [&'static Action] = &[&actions::RETIRE_GRANT];
    const KIND: Kind = Kind::Mutating;
    type Input = RetireGrantRequest;
    type Output = Empty;
    type Target = RetireGrantTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = RetireGrantTarget::find(ctx, input)?;
        let need = target.key.need(&actions::RETIRE_GRANT).across_accounts();
        Ok((Needs::one(target.decided_by_grant(ctx, need)), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let target = permit.target();
        let key = &target.key.key()?.record;
        state::check(key, Self::NAME)?;
        let grant = GrantRecord::load(ctx.view(), key, &target.grant).map_err(|missing| {
            if target.by_token {
                Error::InvalidGrantToken
            } else {
                missing
            }
        })?;
        end_dry_run(input.dry_run)?;
        let mut effect = Batch::default();
        grant.delete(ctx.view(), &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let token = input.grant_token.as_deref();
        let of_token = token.and_then(|token| Token::read(token).ok());
        let grant = of_token.map(|token| token.grant);
        let grant = grant.or_else(|| input.grant_id.clone());
        EventDetail {
            additional: grant.map(|id| Fields::default().with("grantId", id).value()),
            ..EventDetail::default()
        }
    }
}

impl RetireGrantTarget {
    fn find(ctx: &Ctx, input: &RetireGrantRequest) -> Result<Self, Error> {
        match (&input.grant_token, &input.key_id, &input.grant_id) {
            (Some(token), None, None) => {
                let token = Token::read(token)?;
                let (account, id) = (token.account.parse(), token.key.parse());
                let (Ok(account), Ok(id)) = (account, id) else {
                    return Err(Error::InvalidGrantToken);
                };
                if token.region != ctx.region().as_str() {
                    return Err(Error::InvalidGrantToken);
                }
                Ok(Self {
                    key: KeyTarget::of_key(ctx, account, &id),
                    grant: token.grant,
                    by_token: true,
                })
            }
            (None, Some(key), Some(grant)) if is_id(grant) => Ok(Self {
                key: KeyTarget::find(ctx, key, Forms::Keys)?,
                grant: grant.clone(),
                by_token: false,
            }),
            (None, Some(_), Some(_)) => Err(Error::InvalidGrantId),
            _ => {
                let text = "Specify either a grant token, or both a key and a grant id";
                Err(Error::Validation(text.into()))
            }
        }
    }

    /// The need as the grant decides it.
    ///
    /// If the grant does not exist the policies decide who learns that.
    fn decided_by_grant(&self, ctx: &Ctx, need: Need) -> Need {
        let Ok(key) = self.key.key() else {
            return need;
        };
        let Ok(grant) = GrantRecord::load(ctx.view(), &key.record, &self.grant) else {
            return need;
        };
        let policy = key.record.policy.document();
        let facts = ResourceFacts {
            rule: ResourceRule::KeyGrantsOnly(std::sync::Arc::clone(policy)),
            ..key_facts(ctx.view(), std::sync::Arc::clone(&key.record))
        };
        let constraints = &grant.terms.constraints;
        let pairs = constraints.pairs().cloned().unwrap_or_default();
        let keys = KeySet::default()
            .maybe("kms:grantconstrainttype", constraints.kind())
            .map("kms:encryptioncontext", &pairs)
            .many("kms:encryptioncontextkeys", pairs.keys().cloned().collect());
        let covered = may_retire(grant, &ctx.caller().principal);
        need.with(keys)
            .known(facts)
            .granted_by(covered.into_iter().collect())
    }
}

/// The grant as one that lets `principal` retire it, if it does.
fn may_retire(grant: &GrantRecord, principal: &Principal) -> Option<MatchedGrant> {
    let terms = &grant.terms;
    let account = principal.account();
    let names = keys_of(principal);
    let is_named = |party: &Party| !party.is_account() && names.iter().any(|n| n == party.key());
    let is_account = |party: &Party| account.is_some_and(|own| *party == Party::Account(own));
    let grantee =
        Some(&terms.grantee).filter(|_| terms.operations.contains(&GrantedOperation::RetireGrant));
    let parties = || terms.retiring.iter().chain(grantee);
    let by_name = parties().any(is_named);
    let by_account = parties().any(is_account)
        || account == Some(terms.issuing_account)
        || account == Some(grant.account);
    (by_name || by_account).then(|| MatchedGrant {
        id: grant.id.clone(),
        issuing_account: terms.issuing_account,
        delegates_to_account: !by_name,
    })
}
