//! `TagResource`: adds tags to a root, unit, account or policy.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::TagResourceRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedResource;
use crate::organizations::tags;

/// Adds tags, or gives those with the same keys other values.
///
/// Fails with `TargetNotFoundException`, with `InvalidInputException` for a key that appears twice
/// or is AWS's, and with `ConstraintViolationException` beyond fifty tags.
#[derive(Debug)]
pub(crate) struct TagResource;

impl Operation for TagResource {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "TagResource";
    const ACTIONS: &'static [&'static Action] = &[&actions::TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = TagResourceRequest;
    type Output = Empty;
    type Target = (NamedResource, Vec<(String, String)>);
    type Error = Error;

    async fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> Result<(Needs, (NamedResource, Vec<(String, String)>)), Error> {
        let named = NamedResource::of(ctx, &input.resource_id)?;
        let tags = tags::read(Some(&input.tags))?;
        let keys = tags::request_keys(&tags);
        Ok((
            Needs::one(named.need(&actions::TAG_RESOURCE).with(keys)),
            (named, tags),
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (named, tags) = permit.into_target();
        let batch = named.retag(|old| tags::merged(old, tags))?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("resourceId", input.resource_id.as_str())
                .with("tags", tags::in_event(&input.tags)),
        )
    }
}
