//! Wiping of what secrets leave on the stack.

/// How deep the stack is wiped: several times the size of an expanded AES key.
const DEPTH: usize = 8 * 1024;

/// Calls `prepare`, then overwrites the part of the stack that it used.
///
/// A primitive hands an expanded key out by value, and each move may leave a copy of it in
/// a frame that is dead by now and would be reused only by chance.
pub(crate) fn stack_after<T>(prepare: impl FnOnce() -> T) -> T {
    let value = in_own_frame(prepare);
    overwrite();
    value
}

#[inline(never)]
fn in_own_frame<T>(prepare: impl FnOnce() -> T) -> T {
    prepare()
}

#[inline(never)]
fn overwrite() {
    let area = [0_u8; DEPTH];
    zeroize::optimization_barrier(&area);
}
