//! `DescribeOrganizationalUnit`: one unit.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{
    DescribeOrganizationalUnitRequest, DescribeOrganizationalUnitResponse,
};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedNode;
use crate::organizations::shape;

/// Returns a unit's name and place.
///
/// Fails with `OrganizationalUnitNotFoundException`.
#[derive(Debug)]
pub(crate) struct DescribeOrganizationalUnit;

impl Operation for DescribeOrganizationalUnit {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DescribeOrganizationalUnit";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_ORGANIZATIONAL_UNIT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeOrganizationalUnitRequest;
    type Output = DescribeOrganizationalUnitResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let unit = NamedNode::of(ctx, &input.organizational_unit_id)?;
        Ok((
            Needs::one(unit.need(&actions::DESCRIBE_ORGANIZATIONAL_UNIT)),
            unit,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.target();
        let unit = shape::unit(ctx.view(), &named.organization, named.unit()?);
        Ok(Reply::read(DescribeOrganizationalUnitResponse {
            organizational_unit: Some(unit),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with(
            "organizationalUnitId",
            input.organizational_unit_id.as_str(),
        ))
    }
}
