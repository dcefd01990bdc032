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
    /// `?`: one character; a colon only if `colons` has it.
    One { colons: Colons },
    /// `*`: any run of characters; over colons only if `colons` has them.
    Many { colons: Colons },
}

/// Which colons of the text a wildcard matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colons {
    None,
    /// Those behind the fifth, which in an ARN belong to the name of the resource. What counts is
    /// where the wildcard is in the text: a `*` before it may have matched any number of colons.
    BehindFifth,
    All,
}

impl Colons {
    /// Whether a wildcard that begins at `at` matches colons from there on; `names` is where the
    /// part behind the fifth colon begins.
    fn match_from(self, at: usize, names: usize) -> bool {
        match self {
            Self::None => false,
            Self::BehindFifth => at >= names,
            Self::All => true,
        }
    }
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
/// A `*` for the colons behind the fifth is one or the other, by where it begins; where it begins
/// later it absorbs no less.
///
/// INVARIANT: behind a `*` that stops at colons, a `?` crosses them only in a later segment.
/// All dialects keep to that; otherwise a third place would have to be remembered.
pub(crate) fn matches<S: AsRef<str>>(pieces: &[Piece<S>], text: &str, case: Case) -> bool {
    let mut crossing: Option<(usize, usize)> = None;
    let mut within: Option<(usize, usize)> = None;
    let names = names_begin(text);
    let (mut piece, mut at) = (0, 0);
    loop {
        let step = match pieces.get(piece) {
            Some(Piece::Many { colons }) if colons.match_from(at, names) => {
                if piece + 1 == pieces.len() {
                    return true;
                }
                let next = candidate(pieces, piece + 1, text, at, true, case);
                crossing = next.map(|next| (piece + 1, next));
                within = None;
                next
            }
            Some(Piece::Many { .. }) => {
                let next = candidate(pieces, piece + 1, text, at, false, case);
                within = next.map(|next| (piece + 1, next));
                next
            }
            Some(Piece::One { colons }) => after_character(text, at, colons.match_from(at, names)),
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

/// Where the part of `text` behind its fifth colon begins; nowhere if it has none.
fn names_begin(text: &str) -> usize {
    let mut colons = text.bytes().enumerate().filter(|(_, byte)| *byte == b':');
    colons.nth(4).map_or(usize::MAX, |(fifth, _)| fifth + 1)
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
            [
                Piece::Many {
                    colons: Colons::All,
                },
            ] => Self::Any,
            [Piece::Literal(text)] => Self::Exact(text.clone()),
            [Piece::Literal(text), Piece::Many { colons }]
                if colons.match_from(text.len(), names_begin(text)) =>
            {
                Self::Prefix(text.clone())
            }
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

    /// `*` and `?` cross colons, `%` and `!` those behind the fifth, `+` and `.` none.
    fn pieces(pattern: &str) -> Vec<Piece<String>> {
        let many = |colons| Piece::Many { colons };
        let one = |colons| Piece::One { colons };
        pattern
            .chars()
            .map(|c| match c {
                '*' => many(Colons::All),
                '%' => many(Colons::BehindFifth),
                '+' => many(Colons::None),
                '?' => one(Colons::All),
                '!' => one(Colons::BehindFifth),
                '.' => one(Colons::None),
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
        rest_matches(pieces, "", text)
    }

    /// The same for what is left of the text behind `seen`.
    fn rest_matches(pieces: &[Piece<String>], seen: &str, text: &str) -> bool {
        let Some((first, rest)) = pieces.split_first() else {
            return text.is_empty();
        };
        let after = |length: usize| {
            let (before, left) = text.split_at(length);
            (format!("{seen}{before}"), left)
        };
        let next = text.chars().next();
        // Offset behind the next character, if a wildcard with `colons` matches it.
        let matched = |colons: Colons| {
            let next = next?;
            let may = match colons {
                Colons::None => false,
                Colons::BehindFifth => seen.matches(':').count() >= 5,
                Colons::All => true,
            };
            (may || next != ':').then(|| after(next.len_utf8()))
        };
        match first {
            Piece::Literal(literal) => {
                text.starts_with(literal.as_str()) && {
                    let (seen, left) = after(literal.len());
                    rest_matches(rest, &seen, left)
                }
            }
            Piece::One { colons } => {
                matched(*colons).is_some_and(|(seen, left)| rest_matches(rest, &seen, left))
            }
            Piece::Many { colons } => {
                rest_matches(rest, seen, text)
                    || matched(*colons)
                        .is_some_and(|(seen, left)| rest_matches(pieces, &seen, left))
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
        // What the star before it may yet absorb hides none of its own places.
        check("+a*bc*", "abbca", true);
    }

    #[test]
    fn a_star_for_names_crosses_where_the_text_has_its_name() {
        check("a:*:r%x", "a:1:2:3:4:r/b:b/x", true);
        check("a:*:r!x", "a:1:2:3:4:r:x", true);
        // Here its name begins only later.
        check("a:*:3%x", "a:1:2:3:4:x", false);
        check("a:*:r%x", "a:1:r:x", false);
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
    /// do; or stars that do among wildcards that do behind the fifth.
    fn pattern() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab:*?]{0,9}",
            "[ab:*+.]{0,9}",
            "[ab:*%!]{0,9}",
            "[ab:%!]{0,9}"
        ]
    }

    /// Texts with any number of colons, and such with about as many as an ARN.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ab:]{0,10}", "([ab]?:){4,6}[ab:]{0,4}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 8_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_matcher_agrees_with_trying_everything(
            pattern in pattern(),
            text in text(),
        ) {
            let pieces = pieces(&pattern);
            prop_assert_eq!(
                matches(&pieces, &text, Case::Sensitive),
                exhaustive(&pieces, &text)
            );
        }
    }
}
