//! The vocabulary that every crate shares: ids, ARNs, names, time, error kinds.
//!
//! Layer 0: pure. Nothing here performs I/O, reads a clock or draws randomness;
//! [`Clock`] and [`Entropy`] are the traits through which both are handed in.

mod account;
mod arn;
mod clock;
mod entropy;
mod error;
mod ids;
mod letter_case;
mod network;
mod principal;
mod region;
mod service;
mod tags;
mod timestamp;

pub use account::{AccountId, InvalidAccountId};
pub use arn::{Arn, InvalidArn};
pub use clock::{Clock, ManualClock, Monotonic, SystemClock};
pub use entropy::Entropy;
pub use error::{Causes, ErrorKind, ServiceError};
pub use ids::{AccessKeyId, InvalidId, KeyId, RequestId, UniqueId, UniqueIdKind};
pub use letter_case::{differ_in_case_only, fold_case, same_but_for_case};
pub use network::network;
pub use principal::{Principal, WebIdentity};
pub use region::{InvalidRegion, Region};
pub use service::Service;
pub use tags::{MOST_TAGS, TagError, check_tag_count, is_reserved_tag, read_tags, with_tags};
pub use timestamp::{InvalidTimestamp, Timestamp};

/// The partition of every deployment: there is one.
pub const PARTITION: &str = "aws";
