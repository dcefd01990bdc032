//! `DescribeFeatureMetadata`: what is said of one feature.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sagemaker::{DescribeFeatureMetadataRequest, DescribeFeatureMetadataResponse};
use types::Service;

use crate::actions::DESCRIBE_FEATURE_METADATA;
use crate::event::Fields;
use crate::name::Found;
use crate::{Error, features};

/// Returns the type, the description and the parameters of a feature.
///
/// Fails with `ResourceNotFound` if there is no such group or it has no such feature.
#[derive(Debug)]
pub struct DescribeFeatureMetadata;

impl Operation for DescribeFeatureMetadata {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "DescribeFeatureMetadata";
    const ACTIONS: &'static [&'static Action] = &[&DESCRIBE_FEATURE_METADATA];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeFeatureMetadataRequest;
    type Output = DescribeFeatureMetadataResponse;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let need = super::shared_need(&DESCRIBE_FEATURE_METADATA, &found);
        Ok((Needs::one(need), found))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().group(&input.feature_group_name)?;
        let name = &input.feature_name;
        let mut definitions = group.definitions.iter();
        let feature = definitions.find(|known| known.name == *name);
        let feature = feature.ok_or_else(|| Error::FeatureNotFound {
            group: group.name.clone(),
            name: name.clone(),
        })?;
        Ok(Reply::read(DescribeFeatureMetadataResponse {
            feature_group_arn: group.arn.to_string(),
            feature_group_name: group.name.clone(),
            feature_name: feature.name.clone(),
            feature_type: features::shape(feature.kind),
            creation_time: feature.created(group),
            last_modified_time: feature.modified(group),
            description: feature.description.clone(),
            parameters: Some(feature.parameters()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .maybe("featureName", &input.feature_name)
            .request()
    }
}
