//! Where the keys of issuers come from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::KeySet;

/// The keys of an issuer, or why there are none.
pub type LoadedKeys<'a> = Pin<Box<dyn Future<Output = Result<Arc<KeySet>, NoKeys>> + Send + 'a>>;

/// Knows the keys of issuers, from the server's configuration.
pub trait KeySetSource: fmt::Debug + Send + Sync {
    /// The keys of the issuer with this host and path. `lacking` is a set of them in which a
    /// token's key was not found: a newer one is looked for, if it is time for that.
    fn keys<'a>(&'a self, issuer: &'a str, lacking: Option<Arc<KeySet>>) -> LoadedKeys<'a>;
}

/// The source as a shared part.
#[derive(Debug, Clone)]
pub struct IssuerKeys(pub Arc<dyn KeySetSource>);

/// Why an issuer has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKeys {
    /// The configuration does not name the issuer.
    Unconfigured,
    /// They could not be read or fetched; the log says why.
    Unavailable,
}
