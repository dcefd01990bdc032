//! The matrix of key states, cell by cell, from the table as AWS gives it.

use types::ServiceError;

use super::*;
use crate::testing;

const TABLE: &str = include_str!("../../testdata/key-states.tsv");

const STATES: [KeyState; 8] = [
    KeyState::Enabled,
    KeyState::Disabled,
    KeyState::PendingDeletion,
    KeyState::PendingImport,
    KeyState::Unavailable,
    KeyState::Creating,
    KeyState::Updating,
    KeyState::PendingReplicaDeletion,
];

fn outcome(operation: &str, state: KeyState) -> String {
    let key = KeyRecord {
        state,
        ..testing::key_record()
    };
    match check(&key, operation) {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            let message = error.public_message();
            let phrase = message.strip_prefix(key.arn.as_str()).unwrap();
            format!("{}{phrase}", error.code())
        }
    }
}

/// What a token of the table means for a key whose material was made here.
fn meaning(token: &str, state: KeyState) -> String {
    let (plain, condition) = token.split_once('|').unwrap_or((token, ""));
    if condition == "UNSUP9" || plain == "UNSUP9" {
        return "UnsupportedOperationException origin is AWS_KMS which is not valid for this \
                operation."
            .to_owned();
    }
    match plain {
        "ok" | "ok12" | "noop" => "ok".to_owned(),
        "DISABLED" => "DisabledException is disabled.".to_owned(),
        "STATE-NOTPD" => "KMSInvalidStateException is not pending deletion.".to_owned(),
        _ => format!("KMSInvalidStateException is {}.", state.phrase()),
    }
}

#[test]
fn every_operation_in_every_state_is_as_the_table_says() {
    let mut rows = 0;
    for line in TABLE.lines().skip(1).filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let operation = columns.next().unwrap();
        let mut cells: Vec<&str> = columns.collect();
        assert_eq!(cells.len(), 7, "{operation}");
        // The same column with its own phrase.
        cells.push(cells[2]);
        for (state, cell) in STATES.into_iter().zip(cells) {
            // The state of the key that an alias leaves does not matter; here it is the other's.
            let cell = if cell == "ok|STATE10" {
                "STATE10"
            } else {
                cell
            };
            assert_eq!(
                outcome(operation, state),
                meaning(cell, state),
                "{operation} in {state}"
            );
        }
        rows += 1;
    }
    assert_eq!(rows, 46);
}

#[test]
fn operations_without_a_row_are_refused() {
    assert!(check(&testing::key_record(), "DestroyKey").is_err());
}

#[test]
fn the_matrix_has_every_operation_of_keys_that_exists_here() {
    let stores = "CustomKeyStore";
    let missing: Vec<&str> = shapes::kms::SERVICE
        .operations
        .iter()
        .map(|operation| operation.name)
        .filter(|name| !name.contains(stores))
        .filter(|name| MATRIX.iter().all(|(known, _)| known != name))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
