//! What is recorded of those whom nobody knows: of all of them together, so much and no more.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use types::Monotonic;

use crate::damper::DenialKey;
use crate::{Budget, Counted, Damped, Damper, UserIdentity};

/// Records of strangers in a second, whatever their addresses, codes, accounts and regions.
const PER_SECOND: u32 = 20;

/// Bytes of records and counts of strangers in a day.
const BYTES_PER_DAY: u64 = 256 << 20;

/// How often the count of those that were not recorded is written.
const COUNTED_EVERY: Duration = Duration::from_mins(1);

/// Decides which failures are recorded that nobody is authenticated for. Whoever causes them may
/// have any number of addresses, and knows any number of access keys.
#[derive(Debug)]
pub struct Strangers {
    damper: Damper,
    all: Mutex<All>,
}

/// All strangers together.
#[derive(Debug)]
struct All {
    /// The second that counts.
    window: Monotonic,
    /// Records in it.
    recorded: u32,
    bytes: Budget,
    /// Those beyond the bounds: the place of the first, and how many.
    left_out: Option<(DenialKey, u64)>,
    /// When they were counted last.
    counted: Monotonic,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            damper: Damper::default(),
            all: Mutex::new(All {
                window: Monotonic(Duration::ZERO),
                recorded: 0,
                bytes: Budget::new(BYTES_PER_DAY),
                left_out: None,
                counted: Monotonic(Duration::ZERO),
            }),
        }
    }
}

impl Strangers {
    /// Accounts for one failure at `now`; what is beyond the bound of one network, or of all
    /// strangers, is only counted.
    pub fn admit(&self, key: DenialKey, now: Monotonic) -> Damped {
        let mut all = self.all();
        let room = all.has_room(now);
        // Those that are only counted may have presented other keys.
        let unnamed = UserIdentity::unknown(None);
        let everyone = key.of_everyone();
        match self.damper.admit_or(key, &unnamed, room, now) {
            Some(Damped::Record { suppressed }) => {
                all.recorded += 1;
                Damped::Record { suppressed }
            }
            Some(Damped::Count) => Damped::Count,
            None => {
                let left_out = all.left_out.get_or_insert_with(|| {
                    let code = "*".to_owned();
                    (DenialKey { code, ..everyone }, 0)
                });
                left_out.1 += 1;
                Damped::Count
            }
        }
    }

    /// Takes the bytes of a record or a count of strangers from what they have.
    pub fn wrote(&self, bytes: u64, now: Monotonic) {
        self.all().bytes.take(bytes, now);
    }

    /// Takes out what was only counted and is to be recorded now: of a network each second, of
    /// all strangers each minute.
    pub fn flush(&self, now: Monotonic) -> Vec<Counted> {
        let mut counted = self.damper.flush(now, |_| true);
        let mut all = self.all();
        if now.0.saturating_sub(all.counted.0) >= COUNTED_EVERY
            && let Some((key, count)) = all.left_out.take()
        {
            all.counted = now;
            let identity = UserIdentity::unknown(None);
            counted.push(Counted {
                key,
                identity,
                count,
            });
        }
        counted
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn has_room(&mut self, now: Monotonic) -> bool {
        if now.0.saturating_sub(self.window.0) >= Duration::from_secs(1) {
            self.window = now;
            self.recorded = 0;
        }
        self.recorded < PER_SECOND && self.bytes.has_room(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: [&str; 4] = ["MissingToken", "IncompleteSignature", "Unknown", "Mismatch"];

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    /// A failure from an address of its own, with one of several codes, accounts and regions.
    fn failure(number: usize) -> DenialKey {
        DenialKey {
            account: format!("{:012}", number % 7).parse().unwrap(),
            region: ["us-east-1", "eu-west-1"][number % 2].parse().unwrap(),
            principal: number.to_string(),
            action: "*".to_owned(),
            resource: String::new(),
            code: CODES[number % CODES.len()].to_owned(),
            by_another: false,
        }
    }

    fn recorded(strangers: &Strangers, times: usize, bytes: u64, now: Monotonic) -> usize {
        let recorded = (0..times).filter(|number| {
            let admitted = strangers.admit(failure(*number), now);
            let recorded = matches!(admitted, Damped::Record { .. });
            if recorded {
                strangers.wrote(bytes, now);
            }
            recorded
        });
        recorded.count()
    }

    #[test]
    fn all_strangers_together_leave_a_bounded_number_of_records() {
        let strangers = Strangers::default();
        assert_eq!(recorded(&strangers, 10_000, 600, at(100)), 20);
        let flushed = strangers.flush(at(101));
        let [all] = flushed.as_slice() else {
            panic!("{flushed:?}");
        };
        assert_eq!((all.count, all.key.principal.as_str()), (9_980, "*"));
        assert_eq!(all.key.code, "*");
    }

    #[test]
    fn those_that_are_left_out_are_counted_once_a_minute() {
        let strangers = Strangers::default();
        let counts = (100..340).map(|second| {
            recorded(&strangers, 100, 600, at(second));
            strangers.flush(at(second)).len()
        });
        assert_eq!(counts.sum::<usize>(), 4);
    }

    #[test]
    fn they_write_no_more_than_their_bytes_of_a_day() {
        let strangers = Strangers::default();
        let mut records = 0;
        for second in (0..24 * 60 * 60).step_by(10) {
            records += recorded(&strangers, 25, 100_000, at(second));
        }
        // A day's worth at once, and what comes back in the day.
        let most = 2 * usize::try_from(BYTES_PER_DAY).unwrap() / 100_000;
        assert!((most - 10..=most + 10).contains(&records), "{records}");
    }

    #[test]
    fn one_network_does_not_use_up_the_records_of_all() {
        let strangers = Strangers::default();
        for _ in 0..1_000 {
            strangers.admit(failure(1), at(100));
        }
        assert_eq!(recorded(&strangers, 100, 600, at(100)), 10);
        let flushed = strangers.flush(at(101));
        let own = flushed.iter().find(|it| it.key.principal == "1").unwrap();
        // One more came among the others.
        assert_eq!(own.count, 991);
    }
}
