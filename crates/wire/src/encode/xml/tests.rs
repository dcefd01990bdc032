//! What XML looks like, and that an independent reader gets back what was written.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde::Serialize;

use super::*;

fn check<T: Serialize>(value: &T, expected: &str) {
    let mut out = String::new();
    element("X", value, &mut out).unwrap();
    assert_eq!(out, format!("<X>{expected}</X>"));
}

#[derive(Serialize)]
struct Inner {
    a: Option<u8>,
    b: Option<&'static str>,
}

#[derive(Serialize)]
struct Newtype(i64);

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
enum Choice {
    One,
    Two(u8),
}

#[test]
fn scalars_are_text() {
    check(&true, "true");
    check(&-5_i64, "-5");
    check(&255_u8, "255");
    check(&0.5_f64, "0.5");
    check(&'<', "&lt;");
    check(&"a", "a");
    check(&"", "");
    check(&Newtype(7), "7");
    check(&Unit, "");
    check(&Choice::One, "One");
}

#[test]
fn lists_are_members_and_maps_entries() {
    check(&["a", "b"], "<member>a</member><member>b</member>");
    check(&("a", 1), "<member>a</member><member>1</member>");
    check(&Vec::<u8>::new(), "");
    check(&[vec![1]], "<member><member>1</member></member>");
    check(
        &BTreeMap::from([("<", 1), ("b", 2)]),
        "<entry><key>&lt;</key><value>1</value></entry><entry><key>b</key><value>2</value></entry>",
    );
}

#[test]
fn absent_members_are_left_out() {
    check(
        &Inner {
            a: Some(1),
            b: None,
        },
        "<a>1</a>",
    );
    check(
        &Inner {
            a: None,
            b: Some(""),
        },
        "<b></b>",
    );
    let mut out = String::new();
    element("X", &None::<u8>, &mut out).unwrap();
    assert_eq!(out, "");
}

#[test]
fn timestamps_may_see_that_this_is_not_json() {
    assert!(
        !Element {
            name: "X",
            out: &mut String::new()
        }
        .is_human_readable()
    );
}

#[test]
fn enumerations_with_content_are_refused() {
    let refused = element("X", &Choice::Two(1), &mut String::new()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no shape has an enumeration with content"
    );
}

#[test]
fn markup_is_escaped() {
    check(
        &"</X><Y a=\"'\">&amp;]]>",
        "&lt;/X&gt;&lt;Y a=&quot;'&quot;&gt;&amp;amp;]]&gt;",
    );
}

#[test]
fn characters_that_xml_cannot_carry_are_replaced() {
    check(
        &"a\0\u{1}\u{b}\u{1f}\u{fffe}\u{ffff}b",
        "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}b",
    );
    check(&"a\tb\nc\rd", "a\tb\nc&#xD;d");
    check(&"\u{7f}é😀", "\u{7f}é😀");
}

/// The text of the only element, as an independent reader sees it.
fn read_back(document: &str) -> String {
    let mut reader = Reader::from_str(document);
    let (mut text, mut depth) = (String::new(), 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Text(part) => text += &part,
            Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                Some(letter) => text.push(letter),
                None => {
                    text += resolve_predefined_entity(&reference).unwrap();
                }
            },
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(depth, 0, "{document}");
    text
}

fn carried(letter: char) -> char {
    match letter {
        '\t' | '\n' | '\r' => letter,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        other => other,
    }
}

proptest! {
    #[test]
    fn any_text_reads_back(text: String, markup in "[<>&\"';#x\\[\\]\r\n\t\u{0}a-c]{0,30}") {
        for text in [text, markup] {
            let mut out = String::new();
            element("X", &text, &mut out).unwrap();
            let expected: String = text.chars().map(carried).collect();
            prop_assert_eq!(read_back(&out), expected);
        }
    }
}
