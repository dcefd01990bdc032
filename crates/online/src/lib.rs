//! The online store: the latest version of each record, sealed, in versioned cells.
//!
//! Layer 2b. A record of a feature group is one **cell**. Its key is the group's number and
//! an HMAC of the record's identifier; its value is a small clear [`Header`] and a payload
//! sealed under a data key of the group. The [`Cells`] trait reads cells and writes them by
//! rules of event-time order ([`Rule`]); [`EmbeddedCells`] keeps them in the store of the
//! metadata, so that a record commits together with whatever belongs to it. [`CachedStore`]
//! keeps hot sealed cells in memory, coherent with commits.
//!
//! Nothing here knows features, types or permissions: `featurestore` does.

mod cached;
mod cell;
mod embedded;
mod error;
mod event_time;
mod header;
mod payload;
mod rule;
mod sequence;
mod varint;

pub use cached::CachedStore;
pub use cell::{CellKey, DataKey, GroupNumber, IndexKey, SealedCell};
pub use embedded::{Cells, EmbeddedCells, Fetch, Open, Portion, Purged, Surveyed, Swept, Write};
pub use error::{Error, OpenError};
pub use event_time::{EventTime, InvalidEventTime};
pub use header::{Header, Version};
pub use payload::{Elements, Features, Payload, PayloadWriter, Record, RecordFeature, Value};
pub use rule::{Outcome, Rule};

use store::{AnyTable, Space};

/// The sealed cells.
pub const CELLS: Space = Space {
    name: "online_cells",
    clear: Header::LENGTH,
};

/// Which cells expire in which hour.
pub const EXPIRY: Space = Space {
    name: "online_expiry",
    clear: 0,
};

/// Every space of this crate, for the engine to open.
pub fn spaces() -> [Space; 2] {
    [CELLS, EXPIRY]
}

/// Every metadata table of this crate, for the engine to open.
pub fn tables() -> Vec<&'static dyn AnyTable> {
    vec![&sequence::SEQUENCE]
}
