//! Which operation a key's state allows: AWS's matrix of key states, as data.

use crate::Error;
use crate::records::{KeyRecord, KeyState};

/// Operations that look at the key's state, in groups with the same row of the matrix.
///
/// Operations that work in every state (`DescribeKey`, `GetKeyPolicy`,
/// `PutKeyPolicy`, `ListAliases`) or concern no key have no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// `Encrypt`, `Decrypt`, `GenerateDataKey`, `GenerateDataKeyWithoutPlaintext`.
    Cryptographic,
    /// `EnableKey`, `DisableKey`.
    Switch,
    /// `CreateAlias`.
    CreateAlias,
}

/// What the matrix says about one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Allowed,
    Refused,
}

use Cell::{Allowed, Refused};

impl Guarded {
    /// The row: `Enabled`, `Disabled`, `PendingDeletion` (and `PendingReplicaDeletion`),
    /// `PendingImport`, `Unavailable`, `Creating`, `Updating`.
    const fn row(self) -> [Cell; 7] {
        match self {
            Self::Cryptographic => [
                Allowed, Refused, Refused, Refused, Refused, Refused, Allowed,
            ],
            Self::Switch => [
                Allowed, Allowed, Refused, Refused, Allowed, Refused, Refused,
            ],
            Self::CreateAlias => [
                Allowed, Allowed, Refused, Allowed, Allowed, Allowed, Allowed,
            ],
        }
    }

    fn cell(self, state: KeyState) -> Cell {
        let [
            enabled,
            disabled,
            deletion,
            import,
            unavailable,
            creating,
            updating,
        ] = self.row();
        match state {
            KeyState::Enabled => enabled,
            KeyState::Disabled => disabled,
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => deletion,
            KeyState::PendingImport => import,
            KeyState::Unavailable => unavailable,
            KeyState::Creating => creating,
            KeyState::Updating => updating,
        }
    }
}

/// Fails with `DisabledException` or `KMSInvalidStateException` if the key's state does not
/// allow the operation.
pub(crate) fn check(key: &KeyRecord, operation: Guarded) -> Result<(), Error> {
    match operation.cell(key.state) {
        Allowed => Ok(()),
        Refused if key.state == KeyState::Disabled => Err(Error::Disabled {
            arn: key.arn.clone(),
        }),
        Refused => Err(Error::State {
            arn: key.arn.clone(),
            state: key.state,
        }),
    }
}

#[cfg(test)]
mod tests;
