//! `GetPermission`: what a managed permission allows.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{GetPermissionRequest, GetPermissionResponse};
use types::{Arn, Service};

use super::{check_version, permission_arn, permission_at, refuse_parameters};
use crate::actions::GET_PERMISSION;
use crate::event::Fields;
use crate::permissions::{Permission, name_in};
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
        Ok((Needs::one(need(&GET_PERMISSION, arn)), ()))
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
            .with("permissionArn", &input.permission_arn)
            .with("permissionVersion", input.permission_version)
            .request()
    }
}

/// The need of `action` on the permission at `arn`; AWS's are for everybody.
pub(super) fn need(action: &'static Action, arn: Arn) -> Need {
    let name = name_in(&arn);
    let known = name.and_then(Permission::named);
    let keys = KeySet::default()
        .one("ram:permissionarn", arn.as_str())
        .maybe(
            "ram:permissionresourcetype",
            known.map(|known| known.resource_type),
        );
    let is_aws = name.is_some();
    let need = Need::on(action, arn).with(keys);
    if is_aws { need.owned_by_aws() } else { need }
}
