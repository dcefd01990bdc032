//! `DisassociateResourceSharePermission`: a permission that a share no longer needs.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    DisassociateResourceSharePermissionRequest, DisassociateResourceSharePermissionResponse,
};
use store::{Batch, Lane};
use types::Service;

use super::{permission_at, permission_keys};
use crate::Error;
use crate::actions::DISASSOCIATE_RESOURCE_SHARE_PERMISSION;
use crate::event::Fields;
use crate::permissions::{Permission, ResourceType};
use crate::records::{SHARES, ShareRecord};
use crate::shares::Named;
use crate::tokens::Token;

/// Takes a permission from a share that has no resources of its type.
///
/// Fails with `OperationNotPermittedException` if it has, and with `UnknownResourceException` if
/// the share has no such permission.
#[derive(Debug)]
pub(crate) struct DisassociateResourceSharePermission;

/// Which permission a call takes from which share.
#[derive(Debug)]
pub(crate) struct Taken {
    named: Named,
    permission: &'static Permission,
}

impl Operation for DisassociateResourceSharePermission {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "DisassociateResourceSharePermission";
    const ACTIONS: &'static [&'static Action] = &[&DISASSOCIATE_RESOURCE_SHARE_PERMISSION];
    const KIND: Kind = Kind::Mutating;
    type Input = DisassociateResourceSharePermissionRequest;
    type Output = DisassociateResourceSharePermissionResponse;
    type Target = Taken;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Taken), Error> {
        let taken = Taken {
            named: Named::find(ctx, &input.resource_share_arn)?,
            permission: permission_at(&input.permission_arn)?,
        };
        let keys = permission_keys(taken.permission);
        let need = taken.named.need(&DISASSOCIATE_RESOURCE_SHARE_PERMISSION);
        Ok((Needs::one(need.with(keys)), taken))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Taken { named, permission } = permit.target();
        let share = named.share()?;
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, share.owner, Self::NAME, token, &detail)?;
        let output = DisassociateResourceSharePermissionResponse {
            return_value: Some(true),
            client_token: input.client_token,
        };
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            return Ok(Reply::read(output));
        }
        let mut changed = ShareRecord::clone(share);
        let has = changed.permissions.remove(permission.resource_type);
        if has.is_none_or(|name| name != permission.name) {
            return Err(Error::Unknown {
                what: format!("Permission {} of the resource share", permission.arn()),
            });
        }
        let mut types = share.resources.keys().filter_map(ResourceType::of);
        if types.any(|kind| kind.name == permission.resource_type) {
            return Err(Error::not_permitted(format!(
                "the resource share has resources of type `{}`, which need a permission",
                permission.resource_type
            )));
        }
        changed.updated = ctx.time();
        let mut batch = Batch::new(Lane::Metadata);
        if let Some(token) = token {
            token.keep(ctx, changed.owner, &mut batch, &changed.id);
        }
        batch.put(&SHARES, changed.row(), changed);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("permissionArn", &input.permission_arn)
            .maybe("clientToken", &input.client_token)
            .done(output.and_then(|output| output.return_value))
    }
}
