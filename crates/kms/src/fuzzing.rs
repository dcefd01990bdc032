//! Doors for fuzz targets and tests; no part of the interface.

use std::ops::Range;

use store::{Batch, View};
use types::Arn;

use crate::ciphertext::Header;
use crate::grants::constraints::Constraints;
use crate::grants::index::place;
use crate::grants::party::Party;
use crate::grants::record::{GrantRecord, GrantedOperation, Terms};
use crate::records::{KEYS, KeyRecord, KeyRow, KeyState};

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

/// The change that gives the key at `arn` grants with these numbers, each for a user that does
/// not exist.
pub fn grants(view: &View, arn: &Arn, numbers: Range<usize>) -> Option<Batch> {
    let key = KeyRow::at(view, arn)?.record;
    let mut batch = Batch::default();
    for number in numbers {
        let grantee = Party::Identity {
            arn: arn.clone(),
            id: format!("AIDA{number:016}").parse().ok()?,
        };
        let constraints = Constraints::default();
        let grant = GrantRecord {
            id: format!("{number:064x}"),
            account: key.account,
            region: key.region.clone(),
            key: key.id.clone(),
            created: key.created,
            place: place(view.snapshot(), &key, &grantee, &constraints),
            terms: Terms {
                name: None,
                grantee,
                retiring: None,
                operations: [GrantedOperation::Encrypt].into(),
                constraints,
                issuing_account: key.account,
            },
        };
        grant.store(&mut batch);
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
    batch.put(&KEYS, record.row_key(), record);
    Some(batch)
}
