//! `EnableSharingWithAwsOrganization`: sharing within the organization without invitations.

use iam::Membership;
use pipeline::sources::Principals;
use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::CreateServiceLinkedRoleRequest;
use shapes::ram::{
    EnableSharingWithAwsOrganizationRequest, EnableSharingWithAwsOrganizationResponse,
};
use store::{Batch, Lane};
use types::{Arn, Service};

use crate::Error;
use crate::actions::{
    CREATE_SERVICE_LINKED_ROLE, DESCRIBE_ORGANIZATION, ENABLE_AWS_SERVICE_ACCESS,
    ENABLE_SHARING_WITH_AWS_ORGANIZATION,
};
use crate::event::Fields;
use crate::principals::organization_row;
use crate::records::{ORGANIZATIONS, OrganizationSharing};

/// Lets the accounts of the organization share with each other without invitations, and with the
/// organization and its units; makes RAM's service-linked role in the management account.
///
/// Beside its own action it needs what RAM does for it at AWS:
/// `organizations:DescribeOrganization`, `organizations:EnableAWSServiceAccess` and
/// `iam:CreateServiceLinkedRole`. Fails with `OperationNotPermittedException` for an account that
/// manages no organization.
#[derive(Debug)]
pub(crate) struct EnableSharingWithAwsOrganization;

impl Operation for EnableSharingWithAwsOrganization {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "EnableSharingWithAwsOrganization";
    const ACTIONS: &'static [&'static Action] = &[
        &ENABLE_SHARING_WITH_AWS_ORGANIZATION,
        &DESCRIBE_ORGANIZATION,
        &ENABLE_AWS_SERVICE_ACCESS,
        &CREATE_SERVICE_LINKED_ROLE,
    ];
    const KIND: Kind = Kind::Mutating;
    type Input = EnableSharingWithAwsOrganizationRequest;
    type Output = EnableSharingWithAwsOrganizationResponse;
    type Target = Arn;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Arn), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let service = Self::SERVICE.principal();
        let role =
            format!("role/aws-service-role/{service}/AWSServiceRoleForResourceAccessManager");
        let role = Arn::new("iam", None, Some(account), &role);
        let of_service = KeySet::default().one("iam:awsservicename", service);
        let access = KeySet::default().one("organizations:serviceprincipal", service);
        let needs = Needs::one(Need::anywhere(&ENABLE_SHARING_WITH_AWS_ORGANIZATION))
            .and(Need::anywhere(&DESCRIBE_ORGANIZATION).via(Self::SERVICE))
            .and(
                Need::anywhere(&ENABLE_AWS_SERVICE_ACCESS)
                    .with(access)
                    .via(Self::SERVICE),
            )
            .and(
                Need::on(&CREATE_SERVICE_LINKED_ROLE, role.clone())
                    .with(of_service)
                    .via(Self::SERVICE),
            );
        Ok((needs, role))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let own = Membership::of(ctx.view(), account);
        let own = own.filter(|own| own.management == account);
        let own = own.ok_or_else(|| {
            Error::not_permitted(
                "only the management account of an organization can enable sharing within it",
            )
        })?;
        let Principals(directory) = ctx.part()?;
        if directory.unique_id(ctx.view(), permit.target()).is_none() {
            let request = CreateServiceLinkedRoleRequest {
                aws_service_name: Self::SERVICE.principal().to_owned(),
                ..CreateServiceLinkedRoleRequest::default()
            };
            let on_behalf = ctx.on_behalf_of(Self::SERVICE);
            let call = pipeline::call::<iam::CreateServiceLinkedRole>(on_behalf, request);
            Box::pin(call).await.map_err(Error::of_call)?;
        }
        let row = organization_row(&own.organization);
        let mut batch = Batch::new(Lane::Metadata);
        if ctx.view().get(&ORGANIZATIONS, &row).is_none() {
            let enabled = ctx.time();
            batch.put(&ORGANIZATIONS, row, OrganizationSharing { enabled });
        }
        let output = EnableSharingWithAwsOrganizationResponse {
            return_value: Some(true),
        };
        Ok(Reply::write(output, batch))
    }

    fn event(_input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        Fields::default().done(output.and_then(|output| output.return_value))
    }
}
