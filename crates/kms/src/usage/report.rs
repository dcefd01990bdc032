//! The report of how keys were used, and what that costs.

use std::sync::Arc;

use store::{Key, Snapshot};
use types::{AccountId, Arn, KeyId, Region, Timestamp};

use super::{ANY, KEPT, KEY_USES, month_of};
use crate::prices::{Class, Money, Prices};
use crate::records::{KEYS, KeyManager, KeyRecord, KeyState, key_arn, key_row, region_prefix};

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
    let Some(bounds) = bounds(query.month) else {
        return Vec::new();
    };
    let report = Report {
        snapshot,
        prices,
        query,
        bounds,
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
    /// The month's.
    bounds: (Timestamp, Timestamp),
    now: Timestamp,
}

impl Report<'_> {
    /// The key at `arn`, if the account holds it here.
    fn own(&self, arn: &Arn) -> Option<Arc<KeyRecord>> {
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
        let (_, end) = self.bounds;
        !key.owned && key.created < end
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
        let prefix = self.prefix(&[]);
        let behind = |arn: &Arn| self.prefix(&[order(arn).0, order(arn).1]).behind();
        let mut after = query
            .after
            .filter(|arn| self.own(arn).is_none())
            .map(behind);
        let mut found: Vec<KeyUsage> = Vec::new();
        // From key to key, however many rows one of them has.
        while let Some((row, _)) = {
            let mut rows = self.snapshot.scan_after(&KEY_USES, &prefix, after.as_ref());
            rows.next()
        } {
            let Some(arn) = key_of(row) else { break };
            after = Some(behind(&arn));
            if self.own(&arn).is_none() {
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
        let (begin, end) = self.bounds;
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

/// Whether `text` is a month as [`month_of`] writes it, and one that is still kept at `now`.
pub(crate) fn is_kept_month(text: &str, now: Timestamp) -> bool {
    let is_month = bounds(text).is_some_and(|(begin, _)| month_of(begin) == text);
    is_month && text >= month_of(now.saturating_sub(KEPT)).as_str()
}

/// The key that a row is about; `key/*` for those that are counted together.
fn key_of(row: &Key) -> Option<Arn> {
    let parts = row.text_parts();
    let [_, region, _, account, id, ..] = parts.as_slice() else {
        return None;
    };
    let (account, region) = (account.parse().ok()?, region.parse().ok()?);
    if id == ANY {
        return Some(Arn::new("kms", Some(&region), Some(account), "key/*"));
    }
    Some(key_arn(account, &region, &id.parse().ok()?))
}

/// The order of keys in the rows.
fn order(key: &Arn) -> (&str, &str) {
    (
        key.account_text(),
        key.resource_of("key").unwrap_or_default(),
    )
}
