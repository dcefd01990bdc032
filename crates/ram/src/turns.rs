//! Turns: what goes through many things lets others have theirs.

/// After how many looks others get their turn.
const LOOKS_AT_ONCE: usize = 1_000;

/// How much was looked at.
#[derive(Debug, Default)]
pub(crate) struct Turns(pub(crate) usize);

impl Turns {
    /// Counts `looks`, and lets others have their turn after so many of them.
    pub(crate) async fn look(&mut self, looks: usize) {
        let turns = self.0 / LOOKS_AT_ONCE;
        self.0 = self.0.saturating_add(looks);
        if self.0 / LOOKS_AT_ONCE > turns {
            pipeline::yield_once().await;
        }
    }
}
