//! The page of a search, filled while looking.

use super::{Entity, Place};

/// How many features the groups of a page have together: what they are is in the answer, which is
/// put together in memory. One group is on every page.
const MOST_FEATURES: usize = 25_000;

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
        let fitting = self.fitting();
        let more = self.found.len() > fitting;
        self.found.truncate(fitting);
        let last = self.found.last().filter(|_| more);
        let last = last.map(|(place, _)| place.clone());
        let found = self.found.into_iter().map(|(_, entity)| entity);
        (found.collect(), last, self.hits)
    }

    /// How many of what is sorted are on the page.
    fn fitting(&self) -> usize {
        let mut features = 0_usize;
        let mut on_page = self.found.iter().take(self.size);
        let beyond = on_page.position(|(_, entity)| {
            let before = features;
            features = features.saturating_add(match entity {
                Entity::Group { group, .. } => group.definitions.len(),
                Entity::Feature(..) => 1,
            });
            before > 0 && features > MOST_FEATURES
        });
        beyond.unwrap_or(self.size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::{Kind, Property};
    use crate::shape::Reasons;
    use crate::testing;
    use crate::values::FeatureType;

    #[test]
    fn a_page_ends_before_its_groups_have_too_many_features() {
        let groups: Vec<_> = [MOST_FEATURES + 1, MOST_FEATURES / 2, MOST_FEATURES / 2, 2]
            .into_iter()
            .enumerate()
            .map(|(number, size)| {
                let names: Vec<String> = (0..size).map(|feature| format!("f{feature}")).collect();
                let features: Vec<_> = names
                    .iter()
                    .map(|name| (name.as_str(), FeatureType::String))
                    .collect();
                let mut group = testing::group(&features);
                group.name = format!("g{number}");
                group
            })
            .collect();
        let by = Property::parse(Kind::Groups, "FeatureGroupName").unwrap();
        let mut after: Option<Place<'_>> = None;
        let mut pages = Vec::new();
        loop {
            let mut page = Page::new(10, false, after.take());
            for group in &groups {
                let entity = Entity::Group {
                    group,
                    own: true,
                    reasons: Reasons::Shown(None),
                    offline: None,
                };
                page.add(Place::of(&entity, &by), entity);
            }
            let (entities, last, hits) = page.finish();
            assert_eq!(hits, 4);
            pages.push(entities.len());
            after = last;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(pages, [1, 2, 1]);
    }

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
            let by = Property::parse(Kind::Features, "FeatureName").unwrap();
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
