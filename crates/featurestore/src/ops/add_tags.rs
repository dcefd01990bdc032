//! `AddTags`: tags for a feature group.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sagemaker::{AddTagsInput, AddTagsOutput};
use store::{Batch, Lane};
use types::Service;

use crate::actions::ADD_TAGS;
use crate::event::Fields;
use crate::name::Found;
use crate::records::GROUPS;
use crate::{Error, tags};

/// Adds tags to the feature group with this ARN, or gives them other values; returns all that
/// it has. Policies see them from the next request on.
///
/// Fails with `ValidationException` for a key that is reserved or sent twice, for keys that then
/// differ in case only, for more than 50 tags, and for what does not exist.
#[derive(Debug)]
pub struct AddTags;

impl Operation for AddTags {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "AddTags";
    const ACTIONS: &'static [&'static Action] = &[&ADD_TAGS];
    const KIND: Kind = Kind::Mutating;
    type Input = AddTagsInput;
    type Output = AddTagsOutput;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.resource_arn)?;
        let keys = KeySet::default().requested_tags(&tags::checked(&input.tags)?);
        let need = super::group_need(&ADD_TAGS, &found).with(keys);
        Ok((Needs::one(need), found))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<AddTagsOutput>, Error> {
        let group = permit.into_target().group;
        let group = group.ok_or_else(|| Error::not_found_undeclared(&input.resource_arn))?;
        group.stays()?;
        let mut changed = group.to_change();
        changed.tags = tags::with(&changed.tags, tags::checked(&input.tags)?)?;
        let output = AddTagsOutput {
            tags: Some(tags::shape(&changed.tags)),
        };
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&GROUPS, changed.row(), changed);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, _output: Option<&AddTagsOutput>) -> EventDetail {
        Fields::default()
            .maybe("resourceArn", &input.resource_arn)
            .maybe("tags", &input.tags)
            .request()
    }
}
