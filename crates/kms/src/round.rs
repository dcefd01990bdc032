//! One round of maintenance: what fails holds up nothing else, and is told.

use crate::Error;

/// Failures of one round, beyond which it ends.
pub(crate) const MOST_UNDONE: usize = 256;

/// What a round of maintenance could not do, and the next one does again.
#[derive(Debug)]
pub struct Undone {
    /// What it was for: a key, an account, or the file of shred keys.
    pub what: String,
    /// Why.
    pub source: Error,
}

/// What has become of the tasks of a round so far.
#[derive(Debug)]
pub(crate) struct Round {
    left: usize,
    undone: Vec<Undone>,
}

impl Round {
    /// A round of so many tasks that succeed.
    pub(crate) fn of(most: usize) -> Self {
        Self {
            left: most,
            undone: Vec::new(),
        }
    }

    /// Notes how a task ended, which was for `what`. One that failed takes the place of no other.
    pub(crate) fn note(&mut self, outcome: Result<(), Error>, what: impl FnOnce() -> String) {
        match outcome {
            Ok(()) => self.left = self.left.saturating_sub(1),
            Err(source) => self.undone.push(Undone {
                what: what(),
                source,
            }),
        }
    }

    /// Whether the rest is for the next round.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0 || self.undone.len() >= MOST_UNDONE
    }

    /// What could not be done.
    pub(crate) fn undone(self) -> Vec<Undone> {
        self.undone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Result<(), Error> {
        Err(Error::broken("a test"))
    }

    #[test]
    fn failures_take_the_place_of_no_other_task() {
        let mut round = Round::of(2);
        for number in 0..10 {
            round.note(failed(), || number.to_string());
            assert!(!round.is_over());
        }
        round.note(Ok(()), String::new);
        assert!(!round.is_over());
        round.note(Ok(()), String::new);
        assert!(round.is_over());
        let undone = round.undone();
        assert_eq!(undone.len(), 10);
        assert_eq!(undone[3].what, "3");
    }

    #[test]
    fn a_round_in_which_everything_fails_ends() {
        let mut round = Round::of(usize::MAX);
        for _ in 0..MOST_UNDONE {
            assert!(!round.is_over());
            round.note(failed(), String::new);
        }
        assert!(round.is_over());
    }
}
