//! Tokens of identity providers, and the key sets that verify them.

pub(crate) fn run(data: &[u8]) -> bool {
    iam::fuzzing::web_identity(data)
}
