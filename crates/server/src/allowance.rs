//! How often an address may call without a signature.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use types::{Monotonic, network};

/// How many calls one counts for beside itself if it is refused.
const REFUSED: u32 = 9;

/// How many seconds' calls may be made at once.
const AHEAD: Duration = Duration::from_secs(5);

/// Addresses remembered at a time; beyond it the one that has used least is forgotten.
const REMEMBERED: usize = 4096;

/// What addresses may do and have done.
#[derive(Debug)]
pub(crate) struct Allowances {
    /// What one call uses up.
    call: Duration,
    /// What each address has used up: until when, if it goes on as fast as it may.
    used: Mutex<HashMap<IpAddr, Monotonic>>,
}

impl Allowances {
    /// Lets each address make `per_second` calls a second for ever, and those of five seconds at
    /// once.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            call: Duration::from_secs(1) / per_second.max(1),
            used: Mutex::default(),
        }
    }

    /// Whether `peer` may make a call at `now`, which is then used up.
    pub(crate) fn admit(&self, peer: IpAddr, now: Monotonic) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = network(peer);
        if used.len() >= REMEMBERED && !used.contains_key(&peer) {
            used.retain(|_, until| *until > now);
            let least = used.iter().min_by_key(|(_, until)| **until);
            let least = least
                .map(|(peer, _)| *peer)
                .filter(|_| used.len() >= REMEMBERED);
            if let Some(least) = least {
                used.remove(&least);
            }
        }
        let until = used.entry(peer).or_insert(now);
        let from = (*until).max(now);
        if from.0.saturating_sub(now.0) + self.call > AHEAD {
            return false;
        }
        *until = Monotonic(from.0 + self.call);
        true
    }

    /// Counts the call that `peer` makes as refused, unless it says otherwise: also if it ends
    /// because its caller went away.
    pub(crate) fn unless_accepted(&self, peer: IpAddr) -> Unaccepted<'_> {
        Unaccepted {
            allowances: self,
            peer: Some(peer),
        }
    }

    /// Whether `peer` may make a call at `now`; nothing is used up.
    pub(crate) fn may(&self, peer: IpAddr, now: Monotonic) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let until = used.get(&network(peer));
        let from = until.map_or(now, |until| (*until).max(now));
        from.0.saturating_sub(now.0) + self.call <= AHEAD
    }

    /// The call that `peer` made was refused.
    fn refused(&self, peer: IpAddr) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = used.get_mut(&network(peer)) {
            *until = Monotonic(until.0 + self.call * REFUSED);
        }
    }
}

/// A call that counts as refused when it ends.
#[derive(Debug)]
pub(crate) struct Unaccepted<'a> {
    allowances: &'a Allowances,
    peer: Option<IpAddr>,
}

impl Unaccepted<'_> {
    /// The call counts for itself alone.
    pub(crate) fn accepted(mut self) {
        self.peer = None;
    }
}

impl Drop for Unaccepted<'_> {
    fn drop(&mut self) {
        if let Some(peer) = self.peer {
            self.allowances.refused(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn admitted(allowances: &Allowances, peer: IpAddr, now: Monotonic, refused: bool) -> usize {
        let calls = (0..1000).take_while(|_| {
            let admitted = allowances.admit(peer, now);
            if admitted && refused {
                allowances.refused(peer);
            }
            admitted
        });
        calls.count()
    }

    #[test]
    fn an_address_makes_a_hundred_calls_at_once_and_twenty_a_second() {
        let allowances = Allowances::new(20);
        assert_eq!(admitted(&allowances, HERE, at(0), false), 100);
        assert_eq!(admitted(&allowances, HERE, at(1000), false), 20);
        assert_eq!(admitted(&allowances, THERE, at(1000), false), 100);
    }

    #[test]
    fn an_address_whose_tokens_are_refused_makes_ten_and_two_a_second() {
        let allowances = Allowances::new(20);
        assert_eq!(admitted(&allowances, HERE, at(0), true), 10);
        assert_eq!(admitted(&allowances, HERE, at(1000), true), 2);
        assert_eq!(admitted(&allowances, HERE, at(600_000), true), 10);
    }

    #[test]
    fn a_call_whose_caller_goes_away_counts_as_refused() {
        let allowances = Allowances::new(20);
        let calls = (0..1000).take_while(|_| {
            let admitted = allowances.admit(HERE, at(0));
            if admitted {
                drop(allowances.unless_accepted(HERE));
            }
            admitted
        });
        assert_eq!(calls.count(), 10);
        assert!(!allowances.may(HERE, at(0)) && allowances.may(THERE, at(0)));
        assert!(allowances.may(HERE, at(60_000)));
        let allowances = Allowances::new(20);
        let calls = (0..1000).take_while(|_| {
            let admitted = allowances.admit(HERE, at(0));
            allowances.unless_accepted(HERE).accepted();
            admitted
        });
        assert_eq!(calls.count(), 100);
    }

    #[test]
    fn hosts_of_one_ipv6_network_share_what_they_may() {
        let allowances = Allowances::new(20);
        let (one, other) = ("2001:db8::1", "2001:db8::2");
        assert_eq!(
            admitted(&allowances, one.parse().unwrap(), at(0), false),
            100
        );
        assert_eq!(
            admitted(&allowances, other.parse().unwrap(), at(0), false),
            0
        );
    }

    #[test]
    fn remembered_addresses_are_bounded() {
        let allowances = Allowances::new(20);
        for host in 0..10_000_u32 {
            let peer = std::net::Ipv4Addr::from_bits(host).into();
            assert!(allowances.admit(peer, at(1)));
        }
        assert!(allowances.used.lock().unwrap().len() <= REMEMBERED);
    }
}
