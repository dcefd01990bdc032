//! Records from the wire to the payload and back to the wire.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::answer::{JsonBody, Selection};
use crate::testing::{feature, group};

const FEATURES: [(&str, FeatureType); 5] = [
    ("id", FeatureType::String),
    ("at", FeatureType::String),
    ("count", FeatureType::Integral),
    ("ratio", FeatureType::Fractional),
    ("note", FeatureType::String),
];

const AT: &str = "2026-01-01T00:00:00Z";

/// The JSON that a record's payload is answered with.
fn answered(group: &Arc<GroupRecord>, payload: &Payload) -> serde_json::Value {
    let mut body = JsonBody::default();
    let all = Selection::of(group, None).unwrap();
    body.record(group, &payload.record().unwrap(), &all)
        .unwrap();
    serde_json::to_value(&body).unwrap()
}

#[test]
fn a_record_in_any_order_is_answered_in_that_order() {
    let group = Arc::new(group(&FEATURES));
    let record = [
        feature("note", "x"),
        feature("at", AT),
        feature("id", "a"),
        feature("count", "5"),
    ];
    let accepted = accept(&group, &record).unwrap();
    assert_eq!(accepted.identifier, "a");
    assert_eq!(accepted.event_time, EventTime::parse_text(AT).unwrap());
    assert_eq!(
        answered(&group, &accepted.payload),
        serde_json::to_value(&record).unwrap()
    );
}

#[test]
fn an_identifier_in_another_text_than_its_canonical_one_keeps_both() {
    let mut features = FEATURES;
    features[0].1 = FeatureType::Integral;
    let group = Arc::new(group(&features));
    let record = [feature("id", "+07"), feature("at", AT)];
    let accepted = accept(&group, &record).unwrap();
    assert_eq!(accepted.payload.record().unwrap().identifier(), b"7");
    assert_eq!(
        answered(&group, &accepted.payload),
        serde_json::to_value(&record).unwrap()
    );
}

#[test]
fn one_feature_may_identify_and_order() {
    let mut group = group(&FEATURES);
    group.event_time = "id".to_owned();
    store::Record::loaded(&mut group);
    let group = Arc::new(group);
    let record = [feature("id", AT)];
    let accepted = accept(&group, &record).unwrap();
    assert_eq!(
        answered(&group, &accepted.payload),
        serde_json::to_value(&record).unwrap()
    );
    let left = tombstone(&group, AT, AT);
    assert_eq!(
        answered(&group, &left),
        serde_json::to_value(&record).unwrap()
    );
}

#[test]
fn a_tombstone_holds_identifier_and_event_time() {
    let group = Arc::new(group(&FEATURES));
    let left = tombstone(&group, "a", AT);
    let expected = [feature("id", "a"), feature("at", AT)];
    assert_eq!(
        answered(&group, &left),
        serde_json::to_value(expected).unwrap()
    );
}

#[test]
fn a_feature_that_the_group_does_not_have_is_damage() {
    let wide = group(&FEATURES);
    let record = [feature("id", "a"), feature("at", AT), feature("note", "x")];
    let accepted = accept(&wide, &record).unwrap();
    let narrow = Arc::new(group(&FEATURES[..3]));
    let all = Selection::of(&narrow, None).unwrap();
    let mut body = JsonBody::default();
    let written = body.record(&narrow, &accepted.payload.record().unwrap(), &all);
    assert!(matches!(written, Err(Error::Internal { .. })));
}

fn any_record() -> impl Strategy<Value = Vec<FeatureValue>> {
    let optional = |name: &'static str, value: BoxedStrategy<String>| {
        proptest::option::of(value.prop_map(move |value| feature(name, &value)))
    };
    let fields = (
        "[^\\x00]{1,20}".prop_map(|id| feature("id", &id)),
        optional("count", any::<i64>().prop_map(|n| n.to_string()).boxed()),
        optional(
            "ratio",
            any::<f64>()
                .prop_filter("finite", |n| n.is_finite())
                .prop_map(|n| n.to_string())
                .boxed(),
        ),
        optional("note", "\\PC{0,40}|[\\x00-\\x7f]{0,40}".boxed()),
    );
    let record = fields.prop_map(|(id, count, ratio, note)| {
        let required = [Some(id), Some(feature("at", AT))];
        required
            .into_iter()
            .chain([count, ratio, note])
            .flatten()
            .collect::<Vec<_>>()
    });
    record.prop_shuffle()
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_answered_as_it_was_sent(record in any_record()) {
        let group = Arc::new(group(&FEATURES));
        let accepted = accept(&group, &record).unwrap();
        prop_assert_eq!(answered(&group, &accepted.payload), serde_json::to_value(&record).unwrap());
    }
}
