//! The actions that the operations of this crate need.

use policy::Action;

macro_rules! actions {
    ($($name:ident = $text:literal;)+) => {
        $(pub(crate) static $name: Action = Action::from_static($text);)+
    };
}

actions! {
    ADD_TAGS = "sagemaker:AddTags";
    BATCH_GET_RECORD = "sagemaker:BatchGetRecord";
    CREATE_FEATURE_GROUP = "sagemaker:CreateFeatureGroup";
    DELETE_FEATURE_GROUP = "sagemaker:DeleteFeatureGroup";
    DELETE_RECORD = "sagemaker:DeleteRecord";
    DESCRIBE_FEATURE_GROUP = "sagemaker:DescribeFeatureGroup";
    GET_RECORD = "sagemaker:GetRecord";
    LIST_FEATURE_GROUPS = "sagemaker:ListFeatureGroups";
    PUT_RECORD = "sagemaker:PutRecord";
    DECRYPT = "kms:Decrypt";
    DESCRIBE_KEY = "kms:DescribeKey";
    GENERATE_DATA_KEY = "kms:GenerateDataKey";
    PASS_ROLE = "iam:PassRole";
}
