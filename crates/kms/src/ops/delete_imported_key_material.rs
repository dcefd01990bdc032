//! `DeleteImportedKeyMaterial`: destroys the material of a key of origin `EXTERNAL`.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse};
use store::Batch;
use types::Service;

use crate::event::Fields;
use crate::grants::record::Pointer;
use crate::identifiers::{Forms, KeyTarget};
use crate::records::{DISCARDED, KeyRecord, MaterialId, discarded_row};
use crate::{Error, Keyring, actions, material, multi_region, state};

/// Destroys imported material at once: the current one, or the one that is named. When this is
/// answered it cannot be recovered, from a copy of the data directory either. The key waits for
/// the same material to be imported again; until then nothing that it encrypted can be read.
/// Only material that waits for a rotation leaves the key as it is, and is forgotten. Without
/// material there is nothing to do.
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
        let id = match input.key_material_id.as_deref() {
            None => key.material,
            Some(named) => {
                let mut known = key.imports.iter().map(|import| import.id);
                let known = known.find(|id| id.to_string() == named);
                Some(known.ok_or(Error::NoSuchMaterial)?)
            }
        };
        let answer = DeleteImportedKeyMaterialResponse {
            key_id: Some(key.arn.to_string()),
            key_material_id: id.map(|id| id.to_string()),
        };
        let mut effect = Batch::default();
        if let Some(id) = id {
            destroy(ctx, key, id, &mut effect)?;
        }
        Ok(Reply::write(answer, effect))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("keyMaterialId", input.key_material_id.clone())
            .request()
    }
}

/// Adds the end of the material to `effect`. What waits for a rotation of a primary is gone for its
/// replicas, too, and with it that the set knew it.
fn destroy(ctx: &Ctx, key: &KeyRecord, id: MaterialId, effect: &mut Batch) -> Result<(), Error> {
    let Some(import) = key.import(id) else {
        return Ok(());
    };
    let everywhere = import.pending && !key.is_replica();
    let others = multi_region::related(ctx.view(), key);
    let others = others.iter().map(|other| &*other.record);
    let keys = std::iter::once(key).chain(others.filter(|_| everywhere));
    for key in keys {
        if !everywhere && !import.present {
            continue;
        }
        discard_shred_key(ctx, key, id, effect)?;
        let mut changed = key.without_import(id, effect);
        changed
            .imports
            .retain(|import| import.id != id || !everywhere);
        changed.replace(key, effect);
    }
    Ok(())
}

/// Has the shred key of the material overwritten once its row is gone, before the call is
/// answered. Maintenance does it where that fails or the server stops in between.
fn discard_shred_key(
    ctx: &Ctx,
    key: &KeyRecord,
    id: MaterialId,
    effect: &mut Batch,
) -> Result<(), Error> {
    let Some(number) = material::own_shred_key(ctx.view(), key, id) else {
        return Ok(());
    };
    let account = key.account;
    effect.put(&DISCARDED, discarded_row(account, number), Pointer {});
    let shred = Arc::clone(ctx.part::<Keyring>()?.shred());
    ctx.afterwards(move || {
        let _retried = shred.destroy(account, number);
    });
    Ok(())
}
