//! Requests behind a shared pointer.

use std::ops::Deref;
use std::sync::Arc;

use shapes::{Context, FromTree, Input, Path, ReadError, Tree};

/// A request that costs nothing to clone: the pipeline keeps one for every attempt, and a
/// record may be large.
#[derive(Debug)]
pub struct SharedRequest<T>(Arc<T>);

impl<T> Clone for SharedRequest<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for SharedRequest<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for SharedRequest<T> {
    fn from(request: T) -> Self {
        Self(Arc::new(request))
    }
}

impl<T: Input + Sync> Input for SharedRequest<T> {}

impl<T: Input + Sync> FromTree for SharedRequest<T> {
    type Rule = ();

    fn from_tree(
        tree: &Tree<'_>,
        (): &(),
        cx: &mut Context,
        at: &Path<'_>,
    ) -> Result<Option<Self>, ReadError> {
        Ok(T::from_tree(tree, &(), cx, at)?.map(Self::from))
    }
}
