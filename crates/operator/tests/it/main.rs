//! Our own service through the pipeline, on the embedded store.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod explain_agrees;
mod explain_request;
mod seals;
mod world;
