//! Audit records as the log keeps them.

use audit::Record;

pub(crate) fn run(data: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<Record>(data) else {
        return false;
    };
    let written = serde_json::to_vec(&record).unwrap_or_default();
    let read: Result<Record, _> = serde_json::from_slice(&written);
    assert!(
        read.is_ok_and(|read| read == record),
        "a record does not read back"
    );
    let cut = record.truncated();
    let length = serde_json::to_vec(&cut).map_or(usize::MAX, |bytes| bytes.len());
    assert!(
        length <= written.len() + 1024,
        "cutting made a record longer"
    );
    true
}
