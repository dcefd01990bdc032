//! How many bytes may be written in a day.

use std::time::Duration;

use types::Monotonic;

const DAY: Duration = Duration::from_hours(24);

/// A budget of bytes a day: a day's worth may be written at once, and what was written is paid
/// back evenly.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    per_day: u64,
    /// When what was written so far is paid for.
    paid: Duration,
}

impl Budget {
    /// A budget of `per_day` bytes, of which nothing is written yet; at least one byte.
    pub fn new(per_day: u64) -> Self {
        Self {
            per_day: per_day.max(1),
            paid: Duration::ZERO,
        }
    }

    /// Whether something is left at `now`. The last write may take more than that: what it owes
    /// is paid back first.
    pub fn has_room(&self, now: Monotonic) -> bool {
        self.has_left(0, now)
    }

    /// The same of so many eighths of a day's worth, which are left for something else.
    pub fn has_left(&self, eighths: u32, now: Monotonic) -> bool {
        let kept = (DAY / 8).saturating_mul(eighths);
        self.paid.saturating_add(kept) <= now.0.saturating_add(DAY)
    }

    /// Takes `bytes` at `now`. What is owed beyond an eighth of a day's worth is forgiven: whatever
    /// is written all the same, there is room again three hours after it ends.
    pub fn take(&mut self, bytes: u64, now: Monotonic) {
        let nanos = u128::from(bytes).saturating_mul(DAY.as_nanos()) / u128::from(self.per_day);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let owed = self.paid.max(now.0).saturating_add(time);
        self.paid = owed.min(now.0.saturating_add(DAY + DAY / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Monotonic {
        Monotonic(Duration::from_hours(hours))
    }

    #[test]
    fn a_day_s_worth_at_once_and_then_evenly() {
        let mut budget = Budget::new(2400);
        budget.take(2400, at(7));
        assert!(budget.has_room(at(7)));
        budget.take(100, at(7));
        assert!(!budget.has_room(at(7)));
        assert!(budget.has_room(at(8)));
        budget.take(100, at(8));
        budget.take(100, at(8));
        assert!(!budget.has_room(at(8)));
        assert!(!budget.has_room(Monotonic(Duration::from_mins(10 * 60 - 1))));
        assert!(budget.has_room(at(10)));
    }

    #[test]
    fn what_is_left_for_something_else_counts_as_used() {
        let mut budget = Budget::new(2400);
        budget.take(2100, at(7));
        assert!(budget.has_left(1, at(7)) && !budget.has_left(2, at(7)));
        budget.take(1, at(7));
        assert!(!budget.has_left(1, at(7)) && budget.has_room(at(7)));
    }

    #[test]
    fn what_is_not_used_in_a_day_is_not_kept() {
        let mut budget = Budget::new(2400);
        budget.take(2401, at(100));
        assert!(!budget.has_room(at(100)));
    }

    #[test]
    fn what_is_owed_is_bounded() {
        for bytes in [2400, u64::MAX] {
            let mut budget = Budget::new(1);
            budget.take(bytes, at(1));
            budget.take(bytes, at(1));
            assert!(!budget.has_room(Monotonic(Duration::from_mins(4 * 60 - 1))));
            assert!(budget.has_room(at(4)));
        }
    }
}
