//! Feature groups and records through the pipeline, on the real store, with IAM and KMS.
#![expect(clippy::unwrap_used, reason = "test code")]
#![expect(clippy::indexing_slicing, reason = "test code")]

mod accounts;
mod answers;
mod audit_records;
mod batches;
mod bucket_policies;
mod call_rates;
mod cases;
mod charges;
mod collections;
mod deletions;
mod expiry;
mod faults;
mod grants;
mod groups;
mod in_memory;
mod keys;
mod last_room;
mod let_in;
mod long_policies;
mod maintenance;
mod offline;
mod offline_status;
mod organization;
mod outside;
mod paced;
mod permissions;
mod ram_lists;
mod records;
mod rekey;
mod renewal;
mod repeated;
mod search;
mod sharing;
mod states;
mod tags;
mod throttled_keys;
mod throughput;
mod updates;
mod waiting;
mod world;
