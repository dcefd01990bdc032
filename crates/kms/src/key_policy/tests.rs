//! Tests of `key_policy`.
