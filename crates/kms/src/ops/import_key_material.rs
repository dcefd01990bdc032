//! `ImportKeyMaterial`: material from outside for a key of origin `EXTERNAL`.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    ExpirationModelType, ImportKeyMaterialRequest, ImportKeyMaterialResponse, ImportType,
};
use store::Batch;
use types::{Service, Timestamp};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::imports::{ImportedMaterial, MOST_LIFE};
use crate::records::{KeyRecord, KeySpec, MaterialId};
use crate::{Error, Keyring, actions, import_token, material, multi_region, state};

/// Imports material that was wrapped under a key of `GetParametersForImport`. What a key has
/// once been given it keeps: later imports must bring the same, however it is written. Only a
/// symmetric key takes new material beside it, which waits for `RotateKeyOnDemand`; of related
/// keys, the primary, and then each replica the same.
///
/// Fails with `InvalidImportTokenException`, `ExpiredImportTokenException` and
/// `InvalidCiphertextException`, with `IncorrectKeyMaterialException` for other material than
/// before or of the wrong kind, with `ValidationException` over the expiry and the type of the
/// import, with `UnsupportedOperationException` if the key's material is not imported, with
/// `KMSInvalidStateException`, also while other new material waits, and with
/// `ThrottlingException` if too many wait for the like.
#[derive(Debug)]
pub struct ImportKeyMaterial;

impl Operation for ImportKeyMaterial {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ImportKeyMaterial";
    const ACTIONS: &'static [&'static Action] = &[&actions::IMPORT_KEY_MATERIAL];
    const KIND: Kind = Kind::Mutating;
    type Input = ImportKeyMaterialRequest;
    type Output = ImportKeyMaterialResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default()
            .maybe(
                "kms:expirationmodel",
                input.expiration_model.map(ExpirationModelType::as_str),
            )
            .maybe(
                "kms:validto",
                input.valid_to.map(|end| end.seconds().to_string()),
            );
        let need = target.need(&actions::IMPORT_KEY_MATERIAL).with(keys);
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
        let valid_to = end_of_life(&input, ctx.time())?;
        check_import_type(key, &input)?;
        let keyring = ctx.part::<Keyring>()?;
        let token = input.import_token.as_ref();
        let token = import_token::open(keyring.shred(), key, ctx.time(), token)?;
        let wrapped = input.encrypted_key_material;
        let (id, spec) = (key.id.clone(), key.spec);
        let unwrap = move || {
            let brought = token.unwrap(wrapped.as_ref())?;
            let brought = material::canonical(&id, spec, brought);
            brought.map_err(|_unfit| Error::IncorrectKeyMaterial)
        };
        let (id, brought) = keyring.beside(Some(account), unwrap).await??;
        let named = input.key_material_id.as_deref();
        if named.is_some_and(|named| named != id.to_string()) {
            return Err(Error::IncorrectKeyMaterial);
        }
        let known = key.import(id);
        let import = ImportedMaterial {
            id,
            present: true,
            valid_to,
            description: input
                .key_material_description
                .or_else(|| known.and_then(|known| known.description.clone())),
            pending: is_pending(key, id, input.import_type)?,
        };
        let mut effect = Batch::default();
        let changed = key.with_import(import, ctx.time(), &mut effect);
        let stored = (id, &brought);
        material::store_imported(ctx, keyring.shred(), &changed, stored, &mut effect)?;
        let answer = ImportKeyMaterialResponse {
            key_id: Some(key.arn.to_string()),
            key_material_id: Some(id.to_string()),
        };
        let waiting = changed.pending_import();
        if let Some(import) = waiting.filter(|import| key.import(import.id).is_none()) {
            multi_region::announce(ctx.view(), key, import, &mut effect);
        }
        changed.replace(key, &mut effect);
        Ok(Reply::write(answer, effect))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let material = output.and_then(|output| output.key_material_id.clone());
        let detail = Fields::default()
            .with("keyId", input.key_id.clone())
            .maybe("validTo", input.valid_to.map(audit::timestamp_text))
            .with("expirationModel", model(input).as_str())
            .maybe("importType", input.import_type.map(ImportType::as_str))
            .maybe(
                "keyMaterialDescription",
                input.key_material_description.clone(),
            )
            .request();
        EventDetail {
            additional: material.map(|id| Fields::default().with("keyMaterialId", id).value()),
            ..detail
        }
    }
}

fn model(input: &ImportKeyMaterialRequest) -> ExpirationModelType {
    let default = ExpirationModelType::KeyMaterialExpires;
    input.expiration_model.unwrap_or(default)
}

/// When the material is to be destroyed.
fn end_of_life(
    input: &ImportKeyMaterialRequest,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let refuse = |text: &'static str| Err(Error::Validation(text.into()));
    match (model(input), input.valid_to) {
        (ExpirationModelType::KeyMaterialExpires, None) => {
            refuse("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
        }
        (ExpirationModelType::KeyMaterialExpires, Some(end)) if end <= now => {
            refuse("the validTo date must be in the future")
        }
        (ExpirationModelType::KeyMaterialExpires, Some(end))
            if end > now.saturating_add(MOST_LIFE) =>
        {
            refuse("the validTo date must be within 365 days")
        }
        (ExpirationModelType::KeyMaterialExpires, Some(end)) => Ok(Some(end)),
        (ExpirationModelType::KeyMaterialDoesNotExpire, None) => Ok(None),
        (ExpirationModelType::KeyMaterialDoesNotExpire, Some(_)) => refuse(
            "the validTo date must not be set if the ExpirationModel is \
             KEY_MATERIAL_DOES_NOT_EXPIRE",
        ),
    }
}

/// Checks what the caller says of the import against what the key is.
fn check_import_type(key: &KeyRecord, input: &ImportKeyMaterialRequest) -> Result<(), Error> {
    let refuse = |text: &'static str| Err(Error::Validation(text.into()));
    let says_more = input.import_type.is_some()
        || input.key_material_id.is_some()
        || input.key_material_description.is_some();
    if key.spec != KeySpec::SymmetricDefault && says_more {
        return refuse(
            "ImportType, KeyMaterialId and KeyMaterialDescription are for symmetric encryption \
             keys only",
        );
    }
    match (input.import_type, key.material) {
        (Some(ImportType::NewKeyMaterial), _) if input.key_material_id.is_some() => {
            refuse("a KeyMaterialId cannot be given for new key material")
        }
        (Some(ImportType::NewKeyMaterial), _) => key.check_not_replica(),
        (Some(ImportType::ExistingKeyMaterial), None) => Err(Error::IncorrectKeyMaterial),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Whether the material `id` waits for a rotation once it is imported.
///
/// Fails with `IncorrectKeyMaterialException` unless the key knows what is said to be known, or
/// does not know what is said to be new, and with `KMSInvalidStateException` if something else
/// waits already.
fn is_pending(key: &KeyRecord, id: MaterialId, kind: Option<ImportType>) -> Result<bool, Error> {
    let first = key.material.is_none();
    let is_new = match kind {
        Some(kind) => kind == ImportType::NewKeyMaterial,
        None => first,
    };
    match (key.import(id), key.pending_import()) {
        // Bringing once more what waits only changes its end.
        (Some(known), _) if known.pending || !is_new => Ok(known.pending),
        (Some(_), _) => Err(Error::IncorrectKeyMaterial),
        (None, _) if !is_new => Err(Error::IncorrectKeyMaterial),
        (None, Some(waiting)) => Err(Error::OtherMaterialPending {
            arn: key.arn.clone(),
            new: id.to_string(),
            waiting: waiting.id.to_string(),
        }),
        (None, None) => Ok(!first),
    }
}
