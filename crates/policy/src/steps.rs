//! How much comparing a decision may take.

use std::cell::Cell;

/// The steps that are left to compare a request with policies: about one for each pattern, and for
/// each character that a wildcard is tried at.
///
/// Where none are left nothing more is compared: a Deny then counts as matching and an Allow as
/// not matching, so that a request which takes too long is denied.
#[derive(Debug, Clone)]
pub struct Steps(Cell<usize>);

impl Steps {
    /// What one decision has: far more than any policies take that are meant to decide something,
    /// and some milliseconds.
    pub const OF_A_DECISION: usize = 4_000_000;

    /// So many steps.
    pub fn new(most: usize) -> Self {
        Self(Cell::new(most))
    }

    /// Whether none are left: what was decided since may be less than what the policies allow.
    pub fn are_spent(&self) -> bool {
        self.0.get() == 0
    }

    pub(crate) fn take(&self, steps: usize) {
        self.0.set(self.0.get().saturating_sub(steps));
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.0.get()
    }
}

impl Default for Steps {
    /// What one decision has.
    fn default() -> Self {
        Self::new(Self::OF_A_DECISION)
    }
}
