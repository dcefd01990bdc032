//! What import tokens carry under their seal, and grant tokens, which have none.

pub(crate) fn run(data: &[u8]) -> bool {
    let granted = std::str::from_utf8(data).is_ok_and(kms::fuzzing::grant_token);
    kms::fuzzing::import_token(data) || granted
}
