//! `ListAccountsForParent`: the accounts right below the root or a unit.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::organizations::{ListAccountsForParentRequest, ListAccountsForParentResponse};
use types::Service;

use crate::event::{self, Fields};
use crate::organizations::actions;
use crate::organizations::error::{Error, Missing};
use crate::organizations::records::NodeKind;
use crate::organizations::scope::NamedNode;
use crate::organizations::{listing, shape, tree};

/// Lists the accounts right below a root or unit.
///
/// Fails with `ParentNotFoundException`.
#[derive(Debug)]
pub(crate) struct ListAccountsForParent;

impl Operation for ListAccountsForParent {
    const SERVICE: Service = Service::Organizations;
    const NAME: &'static str = "ListAccountsForParent";
    const ACTIONS: &'static [&'static Action] = &[&actions::LIST_ACCOUNTS_FOR_PARENT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ListAccountsForParentRequest;
    type Output = ListAccountsForParentResponse;
    type Target = NamedNode;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, NamedNode), Error> {
        let parent = NamedNode::of(ctx, &input.parent_id)?;
        Ok((
            Needs::one(parent.need(&actions::LIST_ACCOUNTS_FOR_PARENT)),
            parent,
        ))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let (view, named) = (ctx.view(), permit.target());
        let parent = named.parent(Missing::Parent)?;
        let accounts = tree::below(view, &parent.id, NodeKind::Account).filter_map(|node| {
            let account = shape::account(view, &named.organization, &node)?;
            Some((node.id.clone(), account))
        });
        let cut = listing::page(
            &[Self::NAME, &parent.id],
            (input.next_token.as_deref(), input.max_results),
            accounts,
        )?;
        Ok(Reply::read(ListAccountsForParentResponse {
            accounts: Some(cut.items),
            next_token: cut.marker,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(
            Fields::default()
                .with("parentId", input.parent_id.as_str())
                .maybe("nextToken", input.next_token.as_deref())
                .maybe("maxResults", input.max_results),
        )
    }
}
