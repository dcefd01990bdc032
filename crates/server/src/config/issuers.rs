//! The identity providers whose tokens can be verified, and where their keys are.

use std::path::PathBuf;

use http::Uri;
use serde::Deserialize;

/// An identity provider, and where its keys are.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerConfig {
    /// The issuer without `https://`: host and path.
    pub url: String,
    /// Where its keys are.
    pub keys: KeysFrom,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq)]
pub enum KeysFrom {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address {
        /// The address; `https` only.
        url: Uri,
        /// The authorities that may vouch for it.
        ca_file: PathBuf,
    },
}

/// The issuers of the file, or the place of one that is wrong and what is wrong with it.
pub(super) fn issuers(
    file: &[toml::Spanned<IssuerFile>],
) -> Result<Vec<IssuerConfig>, (usize, String)> {
    let mut issuers: Vec<IssuerConfig> = Vec::new();
    for issuer in file {
        let at = issuer.span().start;
        let read = issuer.get_ref().read().map_err(|reason| (at, reason))?;
        if issuers.iter().any(|known| known.url == read.url) {
            let reason = format!("the issuer `https://{}` is there already", read.url);
            return Err((at, reason));
        }
        issuers.push(read);
    }
    Ok(issuers)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerFile {
    url: String,
    keys_file: Option<PathBuf>,
    keys_url: Option<String>,
    ca_file: Option<PathBuf>,
}

impl IssuerFile {
    /// What the settings say of the issuer, or what is wrong with them.
    fn read(&self) -> Result<IssuerConfig, String> {
        let url = iam::host_and_path(&self.url).map_err(|_no_issuer| {
            let url = &self.url;
            format!("`{url}` is no issuer: https://, a host, and perhaps a path")
        })?;
        let keys = match (&self.keys_file, &self.keys_url, &self.ca_file) {
            (Some(file), None, None) => KeysFrom::File(file.clone()),
            (None, Some(address), Some(ca_file)) => KeysFrom::Address {
                url: address_of_keys(address)?,
                ca_file: ca_file.clone(),
            },
            _ => {
                let url = &self.url;
                return Err(format!(
                    "the issuer `{url}` needs `keys_file`, or `keys_url` and `ca_file`"
                ));
            }
        };
        let url = url.to_owned();
        Ok(IssuerConfig { url, keys })
    }
}

/// The address of a key set: `https`, with a host, and without a user.
fn address_of_keys(text: &str) -> Result<Uri, String> {
    let address = text.parse::<Uri>().ok().filter(|uri| {
        let user = uri.authority().is_none_or(|it| it.as_str().contains('@'));
        uri.scheme_str() == Some("https") && !user
    });
    address.ok_or_else(|| format!("`{text}` is no https:// address of a key set"))
}
