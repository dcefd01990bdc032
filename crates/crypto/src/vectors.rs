//! Reading of the published vectors under `testdata/`: blocks of `name = value` lines.

use std::collections::HashMap;

use crate::Key32;

/// One vector: its values by name.
pub(crate) struct Vector(HashMap<&'static str, &'static str>);

/// The vectors of a file, each starting with a line that names `first`.
pub(crate) fn read(text: &'static str, first: &str) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(['#', '['])) {
        let Some((name, value)) = line.split_once('=') else {
            assert_eq!(line.trim(), "", "neither value nor comment");
            continue;
        };
        if name.trim() == first {
            vectors.push(Vector(HashMap::new()));
        }
        if let Some(vector) = vectors.last_mut() {
            vector.0.insert(name.trim(), value.trim());
        }
    }
    vectors
}

impl Vector {
    /// Whether there is a value `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value `name`, given in hex; an absent one is empty.
    pub(crate) fn hex(&self, name: &str) -> Vec<u8> {
        hex::decode(self.0.get(name).copied().unwrap_or_default()).unwrap()
    }

    /// The decimal value `name`.
    pub(crate) fn number(&self, name: &str) -> usize {
        self.0[name].parse().unwrap()
    }
}

/// A key of 32 equal bytes.
pub(crate) fn key_of(byte: u8) -> Key32 {
    Key32::try_from([byte; 32].as_slice()).unwrap()
}
