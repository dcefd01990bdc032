//! Wildcard patterns: the one matcher that actions, resources and conditions share.
//!
//! A pattern is compiled once, when its policy is stored. Matching allocates nothing and is
//! never exponential: at most two places are remembered to go back to (see [`matches`]).

use crate::document::heap;
use crate::steps::Steps;

/// One piece of a pattern. `S` owns its text in compiled patterns and borrows it where
/// policy variables were substituted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<S> {
    /// Exactly this text.
    Literal(S),
    /// So many `?` in a row, at least one: as many characters; a colon only if `colons` has it.
    Ones { count: usize, colons: Colons },
    /// `*`: any run of characters; over colons only if `colons` has them.
    Many { colons: Colons },
}

impl Piece<Box<str>> {
    /// About how many bytes the piece takes beside its own size.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Literal(literal) => heap(literal.len()),
            Self::Ones { .. } | Self::Many { .. } => 0,
        }
    }
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

/// Adds a piece to a pattern. What a run of wildcards matches depends on how many `?` are in it
/// and on whether there is a `*`, never on their order: `?` are counted, and stand in front of
/// the one `*` of their run.
///
/// A wildcard for the colons behind the fifth is like any other here: a run that begins in front
/// of them reaches none, as it would have to match the fifth.
pub(crate) fn push<S>(pieces: &mut Vec<Piece<S>>, piece: Piece<S>) {
    match (pieces.last_mut(), &piece) {
        (
            Some(Piece::Ones { count, colons }),
            Piece::Ones {
                count: more,
                colons: same,
            },
        ) if colons == same => *count = count.saturating_add(*more),
        (Some(Piece::Many { colons }), Piece::Many { colons: same }) if colons == same => {}
        (
            Some(Piece::Many {
                colons: Colons::All,
            }),
            Piece::Many { .. },
        ) => {}
        (
            Some(Piece::Many { colons }),
            Piece::Many {
                colons: Colons::All,
            },
        ) => *colons = Colons::All,
        (Some(Piece::Many { colons }), Piece::Ones { colons: same, .. }) if colons == same => {
            let many = pieces.pop();
            push(pieces, piece);
            pieces.extend(many);
        }
        _ => pieces.push(piece),
    }
}

/// Whether `pieces` match the whole of `text`.
///
/// What stands behind the last `*` has a fixed number of characters: it is compared once, with
/// the end of the text.
///
/// In front of it two backtracking points suffice. Once a `*` that crosses colons is reached,
/// everything before it can stay as it is: it absorbs whatever an earlier choice would have left.
/// The same holds for a `*` that stops at colons, among alternatives within one segment, because
/// what it can absorb there contains no colon.
///
/// A `*` for the colons behind the fifth is one or the other, by where it begins; where it begins
/// later it absorbs no less.
///
/// INVARIANT: behind a `*` that stops at colons, a `?` crosses them only in a later segment.
/// All dialects keep to that; otherwise a third place would have to be remembered.
///
/// Nothing matches where `steps` are spent.
pub(crate) fn matches<S: AsRef<str>>(
    pieces: &[Piece<S>],
    text: &str,
    case: Case,
    steps: &Steps,
) -> bool {
    steps.take(1 + text.len() / 8);
    let subject = Subject {
        text,
        names: names_begin(text),
        ascii: text.is_ascii(),
        steps,
        case,
    };
    let stars = pieces.iter().enumerate().rev();
    let mut stars = stars.filter_map(|(index, piece)| match piece {
        Piece::Many { colons } => Some((index, *colons)),
        Piece::Literal(_) | Piece::Ones { .. } => None,
    });
    let Some((index, star)) = stars.next() else {
        return subject.end_begins(pieces) == Some(0);
    };
    let behind = pieces.get(index.saturating_add(1)..).unwrap_or_default();
    let text = subject.end_begins(behind).and_then(|end| text.get(..end));
    text.is_some_and(|text| {
        let front = pieces.get(..index).unwrap_or_default();
        Subject { text, ..subject }.begins_with(front, star)
    })
}

/// Where the part of `text` behind its fifth colon begins; nowhere if it has none.
fn names_begin(text: &str) -> usize {
    let mut colons = text.bytes().enumerate().filter(|(_, byte)| *byte == b':');
    colons.nth(4).map_or(usize::MAX, |(fifth, _)| fifth + 1)
}

/// A text that is matched, or its beginning.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    text: &'a str,
    /// Where the part behind the fifth colon of the whole text begins.
    names: usize,
    /// Whether each character is one byte.
    ascii: bool,
    case: Case,
    steps: &'a Steps,
}

impl Subject<'_> {
    /// Where the end of the text begins that `pieces` match, none of which is a `*`; `None` if
    /// they do not match its end.
    fn end_begins<S: AsRef<str>>(&self, pieces: &[Piece<S>]) -> Option<usize> {
        let mut at = self.text.len();
        for piece in pieces.iter().rev() {
            let begins = match piece {
                Piece::Literal(literal) => {
                    let begins = at.checked_sub(literal.as_ref().len())?;
                    self.after_literal(begins, literal.as_ref())?;
                    begins
                }
                Piece::Ones { count, colons } => {
                    let begins = self.before_characters(at, *count)?;
                    self.admits(begins, at, *colons).then_some(begins)?
                }
                Piece::Many { .. } => return None,
            };
            at = begins;
        }
        Some(at)
    }

    /// Whether `pieces` match the beginning of the text and a `*` for `star` all the rest.
    fn begins_with<S: AsRef<str>>(&self, pieces: &[Piece<S>], star: Colons) -> bool {
        let mut crossing: Option<(usize, usize)> = None;
        let mut within: Option<(usize, usize)> = None;
        let last_colon = match star {
            Colons::All => None,
            Colons::None | Colons::BehindFifth => self.text.rfind(':'),
        };
        let (mut piece, mut at) = (0, 0);
        while !self.steps.are_spent() {
            self.steps.take(1);
            let step = match pieces.get(piece) {
                Some(Piece::Many { colons }) => {
                    let crosses = colons.match_from(at, self.names);
                    let next = self.candidate(pieces.get(piece + 1), at, crosses);
                    let place = next.map(|next| (piece + 1, next));
                    if crosses {
                        (crossing, within) = (place, None);
                    } else {
                        within = place;
                    }
                    next
                }
                Some(Piece::Ones { count, colons }) => self.after_characters(at, *count, *colons),
                Some(Piece::Literal(literal)) => self.after_literal(at, literal.as_ref()),
                None if last_colon.is_none_or(|colon| colon < at)
                    || star.match_from(at, self.names) =>
                {
                    return true;
                }
                None => None,
            };
            if let Some(next) = step {
                piece += 1;
                at = next;
                continue;
            }
            let longer = |place: Option<(usize, usize)>, colons: bool| {
                let (next_piece, from) = place?;
                let crossed = if colons { Colons::All } else { Colons::None };
                let from = self.after_characters(from, 1, crossed)?;
                let next = self.candidate(pieces.get(next_piece), from, colons)?;
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
        false
    }

    /// The first offset from `at` on where a pattern could go on with the piece `next`, behind a
    /// `*` that may have absorbed what lies between: where its literal begins, if it is one.
    fn candidate<S: AsRef<str>>(
        &self,
        next: Option<&Piece<S>>,
        at: usize,
        colons: bool,
    ) -> Option<usize> {
        let Some(Piece::Literal(literal)) = next else {
            return Some(at);
        };
        let Some(first) = literal.as_ref().bytes().next() else {
            return Some(at);
        };
        let rest = self.text.as_bytes().get(at..)?;
        let begins = |byte: &u8| match self.case {
            Case::Sensitive => *byte == first,
            Case::Insensitive => byte.eq_ignore_ascii_case(&first),
        };
        let ends = |byte: &u8| begins(byte) || *byte == b':' && !colons;
        let offset = rest.iter().position(ends);
        self.steps.take(offset.unwrap_or(rest.len()));
        let offset = offset.filter(|offset| rest.get(*offset).is_some_and(begins))?;
        Some(at + offset)
    }

    /// The offset behind `count` characters from `at` on, if there are as many and `colons` has
    /// the colons among them.
    fn after_characters(&self, at: usize, count: usize, colons: Colons) -> Option<usize> {
        let end = if self.ascii {
            let end = at.checked_add(count)?;
            (end <= self.text.len()).then_some(end)?
        } else {
            self.steps.take(count);
            let mut characters = self.text.get(at..)?.chars();
            characters.nth(count.checked_sub(1)?)?;
            self.text.len() - characters.as_str().len()
        };
        self.admits(at, end, colons).then_some(end)
    }

    /// The offset in front of the `count` characters that end at `at`, if there are as many.
    fn before_characters(&self, at: usize, count: usize) -> Option<usize> {
        if self.ascii {
            return at.checked_sub(count);
        }
        self.steps.take(count);
        let mut characters = self.text.get(..at)?.char_indices();
        let (begins, _) = characters.nth_back(count.checked_sub(1)?)?;
        Some(begins)
    }

    /// Whether `colons` has all colons from one offset to another.
    fn admits(&self, from: usize, to: usize, colons: Colons) -> bool {
        let none_before = match colons {
            Colons::None => to,
            Colons::BehindFifth => to.min(self.names),
            Colons::All => return true,
        };
        let bytes = self.text.as_bytes().get(from..none_before);
        let bytes = bytes.unwrap_or_default();
        self.steps.take(bytes.len() / 8);
        !bytes.contains(&b':')
    }

    /// The offset behind `literal`, if the text continues with it at `at`.
    fn after_literal(&self, at: usize, literal: &str) -> Option<usize> {
        self.steps.take(literal.len() / 16);
        after_literal(self.text, at, literal, self.case)
    }
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

    /// About how many bytes the pattern takes beside its own size.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Exact(literal) | Self::Prefix(literal) => heap(literal.len()),
            Self::General(pieces) => {
                heap(size_of_val(&**pieces)) + pieces.iter().map(Piece::memory).sum::<usize>()
            }
        }
    }

    /// What every text begins with that the pattern matches.
    pub(crate) fn beginning(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Exact(literal) | Self::Prefix(literal) => Some(literal),
            Self::General(pieces) => match pieces.first() {
                Some(Piece::Literal(literal)) => Some(literal),
                Some(Piece::Ones { .. } | Piece::Many { .. }) | None => None,
            },
        }
    }

    /// Whether the pattern matches the whole of `text`; it may not where `steps` are spent.
    pub(crate) fn matches(&self, text: &str, case: Case, steps: &Steps) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(literal) => after_literal(text, 0, literal, case) == Some(text.len()),
            Self::Prefix(literal) => after_literal(text, 0, literal, case).is_some(),
            Self::General(pieces) => matches(pieces, text, case, steps),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `*` and `?` cross colons, `%` and `!` those behind the fifth, `+` and `.` none.
    fn each(pattern: &str) -> impl Iterator<Item = Piece<String>> {
        let many = |colons| Piece::Many { colons };
        let one = |colons| Piece::Ones { count: 1, colons };
        pattern.chars().map(move |c| match c {
            '*' => many(Colons::All),
            '%' => many(Colons::BehindFifth),
            '+' => many(Colons::None),
            '?' => one(Colons::All),
            '!' => one(Colons::BehindFifth),
            '.' => one(Colons::None),
            other => Piece::Literal(other.to_string()),
        })
    }

    /// The same as a policy has them.
    fn pieces(pattern: &str) -> Vec<Piece<String>> {
        let mut pieces = Vec::new();
        for piece in each(pattern) {
            push(&mut pieces, piece);
        }
        pieces
    }

    fn matches_sensitive(pattern: &str, text: &str) -> bool {
        matches(&pieces(pattern), text, Case::Sensitive, &Steps::default())
    }

    fn check(pattern: &str, text: &str, expected: bool) {
        let found = matches_sensitive(pattern, text);
        assert_eq!(found, expected, "{pattern} against {text}");
        assert_eq!(exhaustive(pattern, text), expected, "the model disagrees");
    }

    /// Tries every way to match: slow, obviously right.
    fn exhaustive(pattern: &str, text: &str) -> bool {
        let pieces: Vec<Piece<String>> = each(pattern).collect();
        rest_matches(&pieces, "", text)
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
            Piece::Ones { colons, .. } => {
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

    /// The steps that it takes to match a pattern, or to see that it does not.
    fn steps_of(pattern: &str, text: &str) -> usize {
        let steps = Steps::new(usize::MAX);
        matches(&pieces(pattern), text, Case::Sensitive, &steps);
        usize::MAX - steps.left()
    }

    #[test]
    fn a_run_of_question_marks_is_no_more_work_than_one() {
        let marks = "?".repeat(6_000);
        let letters = "a".repeat(30_000);
        for pattern in [
            format!("*{marks}Z"),
            format!("*{marks}Z*"),
            format!("{}Z", "?*".repeat(3_000)),
        ] {
            let steps = steps_of(&pattern, &letters);
            assert!(steps < 3 * letters.len(), "{steps}");
        }
        let steps = steps_of(&format!("*a{marks}Z*"), &letters);
        assert!(steps < 5 * letters.len(), "{steps}");
    }

    #[test]
    fn nothing_matches_without_steps() {
        let pattern = format!("*{}b*", "a?".repeat(1_000));
        let text = format!("{}b", "a".repeat(20_000));
        let matches = |steps: &Steps| matches(&pieces(&pattern), &text, Case::Sensitive, steps);
        let steps = Steps::new(1_000_000);
        assert!(!matches(&steps));
        assert!(steps.are_spent());
        let steps = Steps::new(usize::MAX);
        assert!(matches(&steps));
        assert!(!steps.are_spent());
    }

    #[test]
    fn many_stars_do_not_explode() {
        let text = "a".repeat(5_000);
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!matches_sensitive(&pattern, &text));
    }

    #[test]
    fn a_run_of_wildcards_is_at_most_two_pieces() {
        let ones = |count, colons| Piece::Ones { count, colons };
        let check = |pattern: &str, expected: &[Piece<String>]| {
            assert_eq!(pieces(pattern), expected, "{pattern}");
        };
        for (star, one, colons) in [
            ('*', '?', Colons::All),
            ('%', '!', Colons::BehindFifth),
            ('+', '.', Colons::None),
        ] {
            let many = Piece::Many { colons };
            check(
                &format!("{one}{star}{star}{one}{star}{one}"),
                &[ones(3, colons), many],
            );
        }
        let rest = Piece::Many {
            colons: Colons::All,
        };
        check(".+.+*", &[ones(2, Colons::None), rest.clone()]);
        check("%*", std::slice::from_ref(&rest));
        // A `*` that has crossed colons does not commute with a `?` that does not.
        check("*.", &[rest, ones(1, Colons::None)]);
    }

    #[test]
    fn what_stands_behind_the_last_star_ends_the_text() {
        check("*a??", "aabc", true);
        check("*a??", "abca", false);
        check("a*??", "ab", false);
        check("*é?", "éa", true);
        check("*:.", "a::b", true);
        check("*:.", "a::", false);
        check("+b", "a:b", false);
        check("*:+b", "a:b:ab", true);
    }

    #[test]
    fn case_matters_unless_told_otherwise() {
        let pattern = pieces("kms:De*");
        let matches = |case| matches(&pattern, "KMS:decrypt", case, &Steps::default());
        assert!(!matches(Case::Sensitive));
        assert!(matches(Case::Insensitive));
    }

    /// Patterns as the dialects make them: wildcards that all cross colons; only stars that
    /// do; or stars that do among wildcards that do behind the fifth.
    fn pattern() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab:*?]{0,9}",
            "[ab:*+.]{0,9}",
            "[ab:*%!]{0,9}",
            "[ab:%!]{0,9}",
            // Runs of wildcards, as long as the texts.
            "(a|b|é|:|[*?]{1,4}){0,5}",
            "(a|b|:|[+.]{1,4}[*]?){0,5}",
            "(a|b|:|[%!]{1,4}[*]?){0,5}",
        ]
    }

    /// Texts with any number of colons, such with about as many as an ARN, and such whose
    /// characters are not all one byte.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ab:]{0,10}", "([ab]?:){4,6}[ab:]{0,4}", "[abé:]{0,8}"]
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
            prop_assert_eq!(
                matches_sensitive(&pattern, &text),
                exhaustive(&pattern, &text)
            );
        }
    }
}
