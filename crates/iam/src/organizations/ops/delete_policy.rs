//! `DeletePolicy`: ends a policy that is attached nowhere.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::DeletePolicyRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error, Invalid};
use crate::organizations::policies::Policy;
use crate::organizations::scope::NamedPolicy;
use crate::organizations::{tables, tree};

/// Deletes a policy.
///
/// Fails with `PolicyNotFoundException`, with `InvalidInputException` for a policy of AWS's, and
/// with `PolicyInUseException` while it is attached somewhere.
#[derive(Debug)]
pub(crate) struct DeletePolicy;

impl Operation for DeletePolicy {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DeletePolicy";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = DeletePolicyRequest;
    type Output = Empty;
    type Target = NamedPolicy;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedPolicy), Error> {
        let policy = NamedPolicy::of(ctx, &input.policy_id)?;
        Ok((Needs::one(policy.need(&actions::DELETE_POLICY)), policy))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let Policy::Own(record) = named.found()? else {
            return Err(Invalid::ImmutablePolicy.into());
        };
        let kind = record.content.kind();
        let everything = tables::all();
        let mut nodes = ctx.view().scan(&tables::NODES, &everything, None);
        let is_attached = nodes.any(|(_, row)| {
            tree::policies_at(&named.organization, row.record, kind).contains(&record.id)
        });
        if is_attached {
            return Err(Conflict::PolicyInUse.into());
        }
        let mut batch = Batch::default();
        batch.delete(&tables::CONTROL_POLICIES, tables::by_id(&record.id));
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("policyId", input.policy_id.as_str()))
    }
}
