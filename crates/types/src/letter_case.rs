//! Letter case, ignored in one way by everything that ignores it.
//!
//! Keys of tags and encryption contexts, names of condition keys and the values of
//! `StringEqualsIgnoreCase` compare without regard to case. What one part of a decision takes for
//! the same, every other must: a tag that a policy does not see as `team` must not become `team`
//! once it is stored.

use std::borrow::Cow;
use std::collections::HashSet;

/// The text in the form in which texts are equal that differ in case only.
///
/// Letter by letter in lower case. A letter outside ASCII never becomes one inside: no look-alike
/// (the Kelvin sign `\u{212A}`, the dotted `\u{130}`) passes for a letter of a name.
pub fn fold_case(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(folded(text).collect())
}

/// Whether two texts are the same but for the case of letters: whether [`fold_case`] makes them
/// equal.
pub fn same_but_for_case(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    folded(one).eq(folded(other))
}

/// Whether two of these texts are the same but for the case of letters.
pub fn differ_in_case_only<'a>(texts: impl IntoIterator<Item = &'a str>) -> bool {
    let mut seen = HashSet::new();
    let mut texts = texts.into_iter();
    texts.any(|text| !seen.insert(fold_case(text)))
}

fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(|letter| {
        let lower = letter.to_lowercase();
        let keeps_its_kind = lower.clone().all(|l| l.is_ascii() == letter.is_ascii());
        let kept = (!keeps_its_kind).then_some(letter);
        kept.into_iter()
            .chain(lower.filter(move |_| keeps_its_kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &str, other: &str, same: bool) {
        assert_eq!(same_but_for_case(one, other), same, "{one} {other}");
        assert_eq!(same_but_for_case(other, one), same, "{other} {one}");
        assert_eq!(fold_case(one) == fold_case(other), same, "{one} {other}");
        let twice = differ_in_case_only([one, "between", other]);
        assert_eq!(twice, same, "{one} {other}");
    }

    #[test]
    fn letters_are_the_same_in_either_case() {
        check("", "", true);
        check("team", "TEAM", true);
        check("team", "teams", false);
        check("équipe", "ÉQUIPE", true);
        check("équipe", "equipe", false);
        check("ΣΑΣ", "σας", false);
        check("ΣΑΣ", "σασ", true);
        check("ß", "ẞ", true);
        check("ß", "ss", false);
    }

    #[test]
    fn a_letter_outside_ascii_is_never_one_inside() {
        check("stac\u{212A}", "stack", false);
        check("STAC\u{212A}", "stac\u{212A}", true);
        check("r\u{130}sk", "risk", false);
        check("r\u{130}sk", "ri\u{307}sk", false);
        for letter in (0x80..=0x10_FFFF).filter_map(char::from_u32) {
            let text = letter.to_string();
            let folded = fold_case(&text);
            assert!(folded.chars().all(|c| !c.is_ascii()), "{letter}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        for letter in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let text = letter.to_string();
            let once = fold_case(&text);
            assert_eq!(fold_case(&once), once, "{letter}");
        }
    }

    #[test]
    fn what_is_in_lower_case_is_not_copied() {
        assert!(matches!(fold_case("team"), Cow::Borrowed("team")));
    }
}
