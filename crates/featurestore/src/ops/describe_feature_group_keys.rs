//! `DescribeFeatureGroupKeys`: which keys a group is under, and how far moving and renewing have
//! come. Our own.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::strongroom::{
    CurrentDataKey, DescribeFeatureGroupKeysInput, DescribeFeatureGroupKeysOutput, FormerKmsKey,
    ResealProgress,
};
use types::Service;

use crate::actions::DESCRIBE_FEATURE_GROUP_KEYS;
use crate::event::Fields;
use crate::key_records::{RENEWALS, Renewal};
use crate::name::Found;
use crate::records::number_row;
use crate::reseal::cell_key;
use crate::{Error, Runtime, renewal, upkeep};

/// Says which KMS key a group is under, which it is still moving away from, how old its data key
/// is, and how far sealing its records anew has come.
///
/// Fails with `ResourceNotFound` if there is no such group.
#[derive(Debug)]
pub struct DescribeFeatureGroupKeys;

impl Operation for DescribeFeatureGroupKeys {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "DescribeFeatureGroupKeys";
    const ACTIONS: &'static [&'static Action] = &[&DESCRIBE_FEATURE_GROUP_KEYS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DescribeFeatureGroupKeysInput;
    type Output = DescribeFeatureGroupKeysOutput;
    type Target = Found;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), Error> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let need = super::group_need(&DESCRIBE_FEATURE_GROUP_KEYS, &found);
        Ok((Needs::one(need), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let group = permit.target().group(&input.feature_group_name)?;
        let snapshot = ctx.view().snapshot();
        let renewal = snapshot.get(&RENEWALS, &number_row(group.number));
        let stopped = upkeep::check_all(ctx.services(), group).err();
        let runtime: &Runtime = ctx.part()?;
        let failed = || runtime.failing(group);
        let state = match &renewal {
            _ if stopped.is_some() => "Stopped",
            None => "Settled",
            Some(_) if group.former.is_empty() => "Renewing",
            Some(_) => "Moving",
        };
        let former = group.former.iter().map(|former| FormerKmsKey {
            kms_key_arn: former.key.as_ref().map(ToString::to_string),
        });
        Ok(Reply::read(DescribeFeatureGroupKeysOutput {
            feature_group_arn: group.arn.to_string(),
            kms_key_arn: group.kms_key().map(ToString::to_string),
            data_key: CurrentDataKey {
                number: group.data_key,
                created: group.data_key_made.to_iso8601(),
                records_sealed: renewal::sealed(snapshot, group),
            },
            state: state.to_owned(),
            reason: stopped.map(|stopped| stopped.reason).or_else(failed),
            former_keys: former.collect(),
            progress: renewal.map(|row| progress(row.record)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("featureGroupName", &input.feature_group_name)
            .request()
    }
}

fn progress(renewal: &Renewal) -> ResealProgress {
    let after = renewal.after.as_deref().and_then(cell_key);
    ResealProgress {
        began: renewal.began.to_iso8601(),
        percent: match (&renewal.again, after) {
            (Some(_), _) => 100,
            (None, Some(key)) => percent(key.as_bytes()),
            (None, None) => 0,
        },
        records_moved: renewal.moved,
        records_lost: renewal.lost,
    }
}

/// How far a cell is among those of its group: their keys are evenly spread, since an HMAC
/// follows the group's number.
fn percent(key: &[u8; 40]) -> u8 {
    let spread = u16::from(key.get(8).copied().unwrap_or_default());
    u8::try_from(spread * 100 / 256).unwrap_or(100)
}
