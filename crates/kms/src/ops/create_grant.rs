//! `CreateGrant`: a right on one key for one grantee.

use std::collections::BTreeSet;

use pipeline::sources::{MatchedGrant, Principals};
use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::Value;
use shapes::kms::{CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantOperation};
use store::Batch;
use types::{AccountId, Service};

use crate::event::Fields;
use crate::grants::constraints::Constraints;
use crate::grants::index::{parents, place};
use crate::grants::party::Party;
use crate::grants::record::{GrantRecord, GrantedOperation, Terms, number_of};
use crate::grants::rules;
use crate::grants::token::{self, Token};
use crate::identifiers::{Forms, KeyTarget};
use crate::records::KeyRecord;
use crate::symmetric::end_dry_run;
use crate::{Error, ResourceQuotas, actions, state};

/// Makes a grant, which counts from the next request on. One with the same name and terms is
/// not made twice: its id is returned with a new token.
///
/// Whom a policy lets call this may grant anything. Whom only a grant lets may grant what that
/// grant allows, under constraints at least as strict.
///
/// Fails with `ValidationException` if the parameters contradict each other or the key has no
/// such operations, with `InvalidArnException` for a principal that does not exist, with
/// `InvalidGrantTokenException`, with `LimitExceededException` beyond 50,000 grants of the key,
/// and as `Encrypt` does over the key's state.
#[derive(Debug)]
pub struct CreateGrant;

/// The key, and what the grant is to allow.
#[derive(Debug)]
pub struct CreateGrantTarget {
    key: KeyTarget,
    account: AccountId,
    operations: BTreeSet<GrantedOperation>,
    constraints: Constraints,
}

impl Operation for CreateGrant {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateGrant";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_GRANT];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateGrantRequest;
    type Output = CreateGrantResponse;
    type Target = CreateGrantTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = CreateGrantTarget::find(ctx, input)?;
        let need = target.need(ctx, input, ctx.via());
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let target = permit.into_target();
        let key = &target.key.key()?.record;
        token::check(ctx.view(), ctx.region(), input.grant_tokens.as_deref())?;
        state::check(key, Self::NAME)?;
        rules::check_key(key, &target.operations, &target.constraints)?;
        let terms = terms(ctx, &input, &target)?;
        let answer = |grant: &GrantRecord| CreateGrantResponse {
            grant_token: Some(Token::issue(grant, ctx.entropy())),
            grant_id: Some(grant.id.clone()),
        };
        if let Some(name) = &terms.name {
            let named = GrantRecord::with_name(ctx.view(), key, name);
            if let Some(same) = named.into_iter().find(|grant| grant.terms == terms) {
                end_dry_run(input.dry_run)?;
                return Ok(Reply::read(answer(same)));
            }
        }
        check_quota(ctx, key)?;
        end_dry_run(input.dry_run)?;
        let mut id = [0; 32];
        ctx.entropy().fill(&mut id);
        let snapshot = ctx.view().snapshot();
        let grant = GrantRecord {
            id: hex::encode(id),
            account: key.account,
            region: key.region.clone(),
            key: key.id.clone(),
            created: ctx.time(),
            place: place(snapshot, key, &terms),
            terms,
        };
        let mut effect = Batch::default();
        grant.store(ctx.view(), &mut effect);
        Ok(Reply::write(answer(&grant), effect))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let operations = input.operations.iter();
        let operations: Vec<Value> = operations
            .map(|operation| operation.as_str().into())
            .collect();
        let detail = Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("granteePrincipal", input.grantee_principal.clone())
            .maybe("retiringPrincipal", input.retiring_principal.clone())
            .maybe(
                "granteeServicePrincipal",
                input.grantee_service_principal.clone(),
            )
            .maybe(
                "retiringServicePrincipal",
                input.retiring_service_principal.clone(),
            )
            .with("operations", operations)
            .maybe("constraints", input.constraints.as_ref().map(in_event))
            .maybe("name", input.name.clone())
            .maybe("dryRun", input.dry_run)
            .request();
        let id = output.and_then(|output| output.grant_id.clone());
        EventDetail {
            response: Fields::default().maybe("grantId", id).value(),
            ..detail
        }
    }
}

/// What it takes to make the grant `input` as `service` on the caller's behalf: for operations
/// of services that make one, which say so before they do anything.
///
/// Fails as the call would.
pub fn create_grant_need(
    ctx: &Ctx,
    input: &CreateGrantRequest,
    service: Service,
) -> Result<Need, Error> {
    let target = CreateGrantTarget::find(ctx, input)?;
    Ok(target.need(ctx, input, Some(service)).via(service))
}

impl CreateGrantTarget {
    fn find(ctx: &Ctx, input: &CreateGrantRequest) -> Result<Self, Error> {
        rules::check_parties(input)?;
        let operations = rules::operations(&input.operations)?;
        let constraints = Constraints::accept(input.constraints.as_ref())?;
        let account = ctx.account().ok_or(Error::NoAccount)?;
        Ok(Self {
            key: KeyTarget::find(ctx, &input.key_id, Forms::Keys)?,
            account,
            operations,
            constraints,
        })
    }

    /// What the caller needs, if `via` makes the grant on its behalf.
    fn need(&self, ctx: &Ctx, input: &CreateGrantRequest, via: Option<Service>) -> Need {
        let need = self.key.need(&actions::CREATE_GRANT).across_accounts();
        need.with(condition_keys(input, self, via.is_some()))
            .granted_by(self.parents(ctx))
    }

    /// The grants that let the caller make this one.
    fn parents(&self, ctx: &Ctx) -> Vec<MatchedGrant> {
        let Ok(key) = self.key.key() else {
            return Vec::new();
        };
        let principal = &ctx.caller().principal;
        let source = ctx.source().map(types::Arn::as_str);
        let child = (&self.operations, &self.constraints);
        parents(ctx.view(), &key.record, principal, source, child)
    }
}

fn condition_keys(
    input: &CreateGrantRequest,
    target: &CreateGrantTarget,
    for_service: bool,
) -> KeySet {
    let operations = input.operations.iter().map(GrantOperation::to_string);
    let constraints = &target.constraints;
    let pairs = constraints.pairs().cloned().unwrap_or_default();
    KeySet::default()
        .many("kms:grantoperations", operations.collect())
        .maybe("kms:granteeprincipal", input.grantee_principal.as_deref())
        .maybe("kms:retiringprincipal", input.retiring_principal.as_deref())
        .maybe(
            "kms:granteeserviceprincipal",
            input.grantee_service_principal.as_deref(),
        )
        .maybe(
            "kms:retiringserviceprincipal",
            input.retiring_service_principal.as_deref(),
        )
        .maybe("kms:grantconstrainttype", constraints.kind())
        .maybe(
            "kms:grantconstraintsourcearn",
            constraints.source_arn.as_deref(),
        )
        .one("kms:grantisforawsresource", for_service.to_string())
        .map("kms:encryptioncontext", &pairs)
        .many("kms:encryptioncontextkeys", pairs.keys().cloned().collect())
}

fn terms(
    ctx: &Ctx,
    input: &CreateGrantRequest,
    target: &CreateGrantTarget,
) -> Result<Terms, Error> {
    let known = ctx.part::<Principals>()?;
    let party = |principal: &Option<String>, service: &Option<String>| match (principal, service) {
        (Some(arn), _) => Party::named(arn, ctx.view(), known).map(Some),
        (None, Some(name)) => Ok(Some(Party::Service(name.clone()))),
        (None, None) => Ok(None),
    };
    let grantee = party(&input.grantee_principal, &input.grantee_service_principal)?;
    Ok(Terms {
        name: input.name.clone(),
        grantee: grantee.ok_or_else(|| Error::broken("a grant has no grantee"))?,
        retiring: party(&input.retiring_principal, &input.retiring_service_principal)?,
        operations: target.operations.clone(),
        constraints: target.constraints.clone(),
        issuing_account: target.account,
    })
}

/// As many grants as are made at once may pass the quota together, which the request quota of
/// `CreateGrant` bounds.
fn check_quota(ctx: &Ctx, key: &KeyRecord) -> Result<(), Error> {
    let most = ResourceQuotas::of(ctx)?.grants;
    if number_of(ctx.view().snapshot(), key) < most {
        return Ok(());
    }
    let text = format!("a key has at most {most} grants");
    Err(Error::LimitExceeded(text.into()))
}

fn in_event(constraints: &GrantConstraints) -> Value {
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(key, value)| (key.clone(), Value::from(value.clone())));
        Value::Object(pairs.collect())
    };
    Fields::default()
        .maybe(
            "encryptionContextSubset",
            constraints.encryption_context_subset.as_ref().map(pairs),
        )
        .maybe(
            "encryptionContextEquals",
            constraints.encryption_context_equals.as_ref().map(pairs),
        )
        .maybe("sourceArn", constraints.source_arn.clone())
        .value()
}
