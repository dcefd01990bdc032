//! `DescribeOrganization`: the organization of the caller's account.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::DescribeOrganizationResponse;
use types::Service;

use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{scope, shape};

/// Returns the organization that the caller's account belongs to.
///
/// Every account of the organization may ask. Fails with `AWSOrganizationsNotInUseException` for
/// an account that is in none.
#[derive(Debug)]
pub(crate) struct DescribeOrganization;

impl Operation for DescribeOrganization {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DescribeOrganization";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_ORGANIZATION];
    const KIND: Kind = Kind::ReadOnly;
    type Input = Empty;
    type Output = DescribeOrganizationResponse;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        _input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::member(ctx)?;
        Ok((
            Needs::one(Need::anywhere(&actions::DESCRIBE_ORGANIZATION)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let organization = shape::organization(ctx.view(), permit.target());
        Ok(Reply::read(DescribeOrganizationResponse {
            organization: Some(organization),
        }))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}
