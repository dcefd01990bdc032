//! `ListKeyRotations`: the materials that a key was given.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    IncludeKeyMaterial, KeyMaterialState, ListKeyRotationsRequest, ListKeyRotationsResponse,
    RotationType, RotationsListEntry,
};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::imports::ImportedMaterial;
use crate::paging::{List, limit};
use crate::records::{KeyRecord, MaterialEntry, MaterialId, RotationKind};
use crate::{Error, actions, multi_region, state};

/// Lists the rotations of a key, or all of its materials, oldest first, in pages of 1 to 1,000
/// (default 100).
///
/// Fails with `NotFoundException` if the key does not exist, with `InvalidMarkerException` if
/// the marker is not one of this list, and with `UnsupportedOperationException` for keys that
/// are never rotated.
#[derive(Debug)]
pub struct ListKeyRotations;

impl Operation for ListKeyRotations {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListKeyRotations";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_KEY_ROTATIONS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListKeyRotationsRequest;
    type Output = ListKeyRotationsResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        Ok((
            Needs::one(target.need(&actions::LIST_KEY_ROTATIONS)),
            target,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        state::check(key, Self::NAME)?;
        let limit = limit(input.limit, 100, 1000)?;
        let all = input.include_key_material == Some(IncludeKeyMaterial::AllKeyMaterial);
        let list = List {
            operation: Self::NAME,
            account: key.account,
            region: &key.region,
            filter: &format!("{} {all}", key.id),
        };
        let after = list.after(input.marker.as_deref())?;
        let materials = key.materials.iter();
        let wanted = materials.filter(|material| all || material.by.is_some());
        let named = wanted.map(|material| (material.id.to_string(), entry(key, material)));
        let waiting = key.pending_import().filter(|_| all);
        let waiting = waiting.map(|import| (import.id.to_string(), pending(ctx, key, import)));
        let named = named.chain(waiting);
        let mut behind = after.is_none();
        let rest = named.filter(|(name, _)| {
            let shown = behind;
            behind |= Some(name) == after.as_ref();
            shown
        });
        let page = list.page(limit, rest);
        Ok(Reply::read(ListKeyRotationsResponse {
            rotations: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let include = input.include_key_material.map(IncludeKeyMaterial::as_str);
        Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("includeKeyMaterial", include)
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}

/// Imported material that waits for a rotation, or before that for related keys to have it, too.
fn pending(ctx: &Ctx, key: &KeyRecord, import: &ImportedMaterial) -> RotationsListEntry {
    let elsewhere = multi_region::related(ctx.view(), key);
    let mut elsewhere = elsewhere
        .iter()
        .filter_map(|key| key.record.import(import.id));
    let state = if !import.present || elsewhere.any(|import| !import.present) {
        KeyMaterialState::PendingMultiRegionImportAndRotation
    } else {
        KeyMaterialState::PendingRotation
    };
    RotationsListEntry {
        key_material_state: Some(state),
        ..shown(key, import.id)
    }
}

/// A material that belongs to the key.
fn entry(key: &KeyRecord, material: &MaterialEntry) -> RotationsListEntry {
    let state = if Some(material.id) == key.material {
        KeyMaterialState::Current
    } else {
        KeyMaterialState::NonCurrent
    };
    let kind = |kind| match kind {
        RotationKind::Automatic => RotationType::Automatic,
        RotationKind::OnDemand => RotationType::OnDemand,
    };
    RotationsListEntry {
        key_material_state: Some(state),
        rotation_date: material.by.map(|_| material.made),
        rotation_type: material.by.map(kind),
        ..shown(key, material.id)
    }
}

/// What is shown of every material.
fn shown(key: &KeyRecord, id: MaterialId) -> RotationsListEntry {
    let import = key.import(id);
    RotationsListEntry {
        import_state: import.map(ImportedMaterial::state),
        expiration_model: import.and_then(ImportedMaterial::expiration_model),
        valid_to: import.and_then(|import| import.valid_to),
        key_material_description: import.and_then(|import| import.description.clone()),
        key_id: Some(key.id.to_string()),
        key_material_id: Some(id.to_string()),
        ..RotationsListEntry::default()
    }
}
