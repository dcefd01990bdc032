//! Ciphertexts of KMS, as callers hand them in.

pub(crate) fn run(data: &[u8]) -> bool {
    kms::fuzzing::ciphertext(data)
}
