//! Text of a policy that may hold wildcards and policy variables.
//!
//! Variables are replaced when a request is evaluated. What they bring in is literal: a `*` in
//! a tag's value is the character, never a wildcard.

use std::borrow::Cow;

use crate::context::{ConditionKey, ConditionKeys, Values};
use crate::pattern::{Case, Colons, Pattern, Piece, matches};

/// What `*` and `?` mean in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Ordinary characters.
    Exact,
    /// Wildcards over everything.
    Like,
    /// ARN operators: wildcards stop at colons, except behind the fifth.
    Arn,
    /// `Resource` elements: wildcards stop at colons, except a `*` that ends its segment.
    Resource,
    /// The same where more that matches means less that is allowed: behind the fifth colon of the
    /// resource, where its name may have colons, both wildcards cross them.
    WideResource,
}

/// A compiled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// Without variables.
    Fixed(Pattern),
    /// With variables; only these cost an allocation to match.
    Template(Dialect, Box<[Token]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Literal(Box<str>),
    One,
    Many {
        ends_segment: bool,
    },
    Variable {
        key: ConditionKey,
        default: Option<Box<str>>,
    },
}

/// A `${` that no variable follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedVariable;

impl Text {
    /// Compiles `text`. With `variables` (policies of version 2012-10-17), `${key}`,
    /// `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}` are understood; without,
    /// they are ordinary text.
    pub(crate) fn compile(
        text: &str,
        dialect: Dialect,
        variables: bool,
    ) -> Result<Self, MalformedVariable> {
        let tokens = tokenize(text, dialect, variables)?;
        Ok(match pieces(&tokens, dialect, |_, _| None) {
            Some(fixed) => Self::Fixed(Pattern::new(fixed.into_iter().map(owned).collect())),
            None => Self::Template(dialect, tokens.into_boxed_slice()),
        })
    }

    /// The condition keys that the variables stand for.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &ConditionKey> {
        let tokens = match self {
            Self::Fixed(_) => &[],
            Self::Template(_, tokens) => &**tokens,
        };
        tokens.iter().filter_map(|token| match token {
            Token::Variable { key, .. } => Some(key),
            Token::Literal(_) | Token::One | Token::Many { .. } => None,
        })
    }

    /// Whether the text, variables replaced, matches the whole of `value`.
    ///
    /// `None` if a variable has neither a single value nor a default.
    pub(crate) fn matches(&self, value: &str, keys: &dyn ConditionKeys) -> Option<bool> {
        match self {
            Self::Fixed(pattern) => Some(pattern.matches(value, Case::Sensitive)),
            Self::Template(dialect, tokens) => {
                let pieces = pieces(tokens, *dialect, |key, default| resolve(keys, key, default))?;
                Some(matches(&pieces, value, Case::Sensitive))
            }
        }
    }

    /// What every value begins with that the text matches, as far as that is known before any
    /// request.
    pub(crate) fn beginning(&self) -> Option<&str> {
        match self {
            Self::Fixed(pattern) => pattern.beginning(),
            Self::Template(..) => None,
        }
    }

    /// The text itself, variables replaced; for [`Dialect::Exact`], where all is literal.
    ///
    /// `None` if a variable has neither a single value nor a default.
    pub(crate) fn literal<'a>(&'a self, keys: &'a dyn ConditionKeys) -> Option<Cow<'a, str>> {
        match self {
            Self::Fixed(Pattern::Exact(text)) => Some(Cow::Borrowed(text)),
            Self::Fixed(Pattern::Any | Pattern::Prefix(_) | Pattern::General(_)) => None,
            Self::Template(dialect, tokens) => {
                let pieces = pieces(tokens, *dialect, |key, default| resolve(keys, key, default))?;
                let mut text = String::new();
                for piece in &pieces {
                    match piece {
                        Piece::Literal(part) => text.push_str(part),
                        Piece::One { .. } | Piece::Many { .. } => return None,
                    }
                }
                Some(Cow::Owned(text))
            }
        }
    }
}

fn resolve<'a>(
    keys: &'a dyn ConditionKeys,
    key: &ConditionKey,
    default: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    match keys.lookup(key) {
        Some(Values::One(value)) => Some(value),
        // Variables stand for single-valued keys only.
        Some(Values::Many(values)) if !values.is_empty() => None,
        Some(Values::Many(_)) | None => default.map(Cow::Borrowed),
    }
}

fn owned(piece: Piece<Cow<'_, str>>) -> Piece<Box<str>> {
    match piece {
        Piece::Literal(text) => Piece::Literal(Box::from(text.as_ref())),
        Piece::One { colons } => Piece::One { colons },
        Piece::Many { colons } => Piece::Many { colons },
    }
}

/// Turns tokens into pieces; `None` if `resolve` has no value for a variable.
fn pieces<'a>(
    tokens: &'a [Token],
    dialect: Dialect,
    resolve: impl Fn(&'a ConditionKey, Option<&'a str>) -> Option<Cow<'a, str>>,
) -> Option<Vec<Piece<Cow<'a, str>>>> {
    let mut pieces = Vec::with_capacity(tokens.len());
    let colons = |ends_segment: bool| match dialect {
        Dialect::Exact | Dialect::Like => Colons::All,
        Dialect::Resource | Dialect::WideResource if ends_segment => Colons::All,
        Dialect::Resource => Colons::None,
        Dialect::Arn | Dialect::WideResource => Colons::BehindFifth,
    };
    for token in tokens {
        let piece = match token {
            Token::Literal(text) => Piece::Literal(Cow::Borrowed(text.as_ref())),
            Token::One => Piece::One {
                colons: colons(false),
            },
            Token::Many { ends_segment } => Piece::Many {
                colons: colons(*ends_segment),
            },
            Token::Variable { key, default } => Piece::Literal(resolve(key, default.as_deref())?),
        };
        pieces.push(piece);
    }
    // `*` alone is every ARN, although it is the only segment of its pattern.
    if dialect == Dialect::Arn && matches!(pieces.as_slice(), [Piece::Many { .. }]) {
        return Some(vec![Piece::Many {
            colons: Colons::All,
        }]);
    }
    Some(pieces)
}

fn tokenize(
    text: &str,
    dialect: Dialect,
    variables: bool,
) -> Result<Vec<Token>, MalformedVariable> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if variables && let Some(inside) = rest.strip_prefix("${") {
            rest = variable(inside, &mut literal, &mut tokens)?;
            continue;
        }
        rest = rest.get(next.len_utf8()..).unwrap_or("");
        let token = match next {
            '?' if dialect != Dialect::Exact => Token::One,
            '*' if dialect != Dialect::Exact => Token::Many {
                ends_segment: rest.is_empty() || rest.starts_with(':'),
            },
            other => {
                literal.push(other);
                continue;
            }
        };
        flush(&mut literal, &mut tokens);
        tokens.push(token);
    }
    flush(&mut literal, &mut tokens);
    Ok(tokens)
}

fn flush(literal: &mut String, tokens: &mut Vec<Token>) {
    if !literal.is_empty() {
        tokens.push(Token::Literal(std::mem::take(literal).into_boxed_str()));
    }
}

/// Reads the rest of a variable behind `${` and returns what follows its `}`.
fn variable<'a>(
    inside: &'a str,
    literal: &mut String,
    tokens: &mut Vec<Token>,
) -> Result<&'a str, MalformedVariable> {
    for escape in ['*', '?', '$'] {
        if let Some(rest) = inside
            .strip_prefix(escape)
            .and_then(|rest| rest.strip_prefix('}'))
        {
            literal.push(escape);
            return Ok(rest);
        }
    }
    let end = inside.find([',', '}']).ok_or(MalformedVariable)?;
    let (key, rest) = inside.split_at_checked(end).ok_or(MalformedVariable)?;
    let is_key = |c: char| !c.is_whitespace() && !matches!(c, '$' | '{' | '\'' | '"' | '*' | '?');
    if key.is_empty() || !key.chars().all(is_key) {
        return Err(MalformedVariable);
    }
    let (default, rest) = match rest.strip_prefix(',') {
        None => (None, rest),
        Some(rest) => {
            let quoted = rest
                .trim_start()
                .strip_prefix('\'')
                .ok_or(MalformedVariable)?;
            let (default, rest) = quoted.split_once('\'').ok_or(MalformedVariable)?;
            (Some(Box::from(default)), rest.trim_start())
        }
    };
    let rest = rest.strip_prefix('}').ok_or(MalformedVariable)?;
    flush(literal, tokens);
    tokens.push(Token::Variable {
        key: ConditionKey::new(key),
        default,
    });
    Ok(rest)
}

#[cfg(test)]
mod tests;
