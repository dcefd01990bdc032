//! `DeleteAccessKey`: destroys an access key.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::Empty;
use shapes::iam::DeleteAccessKeyRequest;
use store::Batch;
use types::Service;

use crate::event::{self, Fields};
use crate::lookup::Subject;
use crate::records::{AccountRecord, UserRecord};
use crate::{Error, actions, lookup, tables};

/// Deletes an access key of the named user, or of the caller; its secret is gone.
///
/// Fails with `NoSuchEntity` if there is no such user, or if the key is not the user's.
#[derive(Debug)]
pub(crate) struct DeleteAccessKey;

impl Operation for DeleteAccessKey {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteAccessKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::DELETE_ACCESS_KEY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = DeleteAccessKeyRequest;
    type Output = Empty;
    type Target = Subject;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Subject), Error> {
        let subject = Subject::of(ctx, input.user_name.as_deref())?;
        Ok((
            Needs::one(subject.need(&actions::DELETE_ACCESS_KEY)),
            subject,
        ))
    }

    async fn handle(
        _ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let subject = permit.target();
        let id = lookup::key_of(subject, &input.access_key_id)?;
        let mut batch = Batch::default();
        match subject {
            Subject::Root(account) => {
                let mut account = AccountRecord::clone(account);
                account.root_keys.retain(|key| *key != id);
                batch.put(&tables::ACCOUNTS, tables::account(account.id), account);
            }
            Subject::User(named) => {
                let mut user = UserRecord::clone(named.found()?);
                user.access_keys.retain(|key| *key != id);
                batch.put(
                    &tables::USERS,
                    tables::named(user.account, &user.name),
                    user,
                );
            }
        }
        batch.delete(&tables::ACCESS_KEYS, tables::access_key(&id));
        batch.delete(&tables::LAST_USED, tables::access_key(&id));
        Ok(Reply::write(Empty {}, batch))
    }

    fn only_takes_away(_input: &Self::Input) -> bool {
        true
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .maybe("userName", input.user_name.as_deref())
                .with("accessKeyId", input.access_key_id.as_str()),
        )
    }
}
