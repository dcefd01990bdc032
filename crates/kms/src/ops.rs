//! The operations of KMS, one in each file.

pub(crate) mod create_alias;
pub(crate) mod create_key;
pub(crate) mod decrypt;
pub(crate) mod describe_key;
pub(crate) mod disable_key;
pub(crate) mod enable_key;
pub(crate) mod encrypt;
pub(crate) mod generate_data_key;
pub(crate) mod generate_data_key_without_plaintext;
pub(crate) mod get_key_policy;
pub(crate) mod list_aliases;
pub(crate) mod list_keys;
pub(crate) mod put_key_policy;
