//! Where the data is, and what seals its root key.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConfigError, File, read_file};
use crate::cli::DirectoryArgs;
pub use crate::seal::settings::{KmsSeal, TokenSeal};

/// Where the data is and what seals its root key.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryConfig {
    /// The data directory.
    pub data: PathBuf,
    /// The seal.
    pub seal: SealConfig,
}

/// What seals the root key.
#[derive(Debug, Clone, PartialEq)]
pub enum SealConfig {
    /// A key file outside the data directory.
    KeyFile(PathBuf),
    /// A passphrase, read from the first line of a file.
    PassphraseFile(PathBuf),
    /// A key of a KMS elsewhere.
    Kms(KmsSeal),
    /// A key on a PKCS#11 token.
    Token(TokenSeal),
    /// Nothing is configured: the default key file for a new directory and for one that was
    /// sealed with it; a directory that was sealed with a passphrase waits for an operator.
    Unnamed {
        /// The default key file.
        key_file: PathBuf,
    },
}

impl DirectoryConfig {
    /// The settings of commands that work on a directory without serving it.
    pub fn of(args: &DirectoryArgs) -> Result<Self, ConfigError> {
        read(args).map(|(_, directory)| directory)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealFile {
    pub(super) key_file: Option<PathBuf>,
    pub(super) passphrase_file: Option<toml::Spanned<PathBuf>>,
    kms: Option<toml::Spanned<KmsSeal>>,
    token: Option<toml::Spanned<TokenSeal>>,
}

impl SealFile {
    /// The one seal that the file names, if any.
    ///
    /// Fails, with its place, if there are several or if its settings cannot be used.
    pub(super) fn read(&self) -> Result<Option<SealConfig>, (usize, String)> {
        let key = self
            .key_file
            .clone()
            .map(|path| (0, SealConfig::KeyFile(path)));
        let passphrase = self.passphrase_file.as_ref().map(|path| {
            let seal = SealConfig::PassphraseFile(path.get_ref().clone());
            (path.span().start, seal)
        });
        let kms = self
            .kms
            .as_ref()
            .map(|kms| (kms.span().start, SealConfig::Kms(kms.get_ref().clone())));
        let token = self.token.as_ref().map(|token| {
            (
                token.span().start,
                SealConfig::Token(token.get_ref().clone()),
            )
        });
        let mut found = [key, passphrase, kms, token].into_iter().flatten();
        let Some((at, seal)) = found.next() else {
            return Ok(None);
        };
        if let Some((other, _)) = found.next() {
            let reason = "`seal` has more than one of `key_file`, `passphrase_file`, `kms` and                           `token`: choose one";
            return Err((other.max(at), reason.to_owned()));
        }
        match &seal {
            SealConfig::Kms(settings) => settings.check().map_err(|reason| (at, reason))?,
            SealConfig::Token(settings) => settings.check().map_err(|reason| (at, reason))?,
            SealConfig::KeyFile(_) | SealConfig::PassphraseFile(_) | SealConfig::Unnamed { .. } => {
            }
        }
        Ok(Some(seal))
    }
}

pub(super) fn read(args: &DirectoryArgs) -> Result<(File, DirectoryConfig), ConfigError> {
    let file = match &args.config {
        Some(path) => read_file(path)?,
        None => File::default(),
    };
    let data = args
        .data
        .clone()
        .or_else(|| file.data.clone())
        .ok_or(ConfigError::NoData)?;
    let data = std::path::absolute(&data).map_err(|source| ConfigError::Read {
        path: data.clone(),
        source,
    })?;
    let seal = match (&args.key_file, &args.passphrase_file) {
        (Some(path), _) => SealConfig::KeyFile(path.clone()),
        (None, Some(path)) => SealConfig::PassphraseFile(path.clone()),
        (None, None) => {
            let named = file.seal.read();
            let named = named.map_err(|(_, reason)| ConfigError::Seal { reason })?;
            named.unwrap_or_else(|| SealConfig::Unnamed {
                key_file: beside(&data),
            })
        }
    };
    if let Some((what, path)) = secret_of(&seal) {
        refuse_inside(&data, what, path)?;
    }
    Ok((file, DirectoryConfig { data, seal }))
}

/// The default key file: beside the data directory, with `.key` appended to its name.
fn beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_os_string();
    name.push(".key");
    data.with_file_name(name)
}

/// The file that opens the seal, if one does, and what it is.
fn secret_of(seal: &SealConfig) -> Option<(&'static str, &Path)> {
    match seal {
        SealConfig::KeyFile(path) | SealConfig::Unnamed { key_file: path } => {
            Some(("key file", path))
        }
        SealConfig::PassphraseFile(path) => Some(("passphrase file", path)),
        SealConfig::Kms(settings) => {
            let path = settings.credentials_file.as_deref()?;
            Some(("credentials file", path))
        }
        SealConfig::Token(settings) => Some(("PIN file", &settings.pin_file)),
    }
}

fn refuse_inside(data: &Path, what: &'static str, key: &Path) -> Result<(), ConfigError> {
    let parent = std::path::absolute(key)
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf));
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    match parent {
        Some(parent) if real(&parent).starts_with(real(data)) => {
            let path = key.to_path_buf();
            Err(ConfigError::SecretInsideData { what, path })
        }
        _ => Ok(()),
    }
}
