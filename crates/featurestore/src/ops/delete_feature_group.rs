//! `DeleteFeatureGroup`: the end of one group.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::sagemaker::DeleteFeatureGroupRequest;
use store::{Batch, Lane};
use types::Service;

use crate::actions::DELETE_FEATURE_GROUP;
use crate::event::Fields;
use crate::key_records::{KEY_USES, RENEWALS};
use crate::name::Found;
use crate::records::{GROUPS, PURGES, PurgeRecord, Status, number_row};
use crate::{Error, lifecycle};

/// Deletes the group with this name; its records are inaccessible at once.
///
/// It is `Deleting` while the service takes its wrapped keys, retires its grant, for which nobody
/// needs a right, and removes its cells: of a few thousand the answer waits for that, the rest is
/// done in the background, before and after a restart. Then the name is free again; a new group of
/// that name has another number, other keys and another grant, and is shared with nobody. Records of
/// the group that still wait for its offline store go on waiting; what opens them is taken over
/// through the grant before that is retired. What the offline store has stays. Deleting it again meanwhile changes nothing.
/// Fails with `ResourceNotFound` if there is no such group.
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
        if matches!(group.status, Status::Deleting | Status::DeleteFailed) {
            return Ok(Reply::write(Empty {}, Batch::default()));
        }
        // INVARIANT: from this commit on nothing is written to the group, for every write depends on
        // its row. Only after it can be told what waits for the offline store, and under which of its
        // keys: that is the next commit's (`lifecycle::release`).
        let mut batch = Batch::new(Lane::Metadata);
        let purge = PurgeRecord {
            number: group.number,
            arn: Some(group.arn.clone()),
        };
        let place = number_row(group.number);
        ram::forget(&mut batch, ctx.view(), &group.arn, ctx.time());
        if ctx.view().get(&RENEWALS, &place).is_some() {
            batch.delete(&RENEWALS, place.clone());
        }
        if ctx.view().get(&KEY_USES, &place).is_some() {
            batch.delete(&KEY_USES, place);
        }
        let mut deleting = group.to_change();
        (deleting.status, deleting.failure) = (Status::Deleting, None);
        batch.put(&GROUPS, deleting.row(), deleting);
        batch.put(&PURGES, purge.row(), purge);
        Ok(Reply::write(Empty {}, batch))
    }

    async fn follow(ctx: &Ctx, input: &Self::Input, _output: &Empty) {
        if let Ok(found) = Found::find(ctx, &input.feature_group_name) {
            Box::pin(lifecycle::follow(ctx.services(), &found.arn)).await;
        }
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Empty>) -> EventDetail {
        Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .request()
    }
}
