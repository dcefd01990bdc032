//! `DescribeCreateAccountStatus`: what became of a request to create an account.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{
    DescribeCreateAccountStatusRequest, DescribeCreateAccountStatusResponse,
};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Error, Missing};
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{scope, shape, tables};

/// Returns the status of a `CreateAccount`.
///
/// Fails with `CreateAccountStatusNotFoundException`.
#[derive(Debug)]
pub(crate) struct DescribeCreateAccountStatus;

impl Operation for DescribeCreateAccountStatus {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "DescribeCreateAccountStatus";
    const ACTIONS: &'static [&'static Action] = &[&actions::DESCRIBE_CREATE_ACCOUNT_STATUS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeCreateAccountStatusRequest;
    type Output = DescribeCreateAccountStatusResponse;
    type Target = Arc<OrganizationRecord>;
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        _input: &Self::Input,
    ) -> Result<(Needs, Arc<OrganizationRecord>), Error> {
        let organization = scope::management(ctx)?;
        Ok((
            Needs::one(Need::anywhere(&actions::DESCRIBE_CREATE_ACCOUNT_STATUS)),
            organization,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let row = tables::by_id(&input.create_account_request_id);
        let creation = ctx.view().get(&tables::CREATIONS, &row);
        let creation = creation.ok_or(Missing::Creation)?;
        Ok(Reply::read(DescribeCreateAccountStatusResponse {
            create_account_status: Some(shape::creation(creation.record)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with(
            "createAccountRequestId",
            input.create_account_request_id.as_str(),
        ))
    }
}
