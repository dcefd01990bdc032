//! The operating system's randomness, through the generator of `aws-lc-rs`.

use std::cell::RefCell;

use types::Entropy;
use zeroize::{Zeroize, Zeroizing};

use crate::must;

/// The cryptographically secure generator of this machine.
///
/// Aborts the process if the operating system gives no entropy. Ids ([`Entropy::fill_id`]) are
/// filled from bytes that each thread draws in advance and wipes as they are used: the generator
/// costs about a microsecond a call, and every request has two or three. Everything else is drawn
/// when it is needed, however short it is: a virtual machine that is resumed twice from one
/// snapshot of its memory has the same stock twice, and the generator takes care of that where it
/// can.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

thread_local! {
    // INVARIANT: this process does not fork, so no two processes share a stock.
    static STOCK: RefCell<Stock> = RefCell::new(Stock::new());
}

impl Entropy for SystemEntropy {
    fn fill(&self, target: &mut [u8]) {
        draw(target);
    }

    fn fill_id(&self, target: &mut [u8]) {
        let served = STOCK.try_with(|stock| {
            let stock = stock.try_borrow_mut();
            stock.is_ok_and(|mut stock| stock.take(target))
        });
        if !served.unwrap_or(false) {
            draw(target);
        }
    }
}

fn draw(target: &mut [u8]) {
    must::succeed(aws_lc_rs::rand::fill(target), "random bytes");
}

/// Random bytes that nobody has seen yet.
struct Stock {
    bytes: Zeroizing<[u8; Self::LENGTH]>,
    used: usize,
}

impl Stock {
    const LENGTH: usize = 1024;

    fn new() -> Self {
        Self {
            bytes: Zeroizing::new([0; Self::LENGTH]),
            used: Self::LENGTH,
        }
    }

    /// Moves fresh bytes to `target`; false if it is longer than the whole stock.
    fn take(&mut self, target: &mut [u8]) -> bool {
        if Self::LENGTH - self.used < target.len() {
            draw(&mut *self.bytes);
            self.used = 0;
        }
        let end = self.used + target.len();
        let Some(fresh) = self.bytes.get_mut(self.used..end) else {
            return false;
        };
        target.copy_from_slice(fresh);
        fresh.zeroize();
        self.used = end;
        true
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
    fn short_draws_never_repeat_and_leave_nothing_behind() {
        let mut stock = Stock::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let mut id = [0_u8; 16];
            assert!(stock.take(&mut id));
            assert!(seen.insert(id));
            let used = stock.bytes.get(..stock.used).unwrap();
            assert!(used.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn nothing_but_ids_comes_from_the_stock() {
        SystemEntropy.fill_id(&mut [0; 16]);
        let used = || STOCK.with(|stock| stock.borrow().used);
        let before = used();
        // Nonces, data keys and whatever callers of GenerateRandom make of their bytes.
        for length in [1, 4, 8, 12, 16, 24, 32, 1024] {
            SystemEntropy.fill(&mut vec![0; length]);
            assert_eq!(used(), before, "{length}");
        }
        SystemEntropy.fill_id(&mut [0; 16]);
        assert_eq!(used(), before + 16);
    }

    #[test]
    fn an_id_that_is_longer_than_the_stock_is_filled_too() {
        let mut target = vec![0; 4 * Stock::LENGTH];
        SystemEntropy.fill_id(&mut target);
        assert!(
            target
                .chunks(64)
                .all(|part| part.iter().any(|byte| *byte != 0))
        );
    }

    #[test]
    fn an_empty_target_is_no_failure() {
        SystemEntropy.fill(&mut []);
    }
}
