//! Randomness is handed in, never reached for.

use std::fmt;

/// A source of unpredictable bytes; `crypto` has the operating system's, tests a seeded one.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the whole of `target`.
    ///
    /// An implementation that cannot get entropy aborts the process rather than
    /// return predictable bytes.
    fn fill(&self, target: &mut [u8]);
}
