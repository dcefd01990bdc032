//! How much may wait for the offline stores, and for whom the last of it is kept.

/// Of what is left of the first half of the last quarter, an account may have this part.
const PART: u64 = 64;

/// How many bytes may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Of all groups together.
    pub(crate) all: u64,
    /// Of the groups of one account.
    pub(crate) account: u64,
}

/// What waits, as one account's next entry finds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Of all accounts, in bytes.
    pub(super) all: u64,
    /// Of the account, in bytes.
    pub(super) own: u64,
    /// How many accounts something waits for, this one among them.
    pub(super) accounts: u64,
}

/// Which bound an entry would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// That of all together, for an account of which so much waits.
    All,
    /// The account's own.
    Account,
}

impl Budget {
    /// What the accounts may take that much waits for; the last quarter is kept for the others.
    pub(super) fn open(&self) -> u64 {
        self.all - self.all / 4
    }

    /// How much an account may have and still be let into the last quarter: a part of what is left
    /// of its first half, however many others have a little there, and if that is gone, of the other
    /// half its share.
    ///
    /// INVARIANT: over all numbers of accounts the shares add up to no more than their half of the
    /// quarter, of which whoever has more takes nothing. So however many accounts come, one after the
    /// other and as fast as they like, the next one finds its share: equal shares would be gone with
    /// the second.
    fn little(&self, taken: Taken) -> u64 {
        let half = self.all / 8;
        let left = self.all.saturating_sub(half).saturating_sub(taken.all);
        let accounts = taken.accounts.max(1);
        let share = half / accounts.saturating_mul(accounts.saturating_add(1));
        share.max(left / PART)
    }

    /// Whether so many bytes more may wait. Calls that run at once pass a bound by no more than
    /// they write.
    pub(super) fn check(&self, taken: Taken, bytes: u64) -> Result<(), Full> {
        let (all, own) = (
            taken.all.saturating_add(bytes),
            taken.own.saturating_add(bytes),
        );
        if own > self.account {
            return Err(Full::Account);
        }
        if all <= self.open() || (own <= self.little(taken) && all <= self.all) {
            return Ok(());
        }
        Err(Full::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget {
        all: 10 << 30,
        account: 5 << 30,
    };
    const ENTRY: u64 = 1000;

    /// What accounts get of which each writes all it can, one after the other.
    fn fill(accounts: u64) -> Vec<u64> {
        let (mut all, mut got) = (0, Vec::new());
        for accounts in 1..=accounts {
            let mut own = 0;
            let admits = |own: u64, bytes| {
                let all = all + own;
                BUDGET.check(Taken { all, own, accounts }, bytes).is_ok()
            };
            // In large steps first.
            for step in [1 << 20, ENTRY] {
                while admits(own, step) {
                    own += step;
                }
            }
            all += own;
            got.push(own);
        }
        assert!(all <= BUDGET.all);
        got
    }

    #[test]
    fn whoever_comes_last_finds_room() {
        let got = fill(1000);
        assert!(got.iter().all(|own| *own >= ENTRY), "{got:?}");
        let mebibytes: Vec<u64> = got.iter().take(4).map(|own| own >> 20).collect();
        assert_eq!(mebibytes, [5 << 10, 2560, 106, 64]);
        let later = [10, 100].map(|number: usize| got[number - 1] >> 10);
        assert_eq!(later, [15_442, 3_825]);
    }

    #[test]
    fn many_that_have_a_little_leave_each_other_room() {
        // Two have filled what is open to all, and each of so many others has a little.
        let room = |accounts: u64, each: u64| {
            let (all, own) = (BUDGET.open() + accounts * each, each);
            let accounts = accounts + 2;
            let admits = |bytes| BUDGET.check(Taken { all, own, accounts }, bytes).is_ok();
            (0..=1024)
                .find(|mebibytes| !admits(mebibytes << 20))
                .unwrap()
        };
        assert_eq!(room(100, 300 << 10), 20);
        assert_eq!(room(300, 1000), 20);
        assert_eq!(room(1000, 300 << 10), 16);
        // Those that have much are not let in for that.
        assert_eq!(room(20, 60 << 20), 0);
    }

    #[test]
    fn nobody_gets_more_than_its_own_bound_nor_all_more_than_the_disk_has() {
        let check = |all: u64, own: u64, accounts, expected| {
            let found = BUDGET.check(Taken { all, own, accounts }, ENTRY);
            assert_eq!(found.err(), expected, "{all} {own} {accounts}");
        };
        check(5 << 30, (5 << 30) - 1, 1, Some(Full::Account));
        check(5 << 30, 1 << 30, 2, None);
        // In the last quarter: who has much, who has little, and who has none.
        check(8 << 30, 1 << 30, 2, Some(Full::All));
        check(8 << 30, 200 << 20, 2, None);
        check(8 << 30, 215 << 20, 2, Some(Full::All));
        // Their half of the quarter is for those that have their share.
        check(9 << 30, 200 << 20, 2, None);
        check(9 << 30, 10 << 20, 100, Some(Full::All));
        check(9 << 30, 120 << 10, 100, None);
        check(8 << 30, 0, 100, None);
        check(10 << 30, 0, 3, Some(Full::All));
    }
}
