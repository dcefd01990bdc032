//! `CreateAccount`: a new account of the organization.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{
    CreateAccountFailureReason, CreateAccountRequest, CreateAccountResponse, CreateAccountState,
    IAMUserAccessToBilling,
};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::records::OrganizationRecord;
use crate::organizations::{creation, scope, shape, tags};

/// Creates an account below the root, and in it a role that the management account's
/// administrators assume: `OrganizationAccountAccessRole`, or `RoleName`.
///
/// The account is there when this answers: the status is `SUCCEEDED`, or `FAILED` with
/// `EMAIL_ALREADY_EXISTS` if another account has the address. Fails with
/// `ConstraintViolationException` beyond 10,000 accounts, closed ones included, and with
/// `InvalidInputException` for a role name that services reserve. `IamUserAccessToBilling` changes
/// nothing: nothing is billed. A request with tags needs `organizations:TagResource` too.
#[derive(Debug)]
pub(crate) struct CreateAccount;

impl Operation for CreateAccount {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "CreateAccount";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_ACCOUNT, &actions::TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = CreateAccountRequest;
    type Output = CreateAccountResponse;
    type Target = (Arc<OrganizationRecord>, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> Result<(Needs, (Arc<OrganizationRecord>, Vec<(String, String)>)), Error> {
        let organization = scope::management(ctx)?;

        let tags = tags::read(input.tags.as_deref())?;
        let keys = tags::request_keys(&tags);
        let mut needs = Needs::one(Need::anywhere(&actions::CREATE_ACCOUNT).with(keys.clone()));
        if !tags.is_empty() {
            needs.push(Need::anywhere(&actions::TAG_RESOURCE).with(keys));
        }
        Ok((needs, (organization, tags)))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (organization, tags) = permit.into_target();
        let role = input.role_name.as_deref().unwrap_or(creation::ROLE);
        let wanted = creation::Wanted {
            name: input.account_name.expose(),
            email: input.email.expose(),
            role,
            tags,
        };
        let (record, batch) = creation::create(ctx, &organization, wanted)?;
        Ok(Reply::write(
            CreateAccountResponse {
                create_account_status: Some(shape::creation(&record)),
            },
            batch,
        ))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = event::request(
            Fields::default()
                .with("email", HIDDEN)
                .with("accountName", HIDDEN)
                .maybe("roleName", input.role_name.as_deref())
                .maybe(
                    "iamUserAccessToBilling",
                    input
                        .iam_user_access_to_billing
                        .map(IAMUserAccessToBilling::as_str),
                )
                .maybe("tags", input.tags.as_deref().map(tags::in_event)),
        );
        let status = output.and_then(|output| output.create_account_status.as_ref());
        let response = status.map(|status| {
            Fields::default()
                .maybe("id", status.id.as_deref())
                .with("accountName", HIDDEN)
                .maybe("state", status.state.map(CreateAccountState::as_str))
                .maybe("accountId", status.account_id.as_deref())
                .maybe(
                    "failureReason",
                    status
                        .failure_reason
                        .map(CreateAccountFailureReason::as_str),
                )
                .value()
        });
        let response =
            response.map(|made| Fields::default().with("createAccountStatus", made).value());
        EventDetail {
            response: response.unwrap_or_default(),
            ..request
        }
    }
}

/// What AWS's records show in place of names and addresses.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
