//! Which operation a key's state allows: AWS's matrix of key states, as data.

use crate::Error;
use crate::records::{KeyOrigin, KeyRecord, KeySpec, KeyState};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It goes on.
    Allowed,
    /// The state forbids it: `DisabledException` or `KMSInvalidStateException`.
    Refused,
    /// The key is not being deleted: `KMSInvalidStateException`.
    NotPending,
}

/// Keys that an operation is not for, whatever their state: `UnsupportedOperationException`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    /// Keys with imported material.
    Imported,
    /// These, and keys in custom key stores.
    ImportedOrInStore,
    /// Keys whose material was not imported.
    NotImported,
    /// Keys that do not encrypt symmetrically, and keys in custom key stores.
    NotRotatable,
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    then: Then,
    unless: Option<Unless>,
}

/// One operation: `Enabled`, `Disabled`, `PendingDeletion` (and `PendingReplicaDeletion`),
/// `PendingImport`, `Unavailable`, `Creating`, `Updating`.
type Row = (&'static str, [Cell; 7]);

const OK: Cell = always(Then::Allowed);
/// Takes effect only when the key is available again.
const OK12: Cell = OK;
/// Succeeds without effect.
const NOOP: Cell = OK;
const DISABLED: Cell = always(Then::Refused);
const PD: Cell = always(Then::Refused);
const PI: Cell = always(Then::Refused);
const UNAV: Cell = always(Then::Refused);
const CR: Cell = always(Then::Refused);
const UP: Cell = always(Then::Refused);
/// Cannot occur, and is refused if it does.
const NA: Cell = always(Then::Refused);
const NOT_PD: Cell = always(Then::NotPending);
const OK_7: Cell = OK.unless(Unless::ImportedOrInStore);
const DISABLED_7: Cell = DISABLED.unless(Unless::ImportedOrInStore);
const PD_7: Cell = PD.unless(Unless::ImportedOrInStore);
/// Only keys that the condition is about are in this state.
const UNSUP6: Cell = PI.unless(Unless::Imported);
const UNSUP7: Cell = UNAV.unless(Unless::ImportedOrInStore);
const OK_9: Cell = OK.unless(Unless::NotImported);
const PI8_9: Cell = PD.unless(Unless::NotImported);
const UNSUP9: Cell = UNAV.unless(Unless::NotImported);
const OK_R: Cell = OK.unless(Unless::NotRotatable);
const UNSUPR: Cell = UNAV.unless(Unless::NotRotatable);

/// The matrix, in the order and with the cells of AWS's page "Key states of AWS KMS keys",
/// whether or not the operation exists here. `UpdateAlias` minds the state of the key that the alias is to stand
/// for; the state of the one that it stood for does not matter.
#[rustfmt::skip]
const MATRIX: [Row; 50] = [
    ("CancelKeyDeletion",                   [NOT_PD, NOT_PD,     OK,    NOT_PD, NOT_PD, NOT_PD, NOT_PD]),
    ("CreateAlias",                         [OK,     OK,         PD,    OK,     OK,     OK,     OK]),
    ("CreateGrant",                         [OK,     DISABLED,   PD,    PI,     OK,     CR,     OK]),
    ("Decrypt",                             [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("DeleteAlias",                         [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("DeleteImportedKeyMaterial",           [OK_9,   OK_9,       OK_9,  NOOP,   NA,     CR,     UP]),
    ("DescribeKey",                         [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("DisableKey",                          [OK,     OK,         PD,    PI,     OK12,   CR,     UP]),
    ("DisableKeyRotation",                  [OK_7,   DISABLED_7, PD_7,  UNSUP6, UNSUP7, CR,     OK_7]),
    ("EnableKey",                           [OK,     OK,         PD,    PI,     OK12,   CR,     UP]),
    ("EnableKeyRotation",                   [OK_7,   DISABLED_7, PD_7,  UNSUP6, UNSUP7, CR,     OK_7]),
    ("Encrypt",                             [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("GenerateDataKey",                     [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("GenerateDataKeyPair",                 [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("GenerateDataKeyPairWithoutPlaintext", [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("GenerateDataKeyWithoutPlaintext",     [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("GenerateMac",                         [OK,     DISABLED,   PD,    NA,     NA,     CR,     OK]),
    ("GetKeyPolicy",                        [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("GetKeyRotationStatus",                [OK_7,   OK_7,       OK_7,  UNSUP6, UNSUP7, OK_7,   OK_7]),
    ("GetParametersForImport",              [OK_9,   OK_9,       PI8_9, OK,     UNSUP9, CR,     UP]),
    ("GetPublicKey",                        [OK,     DISABLED,   PD,    NA,     NA,     CR,     OK]),
    ("ImportKeyMaterial",                   [OK_9,   OK_9,       PI8_9, OK,     UNSUP9, CR,     OK]),
    ("ListAliases",                         [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ListGrants",                          [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ListKeyPolicies",                     [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ListResourceTags",                    [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("PutKeyPolicy",                        [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ReEncrypt",                           [OK,     DISABLED,   PD,    PI,     UNAV,   CR,     OK]),
    ("ReplicateKey",                        [OK,     DISABLED,   PD,    PI,     NA,     CR,     UP]),
    ("RetireGrant",                         [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("RevokeGrant",                         [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ScheduleKeyDeletion",                 [OK,     OK,         PD,    OK,     OK,     OK,     UP]),
    ("Sign",                                [OK,     DISABLED,   PD,    NA,     NA,     CR,     OK]),
    ("TagResource",                         [OK,     OK,         PD,    OK,     OK,     OK,     OK]),
    ("UntagResource",                       [OK,     OK,         PD,    OK,     OK,     OK,     OK]),
    ("UpdateAlias",                         [OK,     OK,         PD,    OK,     OK,     OK,     OK]),
    ("UpdateKeyDescription",                [OK,     OK,         PD,    OK,     OK,     OK,     OK]),
    ("UpdatePrimaryRegion",                 [OK,     DISABLED,   PD,    PI,     NA,     CR,     OK]),
    ("Verify",                              [OK,     DISABLED,   PD,    NA,     NA,     CR,     OK]),
    ("VerifyMac",                           [OK,     DISABLED,   PD,    NA,     NA,     CR,     OK]),
    ("RotateKeyOnDemand",                   [OK_R,   DISABLED,   PD,    PI,     UNSUPR, CR,     UP]),
    ("ListKeyRotations",                    [OK_R,   OK_R,       OK_R,  OK,     UNSUPR, OK,     OK]),
    ("DeriveSharedSecret",                  [OK,     DISABLED,   PD,    PI,     NA,     CR,     OK]),
    ("Encapsulate",                         [OK,     DISABLED,   PD,    PI,     NA,     CR,     OK]),
    ("Decapsulate",                         [OK,     DISABLED,   PD,    PI,     NA,     CR,     OK]),
    ("GetKeyLastUsage",                     [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    // Of no key, or of keys in any state.
    ("CreateKey",                           [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("GenerateRandom",                      [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ListKeys",                            [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
    ("ListRetirableGrants",                 [OK,     OK,         OK,    OK,     OK,     OK,     OK]),
];

const fn always(then: Then) -> Cell {
    Cell { then, unless: None }
}

impl Cell {
    const fn unless(self, unless: Unless) -> Self {
        Self {
            then: self.then,
            unless: Some(unless),
        }
    }
}

impl Unless {
    /// Whether `key` is one of the keys that the operation is not for.
    fn concerns(self, key: &KeyRecord) -> bool {
        match self {
            Self::Imported => key.origin == KeyOrigin::External,
            Self::ImportedOrInStore => key.origin != KeyOrigin::AwsKms,
            Self::NotImported => key.origin != KeyOrigin::External,
            Self::NotRotatable => key.spec != KeySpec::SymmetricDefault || key.held.is_some(),
        }
    }
}

/// Fails with `DisabledException`, `KMSInvalidStateException` or
/// `UnsupportedOperationException` if the matrix does not allow `operation` on the key.
pub(crate) fn check(key: &KeyRecord, operation: &str) -> Result<(), Error> {
    let cell = cell(operation, key.state)
        .ok_or_else(|| Error::broken("an operation is not in the matrix of key states"))?;
    let arn = || key.arn.clone();
    match cell.unless.filter(|unless| unless.concerns(key)) {
        Some(Unless::NotRotatable) => return Err(Error::NotRotatable),
        Some(Unless::Imported | Unless::ImportedOrInStore | Unless::NotImported) => {
            let (arn, origin) = (arn(), key.origin);
            return Err(Error::Origin { arn, origin });
        }
        None => {}
    }
    match (cell.then, key.state) {
        (Then::Allowed, _) => Ok(()),
        (Then::NotPending, _) => Err(Error::NotPendingDeletion { arn: arn() }),
        (Then::Refused, KeyState::Disabled) => Err(Error::Disabled { arn: arn() }),
        (Then::Refused, state) => Err(Error::State { arn: arn(), state }),
    }
}

fn cell(operation: &str, state: KeyState) -> Option<Cell> {
    let (_, cells) = MATRIX.iter().find(|(name, _)| *name == operation)?;
    let [
        enabled,
        disabled,
        deletion,
        import,
        store,
        creating,
        updating,
    ] = *cells;
    Some(match state {
        KeyState::Enabled => enabled,
        KeyState::Disabled => disabled,
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => deletion,
        KeyState::PendingImport => import,
        KeyState::Unavailable => store,
        KeyState::Creating => creating,
        KeyState::Updating => updating,
    })
}

#[cfg(test)]
mod tests;
