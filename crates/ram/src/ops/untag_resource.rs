//! `UntagResource`: a share without tags that it has.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{UntagResourceRequest, UntagResourceResponse};
use store::{Batch, Lane};
use types::Service;

use crate::Error;
use crate::actions::UNTAG_RESOURCE;
use crate::bounds::bounded;
use crate::event::Fields;
use crate::records::{SHARES, ShareRecord};
use crate::shares::{Named, one_of};

/// Takes tags from a share; those that it does not have are passed over.
///
/// Fails with `InvalidParameterException` unless exactly one of the two parameters names a
/// share.
#[derive(Debug)]
pub(crate) struct UntagResource;

impl Operation for UntagResource {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "UntagResource";
    const ACTIONS: &'static [&'static Action] = &[&UNTAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = UntagResourceRequest;
    type Output = UntagResourceResponse;
    type Target = Named;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Named), Error> {
        let arn = one_of(
            input.resource_share_arn.as_deref(),
            input.resource_arn.as_deref(),
        )?;
        bounded("tagKeys", Some(&input.tag_keys))?;
        let named = Named::find(ctx, arn)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        let need = named.need(&UNTAG_RESOURCE).with(keys);
        Ok((Needs::one(need), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut changed = ShareRecord::clone(permit.target().share()?);
        changed.tags.retain(|key, _| !input.tag_keys.contains(key));
        changed.updated = ctx.time();
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&SHARES, changed.row(), changed);
        Ok(Reply::write(UntagResourceResponse {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("resourceArn", &input.resource_arn)
            .maybe("tagKeys", &input.tag_keys)
            .request()
    }
}
