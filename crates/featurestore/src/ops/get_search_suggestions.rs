//! `GetSearchSuggestions`: names of properties to search by.

use std::collections::BTreeSet;

use pipeline::{Ctx, EventDetail, Kind as CallKind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sagemaker::{
    GetSearchSuggestionsRequest, GetSearchSuggestionsResponse, PropertyNameSuggestion,
};
use types::Service;

use crate::Error;
use crate::actions::GET_SEARCH_SUGGESTIONS;
use crate::event::Fields;
use crate::records::GroupRecord;
use crate::search::{self, Kind, Work};

/// Returns the names of properties that begin with a hint, sorted, a hundred at most: those
/// that every feature group or feature has, and those of the tags and parameters that there
/// are in the account and region.
///
/// As at AWS the action has no resource. Of other resources there are none, and nothing to
/// search them by. It takes its turn among the searches of the account, and fails with
/// `ThrottlingException` as they do.
#[derive(Debug)]
pub struct GetSearchSuggestions;

const MOST_SUGGESTIONS: usize = 100;

impl Operation for GetSearchSuggestions {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "GetSearchSuggestions";
    const ACTIONS: &'static [&'static Action] = &[&GET_SEARCH_SUGGESTIONS];
    const KIND: CallKind = CallKind::ReadOnly;
    type Input = GetSearchSuggestionsRequest;
    type Output = GetSearchSuggestionsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&GET_SEARCH_SUGGESTIONS)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let _turn = super::search::turn(ctx, account).await?;
        let mut found = Suggestions {
            hint: hint(&input),
            names: BTreeSet::new(),
        };
        if let Some(kind) = super::search::kind(input.resource) {
            search::names(kind).for_each(|name| found.add(name, ""));
            let mut work = Work::new(&**ctx.services().clock(), u64::MAX);
            for group in super::search::groups_in(ctx, account) {
                found.add_of(kind, group, &mut work).await?;
            }
        }
        let suggestion = |name| PropertyNameSuggestion {
            property_name: Some(name),
        };
        Ok(Reply::read(GetSearchSuggestionsResponse {
            property_name_suggestions: Some(found.names.into_iter().map(suggestion).collect()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("resource", input.resource)
            .maybe("propertyNameHint", hint(input))
            .request()
    }
}

fn hint(input: &GetSearchSuggestionsRequest) -> &str {
    let query =
        (input.suggestion_query.as_ref()).and_then(|query| query.property_name_query.as_ref());
    query.map_or("", |query| &query.property_name_hint)
}

/// The first so many names that begin with the hint.
struct Suggestions<'h> {
    hint: &'h str,
    names: BTreeSet<String>,
}

impl Suggestions<'_> {
    /// Adds the names that `group` or its features have of their own. Others have their turn in
    /// between.
    async fn add_of(
        &mut self,
        kind: Kind,
        group: &GroupRecord,
        work: &mut Work<'_>,
    ) -> Result<(), Error> {
        if kind == Kind::Groups {
            group.tags.keys().for_each(|key| self.add("Tags.", key));
            return looked(work, group.tags.len()).await;
        }
        for feature in &group.definitions {
            let keys = feature.parameters.keys();
            keys.for_each(|key| self.add("Parameters.", key));
            looked(work, feature.parameters.len()).await?;
        }
        Ok(())
    }

    fn add(&mut self, prefix: &str, key: &str) {
        let fits = match self.hint.strip_prefix(prefix) {
            Some(rest) => key.starts_with(rest),
            None => prefix.starts_with(self.hint),
        };
        if !fits {
            return;
        }
        self.names.insert(format!("{prefix}{key}"));
        if self.names.len() > MOST_SUGGESTIONS {
            self.names.pop_last();
        }
    }
}

/// Counts that a group or a feature was looked at, with so many names.
async fn looked(work: &mut Work<'_>, names: usize) -> Result<(), Error> {
    let looks = u64::try_from(names).unwrap_or(u64::MAX).saturating_add(1);
    let spent = work.spend(looks);
    spent.map_err(|_spent| Error::broken("a search without a bound has come to one"))?;
    work.pause().await;
    Ok(())
}
