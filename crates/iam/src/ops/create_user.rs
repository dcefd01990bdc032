//! `CreateUser`: a new user in the caller's account.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreateUserRequest, CreateUserResponse};
use store::Batch;
use types::{AccountId, Arn, Service};

use crate::event::{self, Fields};
use crate::managed;
use crate::records::{EntityKind, UserRecord};
use crate::tables::{self, Use};
use crate::{Error, actions, attachments, lookup, paths, quota, shape, tags};

/// Creates a user, optionally with tags and a permissions boundary.
///
/// Names are unique in the account without regard to case. Fails with `EntityAlreadyExists`,
/// with `LimitExceeded` beyond 5,000 users, with `InvalidInput` for tag keys that differ in
/// case only, and with `NoSuchEntity` if the boundary's policy does not exist. A request with
/// tags needs `iam:TagUser` too.
#[derive(Debug)]
pub(crate) struct CreateUser;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    account: AccountId,
    path: String,
    tags: Vec<(String, String)>,
    boundary: Option<Arn>,
}

impl Operation for CreateUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateUser";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_USER, &actions::TAG_USER];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateUserRequest;
    type Output = CreateUserResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        let account = lookup::account(ctx)?;
        let path = paths::read(input.path.as_deref());
        let tags = tags::read(input.tags.as_deref())?;
        let boundary = input
            .permissions_boundary
            .as_deref()
            .map(managed::read_arn)
            .transpose()?;
        let arn = EntityKind::User.arn(account, &path, &input.user_name);
        let keys = tags::request_keys(&tags).and(KeySet::default().maybe(
            "iam:permissionsboundary",
            boundary.as_ref().map(Arn::as_str),
        ));
        let mut needs = Needs::one(Need::on(&actions::CREATE_USER, arn.clone()).with(keys.clone()));
        if !tags.is_empty() {
            needs.push(Need::on(&actions::TAG_USER, arn).with(keys));
        }
        Ok((
            needs,
            Wanted {
                account,
                path,
                tags,
                boundary,
            },
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Wanted {
            account,
            path,
            tags,
            boundary,
        } = permit.into_target();
        let view = ctx.view();
        lookup::unused_name::<UserRecord>(view, account, &input.user_name)?;
        quota::room_in(
            view,
            &tables::USERS,
            account,
            "UsersPerAccount",
            quota::USERS,
        )?;
        if let Some(arn) = &boundary {
            attachments::can_bound(view, account, arn)?;
        }
        let user = UserRecord {
            account,
            name: input.user_name,
            path,
            id: lookup::unused_id(view, ctx.entropy(), EntityKind::User),
            created: ctx.time(),
            tags,
            attached: Vec::new(),
            boundary,
            access_keys: Vec::new(),
            groups: Vec::new(),
        };
        let output = CreateUserResponse {
            user: Some(shape::user(&user)),
        };
        let mut batch = Batch::default();
        if let Some(arn) = &user.boundary {
            attachments::put_use(&mut batch, &user, arn, Use::Boundary);
        }
        lookup::put_new(&mut batch, user);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("userName", input.user_name.as_str())
            .maybe("path", input.path.as_deref())
            .maybe("permissionsBoundary", input.permissions_boundary.as_deref())
            .tags(input.tags.as_deref());
        let Some(user) = output.and_then(|output| output.user.as_ref()) else {
            return event::request(request);
        };
        let created = Fields::default()
            .with("path", user.path.as_str())
            .with("userName", user.user_name.as_str())
            .with("userId", user.user_id.as_str())
            .with("arn", user.arn.as_str())
            .time("createDate", user.create_date)
            .tags(user.tags.as_deref());
        let response = Fields::default().with("user", created.value()).value();
        event::about(
            EventDetail {
                response,
                ..event::request(request)
            },
            &user.arn,
            event::USER,
        )
    }
}
