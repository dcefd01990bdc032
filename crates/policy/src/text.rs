//! Text of a policy that may hold wildcards and policy variables.
//!
//! Variables are replaced when a request is evaluated. What they bring in is literal: a `*` in
//! a tag's value is the character, never a wildcard.

use std::borrow::Cow;

use crate::context::{ConditionKey, ConditionKeys, Values};
use crate::document::heap;
use crate::pattern::{Case, Colons, Pattern, Piece, matches, push};
use crate::steps::Steps;

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

impl Dialect {
    /// The piece that `character` is, if it is a wildcard; `ends_segment` says that a colon or
    /// nothing follows.
    fn wildcard(self, character: char, ends_segment: bool) -> Option<Piece<Box<str>>> {
        let many = match character {
            '*' => true,
            '?' => false,
            _ => return None,
        };
        let colons = match self {
            Self::Exact => return None,
            Self::Like => Colons::All,
            Self::Resource | Self::WideResource if many && ends_segment => Colons::All,
            Self::Resource => Colons::None,
            Self::Arn | Self::WideResource => Colons::BehindFifth,
        };
        Some(if many {
            Piece::Many { colons }
        } else {
            Piece::Ones { count: 1, colons }
        })
    }
}

/// A compiled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// Without variables.
    Fixed(Pattern),
    /// With variables; only these cost an allocation to match.
    Template(Box<[Token]>),
}

/// A part of a text with variables. Small: a document may have as many as characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Piece(Piece<Box<str>>),
    Variable(Box<Variable>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    key: ConditionKey,
    default: Option<Box<str>>,
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
        // `*` alone is every ARN, although it is the only segment of its pattern.
        if dialect == Dialect::Arn && text == "*" {
            return Ok(Self::Fixed(Pattern::Any));
        }
        let mut read = Read::default();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if variables && let Some(inside) = rest.strip_prefix("${") {
                rest = read.variable(inside)?;
                continue;
            }
            rest = rest.get(next.len_utf8()..).unwrap_or("");
            let ends_segment = rest.is_empty() || rest.starts_with(':');
            match dialect.wildcard(next, ends_segment) {
                Some(wildcard) => read.push(wildcard),
                None => read.literal.push(next),
            }
        }
        Ok(read.finish())
    }

    /// About how many bytes the text takes beside its own size.
    pub(crate) fn memory(&self) -> usize {
        let of_token = |token: &Token| match token {
            Token::Piece(piece) => piece.memory(),
            Token::Variable(variable) => {
                let default = variable.default.as_ref().map_or(0, |text| heap(text.len()));
                heap(size_of_val(&**variable)) + variable.key.memory() + default
            }
        };
        match self {
            Self::Fixed(pattern) => pattern.memory(),
            Self::Template(tokens) => {
                heap(size_of_val(&**tokens)) + tokens.iter().map(of_token).sum::<usize>()
            }
        }
    }

    /// The condition keys that the variables stand for.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &ConditionKey> {
        let tokens = match self {
            Self::Fixed(_) => &[],
            Self::Template(tokens) => &**tokens,
        };
        tokens.iter().filter_map(|token| match token {
            Token::Variable(variable) => Some(&variable.key),
            Token::Piece(_) => None,
        })
    }

    /// Whether the text, variables replaced, matches the whole of `value`.
    ///
    /// `None` if a variable has neither a single value nor a default.
    pub(crate) fn matches(
        &self,
        value: &str,
        keys: &dyn ConditionKeys,
        steps: &Steps,
    ) -> Option<bool> {
        match self {
            Self::Fixed(pattern) => Some(pattern.matches(value, Case::Sensitive, steps)),
            Self::Template(tokens) => {
                let pieces = resolved(tokens, keys, steps)?;
                Some(matches(&pieces, value, Case::Sensitive, steps))
            }
        }
    }

    /// What every value begins with that the text matches, as far as that is known before any
    /// request.
    pub(crate) fn beginning(&self) -> Option<&str> {
        match self {
            Self::Fixed(pattern) => pattern.beginning(),
            Self::Template(_) => None,
        }
    }

    /// The text itself, variables replaced; for [`Dialect::Exact`], where all is literal.
    ///
    /// `None` if a variable has neither a single value nor a default.
    pub(crate) fn literal<'a>(
        &'a self,
        keys: &'a dyn ConditionKeys,
        steps: &Steps,
    ) -> Option<Cow<'a, str>> {
        match self {
            Self::Fixed(Pattern::Exact(text)) => Some(Cow::Borrowed(text)),
            Self::Fixed(Pattern::Any | Pattern::Prefix(_) | Pattern::General(_)) => None,
            Self::Template(tokens) => {
                let pieces = resolved(tokens, keys, steps)?;
                let mut text = String::new();
                for piece in &pieces {
                    match piece {
                        Piece::Literal(part) => text.push_str(part),
                        Piece::Ones { .. } | Piece::Many { .. } => return None,
                    }
                }
                Some(Cow::Owned(text))
            }
        }
    }
}

/// The pieces that tokens are for a request; `None` if a variable has no value.
fn resolved<'a>(
    tokens: &'a [Token],
    keys: &'a dyn ConditionKeys,
    steps: &Steps,
) -> Option<Vec<Piece<Cow<'a, str>>>> {
    steps.take(tokens.len());
    let piece = |token: &'a Token| {
        Some(match token {
            Token::Piece(Piece::Literal(text)) => Piece::Literal(Cow::Borrowed(&**text)),
            Token::Piece(Piece::Ones { count, colons }) => Piece::Ones {
                count: *count,
                colons: *colons,
            },
            Token::Piece(Piece::Many { colons }) => Piece::Many { colons: *colons },
            Token::Variable(variable) => Piece::Literal(variable.value(keys, steps)?),
        })
    };
    tokens.iter().map(piece).collect()
}

impl Variable {
    fn value<'a>(&'a self, keys: &'a dyn ConditionKeys, steps: &Steps) -> Option<Cow<'a, str>> {
        match keys.lookup(&self.key) {
            Some(Values::One(value)) => {
                steps.take(value.len() / 8);
                Some(value)
            }
            // Variables stand for single-valued keys only.
            Some(Values::Many(values)) if !values.is_empty() => {
                steps.take(values.len());
                None
            }
            Some(Values::Many(_)) | None => self.default.as_deref().map(Cow::Borrowed),
        }
    }
}

/// What has been read of a text.
#[derive(Default)]
struct Read {
    /// Up to the last variable.
    tokens: Vec<Token>,
    /// Behind it.
    pieces: Vec<Piece<Box<str>>>,
    /// Behind these.
    literal: String,
}

impl Read {
    fn push(&mut self, wildcard: Piece<Box<str>>) {
        self.flush();
        push(&mut self.pieces, wildcard);
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.pieces.push(Piece::Literal(literal.into_boxed_str()));
        }
    }

    fn finish(mut self) -> Text {
        self.flush();
        if self.tokens.is_empty() {
            return Text::Fixed(Pattern::new(self.pieces));
        }
        self.tokens
            .extend(self.pieces.into_iter().map(Token::Piece));
        Text::Template(self.tokens.into_boxed_slice())
    }

    /// Reads the rest of a variable behind `${` and returns what follows its `}`.
    fn variable<'a>(&mut self, inside: &'a str) -> Result<&'a str, MalformedVariable> {
        for escape in ['*', '?', '$'] {
            if let Some(rest) = inside
                .strip_prefix(escape)
                .and_then(|rest| rest.strip_prefix('}'))
            {
                self.literal.push(escape);
                return Ok(rest);
            }
        }
        let end = inside.find([',', '}']).ok_or(MalformedVariable)?;
        let (key, rest) = inside.split_at_checked(end).ok_or(MalformedVariable)?;
        let is_key =
            |c: char| !c.is_whitespace() && !matches!(c, '$' | '{' | '\'' | '"' | '*' | '?');
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
        self.flush();
        self.tokens.extend(self.pieces.drain(..).map(Token::Piece));
        self.tokens.push(Token::Variable(Box::new(Variable {
            key: ConditionKey::new(key),
            default,
        })));
        Ok(rest)
    }
}

#[cfg(test)]
mod tests;
