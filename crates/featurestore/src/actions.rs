//! The actions that the operations of this crate need.

use policy::Action;

macro_rules! actions {
    ($($name:ident = $text:literal;)+) => {
        $(pub(crate) static $name: Action = Action::from_static($text);)+
    };
}

actions! {
    ADD_TAGS = "sagemaker:AddTags";
    BATCH_WRITE_RECORD = "sagemaker:BatchWriteRecord";
    BATCH_GET_RECORD = "sagemaker:BatchGetRecord";
    CREATE_FEATURE_GROUP = "sagemaker:CreateFeatureGroup";
    DELETE_FEATURE_GROUP = "sagemaker:DeleteFeatureGroup";
    DELETE_RECORD = "sagemaker:DeleteRecord";
    DESCRIBE_FEATURE_GROUP = "sagemaker:DescribeFeatureGroup";
    DESCRIBE_FEATURE_GROUP_KEYS = "strongroom:DescribeFeatureGroupKeys";
    DIAGNOSE_FEATURE_GROUPS = "strongroom:DiagnoseFeatureGroups";
    GET_RECORD = "sagemaker:GetRecord";
    DELETE_TAGS = "sagemaker:DeleteTags";
    DESCRIBE_FEATURE_METADATA = "sagemaker:DescribeFeatureMetadata";
    LIST_FEATURE_GROUPS = "sagemaker:ListFeatureGroups";
    LIST_RESOURCE_CATALOGS = "sagemaker:ListResourceCatalogs";
    LIST_RECORDS = "sagemaker:ListRecords";
    SEARCH = "sagemaker:Search";
    GET_SEARCH_SUGGESTIONS = "sagemaker:GetSearchSuggestions";
    LIST_TAGS = "sagemaker:ListTags";
    UPDATE_FEATURE_GROUP = "sagemaker:UpdateFeatureGroup";
    UPDATE_FEATURE_METADATA = "sagemaker:UpdateFeatureMetadata";
    REKEY_FEATURE_GROUP = "strongroom:RekeyFeatureGroup";
    PUT_RECORD = "sagemaker:PutRecord";
    CREATE_GRANT = "kms:CreateGrant";
    DECRYPT = "kms:Decrypt";
    DESCRIBE_KEY = "kms:DescribeKey";
    ENCRYPT = "kms:Encrypt";
    GENERATE_DATA_KEY = "kms:GenerateDataKey";
    LIST_ALIASES = "kms:ListAliases";
    LIST_GRANTS = "kms:ListGrants";
    RETIRE_GRANT = "kms:RetireGrant";
    RE_ENCRYPT_FROM = "kms:ReEncryptFrom";
    RE_ENCRYPT_TO = "kms:ReEncryptTo";
    PASS_ROLE = "iam:PassRole";
}
