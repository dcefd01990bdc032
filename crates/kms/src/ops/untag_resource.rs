//! `UntagResource`: takes tags off a key.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::kms::UntagResourceRequest;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::{Error, actions, state};

/// Takes tags off a key; keys that it does not have are passed over. Policies see it on the
/// next request.
///
/// Fails with `NotFoundException` if the key does not exist, and with
/// `KMSInvalidStateException` if it is being deleted.
#[derive(Debug)]
pub struct UntagResource;

impl Operation for UntagResource {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UntagResource";
    const ACTIONS: &'static [&'static Action] = &[&actions::UNTAG_RESOURCE];
    const KIND: Kind = Kind::Mutating;
    type Input = UntagResourceRequest;
    type Output = Empty;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default().many("aws:tagkeys", input.tag_keys.clone());
        let need = target.need(&actions::UNTAG_RESOURCE).with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let gone = input.tag_keys;
        let effect = key.changed(|key| key.tags.retain(|name, _| !gone.contains(name)));
        Ok(Reply::write(Empty {}, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("tagKeys", input.tag_keys.clone())
            .request()
    }
}
