//! Wildcard patterns: the one matcher that actions, resources and conditions share.
//!
//! A pattern is compiled once, when its policy is stored. Matching allocates nothing and is
//! never exponential: at most two places are remembered to go back to (see [`matches`]).

/// One piece of a pattern. `S` owns its text in compiled patterns and borrows it where
/// policy variables were substituted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<S> {
    /// Exactly this text.
    Literal(S),
    /// `?`: one character; a colon only if `colons`.
    One { colons: bool },
    /// `*`: any run of characters; over colons only if `colons`.
    Many { colons: bool },
}

/// How letters compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Byte for byte.
    Sensitive,
    /// ASCII letters without regard to case, as in action names.
    Insensitive,
}

/// Whether `pieces` match the whole of `text`.
///
/// Two backtracking points suffice. Once a `*` that crosses colons is reached, everything
/// before it can stay as it is: it absorbs whatever an earlier choice would have left. The
/// same holds for a `*` that stops at colons, among alternatives within one segment, because
/// what it can absorb there contains no colon.
///
/// INVARIANT: behind a `*` that stops at colons, a `?` crosses them only in a later segment.
/// All dialects keep to that; otherwise a third place would have to be remembered.
pub(crate) fn matches<S: AsRef<str>>(pieces: &[Piece<S>], text: &str, case: Case) -> bool {
    let mut crossing: Option<(usize, usize)> = None;
    let mut within: Option<(usize, usize)> = None;
    let (mut piece, mut at) = (0, 0);
    loop {
        let step = match pieces.get(piece) {
            Some(Piece::Many { colons: true }) => {
                if piece + 1 == pieces.len() {
                    return true;
                }
                let next = candidate(pieces, piece + 1, text, at, true, case);
                crossing = next.map(|next| (piece + 1, next));
                within = None;
                next
            }
            Some(Piece::Many { colons: false }) => {
                let next = candidate(pieces, piece + 1, text, at, false, case);
                within = next.map(|next| (piece + 1, next));
                next
            }
            Some(Piece::One { colons }) => after_character(text, at, *colons),
            Some(Piece::Literal(literal)) => after_literal(text, at, literal.as_ref(), case),
            None if at == text.len() => return true,
            None => None,
        };
        if let Some(next) = step {
            piece += 1;
            at = next;
            continue;
        }
        let longer = |place: Option<(usize, usize)>, colons: bool| {
            let (next_piece, from) = place?;
            let from = after_character(text, from, colons)?;
            let next = candidate(pieces, next_piece, text, from, colons, case)?;
            Some((next_piece, next))
        };
        if let Some(place) = longer(within, false) {
            within = Some(place);
            (piece, at) = place;
        } else if let Some(place) = longer(crossing, true) {
            within = None;
            crossing = Some(place);
            (piece, at) = place;
        } else {
            return false;
        }
    }
}

/// The first offset from `at` on where `pieces` could go on with piece `next`, behind a `*`
/// that may have absorbed what lies between: where its literal begins, if it is one.
fn candidate<S: AsRef<str>>(
    pieces: &[Piece<S>],
    next: usize,
    text: &str,
    at: usize,
    colons: bool,
    case: Case,
) -> Option<usize> {
    let Some(Piece::Literal(literal)) = pieces.get(next) else {
        return Some(at);
    };
    let Some(first) = literal.as_ref().bytes().next() else {
        return Some(at);
    };
    for (offset, byte) in text.as_bytes().get(at..)?.iter().enumerate() {
        let begins = match case {
            Case::Sensitive => *byte == first,
            Case::Insensitive => byte.eq_ignore_ascii_case(&first),
        };
        if begins {
            return Some(at + offset);
        }
        if *byte == b':' && !colons {
            return None;
        }
    }
    None
}

/// The offset behind the character at `at`, if there is one (and it may be a colon).
fn after_character(text: &str, at: usize, colons: bool) -> Option<usize> {
    let next = text.get(at..)?.chars().next()?;
    (colons || next != ':').then(|| at + next.len_utf8())
}

/// The offset behind `literal`, if `text` continues with it at `at`.
fn after_literal(text: &str, at: usize, literal: &str, case: Case) -> Option<usize> {
    let end = at.checked_add(literal.len())?;
    let found = text.as_bytes().get(at..end)?;
    let equal = match case {
        Case::Sensitive => found == literal.as_bytes(),
        Case::Insensitive => found.eq_ignore_ascii_case(literal.as_bytes()),
    };
    equal.then_some(end)
}

/// A compiled pattern without variables, with shortcuts for the usual forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*` alone: everything.
    Any,
    /// No wildcard.
    Exact(Box<str>),
    /// Literal text, then a `*` that crosses everything.
    Prefix(Box<str>),
    /// Anything else.
    General(Box<[Piece<Box<str>>]>),
}

impl Pattern {
    /// Chooses the cheapest form for `pieces`, whose adjacent literals are already joined.
    pub(crate) fn new(pieces: Vec<Piece<Box<str>>>) -> Self {
        match pieces.as_slice() {
            [] => Self::Exact(Box::from("")),
            [Piece::Many { colons: true }] => Self::Any,
            [Piece::Literal(text)] => Self::Exact(text.clone()),
            [Piece::Literal(text), Piece::Many { colons: true }] => Self::Prefix(text.clone()),
            _ => Self::General(pieces.into_boxed_slice()),
        }
    }

    /// What every text begins with that the pattern matches.
    pub(crate) fn beginning(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Exact(literal) | Self::Prefix(literal) => Some(literal),
            Self::General(pieces) => match pieces.first() {
                Some(Piece::Literal(literal)) => Some(literal),
                Some(Piece::One { .. } | Piece::Many { .. }) | None => None,
            },
        }
    }

    /// Whether the pattern matches the whole of `text`.
    pub(crate) fn matches(&self, text: &str, case: Case) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(literal) => after_literal(text, 0, literal, case) == Some(text.len()),
            Self::Prefix(literal) => after_literal(text, 0, literal, case).is_some(),
            Self::General(pieces) => matches(pieces, text, case),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `*` and `?` cross colons, `+` and `.` do the same without crossing.
    fn pieces(pattern: &str) -> Vec<Piece<String>> {
        pattern
            .chars()
            .map(|c| match c {
                '*' => Piece::Many { colons: true },
                '+' => Piece::Many { colons: false },
                '?' => Piece::One { colons: true },
                '.' => Piece::One { colons: false },
                other => Piece::Literal(other.to_string()),
            })
            .collect()
    }

    fn check(pattern: &str, text: &str, expected: bool) {
        let found = matches(&pieces(pattern), text, Case::Sensitive);
        assert_eq!(found, expected, "{pattern} against {text}");
        assert_eq!(
            exhaustive(&pieces(pattern), text),
            expected,
            "the model disagrees"
        );
    }

    /// Tries every way to match: slow, obviously right.
    fn exhaustive(pieces: &[Piece<String>], text: &str) -> bool {
        let Some((first, rest)) = pieces.split_first() else {
            return text.is_empty();
        };
        let may = |c: char, colons: bool| colons || c != ':';
        let mut characters = text.chars();
        match first {
            Piece::Literal(literal) => text
                .strip_prefix(literal.as_str())
                .is_some_and(|left| exhaustive(rest, left)),
            Piece::One { colons } => match characters.next() {
                Some(c) => may(c, *colons) && exhaustive(rest, characters.as_str()),
                None => false,
            },
            Piece::Many { colons } => {
                exhaustive(rest, text)
                    || characters
                        .next()
                        .is_some_and(|c| may(c, *colons) && exhaustive(pieces, characters.as_str()))
            }
        }
    }

    #[test]
    fn literals_match_themselves_only() {
        check("abc", "abc", true);
        check("abc", "ab", false);
        check("abc", "abcd", false);
        check("", "", true);
        check("", "a", false);
    }

    #[test]
    fn star_matches_any_run_even_none() {
        check("a*c", "ac", true);
        check("a*c", "abbbc", true);
        check("a*c", "abbbd", false);
        check("*", "", true);
        check("*b*", "abc", true);
    }

    #[test]
    fn question_mark_matches_one_character_not_one_byte() {
        check("a?c", "aéc", true);
        check("a?c", "ac", false);
        check("??", "é", false);
    }

    #[test]
    fn a_star_within_a_segment_stops_at_colons() {
        check("a+c", "abc", true);
        check("a+c", "a:c", false);
        check("a.c", "a:c", false);
        check("+:+", "ab:cd", true);
        check("+:+", "ab:cd:ef", false);
    }

    #[test]
    fn a_crossing_star_is_retried_when_a_later_segment_fails() {
        check("a*:b+c", "a1:bX:b2c", true);
        check("a*:b+c", "a1:bX:b2d", false);
        check("*:b+c+d", "x:bcy:bzczd", true);
    }

    #[test]
    fn many_stars_do_not_explode() {
        let text = "a".repeat(5_000);
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!matches(&pieces(&pattern), &text, Case::Sensitive));
    }

    #[test]
    fn case_matters_unless_told_otherwise() {
        let pattern = pieces("kms:De*");
        assert!(!matches(&pattern, "KMS:decrypt", Case::Sensitive));
        assert!(matches(&pattern, "KMS:decrypt", Case::Insensitive));
    }

    /// Patterns as the dialects make them: wildcards that all cross colons; only stars that
    /// do; or, behind a colon, all of them.
    fn pattern() -> impl Strategy<Value = String> {
        prop_oneof!["[ab:*?]{0,9}", "[ab:*+.]{0,9}", "[ab:+.]{0,5}:[ab:*?]{0,5}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_matcher_agrees_with_trying_everything(
            pattern in pattern(),
            text in "[ab:]{0,10}",
        ) {
            let pieces = pieces(&pattern);
            prop_assert_eq!(
                matches(&pieces, &text, Case::Sensitive),
                exhaustive(&pieces, &text)
            );
        }
    }
}
