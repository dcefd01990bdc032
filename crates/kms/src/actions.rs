//! The actions of KMS that operations of this crate need.

use policy::Action;

macro_rules! actions {
    ($($name:ident = $text:literal;)+) => {
        $(
            #[doc = concat!("`", $text, "`.")]
            pub static $name: Action = Action::from_static($text);
        )+
    };
}

actions! {
    CREATE_ALIAS = "kms:CreateAlias";
    CREATE_KEY = "kms:CreateKey";
    DECRYPT = "kms:Decrypt";
    DESCRIBE_KEY = "kms:DescribeKey";
    DISABLE_KEY = "kms:DisableKey";
    ENABLE_KEY = "kms:EnableKey";
    ENCRYPT = "kms:Encrypt";
    GENERATE_DATA_KEY = "kms:GenerateDataKey";
    GENERATE_DATA_KEY_WITHOUT_PLAINTEXT = "kms:GenerateDataKeyWithoutPlaintext";
    GET_KEY_POLICY = "kms:GetKeyPolicy";
    LIST_ALIASES = "kms:ListAliases";
    LIST_KEYS = "kms:ListKeys";
    PUT_KEY_POLICY = "kms:PutKeyPolicy";
    TAG_RESOURCE = "kms:TagResource";
}
