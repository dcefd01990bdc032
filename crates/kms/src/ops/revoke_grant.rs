//! `RevokeGrant`: takes a grant away.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::RevokeGrantRequest;
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::grants::record::GrantRecord;
use crate::identifiers::{Forms, KeyTarget};
use crate::symmetric::end_dry_run;
use crate::{Error, actions, state};

/// Deletes a grant, as a policy of the key or of the caller allows. The next request is
/// decided without it.
///
/// Fails with `NotFoundException` if the key or the grant does not exist, and with
/// `InvalidGrantIdException` if `GrantId` is none.
#[derive(Debug)]
pub struct RevokeGrant;

impl Operation for RevokeGrant {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "RevokeGrant";
    const ACTIONS: &'static [&'static Action] = &[&actions::REVOKE_GRANT];
    const KIND: Kind = Kind::Mutating;
    type Input = RevokeGrantRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let for_service = ctx.via().is_some().to_string();
        let keys = KeySet::default().one("kms:grantisforawsresource", for_service);
        let need = target.need(&actions::REVOKE_GRANT).across_accounts();
        Ok((Needs::one(need.with(keys)), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let grant = GrantRecord::load(ctx.view(), key, &input.grant_id)?;
        end_dry_run(input.dry_run)?;
        let mut effect = Batch::default();
        grant.delete(ctx.view(), &mut effect);
        Ok(Reply::write(Empty {}, effect))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("grantId", input.grant_id.clone())
            .maybe("dryRun", input.dry_run)
            .request()
    }
}
