//! The part of Java's pattern syntax that the models use.

use std::iter::Peekable;
use std::str::Chars;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// One character of a class; a literal is a class of one.
    Class(Class),
    /// Alternatives in parentheses.
    Group(Vec<Vec<Node>>),
    /// Repetition from a minimum to an optional maximum.
    Repeat(Box<Node>, u32, Option<u32>),
}

/// A set of characters: sorted, disjoint ranges without surrogates, and properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Class {
    pub(super) ranges: Vec<(u32, u32)>,
    pub(super) properties: Vec<String>,
}

impl Class {
    /// The ASCII characters as bits.
    pub(super) fn ascii(&self) -> u128 {
        let mut bits = 0;
        for (low, high) in &self.ranges {
            for code in *low..=(*high).min(0x7f) {
                bits |= 1_u128 << code;
            }
        }
        bits
    }

    /// Whether no range leaves ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        self.ranges.iter().all(|(_, high)| *high <= 0x7f)
    }

    fn add(&mut self, low: u32, high: u32) {
        self.ranges.push((low, high));
    }

    /// Sorts and joins the ranges, and leaves the surrogates out.
    fn normalised(mut self) -> Self {
        let mut split = Vec::new();
        for (low, high) in self.ranges {
            if low < SURROGATES.0 {
                split.push((low, high.min(SURROGATES.0 - 1)));
            }
            if high > SURROGATES.1 {
                split.push((low.max(SURROGATES.1 + 1), high));
            }
        }
        split.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::new();
        for (low, high) in split {
            match joined.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => joined.push((low, high)),
            }
        }
        self.ranges = joined;
        self
    }

    fn negated(self) -> Result<Self, String> {
        if !self.properties.is_empty() {
            return Err("a negated class with properties".to_owned());
        }
        let mut out = Self::default();
        let mut next = 0;
        for (low, high) in self.normalised().ranges {
            if low > next {
                out.add(next, low - 1);
            }
            next = high + 1;
        }
        if next <= LAST {
            out.add(next, LAST);
        }
        Ok(out.normalised())
    }
}

/// The last code point.
const LAST: u32 = 0x0010_ffff;

/// The code points that are no characters.
const SURROGATES: (u32, u32) = (0xd800, 0xdfff);

/// What Java's `.` does not match.
const LINE_TERMINATORS: [u32; 5] = [0x0a, 0x0d, 0x85, 0x2028, 0x2029];

/// Parses a whole pattern; `^` at its start and `$` at its end change nothing.
pub(super) fn parse(pattern: &str) -> Result<Vec<Vec<Node>>, String> {
    let body = pattern.strip_prefix('^').unwrap_or(pattern);
    let body = match body.strip_suffix('$') {
        Some(inner) if !inner.ends_with('\\') => inner,
        _ => body,
    };
    let mut parser = Parser {
        rest: body.chars().peekable(),
    };
    let alternatives = parser.alternatives()?;
    if body.len() != pattern.len() && alternatives.len() > 1 {
        return Err("an anchor in one of several alternatives".to_owned());
    }
    match parser.rest.next() {
        None => Ok(alternatives),
        Some(character) => Err(format!("an unexpected `{character}`")),
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
}

/// An item of a class.
enum Item {
    Code(u32),
    Ranges(Vec<(u32, u32)>),
    Property(String),
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Vec<Vec<Node>>, String> {
        let mut alternatives = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            alternatives.push(self.sequence()?);
        }
        Ok(alternatives)
    }

    fn sequence(&mut self) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        while let Some(next) = self.rest.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(nodes)
    }

    fn atom(&mut self) -> Result<Node, String> {
        match self.rest.next() {
            Some('(') => self.group(),
            Some('[') => Ok(Node::Class(self.class()?)),
            Some('.') => {
                let mut class = Class::default();
                for code in LINE_TERMINATORS {
                    class.add(code, code);
                }
                Ok(Node::Class(class.negated()?))
            }
            Some('\\') => {
                let mut class = Class::default();
                match self.escape()? {
                    Item::Code(code) => class.add(code, code),
                    Item::Ranges(ranges) => class.ranges = ranges,
                    Item::Property(name) => class.properties.push(name),
                }
                Ok(Node::Class(class.normalised()))
            }
            Some(character @ ('^' | '$' | '*' | '+' | '?' | '{')) => {
                Err(format!("`{character}` in this place"))
            }
            Some(character) => {
                let mut class = Class::default();
                class.add(u32::from(character), u32::from(character));
                Ok(Node::Class(class))
            }
            None => Err("an unfinished pattern".to_owned()),
        }
    }

    fn group(&mut self) -> Result<Node, String> {
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next() != Some(':') {
            return Err("a group that looks around or is named".to_owned());
        }
        let alternatives = self.alternatives()?;
        match self.rest.next() {
            Some(')') => Ok(Node::Group(alternatives)),
            _ => Err("an unfinished group".to_owned()),
        }
    }

    fn repeated(&mut self, node: Node) -> Result<Node, String> {
        let (min, max) = match self.rest.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.rest.next();
                return self.counted(node);
            }
            _ => return Ok(node),
        };
        self.rest.next();
        self.end_of_repeat()?;
        Ok(Node::Repeat(Box::new(node), min, max))
    }

    fn counted(&mut self, node: Node) -> Result<Node, String> {
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(character) => text.push(character),
                None => return Err("an unfinished count".to_owned()),
            }
        }
        let number = |text: &str| text.parse::<u32>().map_err(|error| error.to_string());
        let (min, max) = match text.split_once(',') {
            None => (number(&text)?, Some(number(&text)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        self.end_of_repeat()?;
        Ok(Node::Repeat(Box::new(node), min, max))
    }

    /// Reluctance changes nothing for whole texts; possessiveness does.
    fn end_of_repeat(&mut self) -> Result<(), String> {
        self.rest.next_if_eq(&'?');
        match self.rest.peek() {
            Some('+' | '*' | '?' | '{') => Err("a possessive or doubled repetition".to_owned()),
            _ => Ok(()),
        }
    }

    fn class(&mut self) -> Result<Class, String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut class = Class::default();
        let mut first = true;
        loop {
            let low = match self.rest.next() {
                Some(']') if !first => break,
                Some('[') => return Err("a class in a class".to_owned()),
                Some('&') if self.rest.peek() == Some(&'&') => {
                    return Err("an intersection of classes".to_owned());
                }
                Some('\\') => self.escape()?,
                Some(character) => Item::Code(u32::from(character)),
                None => return Err("an unfinished class".to_owned()),
            };
            first = false;
            match low {
                Item::Code(low) => {
                    let high = self.end_of_range(low)?;
                    class.add(low, high);
                }
                Item::Ranges(ranges) => class.ranges.extend(ranges),
                Item::Property(name) => class.properties.push(name),
            }
        }
        if negated {
            class.negated()
        } else {
            Ok(class.normalised())
        }
    }

    /// The end of a range that starts with `low`; `low` itself if no range follows.
    fn end_of_range(&mut self, low: u32) -> Result<u32, String> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.peek(), Some(']' | '[') | None) {
            return Ok(low);
        }
        self.rest.next();
        let high = match self.rest.next() {
            Some('\\') => match self.escape()? {
                Item::Code(code) => code,
                Item::Ranges(_) | Item::Property(_) => {
                    return Err("a range that ends with a class".to_owned());
                }
            },
            Some(character) => u32::from(character),
            None => return Err("an unfinished range".to_owned()),
        };
        if high < low {
            return Err("a range that runs backwards".to_owned());
        }
        Ok(high)
    }

    fn escape(&mut self) -> Result<Item, String> {
        let Some(character) = self.rest.next() else {
            return Err("an unfinished escape".to_owned());
        };
        let digits = (u32::from('0'), u32::from('9'));
        Ok(match character {
            'd' => Item::Ranges(vec![digits]),
            'w' => Item::Ranges(vec![
                digits,
                (u32::from('A'), u32::from('Z')),
                (u32::from('_'), u32::from('_')),
                (u32::from('a'), u32::from('z')),
            ]),
            's' => Item::Ranges(vec![(0x09, 0x0d), (0x20, 0x20)]),
            'S' => {
                let spaces = Class {
                    ranges: vec![(0x09, 0x0d), (0x20, 0x20)],
                    properties: Vec::new(),
                };
                Item::Ranges(spaces.negated()?.ranges)
            }
            't' => Item::Code(0x09),
            'n' => Item::Code(0x0a),
            'r' => Item::Code(0x0d),
            'u' => Item::Code(self.unicode()?),
            'p' => Item::Property(self.property()?),
            other if other.is_ascii_alphanumeric() => return Err(format!("`\\{other}`")),
            other => Item::Code(u32::from(other)),
        })
    }

    /// `uXXXX`; two escapes that make a surrogate pair are one code point, as in Java.
    fn unicode(&mut self) -> Result<u32, String> {
        let high = self.hex4()?;
        let mut ahead = self.rest.clone();
        let escaped = ahead.next() == Some('\\') && ahead.next() == Some('u');
        if !(0xd800..0xdc00).contains(&high) || !escaped {
            return Ok(high);
        }
        let before = self.rest.clone();
        self.rest = ahead;
        let low = self.hex4()?;
        if (0xdc00..0xe000).contains(&low) {
            Ok(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        } else {
            self.rest = before;
            Ok(high)
        }
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits: String = self.rest.by_ref().take(4).collect();
        if digits.len() == 4 {
            u32::from_str_radix(&digits, 16).map_err(|error| error.to_string())
        } else {
            Err("an unfinished `\\u`".to_owned())
        }
    }

    /// `{L}`: general categories by their letter only.
    fn property(&mut self) -> Result<String, String> {
        if self.rest.next() != Some('{') {
            return Err("a property without braces".to_owned());
        }
        let name: String = self
            .rest
            .by_ref()
            .take_while(|character| *character != '}')
            .collect();
        if matches!(name.as_str(), "L" | "M" | "N" | "P" | "S" | "Z") {
            Ok(name)
        } else {
            Err(format!("the property `{name}`"))
        }
    }
}
