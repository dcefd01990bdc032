//! `ListKeys`: the ids of an account's keys in one region.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{KeyListEntry, ListKeysRequest, ListKeysResponse, ResourceOwnerType};
use types::{AccountId, Service};

use crate::event::Fields;
use crate::paging::{List, limit};
use crate::records::{KEYS, KeyRecord, region_prefix};
use crate::{Error, actions};

/// Lists the keys of the caller's account in pages of 1 to 1,000 (default 100), ordered by
/// id. AWS managed keys are among them, AWS owned keys are not. No key is shared by other
/// accounts, so asking for those only gives an empty list.
///
/// Fails with `InvalidMarkerException` if the marker is not one of this list.
#[derive(Debug)]
pub struct ListKeys;

impl Operation for ListKeys {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListKeys";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_KEYS];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListKeysRequest;
    type Output = ListKeysResponse;
    type Target = AccountId;
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        Ok((Needs::one(Need::anywhere(&actions::LIST_KEYS)), account))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (account, region) = (permit.into_target(), ctx.region());
        let limit = limit(input.limit, 100, 1000)?;
        let owners = input
            .resource_owners
            .unwrap_or_else(|| vec![ResourceOwnerType::Self_]);
        let own = owners.contains(&ResourceOwnerType::Self_);
        let list = List {
            operation: Self::NAME,
            account,
            region,
            filter: if own { "" } else { "shared" },
        };
        let after = list.after(input.marker.as_deref())?;
        let prefix = region_prefix(account, region);
        let after = after.map(|id| store::Key::of(&[account.as_str(), region.as_str(), &id]));
        let rows = ctx
            .view()
            .scan(&KEYS, &prefix, after.as_ref())
            .map(|(_, row)| row.record);
        let keys = rows.filter(|key| own && !key.owned);
        let page = list.page(limit, keys.map(|key| (key.id.to_string(), entry(key))));
        Ok(Reply::read(ListKeysResponse {
            keys: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let owners = input.resource_owners.as_ref();
        let owners = owners.map(|owners| {
            owners
                .iter()
                .map(|owner| owner.as_str().into())
                .collect::<Vec<serde_json::Value>>()
        });
        Fields::default()
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .maybe("resourceOwners", owners)
            .request()
    }
}

fn entry(key: &KeyRecord) -> KeyListEntry {
    KeyListEntry {
        key_id: Some(key.id.to_string()),
        key_arn: Some(key.arn.to_string()),
    }
}
