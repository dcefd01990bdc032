//! What needs a process of its own.

#[cfg(target_os = "linux")]
mod harden;
