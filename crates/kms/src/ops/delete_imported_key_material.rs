//! `DeleteImportedKeyMaterial`: destroys the material of a key of origin `EXTERNAL`.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::{Error, actions, state};

/// Destroys imported material at once. The key waits for the same material to be imported
/// again; until then nothing that it encrypted can be read. Without material there is nothing
/// to do.
///
/// Fails with `NotFoundException` for the id of a material that the key never had, with
/// `UnsupportedOperationException` if the key's material is not imported, and with
/// `KMSInvalidStateException`.
#[derive(Debug)]
pub struct DeleteImportedKeyMaterial;

impl Operation for DeleteImportedKeyMaterial {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DeleteImportedKeyMaterial";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_IMPORTED_KEY_MATERIAL];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteImportedKeyMaterialRequest;
    type Output = DeleteImportedKeyMaterialResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::DELETE_IMPORTED_KEY_MATERIAL);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = permit.target().key_of(account)?;
        state::check(key, Self::NAME)?;
        let known = key.imported();
        let named = input.key_material_id.as_deref();
        if named.is_some_and(|named| known.is_none_or(|known| known.id.to_string() != named)) {
            return Err(Error::NoSuchMaterial);
        }
        let answer = DeleteImportedKeyMaterialResponse {
            key_id: Some(key.arn.to_string()),
            key_material_id: known.map(|known| known.id.to_string()),
        };
        let mut effect = Batch::default();
        if known.is_some_and(|known| known.present) {
            let changed = key.without_import(&mut effect);
            changed.replace(key, &mut effect);
        }
        Ok(Reply::write(answer, effect))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("keyMaterialId", input.key_material_id.clone())
            .request()
    }
}
