//! `CreateOrganization`: makes the deployment's organization again.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{
    CreateOrganizationRequest, CreateOrganizationResponse, OrganizationFeatureSet,
};
use store::Batch;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::lookup;
use crate::organizations::actions;
use crate::organizations::error::{Conflict, Error, Invalid};
use crate::organizations::{shape, tree};

/// Makes an organization whose management account is the deployment's first account.
///
/// A deployment has one from its first start, so this fails with
/// `AlreadyInOrganizationException` unless `DeleteOrganization` came before. Fails with
/// `AccessDeniedException` for other accounts, and with `InvalidInputException` for the feature set
/// `CONSOLIDATED_BILLING`: nothing is billed here.
#[derive(Debug)]
pub(crate) struct CreateOrganization;

impl Operation for CreateOrganization {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "CreateOrganization";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_ORGANIZATION];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateOrganizationRequest;
    type Output = CreateOrganizationResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, AccountId), Error> {
        let account = ctx.account().ok_or(Error::NotManagement)?;
        Ok((
            Needs::one(Need::anywhere(&actions::CREATE_ORGANIZATION)),
            account,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let view = ctx.view();
        let account = permit.into_target();
        if tree::organization(view).is_some() {
            return Err(Conflict::AlreadyInOrganization.into());
        }
        if lookup::first_account(view) != Some(account) {
            return Err(Error::NotManagement);
        }
        if input.feature_set == Some(OrganizationFeatureSet::ConsolidatedBilling) {
            return Err(Invalid::FeatureSet.into());
        }
        let mut batch = Batch::default();
        let made = tree::found_organization(&mut batch, account, ctx.time(), ctx.entropy());
        let organization = Some(shape::organization(view, &made));
        Ok(Reply::write(
            CreateOrganizationResponse { organization },
            batch,
        ))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = event::request(Fields::default().maybe(
            "featureSet",
            input.feature_set.map(OrganizationFeatureSet::as_str),
        ));
        let organization = output.and_then(|output| output.organization.as_ref());
        let response = organization.map(|organization| {
            Fields::default()
                .maybe("id", organization.id.as_deref())
                .maybe("arn", organization.arn.as_deref())
                .maybe("masterAccountId", organization.master_account_id.as_deref())
                .value()
        });
        let response = response.map(|made| Fields::default().with("organization", made).value());
        EventDetail {
            response: response.unwrap_or_default(),
            ..request
        }
    }
}
