//! The operating system's randomness, through the generator of `aws-lc-rs`.

use types::Entropy;

use crate::must;

/// The cryptographically secure generator of this machine.
///
/// Aborts the process if the operating system gives no entropy.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, target: &mut [u8]) {
        must::succeed(aws_lc_rs::rand::fill(target), "random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let (mut first, mut second) = ([0_u8; 32], [0_u8; 32]);
        SystemEntropy.fill(&mut first);
        SystemEntropy.fill(&mut second);
        assert_ne!(first, second);
    }

    #[test]
    fn a_long_target_is_filled_to_its_end() {
        let mut target = vec![0_u8; 100_000];
        SystemEntropy.fill(&mut target);
        for part in target.chunks(1_000) {
            assert!(part.iter().any(|byte| *byte != 0));
        }
    }

    #[test]
    fn an_empty_target_is_no_failure() {
        SystemEntropy.fill(&mut []);
    }
}
