//! `DeleteOrganizationalUnit`: ends a unit that is empty.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::DeleteOrganizationalUnitRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error};
use crate::organizations::scope::NamedNode;
use crate::organizations::{tables, tree};

/// Deletes a unit.
///
/// Fails with `OrganizationalUnitNotFoundException`, and with
/// `OrganizationalUnitNotEmptyException` while there are accounts or units below it.
#[derive(Debug)]
pub(crate) struct DeleteOrganizationalUnit;

impl Operation for DeleteOrganizationalUnit {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DeleteOrganizationalUnit";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ORGANIZATIONAL_UNIT];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteOrganizationalUnitRequest;
    type Output = Empty;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let unit = NamedNode::of(ctx, &input.organizational_unit_id)?;
        Ok((
            Needs::one(unit.need(&actions::DELETE_ORGANIZATIONAL_UNIT)),
            unit,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let unit = permit.target().unit()?;
        let below = tables::by_id(&unit.id);
        let mut children = ctx.view().scan(&tables::CHILDREN, &below, None);
        if children.next().is_some() {
            return Err(Conflict::UnitNotEmpty.into());
        }
        let mut batch = Batch::default();
        tree::delete(&mut batch, unit);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with(
            "organizationalUnitId",
            input.organizational_unit_id.as_str(),
        ))
    }
}
