//! Tests of `identifiers`.
