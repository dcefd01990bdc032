//! Where in the tables what is, and the ARNs of keys and aliases.

use store::{Key, KeyBuilder};
use types::{AccountId, Arn, KeyId, Region};

use super::{KeyRecord, MaterialId};

/// The row key of a key.
pub(crate) fn key_row(account: AccountId, region: &Region, id: &KeyId) -> Key {
    Key::of(&[account.as_str(), region.as_str(), id.as_str()])
}

/// The prefix of an account's keys or aliases in one region.
pub(crate) fn region_prefix(account: AccountId, region: &Region) -> Key {
    Key::of(&[account.as_str(), region.as_str()])
}

/// The row key of one material.
pub(crate) fn material_row(key: &KeyRecord, material: MaterialId) -> Key {
    let material = material.to_string();
    Key::of(&[
        key.account.as_str(),
        key.region.as_str(),
        key.id.as_str(),
        &material,
    ])
}

/// The row key of the key that a row of [`super::KEY_DATES`] is for, and the second that it is due.
pub(crate) fn dated(row: &Key) -> Option<(u64, Key)> {
    let parts = row.parts();
    let [seconds, account, region, id] = parts.as_slice() else {
        return None;
    };
    let seconds = u64::from_be_bytes(seconds.as_slice().try_into().ok()?);
    let parts = [account, region, id];
    let row = parts
        .iter()
        .fold(KeyBuilder::default(), |row, part| row.part(part));
    Some((seconds, row.build()))
}

/// The row key of the shred keys of an account.
pub(crate) fn shred_row(account: AccountId) -> Key {
    Key::of(&[account.as_str()])
}

/// The row key of a discarded shred key.
pub(crate) fn discarded_row(account: AccountId, number: u64) -> Key {
    let row = KeyBuilder::default().part(account.as_str().as_bytes());
    row.number(number).build()
}

/// The shred key that a row of [`super::DISCARDED`] is about.
pub(crate) fn discarded(row: &Key) -> Option<(AccountId, u64)> {
    let parts = row.parts();
    let [account, number] = parts.as_slice() else {
        return None;
    };
    let account = std::str::from_utf8(account).ok()?.parse().ok()?;
    let number = number.as_slice().try_into().ok()?;
    Some((account, u64::from_be_bytes(number)))
}

/// The row key of an alias.
pub(crate) fn alias_row(account: AccountId, region: &Region, name: &str) -> Key {
    Key::of(&[account.as_str(), region.as_str(), name])
}

/// The row key that says that `id` has the alias `name`.
pub(crate) fn alias_name_row(account: AccountId, region: &Region, id: &KeyId, name: &str) -> Key {
    Key::of(&[account.as_str(), region.as_str(), id.as_str(), name])
}

/// The ARN of a key.
pub(crate) fn key_arn(account: AccountId, region: &Region, id: &KeyId) -> Arn {
    Arn::new("kms", Some(region), Some(account), &format!("key/{id}"))
}

/// The ARN of an alias; `name` begins with `alias/`.
pub(crate) fn alias_arn(account: AccountId, region: &Region, name: &str) -> Arn {
    Arn::new("kms", Some(region), Some(account), name)
}
