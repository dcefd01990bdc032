//! Randomness is handed in, never reached for.

use std::fmt;

/// A source of unpredictable bytes; `crypto` has the operating system's, tests a seeded one.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the whole of `target`.
    ///
    /// An implementation that cannot get entropy aborts the process rather than
    /// return predictable bytes.
    fn fill(&self, target: &mut [u8]);

    /// Fills the whole of `target`, which is an id: it only has to differ from others, nothing is
    /// secured by it, and two copies of one machine may draw the same. An implementation may take
    /// it from what it has drawn in advance; never what becomes a key, a nonce, a salt or a token,
    /// or what callers asked for.
    fn fill_id(&self, target: &mut [u8]) {
        self.fill(target);
    }
}
