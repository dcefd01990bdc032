//! `ListAliases`: the aliases of an account in one region, or of one key.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{AliasListEntry, ListAliasesRequest, ListAliasesResponse};
use store::Key;
use types::{AccountId, Service};

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::paging::{List, Page, limit};
use crate::records::{
    ALIAS_NAMES, ALIASES, AliasRecord, KeyRecord, alias_arn, alias_row, region_prefix,
};
use crate::{Error, actions};

/// Lists the aliases of the caller's account, or those of one of its keys, in pages of 1 to
/// 100 (default 50), ordered by name.
///
/// Fails with `NotFoundException` if `KeyId` names no key of the account, with
/// `InvalidArnException` if it is malformed, and with `InvalidMarkerException` if the marker
/// is not one of this list.
#[derive(Debug)]
pub struct ListAliases;

/// Whose aliases, and of which key only.
#[derive(Debug)]
pub struct ListAliasesTarget {
    account: AccountId,
    key: Option<KeyTarget>,
}

impl Operation for ListAliases {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListAliases";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ALIASES];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListAliasesRequest;
    type Output = ListAliasesResponse;
    type Target = ListAliasesTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = input
            .key_id
            .as_ref()
            .map(|id| KeyTarget::find(ctx, id, Forms::Keys));
        let target = ListAliasesTarget {
            account,
            key: key.transpose()?,
        };
        Ok((Needs::one(Need::anywhere(&actions::LIST_ALIASES)), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let ListAliasesTarget { account, key } = permit.into_target();
        let limit = limit(input.limit, 50, 100)?;
        let marker = input.marker.as_deref();
        let page = match &key {
            None => all(ctx, account, limit, marker)?,
            Some(target) => of_key(ctx, target.key_of(account)?, limit, marker)?,
        };
        Ok(Reply::read(ListAliasesResponse {
            aliases: Some(page.items),
            truncated: Some(page.next.is_some()),
            next_marker: page.next,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("keyId", input.key_id.clone())
            .maybe("limit", input.limit)
            .maybe("marker", input.marker.clone())
            .request()
    }
}

fn all(
    ctx: &Ctx,
    account: AccountId,
    limit: usize,
    marker: Option<&str>,
) -> Result<Page<AliasListEntry>, Error> {
    let region = ctx.region();
    let list = List {
        operation: ListAliases::NAME,
        account,
        region,
        filter: "",
    };
    let after = list
        .after(marker)?
        .map(|name| alias_row(account, region, &name));
    let prefix = region_prefix(account, region);
    let rows = ctx.view().scan(&ALIASES, &prefix, after.as_ref());
    let entries = rows.map(|(_, row)| (row.record.name.clone(), entry(ctx, account, row.record)));
    Ok(list.page(limit, entries))
}

fn of_key(
    ctx: &Ctx,
    key: &KeyRecord,
    limit: usize,
    marker: Option<&str>,
) -> Result<Page<AliasListEntry>, Error> {
    let (account, region, id) = (key.account, ctx.region(), key.id.as_str());
    let list = List {
        operation: ListAliases::NAME,
        account,
        region,
        filter: id,
    };
    let behind = |name: String| Key::of(&[account.as_str(), region.as_str(), id, &name]);
    let after = list.after(marker)?.map(behind);
    let prefix = key.row_key();
    let rows = ctx.view().scan(&ALIAS_NAMES, &prefix, after.as_ref());
    let entries = rows.filter_map(|(row, _)| {
        let name = row.text_parts().pop()?;
        let alias = ctx
            .view()
            .get(&ALIASES, &alias_row(account, region, &name))?;
        Some((name, entry(ctx, account, alias.record)))
    });
    Ok(list.page(limit, entries))
}

fn entry(ctx: &Ctx, account: AccountId, alias: &AliasRecord) -> AliasListEntry {
    AliasListEntry {
        alias_name: Some(alias.name.clone()),
        alias_arn: Some(alias_arn(account, ctx.region(), &alias.name).to_string()),
        target_key_id: Some(alias.target.to_string()),
        creation_date: Some(alias.created),
        last_updated_date: Some(alias.updated),
    }
}
