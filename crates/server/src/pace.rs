//! How fast passphrases may be tried: one at a time, one a second, and ever slower for an
//! address that keeps being wrong.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use types::{Monotonic, network};

/// The least time between the beginnings of two attempts, whoever makes them.
const APART: Duration = Duration::from_secs(1);

/// The longest time that one address waits after a wrong passphrase.
const LONGEST: Duration = Duration::from_secs(32);

/// Addresses remembered at a time; beyond it the one that is free soonest is forgotten.
const REMEMBERED: usize = 1024;

/// The attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    running: bool,
    last: Option<Monotonic>,
    wrong: HashMap<IpAddr, Wrong>,
}

#[derive(Debug)]
struct Wrong {
    in_a_row: u32,
    until: Monotonic,
}

impl Pace {
    /// Begins an attempt of `peer` at `now`, or says how long to wait. What was begun is to
    /// be [ended](Self::end).
    pub(crate) fn begin(&mut self, peer: IpAddr, now: Monotonic) -> Result<(), Duration> {
        let others = match self.last {
            Some(last) => left(Monotonic(last.0 + APART), now),
            None => Duration::ZERO,
        };
        let own = self.wrong.get(&network(peer));
        let own = own.map_or(Duration::ZERO, |wrong| left(wrong.until, now));
        let wait = others.max(own);
        if self.running {
            return Err(wait.max(APART));
        }
        if wait > Duration::ZERO {
            return Err(wait);
        }
        self.running = true;
        self.last = Some(now);
        Ok(())
    }

    /// Ends an attempt that says nothing of the peer: what it owes for wrong ones stays.
    pub(crate) fn release(&mut self) {
        self.running = false;
    }

    /// Ends an attempt of `peer` at `now`.
    pub(crate) fn end(&mut self, peer: IpAddr, now: Monotonic, was_wrong: bool) {
        self.running = false;
        let peer = network(peer);
        if !was_wrong {
            self.wrong.remove(&peer);
            return;
        }
        if self.wrong.len() >= REMEMBERED && !self.wrong.contains_key(&peer) {
            let soonest = self.wrong.iter().min_by_key(|(_, wrong)| wrong.until);
            if let Some(soonest) = soonest.map(|(peer, _)| *peer) {
                self.wrong.remove(&soonest);
            }
        }
        let wrong = self.wrong.entry(peer).or_insert(Wrong {
            in_a_row: 0,
            until: now,
        });
        let wait = APART * 2_u32.pow(wrong.in_a_row.min(16));
        wrong.in_a_row = wrong.in_a_row.saturating_add(1);
        wrong.until = Monotonic(now.0 + wait.min(LONGEST));
    }
}

fn left(until: Monotonic, now: Monotonic) -> Duration {
    until.0.saturating_sub(now.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_says_nothing_forgives_nothing() {
        let mut pace = Pace::default();
        for turn in 0..5 {
            pace.begin(HERE, at(turn * 100_000)).unwrap();
            pace.end(HERE, at(turn * 100_000), true);
        }
        let begun = 500_000;
        pace.begin(HERE, at(begun)).unwrap();
        pace.release();
        pace.begin(HERE, at(begun + 2_000)).unwrap();
        pace.end(HERE, at(begun + 2_000), true);
        // The sixth wrong one in a row, and not the first.
        let wait = pace.begin(HERE, at(begun + 3_000)).unwrap_err();
        assert!(wait > Duration::from_secs(20), "{wait:?}");
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn wrong(pace: &mut Pace, peer: IpAddr, millis: u64) {
        pace.begin(peer, at(millis)).unwrap();
        pace.end(peer, at(millis), true);
    }

    #[test]
    fn attempts_begin_a_second_apart_whoever_makes_them() {
        let mut pace = Pace::default();
        wrong(&mut pace, HERE, 0);
        let wait = pace.begin(THERE, at(400)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(600));
        assert!(pace.begin(THERE, at(1000)).is_ok());
    }

    #[test]
    fn only_one_attempt_runs_at_a_time() {
        let mut pace = Pace::default();
        pace.begin(HERE, at(0)).unwrap();
        assert!(pace.begin(THERE, at(5000)).is_err());
        pace.end(HERE, at(5000), true);
        assert!(pace.begin(THERE, at(5000)).is_ok());
    }

    #[test]
    fn an_address_that_keeps_being_wrong_waits_ever_longer_up_to_a_bound() {
        let mut pace = Pace::default();
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 32] {
            wrong(&mut pace, HERE, now);
            let refused = pace.begin(HERE, at(now)).unwrap_err();
            assert_eq!(refused, Duration::from_secs(wait));
            now += wait * 1000;
        }
        // Another address waits for nobody but the second between attempts.
        assert!(pace.begin(THERE, at(now - 30_000)).is_ok());
    }

    #[test]
    fn hosts_of_one_ipv6_network_share_their_wait() {
        let mut pace = Pace::default();
        for millis in [0, 1000] {
            wrong(&mut pace, "2001:db8::1".parse().unwrap(), millis);
        }
        assert!(
            pace.begin("2001:db8::2".parse().unwrap(), at(2100))
                .is_err()
        );
        assert!(
            pace.begin("2001:db8:0:1::1".parse().unwrap(), at(2100))
                .is_ok()
        );
    }

    #[test]
    fn remembered_addresses_are_bounded() {
        let mut pace = Pace::default();
        for host in 0..3000_u32 {
            let peer = std::net::Ipv4Addr::from_bits(host).into();
            wrong(&mut pace, peer, u64::from(host) * 1000);
        }
        assert_eq!(pace.wrong.len(), REMEMBERED);
    }
}
