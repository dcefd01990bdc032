//! `CreateGroup`: a new group in the caller's account.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::iam::{CreateGroupRequest, CreateGroupResponse};
use store::Batch;
use types::{AccountId, Service};

use crate::event::{self, Fields};
use crate::records::{EntityKind, GroupRecord};
use crate::{Error, actions, lookup, paths, quota, shape, tables};

/// Creates a group without members and policies.
///
/// Names are unique in the account without regard to case. Fails with `EntityAlreadyExists`,
/// and with `LimitExceeded` beyond 300 groups.
#[derive(Debug)]
pub(crate) struct CreateGroup;

impl Operation for CreateGroup {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateGroup";
    const ACTIONS: &'static [&'static Action] = &[&actions::CREATE_GROUP];
    const KIND: Kind = Kind::Mutating;
    const DENIED_CODE: Option<&'static str> = Some(super::ACCESS_DENIED);
    type Input = CreateGroupRequest;
    type Output = CreateGroupResponse;
    type Target = (AccountId, String);
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = lookup::account(ctx)?;
        let path = paths::read(input.path.as_deref());
        let arn = EntityKind::Group.arn(account, &path, &input.group_name);
        let need = Need::on(&actions::CREATE_GROUP, arn);
        Ok((Needs::one(need), (account, path)))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (account, path) = permit.into_target();
        let view = ctx.view();
        lookup::unused_name::<GroupRecord>(view, account, &input.group_name)?;
        quota::room_in(
            view,
            &tables::GROUPS,
            account,
            "GroupsPerAccount",
            quota::GROUPS,
        )?;
        let group = GroupRecord {
            account,
            name: input.group_name,
            path,
            id: lookup::unused_id(view, ctx.entropy(), EntityKind::Group),
            created: ctx.time(),
            attached: Vec::new(),
        };
        let output = CreateGroupResponse {
            group: shape::group(&group),
        };
        let mut batch = Batch::default();
        lookup::put_new(&mut batch, group);
        Ok(Reply::write(output, batch))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("groupName", input.group_name.as_str())
            .maybe("path", input.path.as_deref());
        let Some(group) = output.map(|output| &output.group) else {
            return event::request(request);
        };
        let created = Fields::default()
            .with("path", group.path.as_str())
            .with("groupName", group.group_name.as_str())
            .with("groupId", group.group_id.as_str())
            .with("arn", group.arn.as_str())
            .time("createDate", group.create_date);
        let response = Fields::default().with("group", created.value()).value();
        let detail = EventDetail {
            response,
            ..event::request(request)
        };
        event::about(detail, &group.arn, event::GROUP)
    }
}
