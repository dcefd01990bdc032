//! Row keys: ordered, injective tuples of byte strings.

use std::fmt;
use std::sync::Arc;

/// The key of a metadata row, built from parts so that different tuples never collide.
///
/// Each part is escaped (`00` becomes `00 FF`) and ended by `00 01`, so keys sort by their
/// parts and the key of a tuple's first parts is a prefix of the whole key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

/// Builds a [`Key`] part by part.
#[derive(Debug, Default, Clone)]
pub struct KeyBuilder(Vec<u8>);

/// Behind every part.
const END: &[u8] = &[0, 1];

/// Keys up to this length, which are nearly all, are put together without a buffer of their own.
const SHORT: usize = 256;

impl Key {
    /// The key of a tuple of text parts.
    pub fn of(parts: &[&str]) -> Self {
        let length: usize = parts.iter().map(|part| part.len() + END.len()).sum();
        let mut short = [0; SHORT];
        if let Some(key) = short.get_mut(..length)
            && !parts.iter().any(|part| part.as_bytes().contains(&0))
        {
            write_plain(parts, key);
            return Self(Arc::from(&*key));
        }
        let builder = KeyBuilder(Vec::with_capacity(length));
        parts
            .iter()
            .fold(builder, |key, part| key.part(part.as_bytes()))
            .build()
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key from bytes that [`Key::as_bytes`] returned.
    pub fn from_encoded(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// Whether this key begins with all parts of `prefix`.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// The key of the first `count` parts, or of all if there are no more.
    pub fn of_first(&self, count: usize) -> Self {
        let ends = self.0.windows(END.len()).zip(END.len()..);
        let mut ends = ends.filter(|(bytes, _)| *bytes == END);
        let end = match count.checked_sub(1) {
            Some(last) => ends.nth(last).map_or(self.0.len(), |(_, end)| end),
            None => 0,
        };
        Self(Arc::from(self.0.get(..end).unwrap_or_default()))
    }

    /// A key behind every key that begins with all parts of this one, and before every other
    /// that sorts behind it: for scans that pass over a prefix.
    pub fn behind(&self) -> Self {
        let mut bytes = self.0.to_vec();
        if let Some(last) = bytes.last_mut() {
            *last = last.saturating_add(1);
        }
        Self(Arc::from(bytes))
    }

    /// The parts that the key was built from.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let mut bytes = self.0.iter().copied();
        while let Some(byte) = bytes.next() {
            let escape = if byte == 0 { bytes.next() } else { None };
            if escape == Some(1) {
                parts.push(std::mem::take(&mut part));
            } else {
                part.push(byte);
            }
        }
        parts
    }

    /// The parts as text; a part that is not UTF-8 shows as empty.
    pub fn text_parts(&self) -> Vec<String> {
        self.parts()
            .into_iter()
            .map(|part| String::from_utf8(part).unwrap_or_default())
            .collect()
    }
}

impl KeyBuilder {
    /// Appends one part.
    pub fn part(mut self, bytes: &[u8]) -> Self {
        let mut rest = bytes;
        while let Some(zero) = rest.iter().position(|byte| *byte == 0) {
            let (plain, behind) = rest.split_at(zero + 1);
            self.0.extend_from_slice(plain);
            self.0.push(0xff);
            rest = behind;
        }
        self.0.extend_from_slice(rest);
        self.0.extend_from_slice(END);
        self
    }

    /// Appends a number that sorts as a number.
    pub fn number(self, number: u64) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// The key.
    pub fn build(self) -> Key {
        Key(Arc::from(self.0))
    }
}

/// Writes `parts`, in which there is nothing to escape, to `key`, which is as long as they and
/// their ends.
fn write_plain(parts: &[&str], key: &mut [u8]) {
    let mut rest = key;
    for bytes in parts.iter().flat_map(|part| [part.as_bytes(), END]) {
        let Some((place, behind)) = rest.split_at_mut_checked(bytes.len()) else {
            return;
        };
        place.copy_from_slice(bytes);
        rest = behind;
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.text_parts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_that_concatenate_alike_have_different_keys() {
        assert_ne!(Key::of(&["ab", "c"]), Key::of(&["a", "bc"]));
        assert_ne!(Key::of(&["a"]), Key::of(&["a", ""]));
        assert_ne!(Key::of(&["a\0\u{1}b"]), Key::of(&["a", "b"]));
    }

    #[test]
    fn the_key_of_a_tuple_is_what_the_builder_makes_of_it() {
        let long = "long".repeat(100);
        for parts in [
            &["a", "", "us-east-1"][..],
            &["a\0b", "c"],
            &[&long, "c"],
            &[],
        ] {
            let built = parts
                .iter()
                .fold(KeyBuilder::default(), |key, part| key.part(part.as_bytes()));
            assert_eq!(Key::of(parts), built.build());
        }
    }

    #[test]
    fn parts_read_back() {
        let key = KeyBuilder::default()
            .part(b"a\0b")
            .part(b"")
            .number(7)
            .build();
        assert_eq!(
            key.parts(),
            [b"a\0b".to_vec(), Vec::new(), 7_u64.to_be_bytes().to_vec()]
        );
    }

    #[test]
    fn keys_sort_by_parts_and_share_prefixes() {
        assert!(Key::of(&["a", "z"]) < Key::of(&["ab", "a"]));
        assert!(Key::of(&["a", "z"]).starts_with(&Key::of(&["a"])));
        assert!(!Key::of(&["ab", "z"]).starts_with(&Key::of(&["a"])));
    }

    #[test]
    fn the_first_parts_of_a_key_are_those_that_it_was_built_from() {
        let parts = ["a\0\u{1}b", "", "\u{1}", "c\0", "d"];
        let key = Key::of(&parts);
        for count in 0..=parts.len() {
            assert_eq!(key.of_first(count), Key::of(&parts[..count]), "{count}");
        }
        assert_eq!(key.of_first(6), key);
    }

    #[test]
    fn behind_a_prefix_is_behind_all_that_begin_with_it_and_nothing_else() {
        let behind = Key::of(&["a"]).behind();
        assert!(Key::of(&["a"]) < behind && Key::of(&["a", "\u{10ffff}"]) < behind);
        assert!(behind < Key::of(&["a\0"]) && behind < Key::of(&["ab"]));
    }
}
