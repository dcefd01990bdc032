//! The page of a search, filled while looking.

use super::{Entity, Place};

/// The first so many of all that is found behind a place.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    size: usize,
    descending: bool,
    after: Option<Place<'a>>,
    found: Vec<(Place<'a>, Entity<'a>)>,
    hits: i64,
}

impl<'a> Page<'a> {
    /// A page of so many entries, behind `after`.
    pub(crate) fn new(size: usize, descending: bool, after: Option<Place<'a>>) -> Self {
        Self {
            size,
            descending,
            after,
            found: Vec::new(),
            hits: 0,
        }
    }

    /// Adds what was found at `place`.
    pub(crate) fn add(&mut self, place: Place<'a>, entity: Entity<'a>) {
        self.hits += 1;
        let behind = match &self.after {
            None => true,
            Some(after) if self.descending => place < *after,
            Some(after) => place > *after,
        };
        if behind {
            self.found.push((place, entity));
        }
        // One more than the page has tells whether there is another page.
        if self.found.len() > 2 * (self.size + 1) {
            self.sort();
        }
    }

    /// Sorts what is there, and forgets what is on no account on the page.
    fn sort(&mut self) {
        let descending = self.descending;
        self.found.sort_unstable_by(
            |(a, _), (b, _)| {
                if descending { b.cmp(a) } else { a.cmp(b) }
            },
        );
        self.found.truncate(self.size + 1);
    }

    /// What is on the page, where it ends if another follows, and how much was found in all.
    pub(crate) fn finish(mut self) -> (Vec<Entity<'a>>, Option<Place<'a>>, i64) {
        self.sort();
        let more = self.found.len() > self.size;
        self.found.truncate(self.size);
        let last = self.found.last().filter(|_| more);
        let last = last.map(|(place, _)| place.clone());
        let found = self.found.into_iter().map(|(_, entity)| entity);
        (found.collect(), last, self.hits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::Property;
    use crate::testing;
    use crate::values::FeatureType;

    proptest! {
        /// Page after page is what sorting everything gives.
        #[test]
        fn pages_are_parts_of_what_is_sorted(
            names in proptest::collection::btree_set("[a-z]{1,3}", 2..40),
            size in 1_usize..8,
            descending: bool,
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let features: Vec<_> = names
                .iter()
                .map(|name| (name.as_str(), FeatureType::String))
                .collect();
            let group = testing::group(&features);
            let by = Property::parse(crate::search::Kind::Features, "FeatureName").unwrap();
            let mut after: Option<Place<'_>> = None;
            let mut found = Vec::new();
            loop {
                let mut page = Page::new(size, descending, after.take());
                for feature in &group.definitions {
                    let entity = Entity::Feature(&group, feature);
                    page.add(Place::of(&entity, &by), entity);
                }
                let (entities, last, hits) = page.finish();
                prop_assert_eq!(usize::try_from(hits).unwrap(), names.len());
                prop_assert!(entities.len() <= size);
                found.extend(entities.iter().map(|entity| match entity {
                    Entity::Feature(_, feature) => feature.name.clone(),
                    Entity::Group { group, .. } => group.name.clone(),
                }));
                after = last;
                if after.is_none() {
                    break;
                }
            }
            let mut sorted = names;
            if descending {
                sorted.reverse();
            }
            prop_assert_eq!(found, sorted);
        }
    }
}
