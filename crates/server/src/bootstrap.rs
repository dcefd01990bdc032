//! The first start: an account, its administrator, and the `credentials` file.

use audit::{EventType, Record, UserIdentity};
use crypto::secret::SecretBytes;
use pipeline::Services;
use store::{Batch, View};
use types::{AccountId, Entropy, Region, RequestId, Timestamp};
use zeroize::Zeroizing;

use crate::directory::DataDirectory;
use crate::file::{self, FileError};
use crate::seal::SealError;

/// The first account could not be made; the server refuses to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    /// The records could not be made.
    #[error("making the first account failed")]
    Iam(#[source] iam::Error),
    /// The records could not be committed.
    #[error("committing the first account failed")]
    Commit(#[source] store::CommitError),
    /// The audit record could not be made.
    #[error("recording the first account failed")]
    Record(#[source] audit::Error),
    /// There was an account, and it is gone.
    #[error("the store holds no account, but this data directory has held one: data is missing")]
    Lost,
    /// The configuration names another account than the directory's.
    #[error("this data directory belongs to account {found}, but the configuration names {wanted}")]
    OtherAccount {
        /// The directory's account.
        found: AccountId,
        /// The configuration's.
        wanted: AccountId,
    },
    /// The credentials file could not be written.
    #[error(transparent)]
    Credentials(#[from] FileError),
    /// The seal could not be read or written.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Makes the first account if there is none yet, and writes its administrator's access key
/// to `credentials` in the AWS shared-credentials format, mode 0600. The key is never logged.
///
/// Returns the account that unauthenticated calls are recorded for: the first one. Fails with
/// [`BootstrapError::Lost`] if the directory has held an account that is gone, and
/// with [`BootstrapError::OtherAccount`] if `wanted` is not the first account.
pub(crate) async fn first_account(
    services: &Services,
    directory: &DataDirectory,
    wanted: Option<AccountId>,
    region: &Region,
) -> Result<AccountId, BootstrapError> {
    let view = View::recording(services.store().snapshot());
    let initialised = directory.is_initialised()?;
    let account = match iam::first_account(&view) {
        Some(found) => match wanted {
            Some(wanted) if wanted != found => {
                return Err(BootstrapError::OtherAccount { found, wanted });
            }
            _ => found,
        },
        None if initialised => return Err(BootstrapError::Lost),
        None => make_first_account(services, directory, wanted, region).await?,
    };
    if !initialised {
        directory.note_initialised()?;
    }
    Ok(account)
}

async fn make_first_account(
    services: &Services,
    directory: &DataDirectory,
    wanted: Option<AccountId>,
    region: &Region,
) -> Result<AccountId, BootstrapError> {
    let (now, entropy) = (services.clock().now(), services.entropy());
    let account = wanted.unwrap_or_else(|| random_account(entropy));
    let mut batch = Batch::default();
    let key = iam::bootstrap(&mut batch, account, now, entropy).map_err(BootstrapError::Iam)?;
    let response = serde_json::json!({
        "accountId": account, "userName": "Administrator", "accessKeyId": key.id,
    });
    let about = (account, "CreateFirstAccount");
    let record = internal_record(about, response, region, now, entropy);
    audit::append(&mut batch, Some(account), region, now, &record)
        .map_err(BootstrapError::Record)?;
    // Written first: if the commit is cut off, the next start finds no account and writes
    // the file again; the other way round nobody could get in.
    let text = shared_credentials(key.id.as_str(), &key.secret);
    file::write_durably(&directory.credentials(), text.as_bytes())?;
    let committed = services.store().commit(batch).await;
    committed.map_err(BootstrapError::Commit)?;
    Ok(account)
}

/// The audit record of what was done to `account` with the seal: nobody called.
pub(crate) fn internal_record(
    (account, event): (AccountId, &str),
    response: serde_json::Value,
    region: &Region,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Record {
    let mut record = Record::new(UserIdentity::internal(account), now);
    record.event_type = EventType::AwsServiceEvent;
    "strongroom.amazonaws.com".clone_into(&mut record.event_source);
    event.clone_into(&mut record.event_name);
    record.aws_region = region.to_string();
    "AWS Internal".clone_into(&mut record.source_ip_address);
    "AWS Internal".clone_into(&mut record.user_agent);
    record.read_only = false;
    record.response_elements = response;
    record.request_id = RequestId::generate(entropy).to_string();
    record.event_id = RequestId::generate(entropy).to_string();
    record.recipient_account_id = account.to_string();
    record
}

/// The text of a file in AWS's shared-credentials format.
pub(crate) fn shared_credentials(id: &str, secret: &SecretBytes) -> Zeroizing<String> {
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
