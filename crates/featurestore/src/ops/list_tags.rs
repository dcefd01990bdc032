//! `ListTags`: the tags of a feature group.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sagemaker::{ListTagsInput, ListTagsOutput};
use types::Service;

use crate::actions::LIST_TAGS;
use crate::event::Fields;
use crate::name::Found;
use crate::{Error, tags};

/// Returns the tags of the feature group with this ARN, by key.
///
/// All tags fit one page, so no token is ever given out; one that is sent is refused. Fails
/// with `ValidationException` for what does not exist.
#[derive(Debug)]
pub struct ListTags;

impl Operation for ListTags {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "ListTags";
    const ACTIONS: &'static [&'static Action] = &[&LIST_TAGS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListTagsInput;
    type Output = ListTagsOutput;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.resource_arn)?;
        Ok((Needs::one(super::group_need(&LIST_TAGS, &found)), found))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<ListTagsOutput>, Error> {
        let group = permit.into_target().group;
        let group = group.ok_or_else(|| Error::not_found_undeclared(&input.resource_arn))?;
        if input.next_token.is_some() {
            return Err(Error::validation("the NextToken is not valid."));
        }
        Ok(Reply::read(ListTagsOutput {
            tags: Some(tags::shape(&group.tags)),
            next_token: None,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&ListTagsOutput>) -> EventDetail {
        Fields::default()
            .maybe("resourceArn", &input.resource_arn)
            .maybe("maxResults", input.max_results)
            .maybe("nextToken", &input.next_token)
            .request()
    }
}
