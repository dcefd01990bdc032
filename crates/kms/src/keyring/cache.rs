//! Unwrapped materials, kept for a time: in parts that are locked each for itself, so that what
//! one tenant does to its part holds up few others, and never for longer than one entry takes.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, RwLock};

use store::{Key, Revision};
use types::Monotonic;

use crate::material::Unwrapped;
use crate::records::MaterialId;

/// Which material: the row of its key, and its id.
pub(super) type Place = (Key, MaterialId);

/// Parts.
const PARTS: usize = 64;

/// Materials of one part, beyond which one goes for each that comes: a quarter of a million in
/// all, of some hundred bytes each.
const MOST: usize = 4096;

#[derive(Debug)]
pub(super) struct Cache {
    parts: [Part; PARTS],
    hasher: RandomState,
    most: usize,
}

type Part = RwLock<HashMap<Place, Entry>>;

#[derive(Debug)]
struct Entry {
    /// The version of the key's row that the material was unwrapped for.
    revision: Revision,
    until: Monotonic,
    key: Arc<Unwrapped>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Part::default()),
            hasher: RandomState::new(),
            most: MOST,
        }
    }
}

impl Cache {
    fn part(&self, place: &Place) -> &Part {
        let parts = u64::try_from(PARTS).unwrap_or(1);
        let number = usize::try_from(self.hasher.hash_one(place) % parts).unwrap_or_default();
        let [first, ..] = &self.parts;
        self.parts.get(number).unwrap_or(first)
    }

    /// The material at `place`, if it was unwrapped for this version of the key's row.
    pub(super) fn get(
        &self,
        place: &Place,
        revision: Revision,
        now: Monotonic,
    ) -> Option<Arc<Unwrapped>> {
        let part = self.part(place);
        let part = part.read().unwrap_or_else(PoisonError::into_inner);
        let entry = part.get(place)?;
        let serves = entry.revision == revision && entry.until > now;
        serves.then(|| Arc::clone(&entry.key))
    }

    /// Keeps a material `until` then, unless there is one for a newer version of the key's row: a
    /// request on an older snapshot must not push out what newer ones use.
    pub(super) fn put(
        &self,
        place: Place,
        revision: Revision,
        until: Monotonic,
        key: &Arc<Unwrapped>,
    ) {
        let part = self.part(&place);
        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
        match part.get(&place) {
            Some(entry) if entry.revision > revision => return,
            None if part.len() >= self.most => {
                let any = part.keys().next().cloned();
                if let Some(any) = any {
                    part.remove(&any);
                }
            }
            Some(_) | None => {}
        }
        let key = Arc::clone(key);
        let entry = Entry {
            revision,
            until,
            key,
        };
        part.insert(place, entry);
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let parts = self.parts.iter();
        parts.map(|part| part.read().unwrap().len()).sum()
    }

    /// Wipes what is over at `now`, and what `current` does not name the version of.
    pub(super) fn sweep(&self, now: Monotonic, current: impl Fn(&Key) -> Option<Revision>) {
        for part in &self.parts {
            let over = |(row, _): &Place, entry: &Entry| {
                entry.until <= now || current(row) != Some(entry.revision)
            };
            // Found among the readers, who are held up by nobody.
            let found: Vec<Place> = {
                let part = part.read().unwrap_or_else(PoisonError::into_inner);
                let found = part.iter().filter(|(place, entry)| over(place, entry));
                found.map(|(place, _)| place.clone()).collect()
            };
            for place in found {
                let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
                if part.get(&place).is_some_and(|entry| over(&place, entry)) {
                    part.remove(&place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crypto::committing::CommittingKey;
    use crypto::{Key32, SystemEntropy};

    use super::*;

    fn material() -> Arc<Unwrapped> {
        let key = CommittingKey::new(&Key32::generate(&SystemEntropy));
        Arc::new(Unwrapped::Symmetric(key))
    }

    fn place(number: usize) -> Place {
        (Key::of(&[&number.to_string()]), MaterialId([0; 32]))
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let cache = Cache {
            most: 4,
            ..Cache::default()
        };
        let key = material();
        for number in 0..10_000 {
            cache.put(place(number), 1, at(300), &key);
            assert!(cache.get(&place(number), 1, at(0)).is_some());
        }
        assert_eq!(cache.len(), 4 * PARTS);
        // One that is there takes the place of no other.
        for _ in 0..10 {
            cache.put(place(9_999), 2, at(300), &key);
        }
        assert_eq!(cache.len(), 4 * PARTS);
    }

    #[test]
    fn what_is_over_or_changed_serves_nobody_and_is_swept() {
        let (cache, key) = (Cache::default(), material());
        cache.put(place(1), 5, at(300), &key);
        cache.put(place(2), 5, at(100), &key);
        assert!(cache.get(&place(1), 4, at(0)).is_none());
        assert!(cache.get(&place(2), 5, at(100)).is_none());
        // A request on an older snapshot.
        cache.put(place(1), 4, at(900), &key);
        assert!(cache.get(&place(1), 5, at(299)).is_some());
        cache.sweep(at(100), |_row| Some(5));
        assert_eq!(cache.len(), 1);
        cache.sweep(at(100), |_row| Some(6));
        assert_eq!(cache.len(), 0);
        assert_eq!(Arc::strong_count(&key), 1);
    }
}
