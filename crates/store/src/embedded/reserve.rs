//! Who may write how much of the last of the disk, which is kept for what takes rights away:
//! each account as much as every other, so that none uses up what others need.
//!
//! An account's share is a part of what is left, not of what there was. Whoever has taken much
//! waits first, and however many accounts take all they may, something is left for one that has
//! taken nothing yet.

use std::collections::HashMap;
use std::time::Duration;

use types::{AccountId, Monotonic};

/// An account may have taken at most this part of what is left.
const PART: u64 = 64;

/// Of what an account has taken, half counts no longer after this time.
const HALVED_AFTER: Duration = Duration::from_hours(1);

/// What accounts have taken lately; the server's own work is one of them.
#[derive(Debug, Default)]
pub(super) struct Reserve(HashMap<Option<AccountId>, Taken>);

/// What one account has taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    bytes: u64,
    /// Since when that has not been halved.
    since: Monotonic,
}

impl Reserve {
    /// Whether `account` may write so many `bytes` at `now` of what is `left`.
    pub(super) fn admits(
        &self,
        account: Option<AccountId>,
        bytes: u64,
        left: u64,
        now: Monotonic,
    ) -> bool {
        let taken = self.0.get(&account);
        let taken = taken.map_or(0, |taken| taken.at(now).bytes);
        taken.saturating_add(bytes) <= left / PART
    }

    /// Notes that `account` wrote so many `bytes` at `now`.
    pub(super) fn take(&mut self, account: Option<AccountId>, bytes: u64, now: Monotonic) {
        let nothing = Taken {
            bytes: 0,
            since: now,
        };
        let taken = self.0.entry(account).or_insert(nothing);
        *taken = taken.at(now);
        taken.bytes = taken.bytes.saturating_add(bytes);
    }
}

impl Taken {
    /// What of it counts at `now`.
    fn at(self, now: Monotonic) -> Self {
        let past = now.0.saturating_sub(self.since.0);
        let times = past.as_secs() / HALVED_AFTER.as_secs();
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        Self {
            bytes: self.bytes.checked_shr(times).unwrap_or(0),
            since: Monotonic(
                self.since
                    .0
                    .saturating_add(HALVED_AFTER.saturating_mul(times)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// More than a revocation writes, its record included.
    const ONE: u64 = 8 * 1024;

    fn account(number: u64) -> Option<AccountId> {
        format!("{number:012}").parse().ok()
    }

    fn minutes(minutes: u64) -> Monotonic {
        Monotonic(Duration::from_mins(minutes))
    }

    /// Lets each of so many accounts write all that it may of what is left.
    fn take_all(reserve: &mut Reserve, accounts: u64, left: &mut u64, now: Monotonic) {
        for account in (1..=accounts).map(account) {
            while reserve.admits(account, ONE, *left, now) {
                reserve.take(account, ONE, now);
                *left -= ONE;
            }
        }
    }

    #[test]
    fn an_account_takes_its_share_and_no_more_for_an_hour() {
        let (mut reserve, mut left) = (Reserve::default(), 64 * MIB);
        assert!(!reserve.admits(account(1), MIB + 1, left, minutes(0)));
        take_all(&mut reserve, 1, &mut left, minutes(0));
        assert!((62 * MIB..63 * MIB + MIB / 2).contains(&left), "{left}");
        assert!(!reserve.admits(account(1), ONE, left, minutes(59)));
        assert!(reserve.admits(account(1), ONE, left, minutes(60)));
        assert!(reserve.admits(account(2), ONE, left, minutes(0)));
        // The server's own work is bounded like an account.
        assert!(reserve.admits(None, MIB / 2, left, minutes(0)));
        reserve.take(None, MIB, minutes(0));
        assert!(!reserve.admits(None, ONE, left, minutes(0)));
    }

    #[test]
    fn whoever_takes_a_little_all_the_time_is_forgiven_too() {
        let (mut reserve, left) = (Reserve::default(), 64 * MIB);
        reserve.take(account(1), MIB, minutes(0));
        for minute in (30..=240).step_by(30) {
            reserve.take(account(1), 1, minutes(minute));
        }
        assert!(reserve.admits(account(1), MIB * 7 / 8, left, minutes(240)));
    }

    #[test]
    fn however_many_accounts_take_all_they_may_something_is_left_for_another() {
        let (mut reserve, mut left) = (Reserve::default(), 64 * MIB);
        for hour in 0..3 {
            take_all(&mut reserve, 200, &mut left, minutes(hour * 60));
        }
        for once in 0..4 {
            let victim = account(1_000);
            assert!(reserve.admits(victim, ONE, left, minutes(180)), "{once}");
            reserve.take(victim, ONE, minutes(180));
            left -= ONE;
        }
    }
}
