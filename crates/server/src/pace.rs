//! How fast passphrases may be tried: one at a time, one a second, and ever slower for whoever
//! keeps being wrong.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use types::Monotonic;

/// The least time between the beginnings of two attempts of strangers, whoever makes them; and
/// how long it takes after a first wrong one.
const APART: Duration = Duration::from_secs(1);

/// The longest time that one waits after a wrong passphrase.
const LONGEST: Duration = Duration::from_secs(32);

/// Who was wrong is remembered of so many at a time; beyond it whoever is free soonest is
/// forgotten.
const REMEMBERED: usize = 1024;

/// The attempts so far, of networks or of principals.
#[derive(Debug)]
pub(crate) struct Pace<P = IpAddr> {
    /// The least time between two attempts, whoever makes them.
    apart: Duration,
    running: bool,
    last: Option<Monotonic>,
    wrong: HashMap<P, Wrong>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(APART)
    }
}

#[derive(Debug)]
struct Wrong {
    in_a_row: u32,
    until: Monotonic,
}

impl<P: Clone + Eq + Hash> Pace<P> {
    /// No attempts yet; any two are to begin `apart`.
    pub(crate) fn new(apart: Duration) -> Self {
        Self {
            apart,
            running: false,
            last: None,
            wrong: HashMap::new(),
        }
    }

    /// Begins an attempt of `peer` at `now`, or says how long to wait. What was begun is to
    /// be [ended](Self::end).
    pub(crate) fn begin(&mut self, peer: &P, now: Monotonic) -> Result<(), Duration> {
        let others = match self.last {
            Some(last) => left(Monotonic(last.0 + self.apart), now),
            None => Duration::ZERO,
        };
        let own = self.wrong.get(peer);
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
    pub(crate) fn end(&mut self, peer: &P, now: Monotonic, was_wrong: bool) {
        self.running = false;
        if !was_wrong {
            self.wrong.remove(peer);
            return;
        }
        if self.wrong.len() >= REMEMBERED && !self.wrong.contains_key(peer) {
            let soonest = self.wrong.iter().min_by_key(|(_, wrong)| wrong.until);
            if let Some(soonest) = soonest.map(|(peer, _)| peer.clone()) {
                self.wrong.remove(&soonest);
            }
        }
        let wrong = self.wrong.entry(peer.clone()).or_insert(Wrong {
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
    use types::network;

    use super::*;

    #[test]
    fn an_attempt_that_says_nothing_forgives_nothing() {
        let mut pace = Pace::default();
        for turn in 0..5 {
            wrong(&mut pace, HERE, turn * 100_000);
        }
        let begun = 500_000;
        pace.begin(&HERE, at(begun)).unwrap();
        pace.release();
        wrong(&mut pace, HERE, begun + 2_000);
        // The sixth wrong one in a row, and not the first.
        let wait = pace.begin(&HERE, at(begun + 3_000)).unwrap_err();
        assert!(wait > Duration::from_secs(20), "{wait:?}");
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn wrong(pace: &mut Pace, peer: IpAddr, millis: u64) {
        let peer = network(peer);
        pace.begin(&peer, at(millis)).unwrap();
        pace.end(&peer, at(millis), true);
    }

    #[test]
    fn where_nothing_is_kept_apart_only_the_wrong_ones_wait() {
        let mut pace = Pace::new(Duration::ZERO);
        pace.begin(&"bob", at(0)).unwrap();
        assert_eq!(pace.begin(&"alice", at(0)), Err(APART));
        pace.end(&"bob", at(0), true);
        assert_eq!(pace.begin(&"bob", at(0)), Err(APART));
        pace.begin(&"alice", at(0)).unwrap();
        pace.end(&"alice", at(0), false);
        assert_eq!(pace.begin(&"alice", at(0)), Ok(()));
    }

    #[test]
    fn attempts_begin_a_second_apart_whoever_makes_them() {
        let mut pace = Pace::default();
        wrong(&mut pace, HERE, 0);
        let wait = pace.begin(&THERE, at(400)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(600));
        assert!(pace.begin(&THERE, at(1000)).is_ok());
    }

    #[test]
    fn only_one_attempt_runs_at_a_time() {
        let mut pace = Pace::default();
        pace.begin(&HERE, at(0)).unwrap();
        assert!(pace.begin(&THERE, at(5000)).is_err());
        pace.end(&HERE, at(5000), true);
        assert!(pace.begin(&THERE, at(5000)).is_ok());
    }

    #[test]
    fn an_address_that_keeps_being_wrong_waits_ever_longer_up_to_a_bound() {
        let mut pace = Pace::default();
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 32] {
            wrong(&mut pace, HERE, now);
            let refused = pace.begin(&HERE, at(now)).unwrap_err();
            assert_eq!(refused, Duration::from_secs(wait));
            now += wait * 1000;
        }
        // Another address waits for nobody but the second between attempts.
        assert!(pace.begin(&THERE, at(now - 30_000)).is_ok());
    }

    #[test]
    fn hosts_of_one_ipv6_network_share_their_wait() {
        let mut pace = Pace::default();
        for millis in [0, 1000] {
            wrong(&mut pace, "2001:db8::1".parse().unwrap(), millis);
        }
        let of = |peer: &str| network(peer.parse().unwrap());
        assert!(pace.begin(&of("2001:db8::2"), at(2100)).is_err());
        assert!(pace.begin(&of("2001:db8:0:1::1"), at(2100)).is_ok());
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
