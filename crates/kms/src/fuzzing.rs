//! Doors for fuzz targets and tests; no part of the interface.

use std::ops::Range;

use pipeline::Services;
use store::{AnyTable, Batch, Key, Snapshot, View};
use types::Arn;

use crate::ciphertext::Header;
use crate::grants::constraints::Constraints;
use crate::grants::index::{GRANT_INDEX, place};
use crate::grants::party::Party;
use crate::grants::record::{
    GRANT_COUNTS, GRANT_NAMES, GRANTS, GrantRecord, GrantedOperation, Pointer, Terms,
};
use crate::grants::token::Token;
use crate::import_token::Opened;
use crate::last_usage::KEY_USAGE;
use crate::records::{
    ALIAS_NAMES, DESTRUCTIONS, KEYS, KeyRecord, KeyRow, KeyState, MATERIALS, MaterialRecord,
};
use crate::shred::is_own;
use crate::usage::KEY_USES;
use crate::{Keyring, material};

/// How many rows the usage of keys has.
pub fn rows_of_usage(snapshot: &Snapshot) -> usize {
    let all = Key::of(&[]);
    snapshot.scan(&KEY_USES, &all).count()
}

/// Whether this has the header of a ciphertext. What reads must be what would be written.
///
/// # Panics
///
/// If it is not.
pub fn ciphertext(blob: &[u8]) -> bool {
    let read = Header::split(blob);
    if let Ok((header, bytes, sealed)) = &read {
        assert_eq!(header.encode().as_ref(), Ok(*bytes), "one key, two headers");
        assert_eq!(bytes.len() + sealed.len(), blob.len());
    }
    read.is_ok()
}

/// Whether this is the content of an import token, once its seal is open. Material that is none is
/// never taken for some.
///
/// # Panics
///
/// If it is.
pub fn import_token(content: &[u8]) -> bool {
    let Some(opened) = Opened::parse(content) else {
        return false;
    };
    for wrapped in [&[][..], content] {
        assert!(opened.unwrap(wrapped).is_err(), "nobody has wrapped this");
    }
    true
}

/// Whether this is a grant token. What it names are the parts of a row's key.
///
/// # Panics
///
/// If the grant's id is none.
pub fn grant_token(text: &str) -> bool {
    let read = Token::read(text);
    if let Ok(token) = &read {
        assert_eq!(token.grant.len(), 64, "an id");
    }
    read.is_ok()
}

/// The change that gives the key at `arn` grants with these numbers, each for a user that does
/// not exist.
pub fn grants(view: &View, arn: &Arn, numbers: Range<usize>) -> Option<Batch> {
    let key = KeyRow::at(view, arn)?.record;
    let mut batch = Batch::default();
    let number_of_grants = numbers.len();
    let mut last = None;
    for number in numbers {
        let grantee = Party::Identity {
            arn: arn.clone(),
            id: format!("AIDA{number:016}").parse().ok()?,
        };
        let terms = Terms {
            name: None,
            grantee,
            retiring: None,
            operations: [GrantedOperation::Encrypt].into(),
            constraints: Constraints::default(),
            issuing_account: key.account,
        };
        let grant = GrantRecord {
            id: format!("{number:064x}"),
            account: key.account,
            region: key.region.clone(),
            key: key.id.clone(),
            created: key.created,
            place: place(view.snapshot(), &key, &terms),
            terms,
        };
        grant.list(&mut batch);
        last = Some(grant);
    }
    // Their ids all begin with the same digit.
    if let Some(grant) = last {
        grant.count(number_of_grants, view, &mut batch);
    }
    Some(batch)
}

/// The change that gives the key at `arn` a row of the index of grants that earlier builds kept.
pub fn earlier_grant_index(arn: &Arn, rows: usize) -> Option<Batch> {
    let parts = [arn.account_text(), arn.region(), arn.resource_of("key")?];
    let [account, region, key] = parts;
    let mut batch = Batch::default();
    for number in 0..rows {
        let id = format!("{number:064x}");
        let row = Key::of(&[account, region, key, account, "*", "class", "", &id]);
        batch.put(&GRANT_INDEX, row, Pointer {});
    }
    Some(batch)
}

/// The change that puts the key at `arn` into `state`, whether or not operations lead there.
pub fn in_state(view: &View, arn: &Arn, state: KeyState) -> Option<Batch> {
    let record = KeyRow::at(view, arn)?.record;
    let record = KeyRecord {
        state,
        ..KeyRecord::clone(&record)
    };
    let mut batch = Batch::default();
    record.insert(&mut batch);
    Some(batch)
}

/// The rows that are left of the key at `arn`, by table.
pub fn leftovers(view: &View, arn: &Arn) -> Vec<&'static str> {
    let parts = [arn.account_text(), arn.region()];
    let [account, region] = parts;
    let key = Key::of(&[account, region, arn.resource_of("key").unwrap_or_default()]);
    let snapshot = view.snapshot();
    let tables: [&'static dyn AnyTable; 9] = [
        &KEYS,
        &MATERIALS,
        &ALIAS_NAMES,
        &GRANTS,
        &GRANT_INDEX,
        &GRANT_NAMES,
        &GRANT_COUNTS,
        &DESTRUCTIONS,
        &KEY_USAGE,
    ];
    let left = tables.into_iter().filter(|table| {
        let (_, rows) = snapshot.prefix_state(*table, &key);
        rows > 0
    });
    left.map(AnyTable::name).collect()
}

/// A wrapped material as it is stored: its row, the sealed bytes and the shred key's number.
pub type Wrapped = (Key, Vec<u8>, u64);

/// The wrapped materials of the key at `arn`.
pub fn wrapped_materials(view: &View, arn: &Arn) -> Vec<Wrapped> {
    let Some(key) = KeyRow::at(view, arn) else {
        return Vec::new();
    };
    let prefix = key.record.row_key();
    let rows = view.snapshot().scan(&MATERIALS, &prefix);
    rows.map(|(row, stored)| {
        (
            row.clone(),
            stored.record.wrapped.clone(),
            stored.record.generation,
        )
    })
    .collect()
}

/// How many shred keys the file has for single materials of the account that `arn` is of.
pub fn single_shred_keys(services: &Services, arn: &Arn) -> Option<usize> {
    let shred = services.part::<Keyring>().ok()?.shred();
    let numbers = shred.numbers(arn.account()?).into_iter();
    Some(numbers.filter(|number| is_own(*number)).count())
}

/// The change that damages the wrapped materials of the key at `arn`.
pub fn damaged(view: &View, arn: &Arn) -> Option<Batch> {
    let key = KeyRow::at(view, arn)?.record;
    let mut batch = Batch::default();
    for (row, wrapped, generation) in wrapped_materials(view, &key.arn) {
        let wrapped = wrapped.iter().map(|byte| byte ^ 1).collect();
        let record = MaterialRecord {
            wrapped,
            generation,
        };
        batch.put(&MATERIALS, row, record);
    }
    Some(batch)
}

/// Whether any shred key that `services` hold opens one of these materials.
pub fn opens(services: &Services, arn: &Arn, wrapped: &[Wrapped]) -> Option<bool> {
    let shred = services.part::<Keyring>().ok()?.shred();
    let account = arn.account()?;
    let numbers = shred.numbers(account);
    let any = wrapped.iter().any(|(row, sealed, _)| {
        numbers.iter().any(|generation| {
            let stored = MaterialRecord {
                wrapped: sealed.clone(),
                generation: *generation,
            };
            let entropy = services.entropy();
            material::rewrapped(shred, entropy, account, row, &stored, *generation).is_ok()
        })
    });
    Some(any)
}
