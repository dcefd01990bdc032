//! Data key pairs: made here, the private key encrypted under a symmetric key, then forgotten.

use crypto::SecretBytes;
use pipeline::Ctx;
use shapes::kms::DataKeyPairSpec;

use crate::context::EncryptionContext;
use crate::records::KeyRow;
use crate::{Error, Keyring, specs};

/// A new data key pair.
pub(crate) struct NewDataKeyPair {
    /// The private key as PKCS#8 in DER.
    pub(crate) private_key: SecretBytes,
    /// The same, encrypted.
    pub(crate) blob: Vec<u8>,
    /// The public key as `SubjectPublicKeyInfo` in DER.
    pub(crate) public_key: Vec<u8>,
}

/// Makes a pair of `spec` and encrypts its private key under `key`.
pub(crate) async fn data_key_pair(
    ctx: &Ctx,
    key: &KeyRow,
    context: &EncryptionContext,
    spec: DataKeyPairSpec,
) -> Result<NewDataKeyPair, Error> {
    let keyring = ctx.part::<Keyring>()?;
    let pair = keyring.draw_pair(specs::data_key_pair(spec)?).await?;
    let private_key = pair.to_pkcs8();
    let blob = keyring.encrypt(ctx.view(), key, context, private_key.expose())?;
    Ok(NewDataKeyPair {
        private_key,
        blob,
        public_key: pair.public_key(),
    })
}
