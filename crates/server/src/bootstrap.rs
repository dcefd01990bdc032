//! The first start: an account, its administrator, and the `credentials` file.

use std::path::Path;

use crypto::secret::SecretBytes;
use pipeline::Services;
use store::{Batch, View};
use types::{AccountId, Entropy};
use zeroize::Zeroizing;

use crate::seal::{self, SealError};

/// The first account could not be made; the server refuses to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    /// The records could not be made.
    #[error("making the first account failed")]
    Iam(#[source] iam::Error),
    /// The records could not be committed.
    #[error("committing the first account failed")]
    Commit(#[source] store::CommitError),
    /// The credentials file could not be written.
    #[error(transparent)]
    Credentials(#[from] SealError),
}

/// Makes the first account if there is none yet, and writes its administrator's access key
/// to `credentials` in the AWS shared-credentials format, mode 0600. The key is never logged.
///
/// Returns the account that unauthenticated calls are recorded for: the first one.
pub(crate) async fn first_account(
    services: &Services,
    wanted: Option<AccountId>,
    credentials: &Path,
) -> Result<AccountId, BootstrapError> {
    let view = View::recording(services.store().snapshot());
    if let Some(account) = iam::first_account(&view) {
        return Ok(account);
    }
    let account = wanted.unwrap_or_else(|| random_account(services.entropy()));
    let mut batch = Batch::default();
    let key = iam::bootstrap(
        &mut batch,
        account,
        services.clock().now(),
        services.entropy(),
    )
    .map_err(BootstrapError::Iam)?;
    // Written first: if the commit is cut off, the next start finds no account and writes
    // the file again; the other way round nobody could get in.
    let text = shared_credentials(key.id.as_str(), &key.secret);
    seal::write_durably(credentials, text.as_bytes())?;
    services
        .store()
        .commit(batch)
        .await
        .map_err(BootstrapError::Commit)?;
    Ok(account)
}

fn shared_credentials(id: &str, secret: &SecretBytes) -> Zeroizing<String> {
    let secret = Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned());
    Zeroizing::new(format!(
        "[default]\naws_access_key_id = {id}\naws_secret_access_key = {}\n",
        secret.as_str()
    ))
}

/// Twelve random digits, the first not zero.
fn random_account(entropy: &dyn Entropy) -> AccountId {
    loop {
        let mut bytes = [0_u8; 12];
        entropy.fill(&mut bytes);
        let digits: String = bytes
            .iter()
            .map(|byte| char::from(b'0' + byte % 10))
            .collect();
        if let (false, Ok(account)) = (digits.starts_with('0'), digits.parse()) {
            return account;
        }
    }
}
