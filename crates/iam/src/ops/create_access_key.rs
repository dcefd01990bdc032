//! `CreateAccessKey`: a credential for a user, or for the caller itself.

use std::sync::Arc;

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::SensitiveString;
use shapes::iam::{AccessKey, CreateAccessKeyRequest, CreateAccessKeyResponse, StatusType};
use store::Batch;
use types::{Service, Timestamp};
use zeroize::Zeroizing;

use crate::event::{self, Fields};
use crate::lookup::Subject;
use crate::records::{AccountRecord, KeyOwner, UserRecord};
use crate::{Error, actions, bootstrap, quota, tables};

/// Creates an access key of the named user, or of the caller, root included.
///
/// The answer holds the secret, which no later call shows. Fails with `NoSuchEntity` if there
/// is no such user, and with `LimitExceeded` if it has two keys, active or not.
#[derive(Debug)]
pub(crate) struct CreateAccessKey;

impl Operation for CreateAccessKey {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateAccessKey";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_ACCESS_KEY];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateAccessKeyRequest;
    type Output = CreateAccessKeyResponse;
    type Target = Subject;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Subject), Error> {
        let subject = Subject::of(ctx, input.user_name.as_deref())?;
        Ok((
            Needs::one(subject.need(&actions::CREATE_ACCESS_KEY)),
            subject,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let mut batch = Batch::default();
        let (key, name) = match permit.target() {
            Subject::Root(account) => (of_root(ctx, account, &mut batch)?, String::new()),
            Subject::User(named) => {
                let user = named.found()?;
                (of_user(ctx, user, &mut batch)?, user.name.clone())
            }
        };
        // INVARIANT: secrets are made of base64's letters.
        let secret = Zeroizing::new(String::from_utf8_lossy(key.secret.expose()).into_owned());
        let access_key = AccessKey {
            user_name: name,
            access_key_id: key.id.to_string(),
            status: StatusType::Active,
            secret_access_key: SensitiveString::from(secret),
            create_date: Some(created(ctx)),
        };
        Ok(Reply::write(CreateAccessKeyResponse { access_key }, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default().maybe("userName", input.user_name.as_deref());
        let Some(key) = output.map(|output| &output.access_key) else {
            return event::request(request);
        };
        let mut shown = Fields::default()
            .with("accessKeyId", key.access_key_id.as_str())
            .with("status", key.status.as_str());
        if !key.user_name.is_empty() {
            shown = shown.with("userName", key.user_name.as_str());
        }
        if let Some(at) = key.create_date {
            shown = shown.time("createDate", at);
        }
        let response = Fields::default().with("accessKey", shown.value()).value();
        EventDetail {
            response,
            ..event::request(request)
        }
    }
}

fn created(ctx: &Ctx) -> Timestamp {
    ctx.time()
}

fn of_user(
    ctx: &Ctx,
    user: &Arc<UserRecord>,
    batch: &mut Batch,
) -> Result<bootstrap::AccessKey, Error> {
    quota::room(
        user.access_keys.len(),
        "AccessKeysPerUser",
        quota::ACCESS_KEYS,
    )?;
    let owner = KeyOwner::User {
        id: user.id.clone(),
        name: user.name.clone(),
    };
    let key = bootstrap::unused_key(
        ctx.view(),
        user.account,
        &owner,
        created(ctx),
        ctx.entropy(),
    );
    let mut user = UserRecord::clone(user);
    user.access_keys.push(key.id.clone());
    batch.put(
        &tables::USERS,
        tables::named(user.account, &user.name),
        user,
    );
    Ok(bootstrap::put_new_key(batch, key))
}

fn of_root(
    ctx: &Ctx,
    account: &Arc<AccountRecord>,
    batch: &mut Batch,
) -> Result<bootstrap::AccessKey, Error> {
    bootstrap::create_root_access_key(batch, ctx.view(), account.id, created(ctx), ctx.entropy())
}
