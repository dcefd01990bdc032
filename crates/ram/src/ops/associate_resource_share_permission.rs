//! `AssociateResourceSharePermission`: what a share lets its principals do.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{
    AssociateResourceSharePermissionRequest, AssociateResourceSharePermissionResponse,
};
use store::{Batch, Lane};
use types::Service;

use super::{check_version, permission_at, permission_keys, put_policy, refuse_parameters};
use crate::Error;
use crate::actions::{ASSOCIATE_RESOURCE_SHARE_PERMISSION, PUT_RESOURCE_POLICY};
use crate::event::Fields;
use crate::permissions::{Permission, ResourceType};
use crate::records::{SHARES, ShareRecord};
use crate::shared::{Change, write_policies};
use crate::shares::Named;
use crate::tokens::Token;

/// Gives a share a managed permission, instead of the one that it has for the same type of
/// resources if it is to be replaced.
///
/// The caller needs `sagemaker:PutResourcePolicy`, through RAM, on the share's resources of that
/// type. Fails with `UnknownResourceException` for a share or permission that does not exist, and
/// with `InvalidParameterException` if another one is there that is not to be replaced.
#[derive(Debug)]
pub(crate) struct AssociateResourceSharePermission;

/// Which permission a call gives which share.
#[derive(Debug)]
pub(crate) struct Given {
    named: Named,
    permission: &'static Permission,
}

impl Operation for AssociateResourceSharePermission {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "AssociateResourceSharePermission";
    const ACTIONS: &'static [&'static Action] =
        &[&ASSOCIATE_RESOURCE_SHARE_PERMISSION, &PUT_RESOURCE_POLICY];
    const KIND: Kind = Kind::Mutating;
    type Input = AssociateResourceSharePermissionRequest;
    type Output = AssociateResourceSharePermissionResponse;
    type Target = Given;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Given), Error> {
        let given = Given {
            named: Named::find(ctx, &input.resource_share_arn)?,
            permission: permission_at(&input.permission_arn)?,
        };
        let keys = permission_keys(given.permission);
        let need = given.named.need(&ASSOCIATE_RESOURCE_SHARE_PERMISSION);
        let mut needs = Needs::one(need.with(keys));
        let share = given.named.share.as_ref();
        for resource in share.iter().flat_map(|share| share.resources.keys()) {
            let kind = ResourceType::of(resource);
            if kind.is_some_and(|kind| kind.name == given.permission.resource_type) {
                needs.push(put_policy(resource));
            }
        }
        Ok((needs, given))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Given { named, permission } = permit.target();
        let share = named.share()?;
        let detail = Self::event(&input, None);
        let token = input.client_token.as_deref();
        let token = Token::find(ctx, share.owner, Self::NAME, token, &detail)?;
        let output = AssociateResourceSharePermissionResponse {
            return_value: Some(true),
            client_token: input.client_token,
        };
        if token.as_ref().is_some_and(|token| token.used_for.is_some()) {
            return Ok(Reply::read(output));
        }
        check_version(input.permission_version)?;
        refuse_parameters(input.permission_template_parameters.as_deref())?;
        let mut changed = ShareRecord::clone(share);
        let kind = permission.resource_type.to_owned();
        let before = changed.permissions.insert(kind, permission.name.to_owned());
        let replaces = input.replace.unwrap_or(false);
        if before.is_some_and(|before| before != permission.name) && !replaces {
            return Err(Error::invalid(format!(
                "the resource share has another permission for `{}`; set replace to true",
                permission.resource_type
            )));
        }
        changed.updated = ctx.time();
        let mut batch = Batch::new(Lane::Metadata);
        write_policies(
            &mut batch,
            ctx,
            Change::Put(&changed),
            changed.resources.keys(),
        )?;
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
            .maybe("permissionVersion", input.permission_version)
            .maybe("replace", input.replace)
            .maybe("clientToken", &input.client_token)
            .done(output.and_then(|output| output.return_value))
    }
}
