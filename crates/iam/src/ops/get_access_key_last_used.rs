//! `GetAccessKeyLastUsed`: when and where an access key was last used.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{AccessKeyLastUsed, GetAccessKeyLastUsedRequest, GetAccessKeyLastUsedResponse};
use types::{AccessKeyId, Arn, Service};

use crate::event::{self, Fields};
use crate::last_used::LastUsed;
use crate::records::{AccessKeyRecord, KeyOwner, LastUsedRecord};
use crate::{Error, actions, lookup, shape, tables};

/// What AWS answers for service and region of a key that was never used.
const NEVER: &str = "N/A";

/// Returns the owner and the last use of an access key of the caller's account.
///
/// Other accounts' keys count as unknown. Fails with `NoSuchEntity` for those.
#[derive(Debug)]
pub(crate) struct GetAccessKeyLastUsed;

impl Operation for GetAccessKeyLastUsed {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetAccessKeyLastUsed";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_ACCESS_KEY_LAST_USED];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = GetAccessKeyLastUsedRequest;
    type Output = GetAccessKeyLastUsedResponse;
    type Target = Option<AccessKeyRecord>;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = lookup::account(ctx)?;
        let key = input
            .access_key_id
            .parse()
            .ok()
            .and_then(|id: AccessKeyId| {
                let row = ctx
                    .view()
                    .get(&tables::ACCESS_KEYS, &tables::access_key(&id))?;
                (row.record.account == account).then(|| row.record.clone())
            });
        let need = match key.as_ref().and_then(|key| owner_arn(ctx, key)) {
            Some(arn) => Need::on(&actions::GET_ACCESS_KEY_LAST_USED, arn),
            // Whoever may ask about any key learns that there is none.
            None => Need::anywhere(&actions::GET_ACCESS_KEY_LAST_USED),
        };
        Ok((Needs::one(need), key))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Some(key) = permit.into_target() else {
            return Err(Error::NoSuchAccessKey {
                id: input.access_key_id,
            });
        };
        let written = ctx
            .view()
            .get(&tables::LAST_USED, &tables::access_key(&key.id));
        let written = written.map(|row| row.record.clone());
        let noted = ctx.part::<LastUsed>()?.latest(&key.id);
        let latest = written
            .into_iter()
            .chain(noted)
            .max_by_key(|last_use| last_use.at);
        Ok(Reply::read(GetAccessKeyLastUsedResponse {
            user_name: shape::owner_name(&key),
            access_key_last_used: Some(shown(latest)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accessKeyId", input.access_key_id.as_str()))
    }
}

fn owner_arn(ctx: &Ctx, key: &AccessKeyRecord) -> Option<Arn> {
    match &key.owner {
        KeyOwner::Root => Some(Arn::new("iam", None, Some(key.account), "root")),
        KeyOwner::User { id, .. } => lookup::principal_arn(ctx.view(), id),
    }
}

fn shown(last_use: Option<LastUsedRecord>) -> AccessKeyLastUsed {
    match last_use {
        Some(last_use) => AccessKeyLastUsed {
            last_used_date: Some(last_use.at),
            service_name: last_use.service,
            region: last_use.region.to_string(),
        },
        None => AccessKeyLastUsed {
            last_used_date: None,
            service_name: NEVER.to_owned(),
            region: NEVER.to_owned(),
        },
    }
}
