//! The actions that operations of this crate need.

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
    CANCEL_KEY_DELETION = "kms:CancelKeyDeletion";
    CONNECT_CUSTOM_KEY_STORE = "kms:ConnectCustomKeyStore";
    CREATE_ALIAS = "kms:CreateAlias";
    CREATE_CUSTOM_KEY_STORE = "kms:CreateCustomKeyStore";
    CREATE_GRANT = "kms:CreateGrant";
    CREATE_KEY = "kms:CreateKey";
    CREATE_SERVICE_LINKED_ROLE = "iam:CreateServiceLinkedRole";
    DECAPSULATE = "kms:Decapsulate";
    DECRYPT = "kms:Decrypt";
    DELETE_ALIAS = "kms:DeleteAlias";
    DELETE_CUSTOM_KEY_STORE = "kms:DeleteCustomKeyStore";
    DELETE_IMPORTED_KEY_MATERIAL = "kms:DeleteImportedKeyMaterial";
    DERIVE_SHARED_SECRET = "kms:DeriveSharedSecret";
    DESCRIBE_CLUSTERS = "cloudhsm:DescribeClusters";
    DESCRIBE_CUSTOM_KEY_STORES = "kms:DescribeCustomKeyStores";
    DESCRIBE_KEY = "kms:DescribeKey";
    DESCRIBE_VPC_ENDPOINT_SERVICES = "ec2:DescribeVpcEndpointServices";
    DISABLE_KEY = "kms:DisableKey";
    DISABLE_KEY_ROTATION = "kms:DisableKeyRotation";
    DISCONNECT_CUSTOM_KEY_STORE = "kms:DisconnectCustomKeyStore";
    ENABLE_KEY = "kms:EnableKey";
    ENABLE_KEY_ROTATION = "kms:EnableKeyRotation";
    ENCAPSULATE = "kms:Encapsulate";
    ENCRYPT = "kms:Encrypt";
    GENERATE_DATA_KEY = "kms:GenerateDataKey";
    GENERATE_DATA_KEY_PAIR = "kms:GenerateDataKeyPair";
    GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT = "kms:GenerateDataKeyPairWithoutPlaintext";
    GENERATE_DATA_KEY_WITHOUT_PLAINTEXT = "kms:GenerateDataKeyWithoutPlaintext";
    GENERATE_MAC = "kms:GenerateMac";
    GENERATE_RANDOM = "kms:GenerateRandom";
    GET_KEY_LAST_USAGE = "kms:GetKeyLastUsage";
    GET_KEY_POLICY = "kms:GetKeyPolicy";
    GET_KEY_ROTATION_STATUS = "kms:GetKeyRotationStatus";
    GET_KEY_USAGE = "strongroom:GetKeyUsage";
    GET_PARAMETERS_FOR_IMPORT = "kms:GetParametersForImport";
    GET_PUBLIC_KEY = "kms:GetPublicKey";
    IMPORT_KEY_MATERIAL = "kms:ImportKeyMaterial";
    LIST_ALIASES = "kms:ListAliases";
    LIST_GRANTS = "kms:ListGrants";
    LIST_KEYS = "kms:ListKeys";
    LIST_KEY_POLICIES = "kms:ListKeyPolicies";
    LIST_KEY_ROTATIONS = "kms:ListKeyRotations";
    LIST_RESOURCE_TAGS = "kms:ListResourceTags";
    LIST_RETIRABLE_GRANTS = "kms:ListRetirableGrants";
    PUT_KEY_POLICY = "kms:PutKeyPolicy";
    REPLICATE_KEY = "kms:ReplicateKey";
    RETIRE_GRANT = "kms:RetireGrant";
    REVOKE_GRANT = "kms:RevokeGrant";
    RE_ENCRYPT_FROM = "kms:ReEncryptFrom";
    RE_ENCRYPT_TO = "kms:ReEncryptTo";
    ROTATE_KEY_ON_DEMAND = "kms:RotateKeyOnDemand";
    SCHEDULE_KEY_DELETION = "kms:ScheduleKeyDeletion";
    SIGN = "kms:Sign";
    TAG_RESOURCE = "kms:TagResource";
    UNTAG_RESOURCE = "kms:UntagResource";
    UPDATE_ALIAS = "kms:UpdateAlias";
    UPDATE_CUSTOM_KEY_STORE = "kms:UpdateCustomKeyStore";
    UPDATE_KEY_DESCRIPTION = "kms:UpdateKeyDescription";
    UPDATE_PRIMARY_REGION = "kms:UpdatePrimaryRegion";
    VERIFY = "kms:Verify";
    VERIFY_MAC = "kms:VerifyMac";
}
