//! Patterns as the models write them, and what the generator makes of them.

use super::*;

fn check(pattern: &str, test: &str, regex: Option<&str>) {
    let expected = Translated {
        test: test.to_owned(),
        regex: regex.map(str::to_owned),
    };
    assert_eq!(translate(pattern), Ok(expected), "{pattern}");
}

fn check_regex(pattern: &str, regex: &str) {
    check(pattern, "Test::Regex(&REGEX)", Some(regex));
}

fn check_refused(pattern: &str, problem: &str) {
    assert_eq!(translate(pattern), Err(problem.to_owned()), "{pattern}");
}

#[test]
fn a_repeated_class_is_a_set() {
    check(
        r"[\w]+",
        "Test::Set { set: CharSet { ascii: \
         0x07ff_fffe_87ff_fffe_03ff_0000_0000_0000, others: &[] }, min: 1 }",
        None,
    );
    check(
        r"^[0-2-_.]*$",
        "Test::Set { set: CharSet { ascii: \
         0x0000_0000_8000_0000_0007_6000_0000_0000, others: &[] }, min: 0 }",
        None,
    );
}

#[test]
fn surrogate_pairs_are_one_code_point_and_surrogates_none() {
    check(
        r"[\u0041-\uFFFD\uD800\uDC00-\uDBFF\uDFFF]*",
        "Test::Set { set: CharSet { ascii: \
         0xffff_ffff_ffff_fffe_0000_0000_0000_0000, others: &[('\\u{80}', '\\u{d7ff}'), \
         ('\\u{e000}', '\\u{fffd}'), ('\\u{10000}', '\\u{10ffff}'), ] }, min: 0 }",
        None,
    );
}

#[test]
fn a_dot_is_no_line_terminator() {
    check(
        ".*",
        "Test::Set { set: CharSet { ascii: \
         0xffff_ffff_ffff_ffff_ffff_ffff_ffff_dbff, others: &[('\\u{80}', '\\u{84}'), \
         ('\\u{86}', '\\u{2027}'), ('\\u{202a}', '\\u{d7ff}'), ('\\u{e000}', '\\u{10ffff}'), ] \
         }, min: 0 }",
        None,
    );
}

#[test]
fn names_with_joints_are_words() {
    let words = "Words { ends: 0x0000_0000_0000_0000_03ff_0000_0000_0000, \
                 joints: 0x0000_0000_8000_0000_0000_2000_0000_0000, most: 64 }";
    check(
        "^[0-9]([-_]*[0-9]){0,63}",
        &format!("Test::Words({words})"),
        None,
    );
    check(
        "(a:b/)?([0-9]([_-]*[0-9]){0,63})",
        &format!("Test::WordsOr({words}, &REGEX)"),
        Some(r"(?:a\x{3a}b\x{2f})?(?:[0-9](?:[\x{2d}\x{5f}]*[0-9]){0,63})"),
    );
}

#[test]
fn overlapping_joints_are_no_words() {
    check_regex("[0-9]([0-4]*[0-9]){0,3}", "[0-9](?:[0-4]*[0-9]){0,3}");
}

#[test]
fn other_patterns_are_expressions() {
    check_regex(
        r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
        r"(?:\x{2f})|(?:\x{2f}[\x{21}-\x{7e}]+\x{2f})",
    );
    check_regex(r"v[1-9]\d{2}(\.x)??", r"v[1-9][0-9]{2,2}(?:\x{2e}x)?");
    check_regex(r"([\p{L}\p{Z}_]*)", r"(?:[\x{5f}\p{L}\p{Z}]*)");
    check_regex("[^/]+x", r"[\x{0}-\x{2e}0-\x{d7ff}\x{e000}-\x{10ffff}]+x");
}

#[test]
fn what_is_not_understood_is_refused() {
    check_refused("(?!a)b", "a group that looks around or is named");
    check_refused("a++", "a possessive or doubled repetition");
    check_refused(r"(a)\1", r"`\1`");
    check_refused("[a-z&&[^x]]", "an intersection of classes");
    check_refused("[a[b]]", "a class in a class");
    check_refused("^a|b$", "an anchor in one of several alternatives");
    check_refused("a^b", "`^` in this place");
    check_refused(r"\p{Lu}", "the property `Lu`");
    check_refused("[a", "an unfinished class");
    check_refused("a)", "an unexpected `)`");
}
