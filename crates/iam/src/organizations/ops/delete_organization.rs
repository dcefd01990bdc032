//! `DeleteOrganization`: ends an organization that is empty.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use store::Batch;
use types::Service;

use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error};
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{scope, tables};

/// Deletes the organization.
///
/// Fails with `OrganizationNotEmptyException` while it has other accounts than the management
/// account, units, or policies of its own.
#[derive(Debug)]
pub(crate) struct DeleteOrganization;

impl Operation for DeleteOrganization {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DeleteOrganization";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ORGANIZATION];
    const KIND: Kind = Kind::Mutating;
    type Input = Empty;
    type Output = Empty;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        _input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::management(ctx)?;
        Ok((
            Needs::one(Need::anywhere(&actions::DELETE_ORGANIZATION)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (view, organization) = (ctx.view(), permit.into_target());
        let everything = tables::all();
        let has_policies = view
            .scan(&tables::CONTROL_POLICIES, &everything, None)
            .next()
            .is_some();
        // The root and the management account.
        if has_policies || view.scan(&tables::NODES, &everything, None).count() > 2 {
            return Err(Conflict::OrganizationNotEmpty.into());
        }
        let management = organization.management;
        let mut batch = Batch::default();
        batch.delete(&tables::ORGANIZATION, tables::organization());
        batch.delete(&tables::NODES, tables::by_id(&organization.root));
        batch.delete(&tables::NODES, tables::by_id(management.as_str()));
        let child = tables::child(&organization.root, management.as_str());
        batch.delete(&tables::CHILDREN, child);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
