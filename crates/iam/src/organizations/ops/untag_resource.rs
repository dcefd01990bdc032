//! `UntagResource`: takes tags off a root, unit, account or policy.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::organizations::UntagResourceRequest;
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::Error;
use crate::organizations::scope::NamedResource;
use crate::organizations::tags;

/// Removes tags; keys that are not there are no error.
///
/// Fails with `TargetNotFoundException`, and with `InvalidInputException` for a key that is
/// AWS's.
#[derive(Debug)]
pub(crate) struct UntagResource;

impl Operation for UntagResource {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "UntagResource";
    const ACTIONS: &'static [&'static Action] = &[&actions::UNTAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = UntagResourceRequest;
    type Output = Empty;
    type Target = NamedResource;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedResource), Error> {
        let named = NamedResource::of(ctx, &input.resource_id)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        Ok((
            Needs::one(named.need(&actions::UNTAG_RESOURCE).with(keys)),
            named,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let named = permit.into_target();
        let batch = named.retag(|old| tags::without(old, &input.tag_keys))?;
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("resourceId", input.resource_id.as_str())
                .with("tagKeys", input.tag_keys.clone()),
        )
    }
}
