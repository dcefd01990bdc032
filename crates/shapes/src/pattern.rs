//! Patterns of the models: full matches, without a regex engine where a table will do.

use std::sync::LazyLock;

use regex::Regex;

/// A pattern: AWS's text for messages, and how it is tested.
#[derive(Debug)]
pub struct Pattern {
    /// The pattern as the model writes it.
    pub text: &'static str,
    /// The test that stands for it.
    pub test: Test,
}

/// A way to test whether a whole text matches.
#[derive(Debug)]
pub enum Test {
    /// Every character is in the set, and there are at least `min` of them.
    Set {
        /// The characters.
        set: CharSet,
        /// The fewest characters.
        min: usize,
    },
    /// Characters of one kind with characters of another between them.
    Words(Words),
    /// A regular expression that is compiled when first needed.
    Regex(&'static LazyRegex),
    /// The cheap test accepts most of what the expression accepts, and nothing else.
    WordsOr(Words, &'static LazyRegex),
}

/// A regular expression that matches whole texts; `None` (matches nothing) if it is faulty.
pub type LazyRegex = LazyLock<Option<Regex>>;

/// The patterns of a service.
#[cfg(test)]
pub(crate) type Patterns = &'static [&'static Pattern];

/// A set of characters: a bit for each ASCII character, ranges for the others.
#[derive(Debug)]
pub struct CharSet {
    /// Bit *n* stands for the ASCII character *n*.
    pub ascii: u128,
    /// Inclusive ranges of other characters.
    pub others: &'static [(char, char)],
}

/// Texts like `my-feature_group2`: `ends` first and last, `joints` anywhere between.
#[derive(Debug)]
pub struct Words {
    /// The ASCII characters that may stand anywhere, as bits.
    pub ends: u128,
    /// The ASCII characters that may only stand between two of `ends`, as bits.
    pub joints: u128,
    /// How many characters of `ends` there may be at most.
    pub most: usize,
}

impl Pattern {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.test {
            Test::Set { set, min } => set.holds_all(text, *min),
            Test::Words(words) => words.matches(text),
            Test::Regex(regex) => is_match(regex, text),
            Test::WordsOr(words, regex) => words.matches(text) || is_match(regex, text),
        }
    }
}

fn is_match(regex: &LazyRegex, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// Compiles `pattern` so that it matches whole texts only.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}

impl CharSet {
    fn holds(&self, character: char) -> bool {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => has(self.ascii, byte),
            _ => self
                .others
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&character)),
        }
    }

    fn holds_all(&self, text: &str, min: usize) -> bool {
        let all = if text.is_ascii() {
            text.bytes().all(|byte| has(self.ascii, byte))
        } else {
            text.chars().all(|character| self.holds(character))
        };
        // A text of `min` characters has at least as many bytes; counting is the rare case.
        all && (text.len() >= min) && (min <= 1 || text.chars().count() >= min)
    }
}

impl Words {
    fn matches(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return false;
        };
        let mut count = 0_usize;
        let known = bytes.iter().all(|byte| {
            let is_end = has(self.ends, *byte);
            count += usize::from(is_end);
            is_end || has(self.joints, *byte)
        });
        known && count <= self.most && has(self.ends, *first) && has(self.ends, *last)
    }
}

fn has(set: u128, byte: u8) -> bool {
    byte.is_ascii() && (set >> byte) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: u128 = 0x03ff_0000_0000_0000;
    const DASH: u128 = 1 << b'-';

    fn check(pattern: &Pattern, text: &str, expected: bool) {
        assert_eq!(
            pattern.matches(text),
            expected,
            "{} on {text:?}",
            pattern.text
        );
    }

    #[test]
    fn a_set_accepts_its_characters_only() {
        let pattern = Pattern {
            text: r"[0-9\u00e0-\u00ef]+",
            test: Test::Set {
                set: CharSet {
                    ascii: DIGITS,
                    others: &[('\u{e0}', '\u{ef}')],
                },
                min: 1,
            },
        };
        check(&pattern, "0123456789", true);
        check(&pattern, "1\u{e0}\u{ef}2", true);
        check(&pattern, "1\u{f0}", false);
        check(&pattern, "12a", false);
        check(&pattern, "", false);
    }

    #[test]
    fn a_set_counts_characters_and_not_bytes() {
        let pattern = Pattern {
            text: r"\u00e0{2,}",
            test: Test::Set {
                set: CharSet {
                    ascii: 0,
                    others: &[('\u{e0}', '\u{e0}')],
                },
                min: 2,
            },
        };
        check(&pattern, "\u{e0}", false);
        check(&pattern, "\u{e0}\u{e0}", true);
    }

    #[test]
    fn words_begin_and_end_with_an_end() {
        let pattern = Pattern {
            text: "[0-9](-*[0-9]){0,2}",
            test: Test::Words(Words {
                ends: DIGITS,
                joints: DASH,
                most: 3,
            }),
        };
        check(&pattern, "1", true);
        check(&pattern, "1--2-3", true);
        check(&pattern, "1--2-3-4", false);
        for text in ["", "-", "1-", "-1", "1 2", "1\u{e0}2"] {
            check(&pattern, text, false);
        }
    }

    #[test]
    fn an_expression_matches_whole_texts() {
        static EXPRESSION: LazyRegex = LazyLock::new(|| compile("a|bc"));
        let pattern = Pattern {
            text: "a|bc",
            test: Test::Regex(&EXPRESSION),
        };
        check(&pattern, "a", true);
        check(&pattern, "bc", true);
        for text in ["ac", "abc", "a\n", ""] {
            check(&pattern, text, false);
        }
    }

    #[test]
    fn a_faulty_expression_matches_nothing() {
        static FAULTY: LazyRegex = LazyLock::new(|| compile("("));
        let pattern = Pattern {
            text: "(",
            test: Test::Regex(&FAULTY),
        };
        check(&pattern, "", false);
        check(&pattern, "(", false);
    }
}
