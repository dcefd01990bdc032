//! Audit records in CloudTrail's form, where they are kept, and how floods are damped.
//!
//! Layer 1. The pipeline builds one [`Record`] per call and appends it to [`EVENTS`] in the
//! batch that carries the call's effect (docs/audit-log.md); `cloudtrail` reads them back.

mod budget;
mod damper;
mod error;
mod history;
mod identity;
mod lookups;
mod record;
mod strangers;

pub use budget::Budget;
pub use damper::{Counted, Damped, Damper, DenialKey};
pub use error::Error;
pub use history::{
    EVENTS, EventPage, RETENTION_DAYS, append, append_with, behind, is_of_a_day_before,
    newest_first, of_request, oldest_kept_segment, verify,
};
pub use identity::{SessionContext, UserIdentity};
pub use lookups::{Lines, Lookups, PER_SECOND, Turn};
pub use record::{Category, EventType, Record, Resource, TlsDetails, timestamp_text};
pub use strangers::Strangers;
