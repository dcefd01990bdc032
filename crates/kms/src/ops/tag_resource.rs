//! `TagResource`: adds tags to a key.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::TagResourceRequest;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::{Error, actions, state, tags};

/// Adds tags to a key, or replaces the values of those that it has. Policies see them on the
/// next request.
///
/// Fails with `TagException` for two tags whose keys are the same or differ in case only, for
/// keys that begin with `aws:` and beyond 50 tags, with `NotFoundException` if the key does not exist, and with
/// `KMSInvalidStateException` if it is being deleted.
#[derive(Debug)]
pub struct TagResource;

impl Operation for TagResource {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "TagResource";
    const ACTIONS: &'static [&'static Action] = &[&actions::TAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = TagResourceRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let added = tags::checked(&input.tags)?;
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default().requested_tags(&added);
        let need = target.need(&actions::TAG_RESOURCE).with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let tags = tags::with(&key.tags, tags::checked(&input.tags)?)?;
        let effect = key.changed(|key| key.tags = tags);
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("tags", tags::in_event(&input.tags))
            .request()
    }
}
