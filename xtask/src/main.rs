//! Repository chores: `cargo xtask tidy`, `cargo xtask shapes`.
fn main() {}
