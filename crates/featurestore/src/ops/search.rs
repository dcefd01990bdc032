//! `Search`: feature groups and features that an expression is true of.

use std::sync::Arc;

use audit::Turn;
use pipeline::{
    Ctx, EventDetail, Kind as CallKind, Need, Needs, Operation, Permit, Reply, Services,
};
use policy::Action;
use serde_json::{Value, json};
use shapes::sagemaker::{
    BooleanOperator, CrossAccountFilterOption, FeatureGroup, FeatureMetadata, Filter,
    NestedFilters, Operator, Relation, ResourceType, SearchExpression, SearchRecord, SearchRequest,
    SearchResponse, SearchSortOrder, TotalHits, VisibilityConditions,
};
use types::{AccountId, Arn, Service};

use crate::actions::SEARCH;
use crate::event::Fields;
use crate::offline::{self, OfflineStore};
use crate::paging::List;
use crate::records::{GROUPS, GroupRecord, groups_of};
use crate::search::{
    Entity, Expression, Kind, Page, Place, Property, Spent, Visibility, Work, check_across,
    check_size,
};
use crate::shape::{self, Reasons};
use crate::{Error, Runtime, features, tags};

/// Returns a page of the feature groups or features of the account and region for which the
/// expression is true, sorted by a property; by the last change, newest first, unless told
/// otherwise. Names decide between equals, and what has no value comes first.
///
/// As at AWS the action has no resource: whoever may search sees what is said of every group,
/// whatever else they may not, and nothing of records. `VisibilityConditions` leave out what
/// has another value for one of their tags; a policy can demand them. Other resources than
/// these two there are none, so none are found. With `CrossAccount` those of other accounts are
/// found that share the catalog of their groups with the caller's, and none of its own: as if
/// they had no tags, and none at all with `VisibilityConditions`, which are about tags; and as at
/// AWS not by their features, keys, places and failures. The status of offline stores is that of now. A page
/// has ten entries unless told otherwise, and a token is good
/// for the same search only. An account makes one search after the other, so that however much they
/// look at, one of them is what others have beside them. Fails with `ValidationException` for what
/// breaks a rule of expressions, and for a search that would look at more than five million values,
/// long texts counting as several; and with `ThrottlingException` if sixteen searches of the account
/// are going on or waiting.
#[derive(Debug)]
pub struct Search;

const PAGE: usize = 10;

/// How many values one search looks at.
const MOST_LOOKS: u64 = 5_000_000;

/// How many catalogs of other accounts one search looks into, as at AWS.
const MOST_CATALOGS: usize = 1000;

/// How many looks the status of an offline store counts as: it is decided anew by policies.
const LOOKS_OF_STATUS: u64 = 1000;

/// How many looks going through the groups of one more account counts as.
const LOOKS_OF_ACCOUNT: u64 = 100;

impl Operation for Search {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "Search";
    const ACTIONS: &'static [&'static Action] = &[&SEARCH];
    const KIND: CallKind = CallKind::ReadOnly;
    type Input = SearchRequest;
    type Output = SearchResponse;
    type Target = Vec<AccountId>;
    type Error = Error;

    /// Whose catalogs are shared is in nobody's answer: those that are not shared with the
    /// caller are left out, and nothing is said of them.
    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Vec<AccountId>), Error> {
        let visible = Visibility::of(input.visibility_conditions.as_deref())?;
        let keys = visible.condition_keys();
        let mut needs = Needs::one(Need::anywhere(&SEARCH).with(keys.clone()));
        let mut owners = Vec::new();
        if is_across(input) && input.visibility_conditions.is_none() {
            let account = ctx.account().ok_or(Error::NoAccount)?;
            for (catalog, owner) in catalogs(ctx, account).await {
                let need = Need::on(&SEARCH, catalog).with(keys.clone());
                needs.push(need.across_accounts().if_used(owners.len()));
                owners.push(owner);
            }
        }
        Ok((needs, owners))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let parameters = Self::event(&input, None).request;
        let asked = List::of((account, ctx.region()), Self::NAME, parameters);
        let token = input.next_token.as_deref();
        let after: Option<Place<'_>> = token.map(|token| asked.read(token)).transpose()?;
        let size = (input.max_results).and_then(|size| usize::try_from(size).ok());
        let descending = input.sort_order != Some(SearchSortOrder::Ascending);
        let mut page = Page::new(size.unwrap_or(PAGE), descending, after);
        let kind = kind(input.resource);
        let _turn = turn(ctx, account).await?;
        let owners = if is_across(&input) {
            sharing(ctx, &permit)
        } else {
            vec![account]
        };
        match kind {
            Some(kind) => find(ctx, (kind, owners), &input, &mut page).await?,
            None => (input.search_expression.as_ref()).map_or(Ok(()), check_size)?,
        }
        let (found, last, hits) = page.finish();
        Ok(Reply::read(SearchResponse {
            results: Some(answers(ctx, &found).await),
            next_token: last.map(|last| asked.token(&last)).transpose()?,
            total_hits: Some(TotalHits {
                value: Some(hits),
                relation: Some(Relation::EqualTo),
            }),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let visible = input.visibility_conditions.as_ref();
        let visible: Option<Vec<Value>> = visible.map(|conditions| {
            let pair = |one: &VisibilityConditions| json!({ "key": one.key, "value": one.value });
            conditions.iter().map(pair).collect()
        });
        Fields::default()
            .maybe("resource", input.resource)
            .maybe(
                "searchExpression",
                input.search_expression.as_ref().map(in_event),
            )
            .maybe("sortBy", &input.sort_by)
            .maybe("sortOrder", input.sort_order)
            .maybe("maxResults", input.max_results)
            .maybe("nextToken", &input.next_token)
            .maybe(
                "crossAccountFilterOption",
                input.cross_account_filter_option,
            )
            .maybe("visibilityConditions", visible)
            .request()
    }
}

/// An expression as records show it.
fn in_event(expression: &SearchExpression) -> Value {
    let filters = |filters: &Vec<Filter>| -> Vec<Value> {
        let filter = |one: &Filter| {
            let operator = one.operator.map(Operator::as_str);
            json!({ "name": one.name, "operator": operator, "value": one.value })
        };
        filters.iter().map(filter).collect()
    };
    let nested = |nested: &Vec<NestedFilters>| -> Vec<Value> {
        let one = |one: &NestedFilters| {
            let name = &one.nested_property_name;
            json!({ "nestedPropertyName": name, "filters": filters(&one.filters) })
        };
        nested.iter().map(one).collect()
    };
    let inner = |all: &Vec<SearchExpression>| -> Vec<Value> { all.iter().map(in_event).collect() };
    json!({
        "filters": expression.filters.as_ref().map(filters),
        "nestedFilters": expression.nested_filters.as_ref().map(nested),
        "subExpressions": expression.sub_expressions.as_ref().map(inner),
        "operator": expression.operator.map(BooleanOperator::as_str),
    })
}

fn is_across(input: &SearchRequest) -> bool {
    input.cross_account_filter_option == Some(CrossAccountFilterOption::CrossAccount)
}

/// The catalogs that other accounts share with somebody in the caller's, and these accounts.
async fn catalogs(ctx: &Ctx, own: AccountId) -> Vec<(Arn, AccountId)> {
    let caller = (own, ctx.region());
    let shared = ram::shared_with(ctx.view(), caller, "sagemaker", "sagemaker-catalog").await;
    let owned = shared.into_iter().filter_map(|catalog| {
        let owner = catalog.account()?;
        Some((catalog, owner))
    });
    owned.take(MOST_CATALOGS).collect()
}

/// Waits until no other search of the account goes on, nor too many of others; it is the caller's turn
/// while what is returned is kept.
///
/// Fails with `ThrottlingException` if too many searches of the account wait.
pub(super) async fn turn(ctx: &Ctx, account: AccountId) -> Result<Turn, Error> {
    let searches = &ctx.part::<Runtime>()?.searches;
    searches.turn(account).await.ok_or(Error::Throttled)
}

/// What is searched for; `None` for what does not exist here.
pub(super) fn kind(resource: ResourceType) -> Option<Kind> {
    match resource {
        ResourceType::FeatureGroup => Some(Kind::Groups),
        ResourceType::FeatureMetadata => Some(Kind::Features),
        _ => None,
    }
}

/// Looks at all groups of `owners` and puts what is found on the page.
///
/// INVARIANT: groups are looked at where they are stored, one account's after the other's. The page
/// lives as long as the call's view, so that nothing which is copied here can be on it: a search
/// takes the memory of its page, however many groups of however many accounts it goes through.
async fn find<'a>(
    ctx: &'a Ctx,
    (kind, owners): (Kind, Vec<AccountId>),
    input: &SearchRequest,
    page: &mut Page<'a>,
) -> Result<(), Error> {
    let expression = (input.search_expression.as_ref())
        .map(|expression| Expression::parse(kind, expression))
        .transpose()?;
    if is_across(input) {
        let searched = input.search_expression.as_ref();
        searched.map_or(Ok(()), |searched| Expression::check_across(kind, searched))?;
        let sorted = input.sort_by.as_deref();
        sorted.map_or(Ok(()), |sorted| check_across(kind, sorted))?;
    }
    let search = Searching {
        expression,
        visible: Visibility::of(input.visibility_conditions.as_deref())?,
        sort: sort(kind, input.sort_by.as_deref())?,
        account: ctx.account(),
        services: ctx.services(),
        runtime: ctx.part()?,
    };
    let mut work = Work::new(&**ctx.services().clock(), MOST_LOOKS);
    for owner in owners {
        work.spend(LOOKS_OF_ACCOUNT).map_err(too_large)?;
        work.pause().await;
        for group in groups_in(ctx, owner) {
            let looked = search.look(kind, group, &mut work, page).await;
            looked.map_err(too_large)?;
        }
    }
    Ok(())
}

fn too_large(Spent: Spent) -> Error {
    Error::validation(format!(
        "the search would look at more than {MOST_LOOKS} values; fewer filters, or those first \
         that most do not pass, make it smaller."
    ))
}

/// The groups of an account in the caller's region.
pub(super) fn groups_in(ctx: &Ctx, account: AccountId) -> Vec<&GroupRecord> {
    let prefix = groups_of(account, ctx.region());
    let rows = ctx.view().scan(&GROUPS, &prefix, None);
    rows.map(|(_, row)| row.record).collect()
}

/// The accounts whose catalogs the caller may search.
fn sharing(ctx: &Ctx, permit: &Permit<Search>) -> Vec<AccountId> {
    let conditions = permit.conditions();
    let owners = permit.target().iter().enumerate();
    let shared = owners.filter(|(number, _)| conditions.require(ctx, *number).is_ok());
    shared.map(|(_, owner)| *owner).collect()
}

/// The property to sort by.
fn sort(kind: Kind, name: Option<&str>) -> Result<Property, Error> {
    let name = name.unwrap_or("LastModifiedTime");
    let property = Property::parse(kind, name).filter(|property| !property.is_list());
    property.ok_or_else(|| {
        Error::validation(format!(
            "`{name}` is not a property that this resource can be sorted by."
        ))
    })
}

/// What is the same for everything that is looked at.
struct Searching<'a> {
    expression: Option<Expression>,
    visible: Visibility,
    sort: Property,
    /// The caller's.
    account: Option<AccountId>,
    services: &'a Arc<Services>,
    runtime: &'a Runtime,
}

impl Searching<'_> {
    /// Looks at a group, or at its features.
    async fn look<'a>(
        &self,
        kind: Kind,
        group: &'a GroupRecord,
        work: &mut Work<'_>,
        page: &mut Page<'a>,
    ) -> Result<(), Spent> {
        if !self.visible.shows(group) {
            return Ok(());
        }
        if kind == Kind::Groups {
            let entity = self.entity(group, work)?;
            return self.look_at(entity, work, page).await;
        }
        for feature in &group.definitions {
            let entity = Entity::Feature(group, feature);
            self.look_at(entity, work, page).await?;
        }
        Ok(())
    }

    /// The group, with what is not in its record. What is said of the owner's keys and roles is
    /// for the owner.
    fn entity<'a>(&self, group: &'a GroupRecord, work: &mut Work<'_>) -> Result<Entity<'a>, Spent> {
        let own = self.account == Some(group.account);
        let expression = self.expression.as_ref();
        let asked = self.sort.is_offline_status()
            || expression.is_some_and(Expression::asks_offline_status);
        let mut offline = None;
        if asked && group.offline.is_some() {
            work.spend(LOOKS_OF_STATUS)?;
            let status = offline::status(self.services, group, self.account);
            offline = status.map(|status| status.status);
        }
        Ok(Entity::Group {
            group,
            own,
            reasons: Reasons::of(self.runtime, group, self.account),
            offline,
        })
    }

    async fn look_at<'a>(
        &self,
        entity: Entity<'a>,
        work: &mut Work<'_>,
        page: &mut Page<'a>,
    ) -> Result<(), Spent> {
        work.spend(1)?;
        work.pause().await;
        let admitted = match &self.expression {
            Some(expression) => expression.admits(&entity, work).await?,
            None => true,
        };
        if admitted {
            page.add(Place::of(&entity, &self.sort), entity);
        }
        Ok(())
    }
}

/// What was found as it is answered.
async fn answers(ctx: &Ctx, found: &[Entity<'_>]) -> Vec<SearchRecord> {
    let mut records = Vec::with_capacity(found.len());
    for (number, entity) in found.iter().enumerate() {
        if number % offline::STATUSES_AT_ONCE == 0 {
            pipeline::yield_once().await;
        }
        records.push(shape(ctx, entity));
    }
    records
}

fn shape(ctx: &Ctx, entity: &Entity<'_>) -> SearchRecord {
    match entity {
        Entity::Group { group, reasons, .. } => SearchRecord {
            feature_group: Some(FeatureGroup {
                offline_store_status: offline::status(ctx.services(), group, ctx.account()),
                tags: Some(entity.tags().map(tags::shape).unwrap_or_default()),
                ..shape_of_group(group, reasons)
            }),
            feature_metadata: None,
        },
        Entity::Feature(group, feature) => SearchRecord {
            feature_group: None,
            feature_metadata: Some(FeatureMetadata {
                feature_group_arn: Some(group.arn.to_string()),
                feature_group_name: Some(group.name.clone()),
                feature_name: Some(feature.name.clone()),
                feature_type: Some(features::shape(feature.kind)),
                creation_time: Some(feature.created(group)),
                last_modified_time: Some(feature.modified(group)),
                description: feature.description.clone(),
                parameters: Some(feature.parameters()),
            }),
        },
    }
}

fn shape_of_group(group: &GroupRecord, reasons: &Reasons) -> FeatureGroup {
    FeatureGroup {
        feature_group_arn: Some(group.arn.to_string()),
        feature_group_name: Some(group.name.clone()),
        record_identifier_feature_name: Some(group.identifier.clone()),
        event_time_feature_name: Some(group.event_time.clone()),
        feature_definitions: Some(group.definitions.iter().map(features::definition).collect()),
        creation_time: Some(group.created),
        last_modified_time: Some(group.updated.unwrap_or(group.created)),
        online_store_config: group.online.as_ref().map(shape::online_store),
        offline_store_config: group.offline.as_ref().map(OfflineStore::config),
        role_arn: group.role_arn.clone(),
        feature_group_status: Some(shape::status(group)),
        offline_store_status: None,
        last_update_status: shape::last_update(group, reasons),
        failure_reason: shape::failure(group, reasons),
        description: group.description.clone(),
        tags: None,
    }
}
