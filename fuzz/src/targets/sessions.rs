//! Session tokens: as callers hand them in, and what stands inside.

pub(crate) fn run(data: &[u8]) -> bool {
    iam::fuzzing::session_token(data)
}
