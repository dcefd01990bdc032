//! The matrix of contract §1, cell by cell.

use super::*;
use crate::testing;

fn check_row(operation: Guarded, expected: [&str; 8]) {
    let states = [
        KeyState::Enabled,
        KeyState::Disabled,
        KeyState::PendingDeletion,
        KeyState::PendingReplicaDeletion,
        KeyState::PendingImport,
        KeyState::Unavailable,
        KeyState::Creating,
        KeyState::Updating,
    ];
    for (state, expected) in states.into_iter().zip(expected) {
        let key = KeyRecord {
            state,
            ..testing::key_record()
        };
        let found = match check(&key, operation) {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                let message = types::ServiceError::public_message(&error);
                let phrase = message.strip_prefix(key.arn.as_str()).unwrap();
                format!("{}{phrase}", types::ServiceError::code(&error))
            }
        };
        assert_eq!(found, expected, "{operation:?} in {state}");
    }
}

#[test]
fn cryptographic_operations_need_an_enabled_key() {
    check_row(
        Guarded::Cryptographic,
        [
            "ok",
            "DisabledException is disabled.",
            "KMSInvalidStateException is pending deletion.",
            "KMSInvalidStateException is pending replica deletion.",
            "KMSInvalidStateException is pending import.",
            "KMSInvalidStateException is unavailable.",
            "KMSInvalidStateException is creating.",
            "ok",
        ],
    );
}

#[test]
fn keys_in_transition_cannot_be_switched() {
    check_row(
        Guarded::Switch,
        [
            "ok",
            "ok",
            "KMSInvalidStateException is pending deletion.",
            "KMSInvalidStateException is pending replica deletion.",
            "KMSInvalidStateException is pending import.",
            "ok",
            "KMSInvalidStateException is creating.",
            "KMSInvalidStateException is updating.",
        ],
    );
}

#[test]
fn only_keys_pending_deletion_take_no_alias() {
    check_row(
        Guarded::CreateAlias,
        [
            "ok",
            "ok",
            "KMSInvalidStateException is pending deletion.",
            "KMSInvalidStateException is pending replica deletion.",
            "ok",
            "ok",
            "ok",
            "ok",
        ],
    );
}
