//! `DiagnoseFeatureGroups`: which groups cannot be maintained, and what helps. Our own.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::KeyState;
use shapes::strongroom::{
    DiagnoseFeatureGroupsInput, DiagnoseFeatureGroupsOutput, DiagnosedGroup, DiagnosedOfflineStore,
    Finding,
};
use types::{Arn, Service, Timestamp};

use crate::actions::DIAGNOSE_FEATURE_GROUPS;
use crate::event::Fields;
use crate::health::{Health, Looks, Unseen};
use crate::paging::List;
use crate::records::{GROUPS, GroupRecord, Status, folded, group_row, groups_of};
use crate::upkeep::Stopped;
use crate::{Error, Runtime, grant, offline, upkeep};

/// Looks at the groups of the caller's account and region that are under customers' keys or have an
/// offline store, in pages: whether background work may go on, how the key is, as far as the key
/// policy lets the service see that, and what waits for the offline store. Each finding comes with
/// its cure.
///
/// A key that protects several groups of a page is looked at once. Fails with
/// `ThrottlingException` beyond five pages a second of an account in a region, and with
/// `ValidationException` for a token that is none.
#[derive(Debug)]
pub struct DiagnoseFeatureGroups;

/// Groups in a page; for each the service calls KMS three times.
const PAGE: usize = 20;

impl Operation for DiagnoseFeatureGroups {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "DiagnoseFeatureGroups";
    const ACTIONS: &'static [&'static Action] = &[&DIAGNOSE_FEATURE_GROUPS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = DiagnoseFeatureGroupsInput;
    type Output = DiagnoseFeatureGroupsOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&DIAGNOSE_FEATURE_GROUPS)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let pace = &ctx.part::<Runtime>()?.diagnoses;
        if !pace.admit(account, ctx.region(), ctx.monotonic()) {
            return Err(Error::Throttled);
        }
        let parameters = Self::event(&input, None).request;
        let list = List::of((account, ctx.region()), Self::NAME, parameters);
        let after = input.next_token.as_deref();
        let after: Option<String> = after.map(|token| list.read(token)).transpose()?;
        let row = |name: &String| group_row(account.as_str(), ctx.region().as_str(), name);
        let after = after.as_ref().map(row);
        let prefix = groups_of(account, ctx.region());
        let rows = ctx.view().scan(&GROUPS, &prefix, after.as_ref());
        let groups = rows.map(|(_, row)| row.record);
        let groups = groups.filter(|group| {
            let concerned = group.kms_key().is_some() || group.offline.is_some();
            concerned && group.status == Status::Created
        });
        let mut found: Vec<&GroupRecord> = groups.take(PAGE + 1).collect();
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        let end = found.last().filter(|_| more);
        let next_token = end.map(|group| list.token(&folded(&group.name)));
        let next_token = next_token.transpose()?;
        let mut looks = Looks::default();
        let mut feature_groups = Vec::with_capacity(found.len());
        for group in found {
            let mut diagnosed = match group.kms_key() {
                Some(key) => keyed(ctx, group, key, looks.at(ctx, group, key).await),
                None => DiagnosedGroup {
                    feature_group_arn: group.arn.to_string(),
                    background_work: "Running".to_owned(),
                    ..DiagnosedGroup::default()
                },
            };
            add_offline(ctx, group, &mut diagnosed)?;
            feature_groups.push(diagnosed);
        }
        Ok(Reply::read(DiagnoseFeatureGroupsOutput {
            feature_groups,
            next_token,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("nextToken", &input.next_token)
            .request()
    }
}

/// Adds what there is to say of the group's offline store.
fn add_offline(
    ctx: &Ctx,
    group: &GroupRecord,
    diagnosed: &mut DiagnosedGroup,
) -> Result<(), Error> {
    let Some(store) = &group.offline else {
        return Ok(());
    };
    let blocked = offline::blocked(ctx.services(), group, store);
    let waiting = ctx.part::<Runtime>()?.outbox.of_group(group.number);
    let status = if blocked.is_some() {
        "Blocked"
    } else {
        "Active"
    };
    diagnosed.findings.extend(blocked.map(|reason| Finding {
        problem: format!("nothing can be written to the offline store: {reason}"),
        cure: format!(
            "let {} write to {} and have S3 make data keys under {}; what waits is kept",
            store.role,
            store.resolved(),
            store.used_key
        ),
    }));
    diagnosed.offline_store = Some(DiagnosedOfflineStore {
        status: status.to_owned(),
        waiting_records: waiting.entries,
        waiting_bytes: waiting.bytes,
        oldest_waiting_since: waiting.oldest.map(Timestamp::to_iso8601),
    });
    Ok(())
}

/// A group under a customer's key.
fn keyed(
    ctx: &Ctx,
    group: &GroupRecord,
    key: &Arn,
    health: Result<Health, Unseen>,
) -> DiagnosedGroup {
    let stopped = upkeep::check_all(ctx.services(), group).err();
    let mut findings: Vec<Finding> = stopped
        .iter()
        .map(|stopped| of_stopped(group, stopped))
        .collect();
    if let Err(why) = &health {
        findings.push(unseen(key, why));
    }
    let health = health.ok();
    let healthy = |health: Health| health.state == KeyState::Enabled && health.granted;
    let key_health = match health {
        None => "Unknown",
        Some(health) if healthy(health) => "Healthy",
        Some(_) => "Unhealthy",
    };
    DiagnosedGroup {
        feature_group_arn: group.arn.to_string(),
        kms_key_arn: Some(key.to_string()),
        key_health: Some(key_health.to_owned()),
        key_state: health.map(|health| health.state.to_string()),
        key_rotation_enabled: health.and_then(|health| health.rotated),
        grant_present: health.map(|health| health.granted),
        background_work: if stopped.is_some() {
            "Stopped"
        } else {
            "Running"
        }
        .to_owned(),
        offline_store: None,
        findings,
    }
}

/// Background work is stopped, and why.
fn of_stopped(group: &GroupRecord, stopped: &Stopped) -> Finding {
    let key = &stopped.key;
    let cure = if stopped.gone && stopped.former {
        "the key is gone, and with it for good the records that had not been moved: write or \
         delete them, or delete the group"
            .to_owned()
    } else if stopped.gone {
        "the key is gone, and with it for good what is stored under it: delete the group".to_owned()
    } else if let Some(unusable) = &stopped.unusable {
        of_state(key, unusable)
    } else {
        format!(
            "let the service use the key for this group again: {}; if that is not enough, remove \
             the Deny for sagemaker.amazonaws.com from the key policy",
            grant::command(group, key)
        )
    };
    Finding {
        problem: format!("background work is stopped: {}", stopped.reason),
        cure,
    }
}

fn of_state(key: &Arn, unusable: &kms::Error) -> String {
    match unusable {
        kms::Error::Disabled { .. } => format!("aws kms enable-key --key-id {key}"),
        kms::Error::State {
            state: kms::KeyState::PendingDeletion,
            ..
        } => format!(
            "aws kms cancel-key-deletion --key-id {key} && aws kms enable-key --key-id {key}"
        ),
        other => format!("make the key usable again ({other})"),
    }
}

/// The service may not look at the key, or could not.
fn unseen(key: &Arn, why: &Unseen) -> Finding {
    if let Unseen::Failed(text) = why {
        return Finding {
            problem: format!("looking at {key} failed, so its health is unknown: {text}"),
            cure: "ask again; if it stays so, the server's log has the cause".to_owned(),
        };
    }
    Finding {
        problem: format!("the service may not look at {key}, so its health is unknown"),
        cure: "add to the key policy a statement that allows kms:Describe*, kms:Get* and \
               kms:List* to the service principal sagemaker.amazonaws.com"
            .to_owned(),
    }
}
