//! `GetPermission`: what a managed permission allows.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{GetPermissionRequest, GetPermissionResponse};
use types::Service;

use super::{check_version, permission_arn, permission_at, permission_need, refuse_parameters};
use crate::actions::GET_PERMISSION;
use crate::event::Fields;
use crate::{Error, shape};

/// Returns a managed permission with its template.
///
/// Fails with `UnknownResourceException` if there is none, and with `InvalidParameterException`
/// for a version that it does not have.
#[derive(Debug)]
pub(crate) struct GetPermission;

impl Operation for GetPermission {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "GetPermission";
    const ACTIONS: &'static [&'static Action] = &[&GET_PERMISSION];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetPermissionRequest;
    type Output = GetPermissionResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, input: &Self::Input) -> Result<(Needs, ()), Error> {
        let arn = permission_arn(&input.permission_arn)?;
        Ok((Needs::one(permission_need(&GET_PERMISSION, arn)), ()))
    }

    async fn handle(
        _ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let permission = permission_at(&input.permission_arn)?;
        check_version(input.permission_version)?;
        refuse_parameters(input.permission_template_parameters.as_deref())?;
        Ok(Reply::read(GetPermissionResponse {
            permission: Some(shape::permission_detail(permission)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("permissionArn", &input.permission_arn)
            .maybe("permissionVersion", input.permission_version)
            .request()
    }
}
