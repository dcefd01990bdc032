//! `UpdateFeatureMetadata`: says something else of one feature.

use std::collections::BTreeSet;
use std::io;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::sagemaker::{FeatureParameter, UpdateFeatureMetadataRequest};
use store::{Batch, Lane};
use types::Service;

use crate::actions::UPDATE_FEATURE_METADATA;
use crate::event::Fields;
use crate::name::Found;
use crate::records::{Definition, GROUPS, GroupRecord};
use crate::{Error, Runtime};

/// Changes the description of a feature, adds parameters or gives them other values, and
/// removes some.
///
/// Fails with `ResourceNotFound` if there is no such group or it has no such feature, and with
/// `ValidationException` unless the group is `Created`, for a parameter without key or value, for
/// one that is both added and removed or added twice, beyond 25 parameters, and if the record of the
/// group would grow beyond 4 MiB.
#[derive(Debug)]
pub struct UpdateFeatureMetadata;

const MOST_PARAMETERS: usize = 25;

impl Operation for UpdateFeatureMetadata {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "UpdateFeatureMetadata";
    const ACTIONS: &'static [&'static Action] = &[&UPDATE_FEATURE_METADATA];
    const KIND: Kind = Kind::Mutating;
    type Input = UpdateFeatureMetadataRequest;
    type Output = Empty;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let need = super::shared_need(&UPDATE_FEATURE_METADATA, &found);
        Ok((Needs::one(need), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Empty>, Error> {
        let group = permit.target().group(&input.feature_group_name)?;
        group.ready()?;
        let mut changed = group.to_change();
        let mut definitions = changed.definitions.iter_mut();
        let feature = definitions.find(|known| known.name == input.feature_name);
        let feature = feature.ok_or_else(|| Error::FeatureNotFound {
            group: group.name.clone(),
            name: input.feature_name.clone(),
        })?;
        if let Some(description) = input.description {
            feature.description = Some(description);
        }
        let removed = input.parameter_removals.unwrap_or_default();
        change(
            feature,
            input.parameter_additions.unwrap_or_default(),
            &removed,
        )?;
        feature.changed = Some(ctx.time());
        let most = ctx.part::<Runtime>()?.quotas.group_bytes;
        check_size(group, &changed, most)?;
        let mut batch = Batch::new(Lane::Metadata);
        batch.put(&GROUPS, changed.row(), changed);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .maybe("featureName", &input.feature_name)
            .maybe("description", &input.description)
            .maybe("parameterAdditions", &input.parameter_additions)
            .maybe("parameterRemovals", &input.parameter_removals)
            .request()
    }
}

fn change(
    feature: &mut Definition,
    added: Vec<FeatureParameter>,
    removed: &[String],
) -> Result<(), Error> {
    feature.parameters.retain(|key, _| !removed.contains(key));
    let mut seen = BTreeSet::new();
    for parameter in added {
        let (Some(key), Some(value)) = (parameter.key, parameter.value) else {
            return Err(Error::validation("a parameter needs both Key and Value."));
        };
        if removed.contains(&key) {
            return Err(Error::validation(format!(
                "parameter `{key}` cannot be added and removed at once."
            )));
        }
        if !seen.insert(key.clone()) {
            return Err(Error::validation(format!(
                "parameter `{key}` appears more than once."
            )));
        }
        feature.parameters.insert(key, value);
    }
    if feature.parameters.len() > MOST_PARAMETERS {
        return Err(Error::validation(format!(
            "a feature has at most {MOST_PARAMETERS} parameters."
        )));
    }
    Ok(())
}

/// Fails if what is said makes the record of the group larger than `most` bytes, and larger than it was.
fn check_size(group: &GroupRecord, changed: &GroupRecord, most: usize) -> Result<(), Error> {
    let size = size_of(changed)?;
    if size <= most || size <= size_of(group)? {
        return Ok(());
    }
    Err(Error::validation(format!(
        "descriptions and parameters make the record of the feature group larger than {most} bytes."
    )))
}

/// The bytes of a record as it is stored.
fn size_of(group: &GroupRecord) -> Result<usize, Error> {
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, group)
        .map_err(|source| Error::internal("a feature group cannot be written", source))?;
    Ok(counted.0)
}

/// Counts what is written, and keeps none of it.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
