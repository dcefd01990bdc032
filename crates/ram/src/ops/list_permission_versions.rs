//! `ListPermissionVersions`: the versions of a managed permission.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    ListPermissionVersionsRequest, ListPermissionVersionsResponse, PermissionStatus,
};
use types::Service;

use super::{permission_arn, permission_at, permission_need};
use crate::actions::LIST_PERMISSION_VERSIONS;
use crate::event::Fields;
use crate::{Error, listing, shape};

/// Lists the one version that a managed permission has.
///
/// Fails with `UnknownResourceException` if there is no such permission.
#[derive(Debug)]
pub(crate) struct ListPermissionVersions;

impl Operation for ListPermissionVersions {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListPermissionVersions";
    const ACTIONS: &'static [&'static Action] = &[&LIST_PERMISSION_VERSIONS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListPermissionVersionsRequest;
    type Output = ListPermissionVersionsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, input: &Self::Input) -> Result<(Needs, ()), Error> {
        let arn = permission_arn(&input.permission_arn)?;
        let need = permission_need(&LIST_PERMISSION_VERSIONS, arn);
        Ok((Needs::one(need), ()))
    }

    async fn handle(
        _ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let permission = permission_at(&input.permission_arn)?;
        let shown = shape::permission(permission, PermissionStatus::Attachable.as_str());
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(
            Self::NAME,
            detail,
            page,
            [(permission.name.to_owned(), shown)],
        )?;
        Ok(Reply::read(ListPermissionVersionsResponse {
            permissions: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("permissionArn", &input.permission_arn)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
