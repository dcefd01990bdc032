//! `DisablePolicyType`: policies of a type count no more in the root.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{DisablePolicyTypeRequest, DisablePolicyTypeResponse};
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error};
use crate::organizations::records::{OrganizationRecord, PolicyKind};
use crate::organizations::scope::NamedNode;
use crate::organizations::{scope, shape, tables};

/// Disables a policy type: every policy of it is detached everywhere.
///
/// Fails with `RootNotFoundException` and with `PolicyTypeNotEnabledException`.
#[derive(Debug)]
pub(crate) struct DisablePolicyType;

impl Operation for DisablePolicyType {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DisablePolicyType";
    const ACTIONS: &'static [&'static Action] = &[&actions::DISABLE_POLICY_TYPE];
    const KIND: Kind = Kind::Mutating;
    type Input = DisablePolicyTypeRequest;
    type Output = DisablePolicyTypeResponse;
    type Target = (NamedNode, PolicyKind);
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> Result<(Needs, (NamedNode, PolicyKind)), Error> {
        let root = NamedNode::of(ctx, &input.root_id)?;
        let kind = scope::kind_of(input.policy_type)?;
        let keys = KeySet::default().one("organizations:policytype", scope::type_name(kind));
        Ok((
            Needs::one(root.need(&actions::DISABLE_POLICY_TYPE).with(keys)),
            (root, kind),
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, kind) = permit.into_target();
        let root = named.root()?;
        let mut organization = OrganizationRecord::clone(&named.organization);
        let state = organization.state_mut(kind);
        if !state.enabled {
            return Err(Conflict::TypeNotEnabled.into());
        }
        state.enabled = false;
        let shown = shape::root(&organization, root);
        let mut batch = Batch::default();
        batch.put(&tables::ORGANIZATION, tables::organization(), organization);
        Ok(Reply::write(
            DisablePolicyTypeResponse { root: Some(shown) },
            batch,
        ))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("rootId", input.root_id.as_str())
                .with("policyType", input.policy_type.as_str()),
        )
    }
}
