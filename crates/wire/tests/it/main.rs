//! The protocols as data: requests and what they mean, answers and how they look.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod answers;
mod requests;
