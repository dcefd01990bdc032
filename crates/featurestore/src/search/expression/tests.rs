//! Filters of every kind, and how they are joined.

use super::*;
use crate::records::GroupRecord;
use crate::search::work::tests::{Ticking, turns};
use crate::shape::Reasons;
use crate::testing;
use crate::ttl::{Ttl, TtlUnit};
use crate::values::FeatureType;

fn group() -> GroupRecord {
    testing::group(&[
        ("station", FeatureType::String),
        ("hour", FeatureType::Fractional),
        ("wind", FeatureType::Integral),
    ])
}

fn filter(name: &str, operator: Option<Operator>, value: Option<&str>) -> Filter {
    Filter {
        name: name.to_owned(),
        operator,
        value: value.map(str::to_owned),
    }
}

fn of_filters(filters: Vec<Filter>, operator: Option<BooleanOperator>) -> SearchExpression {
    SearchExpression {
        filters: Some(filters),
        operator,
        ..SearchExpression::default()
    }
}

/// Whether `expression` is true of `entity`, with so many looks.
fn asked(expression: &Expression, entity: &Entity<'_>, looks: u64) -> Result<bool, Spent> {
    let clock = Ticking::default();
    let mut work = Work::new(&clock, looks);
    turns(expression.admits(entity, &mut work)).0
}

fn admits(kind: Kind, expression: &SearchExpression) -> Result<bool, String> {
    let group = group();
    let entity = match kind {
        Kind::Groups => Entity::Group {
            group: &group,
            own: true,
            reasons: Reasons::Shown(None),
            offline: None,
        },
        Kind::Features => Entity::Feature(&group, &group.definitions[2]),
    };
    let expression = Expression::parse(kind, expression).map_err(|error| error.to_string())?;
    Ok(asked(&expression, &entity, 1_000_000).unwrap())
}

fn check(name: &str, operator: Operator, value: Option<&str>, expected: bool) {
    let filter = filter(name, Some(operator), value);
    let found = admits(Kind::Groups, &of_filters(vec![filter], None));
    assert_eq!(found, Ok(expected), "{name} {operator} {value:?}");
}

fn check_feature(name: &str, operator: Operator, value: Option<&str>, expected: bool) {
    let filter = filter(name, Some(operator), value);
    let found = admits(Kind::Features, &of_filters(vec![filter], None));
    assert_eq!(found, Ok(expected), "{name} {operator} {value:?}");
}

fn check_wrong(name: &str, operator: Operator, value: Option<&str>, part: &str) {
    let filter = filter(name, Some(operator), value);
    let refused = admits(Kind::Groups, &of_filters(vec![filter], None)).unwrap_err();
    assert!(refused.contains(part), "{refused}");
}

#[test]
fn texts_are_equal_contained_or_in_a_list() {
    check("FeatureGroupName", Operator::Equals, Some("Weather"), true);
    check("FeatureGroupName", Operator::Equals, Some("weather"), false);
    check("FeatureGroupName", Operator::NotEquals, Some("x"), true);
    check("FeatureGroupName", Operator::Contains, Some("eath"), true);
    check("FeatureGroupName", Operator::Contains, Some("x"), false);
    check("FeatureGroupName", Operator::In, Some("a, Weather,b"), true);
    check("FeatureGroupName", Operator::In, Some("Weather2"), false);
}

#[test]
fn equals_is_the_operator_of_a_filter_without_one() {
    let equal = filter("Description", None, Some("hourly"));
    let found = admits(Kind::Groups, &of_filters(vec![equal], None));
    assert_eq!(found, Ok(true));
}

#[test]
fn times_are_compared_in_whole_seconds() {
    // The group was created a few nanoseconds after this.
    let at = Some("2023-11-14T22:13:20");
    check("CreationTime", Operator::Equals, at, true);
    check("CreationTime", Operator::GreaterThan, at, false);
    check("CreationTime", Operator::GreaterThanOrEqualTo, at, true);
    check("CreationTime", Operator::LessThanOrEqualTo, at, true);
    check("CreationTime", Operator::LessThan, at, false);
    let later = Some("2023-11-14T22:13:21Z");
    check("CreationTime", Operator::LessThan, later, true);
    check("LastModifiedTime", Operator::NotEquals, later, true);
    for wrong in ["2023-11-14", "2023-11-14T22:13:20.5", "x"] {
        check_wrong("CreationTime", Operator::Equals, Some(wrong), "the form");
    }
}

#[test]
fn numbers_are_compared_as_numbers() {
    let value = "OnlineStoreConfig.TtlDuration.Value";
    assert_eq!(
        group().ttl(),
        Some(Ttl {
            unit: TtlUnit::Days,
            value: 3
        })
    );
    check(value, Operator::Equals, Some("3.0"), true);
    check(value, Operator::GreaterThan, Some("2.5"), true);
    check(value, Operator::LessThan, Some("3"), false);
    check(value, Operator::LessThanOrEqualTo, Some("3"), true);
    check_wrong(value, Operator::Equals, Some("many"), "must be a number");
}

#[test]
fn what_is_absent_exists_not_and_is_neither_smaller_nor_larger() {
    check("OfflineStoreStatus", Operator::Exists, None, false);
    check("OfflineStoreStatus", Operator::NotExists, None, true);
    check("OfflineStoreStatus", Operator::NotEquals, Some("x"), true);
    check("Description", Operator::Exists, None, true);
    check("Tags.nothing", Operator::NotExists, None, true);
    let without = |operator, value| {
        let group = testing::group_without_ttl();
        let entity = Entity::Group {
            group: &group,
            own: true,
            reasons: Reasons::Shown(None),
            offline: None,
        };
        let name = "OnlineStoreConfig.TtlDuration.Value";
        let filter = filter(name, Some(operator), Some(value));
        let parsed = Expression::parse(Kind::Groups, &of_filters(vec![filter], None)).unwrap();
        asked(&parsed, &entity, 10).unwrap()
    };
    assert!(!without(Operator::LessThanOrEqualTo, "3"));
    assert!(!without(Operator::GreaterThanOrEqualTo, "3"));
    assert!(without(Operator::NotEquals, "3"));
}

#[test]
fn tags_and_features_are_searched_too() {
    check("Tags.team", Operator::Equals, Some("met"), true);
    check("AllTags", Operator::Contains, Some("tea"), true);
    check("AllTags", Operator::Equals, Some("met"), true);
    let names = "FeatureDefinitions.FeatureName";
    check(names, Operator::Contains, Some("win"), true);
    check(names, Operator::NotEquals, Some("wind"), false);
    check(
        "FeatureDefinitions",
        Operator::Equals,
        Some("Integral"),
        true,
    );
    check(
        "OnlineStoreConfig.StorageType",
        Operator::Equals,
        Some("Standard_V2"),
        true,
    );
}

#[test]
fn features_have_properties_of_their_own() {
    check_feature("FeatureName", Operator::Equals, Some("wind"), true);
    check_feature("FeatureType", Operator::Equals, Some("Integral"), true);
    check_feature("FeatureGroupName", Operator::Contains, Some("Wea"), true);
    check_feature("Description", Operator::Exists, None, false);
    check_feature("Parameters.unit", Operator::Exists, None, false);
    check_feature("AllParameters", Operator::Contains, Some("x"), false);
}

#[test]
fn a_group_of_another_account_is_looked_at_in_place_and_has_no_tags() {
    let group = group();
    let of = |own| Entity::Group {
        group: &group,
        own,
        reasons: Reasons::Shown(None),
        offline: None,
    };
    for name in ["Tags.team", "AllTags"] {
        let filter = filter(name, Some(Operator::Exists), None);
        let tagged = Expression::parse(Kind::Groups, &of_filters(vec![filter], None)).unwrap();
        let has = |own| asked(&tagged, &of(own), 10).unwrap();
        assert!(has(true), "{name}");
        assert!(!has(false), "{name}");
    }
    // Without a copy: it is the record itself that has tags for its owner only.
    assert!(std::ptr::eq(of(false).group(), of(true).group()));
    assert_eq!(of(true).tags(), Some(&group.tags));
    assert_eq!(of(false).tags(), None);
}

#[test]
fn properties_of_other_resources_are_unknown() {
    let unknown = "is not a property of this resource";
    for name in [
        "TrainingJobName",
        "FeatureName",
        "Parameters.x",
        "Tags.",
        "Tags",
        "",
    ] {
        check_wrong(name, Operator::Exists, None, unknown);
    }
    let of_groups = of_filters(vec![filter("Tags.x", None, Some("y"))], None);
    assert!(admits(Kind::Features, &of_groups).is_err());
}

#[test]
fn operators_go_with_the_kind_of_the_property() {
    let (name, time) = ("FeatureGroupName", "CreationTime");
    for operator in [
        Operator::GreaterThan,
        Operator::GreaterThanOrEqualTo,
        Operator::LessThan,
        Operator::LessThanOrEqualTo,
    ] {
        check_wrong(name, operator, Some("x"), "not for texts");
    }
    check_wrong(time, Operator::Contains, Some("2023"), "for texts only");
    check_wrong(time, Operator::In, Some("2023"), "for texts only");
    check_wrong(name, Operator::Exists, Some("x"), "takes no Value");
    check_wrong(name, Operator::Equals, None, "needs a Value");
}

#[test]
fn filters_are_joined_by_and_unless_by_or() {
    let (yes, no) = (
        filter("FeatureGroupName", None, Some("Weather")),
        filter("FeatureGroupName", None, Some("x")),
    );
    let joined = |operator, filters| admits(Kind::Groups, &of_filters(filters, operator));
    let both = || vec![yes.clone(), no.clone()];
    assert_eq!(joined(None, both()), Ok(false));
    assert_eq!(joined(Some(BooleanOperator::And), both()), Ok(false));
    assert_eq!(joined(Some(BooleanOperator::Or), both()), Ok(true));
    assert_eq!(joined(None, vec![yes.clone(), yes.clone()]), Ok(true));
    let none = vec![no.clone(), no.clone()];
    assert_eq!(joined(Some(BooleanOperator::Or), none), Ok(false));
    let nested = SearchExpression {
        filters: Some(vec![yes.clone()]),
        sub_expressions: Some(vec![of_filters(both(), Some(BooleanOperator::Or))]),
        ..SearchExpression::default()
    };
    assert_eq!(admits(Kind::Groups, &nested), Ok(true));
}

fn nested(name: &str, filters: Vec<Filter>) -> SearchExpression {
    SearchExpression {
        nested_filters: Some(vec![NestedFilters {
            nested_property_name: name.to_owned(),
            filters,
        }]),
        ..SearchExpression::default()
    }
}

#[test]
fn a_nested_filter_is_true_of_one_feature_as_a_whole() {
    let named = |name| filter("FeatureDefinitions.FeatureName", None, Some(name));
    let typed = |kind| filter("FeatureDefinitions.FeatureType", None, Some(kind));
    let admitted = |name, kind| {
        admits(
            Kind::Groups,
            &nested("FeatureDefinitions", vec![named(name), typed(kind)]),
        )
    };
    assert_eq!(admitted("wind", "Integral"), Ok(true));
    assert_eq!(admitted("wind", "String"), Ok(false));
    // Each is true of some feature, but both of none.
    let apart = of_filters(vec![named("wind"), typed("String")], None);
    assert_eq!(admits(Kind::Groups, &apart), Ok(true));
}

#[test]
fn nested_filters_are_about_features_of_groups_only() {
    let inside = filter("FeatureDefinitions.FeatureName", None, Some("x"));
    let outside = filter("Description", None, Some("x"));
    assert!(admits(Kind::Groups, &nested("Tags", vec![inside.clone()])).is_err());
    assert!(admits(Kind::Groups, &nested("FeatureDefinitions", vec![outside])).is_err());
    assert!(admits(Kind::Features, &nested("FeatureDefinitions", vec![inside])).is_err());
}

#[test]
fn expressions_are_neither_empty_nor_too_large() {
    let one = || filter("Description", None, Some("x"));
    let wrong = |expression: &SearchExpression, part: &str| {
        let refused = admits(Kind::Groups, expression).unwrap_err();
        assert!(refused.contains(part), "{refused}");
    };
    wrong(&SearchExpression::default(), "at least one");
    let many = |count| of_filters(vec![one(); count], None);
    assert!(admits(Kind::Groups, &many(20)).is_ok());
    let with_inner = |inner| SearchExpression {
        filters: Some(vec![one()]),
        sub_expressions: Some(inner),
        ..SearchExpression::default()
    };
    let full = SearchExpression {
        filters: Some(vec![one(); 20]),
        sub_expressions: Some(vec![many(1)]),
        ..SearchExpression::default()
    };
    wrong(&full, "at most 20 elements; 21 are given");
    // 1 + 2 + 20 + 20 and 1 + 3 + 20 + 20 + 20.
    assert!(admits(Kind::Groups, &with_inner(vec![many(20), many(20)])).is_ok());
    let large = with_inner(vec![many(20), many(20), many(20)]);
    wrong(&large, "at most 50 Filters");
    wrong(
        &with_inner(vec![SearchExpression::default()]),
        "at least one",
    );
}

#[test]
fn a_search_ends_when_its_budget_is_spent() {
    let group = group();
    let entity = Entity::Group {
        group: &group,
        own: true,
        reasons: Reasons::Shown(None),
        offline: None,
    };
    let filter = filter("FeatureDefinitions.FeatureName", None, Some("none"));
    let parsed = Expression::parse(Kind::Groups, &of_filters(vec![filter], None)).unwrap();
    // One for the filter, and one for each of three names.
    assert!(matches!(asked(&parsed, &entity, 3), Err(Spent)));
    assert!(matches!(asked(&parsed, &entity, 4), Ok(false)));
}

/// How many looks a filter for the description of a group takes.
fn looks(operator: Operator, value: &str, description: &str) -> u64 {
    let mut group = group();
    group.description = Some(description.to_owned());
    let entity = Entity::Group {
        group: &group,
        own: true,
        reasons: Reasons::Shown(None),
        offline: None,
    };
    let filter = filter("Description", Some(operator), Some(value));
    let parsed = Expression::parse(Kind::Groups, &of_filters(vec![filter], None)).unwrap();
    (1..100)
        .find(|looks| asked(&parsed, &entity, *looks).is_ok())
        .unwrap()
}

#[test]
fn what_takes_longer_counts_as_more() {
    let (short, long) = ("a".repeat(60), "a".repeat(640));
    assert_eq!(looks(Operator::Equals, &long, &long), 2);
    assert_eq!(looks(Operator::Contains, "b", "a"), 2);
    assert_eq!(looks(Operator::Contains, &long, &long), 22);
    assert_eq!(looks(Operator::Contains, &short, &long), 12);
    // What cannot be in it is not looked for.
    assert_eq!(looks(Operator::Contains, &long, &short), 2);
    assert_eq!(looks(Operator::In, "a,b", "c"), 3);
}

#[test]
fn many_texts_of_a_list_are_looked_for_as_one() {
    let many = ["a,"; 500].concat();
    let filter = filter("FeatureGroupName", Some(Operator::In), Some(&many));
    let read = Condition::read(Kind::Groups, &filter).unwrap();
    // The last one is empty, as it is written.
    assert!(matches!(read.comparison, Comparison::In(texts) if texts.len() == 2));
}

#[test]
fn looking_at_one_group_takes_several_turns() {
    let names: Vec<String> = (0..2500).map(|number| format!("f{number}")).collect();
    let features: Vec<_> = (names.iter())
        .map(|name| (name.as_str(), FeatureType::String))
        .collect();
    let group = testing::group(&features);
    let entity = Entity::Group {
        group: &group,
        own: true,
        reasons: Reasons::Shown(None),
        offline: None,
    };
    let none = || filter("FeatureDefinitions.FeatureName", None, Some("none"));
    let filters = of_filters((0..20).map(|_| none()).collect(), Some(BooleanOperator::Or));
    // Nine that are true of every feature, and one that is of none.
    let mut conditions: Vec<_> = (0..10).map(|_| none()).collect();
    for condition in &mut conditions[..9] {
        condition.operator = Some(Operator::NotEquals);
    }
    let nested = SearchExpression {
        nested_filters: Some(vec![NestedFilters {
            nested_property_name: NESTED.to_owned(),
            filters: conditions,
        }]),
        ..SearchExpression::default()
    };
    let within = SearchExpression {
        sub_expressions: Some(vec![filters.clone()]),
        ..SearchExpression::default()
    };
    for (expression, least) in [(filters, 5), (within, 5), (nested, 5)] {
        let parsed = Expression::parse(Kind::Groups, &expression).unwrap();
        let clock = Ticking::default();
        let mut work = Work::new(&clock, 1_000_000);
        let (admitted, taken) = turns(parsed.admits(&entity, &mut work));
        assert!(!admitted.unwrap() && taken >= least, "{taken}");
    }
}
