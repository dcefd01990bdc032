//! Requests, responses and the operation table of the AWS services, generated from
//! their models by `cargo xtask shapes`, and the runtime that reads and checks them.
//!
//! The generated modules ([`kms`], [`iam`], [`sts`], [`organizations`], [`sagemaker`], [`featurestore_runtime`],
//! [`cloudtrail`], [`ram`]) hold one struct per structure and one enum per enumeration of AWS.
//! Our own service's shapes are written by hand ([`strongroom`]).
//! [`Input::read`] turns a protocol-neutral tree into a request and reports every broken
//! constraint in AWS's words; responses are [`Output`]s that `wire` serialises.
//! [`service_model`] and [`operation`] are the tables of what AWS has and what exists here.

mod blob;
pub mod buckets;
mod constraint;
mod enumeration;
mod error;
mod generated;
mod model;
mod path;
mod pattern;
mod read;
mod sensitive;
pub mod strongroom;
mod time;
mod tree;

pub use blob::Blob;
pub use constraint::{Broken, List, Map, Range, Size, Text};
pub use enumeration::UnknownValue;
pub use error::ReadError;
pub use generated::{
    cloudtrail, featurestore_runtime, iam, kms, organizations, ram, sagemaker, sts,
};
pub use model::{
    Binding, ErrorModel, KnownOperation, Location, OperationModel, Protocol, ServiceModel,
    operation, service_model,
};
pub use path::Path;
pub use pattern::{CharSet, LazyRegex, Pattern, Test, Words};
pub use read::{Context, FromTree, Object, ScalarForm};
pub use sensitive::{SensitiveBlob, SensitiveString};

pub(crate) use sensitive::NotShown;
pub use tree::{Characters, Tree};

use serde_json::Value;

/// A request that can be read from a protocol-neutral tree.
pub trait Input: FromTree<Rule = ()> + Send {
    /// Reads and checks the request.
    ///
    /// `value` holds one entry per member, by AWS's member name; `form` says whether the
    /// protocol carries scalars as JSON values or only as text. Unknown members are
    /// ignored and `null` means absent, as at AWS.
    ///
    /// Fails with [`ReadError::Serialization`] at the first value of a wrong type, else
    /// with [`ReadError::Validation`], whose text lists every broken constraint.
    fn read(value: Value, form: ScalarForm) -> Result<Self, ReadError> {
        Self::read_tree(&Tree::from(value), form)
    }

    /// Like [`Self::read`], from a tree that may borrow from the request's body.
    fn read_tree(tree: &Tree<'_>, form: ScalarForm) -> Result<Self, ReadError> {
        read::root(tree, form)
    }
}

/// A response that `wire` serialises: AWS's member names, absent members left out.
///
/// Blobs are base64 text. Timestamps are epoch seconds for human-readable serialisers and
/// ISO 8601 text for the others, which is how the XML serialiser of `wire` asks for it.
pub trait Output: serde::Serialize + Send {
    /// The body, if the service wrote it itself in the right protocol.
    ///
    /// Takes it out; what is left need not serialise. `None` for all generated types.
    fn take_written(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// The input or output of operations that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Empty {}

impl Output for Empty {}

impl Input for Empty {}

impl FromTree for Empty {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        cx.object(tree, at)?;
        Ok(Some(Self {}))
    }
}

#[cfg(test)]
mod tests;
