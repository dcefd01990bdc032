//! `UpdateAccessKey`: makes an access key active or inactive.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::{StatusType, UpdateAccessKeyRequest};
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::Subject;
use crate::records::{AccessKeyRecord, KeyStatus};
use crate::{Error, actions, lookup, tables};

/// Sets the status of an access key of the named user, or of the caller.
///
/// A key that is made inactive counts as unknown from the next request on. Fails with
/// `NoSuchEntity` if there is no such user, or if the key is not the user's, and with
/// `InvalidInput` for the status `Expired`, which callers cannot set.
#[derive(Debug)]
pub(crate) struct UpdateAccessKey;

impl Operation for UpdateAccessKey {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateAccessKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::UPDATE_ACCESS_KEY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = UpdateAccessKeyRequest;
    type Output = Empty;
    type Target = Subject;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Subject), Error> {
        let subject = Subject::of(ctx, input.user_name.as_deref())?;
        Ok((
            Needs::one(subject.need(&actions::UPDATE_ACCESS_KEY)),
            subject,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let status = match input.status {
            StatusType::Active => KeyStatus::Active,
            StatusType::Inactive => KeyStatus::Inactive,
            StatusType::Expired => {
                return Err(Error::UnsettableStatus {
                    status: StatusType::Expired.as_str(),
                });
            }
        };
        let id = lookup::key_of(permit.target(), &input.access_key_id)?;
        let row = tables::access_key(&id);
        let mut batch = Batch::default();
        if let Some(key) = ctx.view().get(&tables::ACCESS_KEYS, &row)
            && key.record.status != status
        {
            let key = AccessKeyRecord {
                status,
                ..key.record.clone()
            };
            batch.put(&tables::ACCESS_KEYS, row, key);
        }
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(input: &Self::Input) -> bool {
        matches!(input.status, StatusType::Inactive)
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("userName", input.user_name.as_deref())
                .with("accessKeyId", input.access_key_id.as_str())
                .with("status", input.status.as_str()),
        )
    }
}
