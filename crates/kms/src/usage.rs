//! How often keys were used, by whom and for what: counted in memory, written down once a
//! minute, kept by the month.
//!
//! A use is a cryptographic call that succeeded. It is counted for the account that holds the
//! key and, if that is another, for the caller's. Calls that a service makes on somebody's behalf
//! are that caller's. What belongs to AWS owned keys is not counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pipeline::{Ctx, Services};
use serde::{Deserialize, Serialize};
use store::{Batch, Key, Record, Snapshot, Table};
use types::{AccountId, Arn, KeyId, Principal, Region, Timestamp};

use crate::prices::{Class, Money, Prices};
use crate::records::{KEYS, KeyManager, KeyRecord, KeyState, key_arn, key_row, region_prefix};
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
/// How long uses are kept: thirteen months.
const KEPT: Duration = Duration::from_hours(400 * 24);
const DAY: i64 = 86_400;

/// The uses since they were last written down; a crash loses them, and they are at most those
/// of a minute.
pub(crate) struct UsageCounts {
    shards: [Mutex<HashMap<Use, u64>>; SHARDS],
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

impl UsageCounts {
    /// Counts a call that has succeeded with `key`.
    pub(crate) fn count(&self, ctx: &Ctx, key: &KeyRecord, operation: &'static str, class: Class) {
        let (manager, class_name) = (key.manager.as_str(), class.as_str());
        metrics::counter!("strongroom_kms_uses_total", "operation" => operation,
            "class" => class_name, "key_manager" => manager)
        .increment(1);
        let principal = &ctx.caller().principal;
        let Some(caller) = Caller::of(principal) else {
            return;
        };
        let owners = Use {
            account: key.account,
            key: key.arn.clone(),
            caller,
            operation,
            class,
            day: ctx.time().seconds().div_euclid(DAY),
        };
        let mut uses = self.shard(ctx);
        if let Some(account) = principal.account().filter(|it| *it != key.account) {
            let callers = Use {
                account,
                ..owners.clone()
            };
            *uses.entry(callers).or_default() += 1;
        }
        *uses.entry(owners).or_default() += 1;
    }

    /// The counters of one thread or another: which does not matter.
    fn shard(&self, ctx: &Ctx) -> std::sync::MutexGuard<'_, HashMap<Use, u64>> {
        let shards = u32::try_from(SHARDS).unwrap_or(1);
        let number = (ctx.monotonic().0.subsec_nanos() / 64) % shards;
        let number = usize::try_from(number).unwrap_or_default();
        let [first, ..] = &self.shards;
        let shard = self.shards.get(number).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what was counted to the rows that it belongs to.
    fn gather(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let uses = std::mem::take(&mut *shard);
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

impl Use {
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
        let mut batch = Batch::default();
        for (row, count) in &rows {
            let known = snapshot
                .get(&KEY_USES, row)
                .map_or(0, |row| row.record.count);
            let count = known.saturating_add(*count);
            batch.put(&KEY_USES, row.clone(), Uses { count });
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

/// Removes what is thirteen months old.
async fn sweep(services: &Services, now: Timestamp) -> Result<(), Error> {
    let oldest = month_of(now.saturating_sub(KEPT));
    loop {
        let snapshot = services.store().snapshot();
        let all = Key::of(&[]);
        let rows = snapshot.scan(&KEY_USES, &all).map(|(row, _)| row);
        let old = rows.filter(|row| row.text_parts().get(2).is_some_and(|month| *month < oldest));
        let mut batch = Batch::default();
        for row in old.take(ROWS_AT_ONCE) {
            batch.delete(&KEY_USES, row.clone());
        }
        if batch.is_empty() {
            return Ok(());
        }
        commit(services, batch).await?;
    }
}

async fn commit(services: &Services, batch: Batch) -> Result<(), Error> {
    let done = services.store().commit(batch).await;
    done.map(drop)
        .map_err(|failed| Error::internal("the usage of keys cannot be written", failed))
}

/// Whose usage of which month is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsageQuery<'a> {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: &'a Region,
    /// The month, as [`month_of`] writes it.
    pub month: &'a str,
    /// Only of this key.
    pub key: Option<&'a Arn>,
    /// Only of keys behind this one, in the order of the report.
    pub after: Option<&'a Arn>,
    /// Of how many keys at most.
    pub limit: usize,
}

/// The usage of one key in one month.
#[derive(Debug, Clone)]
pub(crate) struct KeyUsage {
    /// The key.
    pub key: Arn,
    /// Who manages it; `None` for keys of other accounts and those that are gone.
    pub manager: Option<KeyManager>,
    /// What the key itself costs, as far as the month has come.
    pub storage: Money,
    /// What it was used for.
    pub uses: Vec<UseOfKey>,
}

/// One caller's calls of one operation with a key.
#[derive(Debug, Clone)]
pub(crate) struct UseOfKey {
    /// The caller's ARN, that of the role for its sessions; or the service's name.
    pub caller: String,
    /// The operation.
    pub operation: String,
    /// Calls.
    pub count: u64,
    /// What they cost the account: nothing if another account called.
    pub cost: Money,
}

/// The usage of keys in one month, as far as it is written down: first of the account's own keys
/// in the order of their ids, then of keys that it used and that are another account's or gone.
///
/// AWS owned keys are free and never there.
pub(crate) fn usage(
    snapshot: &Snapshot,
    prices: &Prices,
    now: Timestamp,
    query: UsageQuery<'_>,
) -> Vec<KeyUsage> {
    let report = Report {
        snapshot,
        prices,
        query,
        now,
    };
    let mut keys = report.own_keys();
    let room = query.limit.saturating_sub(keys.len());
    if room > 0 {
        keys.extend(report.other_keys(room));
    }
    keys
}

struct Report<'a> {
    snapshot: &'a Snapshot,
    prices: &'a Prices,
    query: UsageQuery<'a>,
    now: Timestamp,
}

impl Report<'_> {
    /// The key at `arn`, if the account holds it here.
    fn own(&self, arn: &Arn) -> Option<std::sync::Arc<KeyRecord>> {
        let own = arn.account() == Some(self.query.account);
        let id: KeyId = arn.resource_of("key").filter(|_| own)?.parse().ok()?;
        let row = key_row(self.query.account, self.query.region, &id);
        self.snapshot.get_shared(&KEYS, &row)
    }

    fn own_keys(&self) -> Vec<KeyUsage> {
        let query = self.query;
        if let Some(arn) = query.key {
            let own = self.own(arn).filter(|key| self.is_wanted(key));
            return own.iter().map(|key| self.of_own(key)).collect();
        }
        let prefix = region_prefix(query.account, query.region);
        let row_of = |arn: &Arn| {
            let id = arn.resource_of("key")?;
            let parts = [query.account.as_str(), query.region.as_str(), id];
            Some(Key::of(&parts))
        };
        let after = match query.after {
            // The report is among the others already.
            Some(arn) if self.own(arn).is_none() => return Vec::new(),
            after => after.and_then(row_of),
        };
        let keys = self.snapshot.scan_after(&KEYS, &prefix, after.as_ref());
        let keys = keys.map(|(_, row)| row.record);
        let wanted = keys.filter(|key| self.is_wanted(key)).take(query.limit);
        wanted.map(|key| self.of_own(key)).collect()
    }

    fn is_wanted(&self, key: &KeyRecord) -> bool {
        !key.owned && month_of(key.created).as_str() <= self.query.month
    }

    fn of_own(&self, key: &KeyRecord) -> KeyUsage {
        KeyUsage {
            key: key.arn.clone(),
            manager: Some(key.manager),
            storage: self.storage(key),
            uses: self.uses_of(&key.arn),
        }
    }

    fn other_keys(&self, room: usize) -> Vec<KeyUsage> {
        let query = self.query;
        let of = |arn: Arn| KeyUsage {
            manager: None,
            storage: Money::default(),
            uses: self.uses_of(&arn),
            key: arn,
        };
        if let Some(arn) = query.key {
            let other = Some(arn).filter(|arn| self.own(arn).is_none());
            let used = other.map(|arn| of(arn.clone()));
            return used
                .into_iter()
                .filter(|key| !key.uses.is_empty())
                .collect();
        }
        let after = query.after.filter(|arn| self.own(arn).is_none());
        let prefix = self.prefix(&[]);
        let mut found: Vec<KeyUsage> = Vec::new();
        for (row, _) in self.snapshot.scan(&KEY_USES, &prefix) {
            let Some(arn) = key_of(row) else { continue };
            let behind = after.is_none_or(|after| order(&arn) > order(after));
            let known = found.last().is_some_and(|last| last.key == arn);
            if behind && !known && self.own(&arn).is_none() {
                if found.len() == room {
                    break;
                }
                found.push(of(arn));
            }
        }
        found
    }

    fn prefix(&self, more: &[&str]) -> Key {
        let UsageQuery {
            account,
            region,
            month,
            ..
        } = self.query;
        let parts = [account.as_str(), region.as_str(), month];
        Key::of(&[parts.as_slice(), more].concat())
    }

    fn uses_of(&self, key: &Arn) -> Vec<UseOfKey> {
        let account = self.query.account;
        let id = key.resource_of("key").unwrap_or_default();
        let prefix = self.prefix(&[key.account_text(), id]);
        let rows = self.snapshot.scan(&KEY_USES, &prefix);
        let uses = rows.filter_map(|(row, uses)| {
            let parts = row.text_parts();
            let [.., caller, operation, class] = parts.as_slice() else {
                return None;
            };
            let count = uses.record.count;
            let class = Class::ALL
                .iter()
                .find(|known| known.as_str() == class.as_str())?;
            let paying = caller.parse::<Arn>().ok().and_then(|arn| arn.account());
            let cost = if paying.is_none_or(|it| it == account) {
                self.prices.of_calls(*class, count)
            } else {
                Money::default()
            };
            Some(UseOfKey {
                caller: caller.clone(),
                operation: operation.clone(),
                count,
                cost,
            })
        });
        uses.collect()
    }

    /// What a key itself costs: so much of a month as it existed, once for the key and once
    /// for each of its first two rotations. AWS managed keys and those that are being deleted
    /// cost nothing.
    fn storage(&self, key: &KeyRecord) -> Money {
        let ends = [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion];
        if key.manager == KeyManager::Aws || ends.contains(&key.state) {
            return Money::default();
        }
        let Some((begin, end)) = bounds(self.query.month) else {
            return Money::default();
        };
        let part = |from: Timestamp| {
            let from = from.max(begin);
            self.now.min(end).since(from).as_secs()
        };
        let month = end.since(begin).as_secs();
        let rotations = key.materials.iter().filter(|it| it.by.is_some()).take(2);
        let rotations = rotations.map(|material| {
            let price = self.prices.rotation_month;
            price.for_part(part(material.made), month)
        });
        let key = self.prices.key_month.for_part(part(key.created), month);
        key + rotations.sum::<Money>()
    }
}

/// The first moment of a month, and that of the next.
fn bounds(month: &str) -> Option<(Timestamp, Timestamp)> {
    let (year, number) = month.split_once('-')?;
    let (year, number): (u16, u8) = (year.parse().ok()?, number.parse().ok()?);
    let first = |year: u16, number: u8| {
        let text = format!("{year:04}-{number:02}-01T00:00:00Z");
        Timestamp::parse_iso8601(&text).ok()
    };
    let next = match number {
        12 => first(year.checked_add(1)?, 1)?,
        number => first(year, number.checked_add(1)?)?,
    };
    Some((first(year, number)?, next))
}

/// Whether `text` is a month as [`month_of`] writes it.
pub(crate) fn is_month(text: &str) -> bool {
    bounds(text).is_some_and(|(begin, _)| month_of(begin) == text)
}

/// The key that a row is about.
fn key_of(row: &Key) -> Option<Arn> {
    let parts = row.text_parts();
    let [_, region, _, account, id, ..] = parts.as_slice() else {
        return None;
    };
    let (account, region) = (account.parse().ok()?, region.parse().ok()?);
    Some(key_arn(account, &region, &id.parse().ok()?))
}

/// The order of keys in the rows.
fn order(key: &Arn) -> (&str, &str) {
    (
        key.account_text(),
        key.resource_of("key").unwrap_or_default(),
    )
}

impl fmt::Debug for UsageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UsageCounts")
    }
}
