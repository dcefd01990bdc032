//! `DeleteFeatureGroup`: the end of one group.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::sagemaker::DeleteFeatureGroupRequest;
use store::{Batch, Lane};
use types::Service;

use crate::actions::DELETE_FEATURE_GROUP;
use crate::event::Fields;
use crate::name::Found;
use crate::records::{GROUPS, PURGES, PurgeRecord};
use crate::{Error, grant};

/// Deletes the group with this name; its records are inaccessible at once.
///
/// Their cells are removed in the background, before and after a restart. The name is free
/// again; a new group of that name has another number, other keys and another grant, and is
/// shared with nobody. The
/// service retires the group's grant, for which nobody needs a right. Fails with
/// `ResourceNotFound` if there is no such group.
#[derive(Debug)]
pub struct DeleteFeatureGroup;

impl Operation for DeleteFeatureGroup {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "DeleteFeatureGroup";
    const ACTIONS: &'static [&'static Action] = &[&DELETE_FEATURE_GROUP];
    const KIND: Kind = Kind::Mutating;
    type Input = DeleteFeatureGroupRequest;
    type Output = Empty;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        Ok((
            Needs::one(Need::on(&DELETE_FEATURE_GROUP, found.arn.clone())),
            found,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Empty>, Error> {
        let group = permit.target().group(&input.feature_group_name)?;
        grant::retire(ctx, group).await;
        let purge = PurgeRecord {
            number: group.number,
        };
        let mut batch = Batch::new(Lane::Metadata);
        ram::forget(&mut batch, ctx.view(), &group.arn, ctx.time());
        batch.delete(&GROUPS, group.row());
        batch.put(&PURGES, purge.row(), purge);
        Ok(Reply::write(Empty {}, batch))
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        Fields::default()
            .with("featureGroupName", &input.feature_group_name)
            .request()
    }
}
