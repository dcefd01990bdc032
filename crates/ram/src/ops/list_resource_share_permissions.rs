//! `ListResourceSharePermissions`: the permissions that a share has.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    ListResourceSharePermissionsRequest, ListResourceSharePermissionsResponse,
    ResourceShareAssociationStatus,
};
use types::Service;

use crate::actions::LIST_RESOURCE_SHARE_PERMISSIONS;
use crate::event::Fields;
use crate::permissions::Permission;
use crate::shares::Named;
use crate::{Error, listing, shape};

/// Lists the permissions of a share that the caller's account owns or takes part in.
///
/// Fails with `UnknownResourceException` if there is no such share.
#[derive(Debug)]
pub(crate) struct ListResourceSharePermissions;

impl Operation for ListResourceSharePermissions {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "ListResourceSharePermissions";
    const ACTIONS: &'static [&'static Action] = &[&LIST_RESOURCE_SHARE_PERMISSIONS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListResourceSharePermissionsRequest;
    type Output = ListResourceSharePermissionsResponse;
    type Target = Named;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Named), Error> {
        let named = Named::find(ctx, &input.resource_share_arn)?;
        let need = named.visible_need(ctx, &LIST_RESOURCE_SHARE_PERMISSIONS);
        Ok((Needs::one(need), named))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let share = permit.target().share()?;
        let used = share.permissions.values();
        let used = used.filter_map(|name| Permission::named(name));
        let status = ResourceShareAssociationStatus::Associated.as_str();
        let all = used.map(|it| (it.name.to_owned(), shape::permission(it, status)));
        let detail = Self::event(&input, None);
        let page = (input.next_token.as_deref(), input.max_results);
        let cut = listing::page(Self::NAME, detail, page, all)?;
        Ok(Reply::read(ListResourceSharePermissionsResponse {
            permissions: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("nextToken", &input.next_token)
            .maybe("maxResults", input.max_results)
            .request()
    }
}
