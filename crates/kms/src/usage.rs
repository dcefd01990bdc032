//! How often keys were used, by whom and for what: counted in memory, written down once a
//! minute, kept by the month.
//!
//! What an account can make rows of is bounded: beyond so many rows of a month and region its
//! callers are counted by their accounts, and beyond as many again its keys together. No call
//! goes uncounted.
//!
//! A use is a cryptographic call that succeeded. It is counted for the account that holds the
//! key and, if that is another, for the caller's. Calls that a service makes on somebody's behalf
//! are that caller's. What belongs to AWS owned keys is not counted.

mod report;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pipeline::{Ctx, Services};
use serde::{Deserialize, Serialize};
use store::{Batch, Key, Record, Snapshot, Table};
use types::{AccountId, Arn, Principal, Timestamp};

pub(crate) use self::report::{KeyUsage, UsageQuery, is_kept_month, usage};
use crate::prices::Class;
use crate::records::{KeyManager, KeyRecord};
use crate::specs::Family;
use crate::{Error, Keyring};

/// Uses: [account, region, month, account of the key, key, caller, operation, class].
pub(crate) static KEY_USES: Table<Uses> = Table::without_history("kms_key_uses");

/// How often.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Uses {
    /// Calls.
    pub count: u64,
}

impl Record for Uses {
    const VERSION: u16 = 1;
}

/// Counters that calls of different threads seldom meet in.
const SHARDS: usize = 16;
/// Rows of one commit.
const ROWS_AT_ONCE: usize = 2048;
/// Rows of a month, account and region whose callers are told apart; and as many again whose keys
/// are.
const DETAILED: usize = 10_000;
/// The same for what one shard counts of one account between two commits.
const DETAILED_IN_SHARD: usize = 512;
/// In the place of a key: those that are not told apart.
const ANY: &str = "*";
/// How long uses are kept: thirteen months.
const KEPT: Duration = Duration::from_hours(400 * 24);
const DAY: i64 = 86_400;

/// The uses since they were last written down; a crash loses them, and they are at most those
/// of a minute.
pub(crate) struct UsageCounts {
    shards: [Mutex<Shard>; SHARDS],
    /// What is being written down.
    pending: Mutex<BTreeMap<Key, u64>>,
    /// The month for which what is too old was last removed.
    swept: Mutex<String>,
}

impl Default for UsageCounts {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            pending: Mutex::default(),
            swept: Mutex::default(),
        }
    }
}

/// What some of the calls used.
#[derive(Debug, Default)]
struct Shard {
    uses: HashMap<Use, u64>,
    /// How many of these are in each account's usage: none takes room from another's.
    kinds: HashMap<AccountId, usize>,
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Use {
    /// In whose usage.
    account: AccountId,
    key: Arn,
    caller: Caller,
    operation: &'static str,
    class: Class,
    /// Days since 1970.
    day: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    Principal(Arn),
    Service(&'static str),
}

impl Caller {
    /// Whom a use is counted for: roles and not their sessions, and all federated sessions of
    /// an account together, so that nobody makes rows at will.
    fn of(principal: &Principal) -> Option<Self> {
        Some(Self::Principal(match principal {
            Principal::Service { name } => return Some(Self::Service(name)),
            Principal::WebIdentity(_) => return None,
            Principal::AssumedRole { role_arn, .. } => role_arn.clone(),
            Principal::FederatedUser { account, .. } => {
                Arn::new("sts", None, Some(*account), "federated-user/*")
            }
            Principal::Root { .. } | Principal::User { .. } => principal.arn()?,
        }))
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Principal(arn) => arn.as_str(),
            Self::Service(name) => name,
        }
    }

    /// All of the caller's account together.
    fn of_account(&self) -> Self {
        match self {
            Self::Principal(arn) => Self::Principal(Arn::new("iam", None, arn.account(), ANY)),
            Self::Service(name) => Self::Service(name),
        }
    }
}

impl Class {
    /// What a call with `key` costs by.
    pub(crate) fn of(key: &KeyRecord) -> Self {
        match key.spec.family() {
            Family::Symmetric | Family::Mac(_) | Family::Pair(crypto::PairSpec::Rsa2048) => {
                Self::Usual
            }
            Family::Pair(_) => Self::Asymmetric,
        }
    }

    /// What a data key pair of `spec` costs by.
    pub(crate) fn of_data_key_pair(spec: shapes::kms::DataKeyPairSpec) -> Self {
        if spec.as_str().starts_with("RSA_") {
            Self::RsaDataKeyPair
        } else {
            Self::EccDataKeyPair
        }
    }
}

/// A call that uses a key: what is counted of it if it succeeds.
#[derive(Debug)]
pub(crate) struct Done {
    operation: &'static str,
    class: Class,
    manager: KeyManager,
    /// For the account that holds the key, and for the caller's if that is another.
    uses: [Option<Use>; 2],
    /// The counters of one thread or another: which does not matter.
    shard: usize,
}

impl Done {
    /// What `ctx` does with `key`.
    pub(crate) fn of(ctx: &Ctx, key: &KeyRecord, operation: &'static str, class: Class) -> Self {
        let principal = &ctx.caller().principal;
        let owners = Caller::of(principal).map(|caller| Use {
            account: key.account,
            key: key.arn.clone(),
            caller,
            operation,
            class,
            day: ctx.time().seconds().div_euclid(DAY),
        });
        let foreign = principal.account().filter(|it| *it != key.account);
        let callers = foreign.and_then(|account| {
            let owners = owners.clone()?;
            Some(Use { account, ..owners })
        });
        let shards = u32::try_from(SHARDS).unwrap_or(1);
        let shard = (ctx.monotonic().0.subsec_nanos() / 64) % shards;
        Self {
            operation,
            class,
            manager: key.manager,
            uses: [callers, owners],
            shard: usize::try_from(shard).unwrap_or_default(),
        }
    }
}

impl UsageCounts {
    /// Counts a call that has succeeded.
    pub(crate) fn count(&self, done: Done) {
        metrics::counter!("strongroom_kms_uses_total", "operation" => done.operation,
            "class" => done.class.as_str(), "key_manager" => done.manager.as_str())
        .increment(1);
        let [first, ..] = &self.shards;
        let shard = self.shards.get(done.shard).unwrap_or(first);
        let mut uses = shard.lock().unwrap_or_else(PoisonError::into_inner);
        for used in done.uses.into_iter().flatten() {
            uses.add(used);
        }
    }

    /// Moves what was counted to the rows that it belongs to.
    fn gather(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let uses = std::mem::take(&mut *shard).uses;
            drop(shard);
            for (used, count) in uses {
                if let Some(row) = used.row() {
                    *pending.entry(row).or_default() += count;
                }
            }
        }
    }

    /// Some of what is to be written down.
    fn some(&self) -> Vec<(Key, u64)> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let some = pending.iter().take(ROWS_AT_ONCE);
        some.map(|(row, count)| (row.clone(), *count)).collect()
    }

    /// What was written down.
    fn written(&self, rows: &[(Key, u64)]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, _) in rows {
            pending.remove(row);
        }
    }

    /// Whether `month` is the first that this asks about, or a new one.
    fn begins(&self, month: &str) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *swept != month;
        month.clone_into(&mut swept);
        new
    }
}

impl Shard {
    /// Counts a use, as exactly as there is room for.
    fn add(&mut self, used: Use) {
        let used = if self.fits(&used, DETAILED_IN_SHARD) {
            used
        } else {
            let coarse = Use {
                caller: used.caller.of_account(),
                ..used
            };
            if self.fits(&coarse, 2 * DETAILED_IN_SHARD) {
                coarse
            } else {
                coarse.of_any_key()
            }
        };
        let kinds = self.kinds.entry(used.account).or_default();
        let count = self.uses.entry(used).or_insert_with(|| {
            *kinds += 1;
            0
        });
        *count += 1;
    }

    /// Whether this is counted already, or its account has fewer than `most` that are.
    fn fits(&self, used: &Use, most: usize) -> bool {
        let kinds = self.kinds.get(&used.account).copied().unwrap_or_default();
        kinds < most || self.uses.contains_key(used)
    }
}

impl Use {
    /// Whichever key of the account it was with.
    fn of_any_key(self) -> Self {
        let region = self.key.region().parse().ok();
        let key = Arn::new("kms", region.as_ref(), Some(self.account), "key/*");
        Self { key, ..self }
    }

    fn row(&self) -> Option<Key> {
        let month = month_of(Timestamp::new(self.day.saturating_mul(DAY), 0));
        Some(Key::of(&[
            self.account.as_str(),
            self.key.region(),
            &month,
            self.key.account_text(),
            self.key.resource_of("key")?,
            self.caller.as_str(),
            self.operation,
            self.class.as_str(),
        ]))
    }
}

/// The month of a time, as `2026-11`.
pub(crate) fn month_of(time: Timestamp) -> String {
    time.to_iso8601().chars().take(7).collect()
}

/// Writes down what was counted; once a month it removes what is thirteen months old.
///
/// Maintenance calls it once a minute and at the end. Fails if the store cannot be written; what
/// was not written then is written the next time.
pub async fn keep_usage(services: &Services) -> Result<(), Error> {
    let counts = services.part::<Keyring>()?.counts();
    counts.gather();
    loop {
        let rows = counts.some();
        if rows.is_empty() {
            break;
        }
        let snapshot = services.store().snapshot();
        let mut room = Room::in_rows(&snapshot);
        let mut found: BTreeMap<Key, u64> = BTreeMap::new();
        for (row, count) in &rows {
            let row = room.row(row);
            *found.entry(row).or_default() += count;
        }
        let mut batch = Batch::default();
        for (row, count) in found {
            let known = snapshot
                .get(&KEY_USES, &row)
                .map_or(0, |row| row.record.count);
            let count = known.saturating_add(count);
            batch.put(&KEY_USES, row, Uses { count });
        }
        commit(services, batch).await?;
        counts.written(&rows);
    }
    let now = services.clock().now();
    if counts.begins(&month_of(now)) {
        sweep(services, now).await?;
    }
    Ok(())
}

/// How many rows there are, as far as that was asked.
struct Room<'a> {
    snapshot: &'a Snapshot,
    /// Rows of an account, region and month, with those that were given out.
    rows: HashMap<Key, usize>,
    given: HashSet<Key>,
}

impl<'a> Room<'a> {
    fn in_rows(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            rows: HashMap::new(),
            given: HashSet::new(),
        }
    }

    /// The row for what belongs into `row`: that, or one that tells less apart.
    fn row(&mut self, row: &Key) -> Key {
        let parts = row.text_parts();
        let [
            account,
            region,
            month,
            key_account,
            key,
            caller,
            operation,
            class,
        ] = parts.as_slice()
        else {
            return row.clone();
        };
        let month_of = (account.as_str(), region.as_str(), month.as_str());
        if self.has(row, month_of, DETAILED) {
            return row.clone();
        }
        let of_account = match caller.parse::<Arn>() {
            Ok(arn) => Arn::new("iam", None, arn.account(), ANY).to_string(),
            Err(_service) => caller.clone(),
        };
        let row_of = |key_account: &str, key: &str| {
            let of_key = [account.as_str(), region, month, key_account, key];
            let what = [of_account.as_str(), operation, class];
            Key::of(&[&of_key[..], &what[..]].concat())
        };
        let coarse = row_of(key_account, key);
        if self.has(&coarse, month_of, 2 * DETAILED) {
            return coarse;
        }
        row_of(account, ANY)
    }

    /// Whether `row` is there, or there are fewer than `most`: then it counts as there.
    fn has(
        &mut self,
        row: &Key,
        (account, region, month): (&str, &str, &str),
        most: usize,
    ) -> bool {
        if self.given.contains(row) || self.snapshot.row_revision(&KEY_USES, row).is_some() {
            return true;
        }
        let prefix = Key::of(&[account, region, month]);
        let snapshot = self.snapshot;
        let count = || snapshot.scan(&KEY_USES, &prefix).take(2 * DETAILED).count();
        let rows = self.rows.entry(prefix.clone()).or_insert_with(count);
        let fits = *rows < most;
        if fits {
            *rows += 1;
            self.given.insert(row.clone());
        }
        fits
    }
}

/// Removes what is thirteen months old.
async fn sweep(services: &Services, now: Timestamp) -> Result<(), Error> {
    let oldest = month_of(now.saturating_sub(KEPT));
    loop {
        let snapshot = services.store().snapshot();
        let mut batch = Batch::default();
        for row in before(&snapshot, &oldest) {
            batch.delete(&KEY_USES, row);
        }
        if batch.is_empty() {
            return Ok(());
        }
        commit(services, batch).await?;
    }
}

/// Rows of months before `oldest`; those of a region that are not are passed over together.
fn before(snapshot: &Snapshot, oldest: &str) -> Vec<Key> {
    let all = Key::of(&[]);
    let (mut found, mut after): (Vec<Key>, Option<Key>) = (Vec::new(), None);
    let next = |after: Option<&Key>| {
        let mut rows = snapshot.scan_after(&KEY_USES, &all, after);
        rows.next().map(|(row, _)| row)
    };
    while let Some(row) = next(after.as_ref()) {
        let parts = row.text_parts();
        let [account, region, month, ..] = parts.as_slice() else {
            break;
        };
        if month.as_str() >= oldest {
            after = Some(Key::of(&[account, region]).behind());
            continue;
        }
        found.push(row.clone());
        after = Some(row.clone());
        if found.len() >= ROWS_AT_ONCE {
            break;
        }
    }
    found
}

async fn commit(services: &Services, batch: Batch) -> Result<(), Error> {
    let done = services.store().commit(batch).await;
    done.map(drop)
        .map_err(|failed| Error::internal("the usage of keys cannot be written", failed))
}

impl fmt::Debug for UsageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UsageCounts")
    }
}

#[cfg(test)]
mod tests;
