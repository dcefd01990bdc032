//! IAM and STS through the pipeline, on the embedded store.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod access_keys;
mod account;
mod audit_records;
mod authorization;
mod authorization_messages;
mod bounds_and_tags;
mod concurrency;
mod credentials;
mod groups;
mod inline_policies;
mod last_used;
mod listings;
mod managed_policies;
mod organizations;
mod policy_versions;
mod providers;
mod quotas;
mod reset;
mod roles;
mod session_power;
mod sessions;
mod shares;
mod simulation;
mod sources;
mod tag_keys;
mod users;
mod web_identity;
mod web_identity_tokens;
mod world;
