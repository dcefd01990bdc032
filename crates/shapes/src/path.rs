//! Where in a request a value stands, in AWS's notation: `tags.1.member.key`.

use std::fmt;

/// The place of a value; a chain on the stack, written out only for a message.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    Root,
    Member(&'a str),
    /// Zero-based; AWS prints lists from one.
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The request itself.
    pub const ROOT: Self = Self {
        parent: None,
        segment: Segment::Root,
    };

    /// The member `name` (AWS's name, as in the model) of the structure at `self`.
    pub fn member(&'a self, name: &'a str) -> Self {
        self.child(Segment::Member(name))
    }

    /// The list member at `index`, counted from zero, of the list at `self`.
    pub fn index(&'a self, index: usize) -> Self {
        self.child(Segment::Index(index))
    }

    /// The value under `key` of the map at `self`.
    pub fn key(&'a self, key: &'a str) -> Self {
        self.child(Segment::Key(key))
    }

    fn child(&'a self, segment: Segment<'a>) -> Self {
        Self {
            parent: Some(self),
            segment,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !matches!(parent.segment, Segment::Root) {
                f.write_str(".")?;
            }
        }
        match self.segment {
            Segment::Root => Ok(()),
            Segment::Member(name) => {
                let mut characters = name.chars();
                if let Some(first) = characters.next() {
                    write!(f, "{}{}", first.to_ascii_lowercase(), characters.as_str())?;
                }
                Ok(())
            }
            Segment::Index(index) => write!(f, "{}.member", index.saturating_add(1)),
            Segment::Key(key) => f.write_str(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_like_aws_writes_them() {
        let root = Path::ROOT;
        let tags = root.member("Tags");
        let first = tags.index(0);
        assert_eq!(first.member("TagKey").to_string(), "tags.1.member.tagKey");
        assert_eq!(root.to_string(), "");
    }

    #[test]
    fn only_the_first_letter_becomes_small() {
        let root = Path::ROOT;
        assert_eq!(root.member("S3Uri").to_string(), "s3Uri");
        assert_eq!(root.member("AWSAccountId").to_string(), "aWSAccountId");
    }
}
