//! `UpdateOrganizationalUnit`: another name for a unit.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{UpdateOrganizationalUnitRequest, UpdateOrganizationalUnitResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error};
use crate::organizations::records::NodeRecord;
use crate::organizations::scope::NamedNode;
use crate::organizations::{answers, shape, tree};

/// Renames a unit; its id and policies stay.
///
/// Fails with `OrganizationalUnitNotFoundException`, and with
/// `DuplicateOrganizationalUnitException` if another unit of the same parent has the name.
#[derive(Debug)]
pub(crate) struct UpdateOrganizationalUnit;

impl Operation for UpdateOrganizationalUnit {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "UpdateOrganizationalUnit";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_ORGANIZATIONAL_UNIT];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateOrganizationalUnitRequest;
    type Output = UpdateOrganizationalUnitResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let unit = NamedNode::of(ctx, &input.organizational_unit_id)?;
        Ok((
            Needs::one(unit.need(&actions::UPDATE_ORGANIZATIONAL_UNIT)),
            unit,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (view, named) = (ctx.view(), permit.into_target());
        let mut unit = NodeRecord::clone(named.unit()?);
        let parent = unit.parent.clone().unwrap_or_default();
        if let Some(name) = input.name {
            let mut others = tree::units_below(view, &parent).filter(|other| other.id != unit.id);
            if others.any(|other| other.name == name) {
                return Err(Conflict::DuplicateUnit.into());
            }
            unit.name = name;
        }
        let organizational_unit = Some(shape::unit(view, &named.organization, &unit));
        let mut batch = Batch::default();
        tree::put(&mut batch, unit);
        Ok(Reply::write(
            UpdateOrganizationalUnitResponse {
                organizational_unit,
            },
            batch,
        ))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with(
                "organizationalUnitId",
                input.organizational_unit_id.as_str(),
            )
            .maybe("name", input.name.as_deref());
        let unit = output.and_then(|output| output.organizational_unit.as_ref());
        answers::of_unit(request, unit)
    }
}
