//! Who may write how much of the last of the disk, which is kept for what takes rights away:
//! each account as much as every other, so that none uses up what others need.
//!
//! An account's share is a part of what is left, not of what there was: however many accounts take
//! all they may, little by little or at once, the next one finds something. Nothing of it is given
//! back while the disk is full, since nothing of what was written is; and the end of the room is for
//! accounts that have taken next to nothing, whatever their share has become.

use std::collections::HashMap;
use std::time::Duration;

use types::{AccountId, Monotonic};

/// An account may have taken at most this part of what is left.
const PART: u64 = 64;

/// This part of all of the room is in no share.
const KEPT: u64 = 16;

/// So much every account may have taken, a few small revocations, while there is anything.
const LEAST: u64 = 16 * 1024;

/// How long there must have been room for everything until what was taken is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// The last of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastRoom {
    /// How many bytes of it are left.
    pub(super) left: u64,
    /// How many there are in all.
    pub(super) whole: u64,
}

/// What accounts have taken lately; the server's own work is one of them.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    taken: HashMap<Option<AccountId>, u64>,
    /// Since when there has been room for everything.
    over: Option<Monotonic>,
}

impl Reserve {
    /// Notes whether the last of the disk `is_shared` out at `now`.
    pub(super) fn note(&mut self, is_shared: bool, now: Monotonic) {
        if !is_shared {
            self.over.get_or_insert(now);
        } else if let Some(over) = self.over.take()
            && now.0.saturating_sub(over.0) >= FORGOTTEN_AFTER
        {
            self.taken.clear();
        }
    }

    /// Whether `account` may write so many `bytes` of the `last` room.
    pub(super) fn admits(&self, account: Option<AccountId>, bytes: u64, last: LastRoom) -> bool {
        let share = last.left.saturating_sub(last.whole / KEPT) / PART;
        let taken = self.taken.get(&account).copied().unwrap_or(0);
        taken.saturating_add(bytes) <= share.max(LEAST) && bytes <= last.left
    }

    /// Notes that `account` wrote so many `bytes`.
    pub(super) fn take(&mut self, account: Option<AccountId>, bytes: u64) {
        let taken = self.taken.entry(account).or_insert(0);
        *taken = taken.saturating_add(bytes);
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

    fn last(left: u64) -> LastRoom {
        LastRoom {
            left,
            whole: 64 * MIB,
        }
    }

    /// Lets each of so many accounts write all that it may of what is left, `bytes` at a time.
    fn take_all(reserve: &mut Reserve, accounts: u64, bytes: u64, left: &mut u64) {
        for account in (1..=accounts).map(account) {
            while reserve.admits(account, bytes, last(*left)) {
                reserve.take(account, bytes);
                *left -= bytes;
            }
        }
    }

    #[test]
    fn an_account_takes_its_share_and_no_more() {
        let (mut reserve, mut left) = (Reserve::default(), 64 * MIB);
        assert!(!reserve.admits(account(1), MIB, last(left)));
        take_all(&mut reserve, 1, ONE, &mut left);
        assert!((63 * MIB..63 * MIB + MIB / 8).contains(&left), "{left}");
        assert!(!reserve.admits(account(1), ONE, last(left)));
        assert!(reserve.admits(account(2), ONE, last(left)));
        // The server's own work is bounded like an account.
        assert!(reserve.admits(None, MIB / 2, last(left)));
        reserve.take(None, MIB);
        assert!(!reserve.admits(None, ONE, last(left)));
    }

    #[test]
    fn what_was_taken_is_forgotten_when_there_has_been_room_for_an_hour() {
        let mut reserve = Reserve::default();
        let mut is_forgotten = |is_shared, now| {
            reserve.note(is_shared, minutes(now));
            let forgotten = reserve.admits(account(1), ONE, last(64 * MIB));
            reserve.take(account(1), MIB);
            forgotten
        };
        assert!(is_forgotten(true, 0));
        assert!(!is_forgotten(true, 10_000));
        assert!(!is_forgotten(false, 10_001));
        assert!(!is_forgotten(true, 10_060));
        assert!(!is_forgotten(false, 10_070));
        assert!(!is_forgotten(false, 10_100));
        assert!(is_forgotten(true, 10_130));
    }

    #[test]
    fn however_many_accounts_take_all_they_may_something_is_left_for_another() {
        for bytes in [ONE / 8, ONE] {
            let (mut reserve, mut left) = (Reserve::default(), 64 * MIB);
            for hour in 0..100 {
                reserve.note(true, minutes(hour * 60));
                take_all(&mut reserve, 500, bytes, &mut left);
            }
            for once in 0..2 {
                let victim = account(1_000);
                assert!(reserve.admits(victim, ONE, last(left)), "{bytes} {once}");
                reserve.take(victim, ONE);
                left -= ONE;
            }
        }
    }

    #[test]
    fn nobody_writes_more_than_there_is() {
        let reserve = Reserve::default();
        assert!(reserve.admits(account(1), LEAST, last(LEAST)));
        assert!(!reserve.admits(account(1), LEAST, last(LEAST - 1)));
    }
}
