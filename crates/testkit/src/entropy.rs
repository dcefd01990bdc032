//! Randomness that is the same in every run.

use std::sync::Mutex;

use types::Entropy;

/// `SplitMix64` from zero: repeatable, and worth nothing as a secret.
#[derive(Debug, Default)]
pub struct Seeded(Mutex<u64>);

impl Entropy for Seeded {
    fn fill(&self, target: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for byte in target {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = mixed.to_be_bytes()[0];
        }
    }
}
