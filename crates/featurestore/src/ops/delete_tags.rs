//! `DeleteTags`: takes tags off a feature group.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sagemaker::{DeleteTagsInput, DeleteTagsOutput};
use store::{Batch, Lane};
use types::Service;

use crate::Error;
use crate::actions::DELETE_TAGS;
use crate::event::Fields;
use crate::name::Found;
use crate::records::GROUPS;

/// Takes the tags with these keys off the feature group with this ARN; keys that it does not
/// have are passed over.
///
/// Fails with `ValidationException` for what does not exist.
#[derive(Debug)]
pub struct DeleteTags;

impl Operation for DeleteTags {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "DeleteTags";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_TAGS];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteTagsInput;
    type Output = DeleteTagsOutput;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.resource_arn)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        let need = super::group_need(&DELETE_TAGS, &found).with(keys);
        Ok((Needs::one(need), found))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<DeleteTagsOutput>, Error> {
        let group = permit.into_target().group;
        let group = group.ok_or_else(|| Error::not_found_undeclared(&input.resource_arn))?;
        group.stays()?;
        let mut changed = group.to_change();
        changed.tags.retain(|key, _| !input.tag_keys.contains(key));
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&GROUPS, changed.row(), changed);
        Ok(Reply::write(DeleteTagsOutput {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&DeleteTagsOutput>) -> EventDetail {
        Fields::default()
            .maybe("resourceArn", &input.resource_arn)
            .maybe("tagKeys", &input.tag_keys)
            .request()
    }
}
