//! `TagResource`: tags for a share.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::ram::{TagResourceRequest, TagResourceResponse};
use store::{Batch, Lane};
use types::Service;

use crate::actions::TAG_RESOURCE;
use crate::event::Fields;
use crate::records::{SHARES, ShareRecord};
use crate::shares::{Named, one_of};
use crate::{Error, tags};

/// Adds tags to a share, or gives them other values.
///
/// Fails with `InvalidParameterException` unless exactly one of the two parameters names a
/// share, and for keys that then differ in case only; with `TagLimitExceededException` beyond 50
/// tags.
#[derive(Debug)]
pub(crate) struct TagResource;

impl Operation for TagResource {
    const SERVICE: Service = Service::Ram;
    const NAME: &'static str = "TagResource";
    const ACTIONS: &'static [&'static Action] = &[&TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = TagResourceRequest;
    type Output = TagResourceResponse;
    type Target = Named;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Named), Error> {
        let arn = one_of(
            input.resource_share_arn.as_deref(),
            input.resource_arn.as_deref(),
        )?;
        let named = Named::find(ctx, arn)?;
        let keys = KeySet::default().requested_tags(&tags::checked(Some(&input.tags))?);
        let need = named.need(&TAG_RESOURCE).with(keys);
        Ok((Needs::one(need), named))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut changed = ShareRecord::clone(permit.target().share()?);
        changed.tags = tags::with(&changed.tags, tags::checked(Some(&input.tags))?)?;
        changed.updated = ctx.time();
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&SHARES, changed.row(), changed);
        Ok(Reply::write(TagResourceResponse {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resourceShareArn", &input.resource_share_arn)
            .maybe("resourceArn", &input.resource_arn)
            .maybe("tags", &input.tags)
            .request()
    }
}
