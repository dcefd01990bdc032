//! `ListPermissions`: the managed permissions that shares can have.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    ListPermissionsRequest, ListPermissionsResponse, PermissionStatus, PermissionTypeFilter,
};
use types::Service;

use crate::actions::LIST_PERMISSIONS;
use crate::event::Fields;
use crate::permissions::{PERMISSIONS, kind_named};
use crate::{Error, listing, shape};

/// Lists AWS's managed permissions that pass the filters. There are no others here, so that no
/// account owns any of them.
///
/// Fails with `InvalidParameterException` for a type that cannot be shared.
#[derive(Debug)]
pub(crate) struct ListPermissions;

impl Operation for ListPermissions {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListPermissions";
    const ACTIONS: &'static [&'static Action] = &[&LIST_PERMISSIONS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListPermissionsRequest;
    type Output = ListPermissionsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&LIST_PERMISSIONS)), ()))
    }

    async fn handle(
        _ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let kind = input.resource_type.as_deref().map(kind_named).transpose();
        let kind = kind.map_err(|unknown| Error::invalid(unknown.to_string()))?;
        let attachable = PermissionStatus::Attachable;
        let passes = input.permission_type != Some(PermissionTypeFilter::CustomerManaged)
            && input.permission_status.is_none_or(|it| it == attachable)
            && input.resource_owner.is_none();
        let all = PERMISSIONS.iter();
        let all = all.filter(|it| passes && kind.is_none_or(|kind| it.resource_type == kind.name));
        let all = all.map(|it| {
            let status = attachable.as_str();
            (it.name.to_owned(), shape::permission(it, status))
        });
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
        Ok(Reply::read(ListPermissionsResponse {
            permissions: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceType", &input.resource_type)
            .maybe("resourceOwner", input.resource_owner)
            .maybe("permissionType", input.permission_type)
            .maybe("permissionStatus", input.permission_status)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
