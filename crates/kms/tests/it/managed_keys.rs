//! AWS managed keys: made when first asked for, used through their service only.

use std::borrow::Cow;

use kms::{
    CreateAlias, DescribeKey, DisableKey, Encrypt, GenerateDataKey, GetKeyPolicy, ListAliases,
    ListKeys, PutKeyPolicy,
};
use pipeline::{Ctx, EventDetail, Failure, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{
    CreateAliasRequest, DisableKeyRequest, EncryptRequest, EncryptResponse, GenerateDataKeyRequest,
    GetKeyPolicyRequest, KeyMetadata, ListAliasesRequest, ListKeysRequest, PutKeyPolicyRequest,
};
use types::{ErrorKind, Service, ServiceError};

use crate::harness::{ALL_OF_KMS, AWAY, HOME, World};
use crate::keys::{describe, encrypt};

const ALIAS: &str = "alias/aws/sagemaker";

static PUT_RECORD: Action = Action::from_static("sagemaker:PutRecord");

/// An operation of SageMaker that encrypts for its caller.
#[derive(Debug)]
struct EncryptForCaller;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Inner(String);

impl ServiceError for Inner {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Denied
    }

    fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed("Inner")
    }

    fn public_message(&self) -> String {
        self.0.clone()
    }
}

impl Operation for EncryptForCaller {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "EncryptForCaller";
    const ACTIONS: &'static [&'static Action] = &[&PUT_RECORD];
    const KIND: Kind = Kind::ReadOnly;
    type Input = EncryptRequest;
    type Output = EncryptResponse;
    type Target = ();
    type Error = Inner;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Inner> {
        Ok((Needs::one(Need::anywhere(&PUT_RECORD)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Inner> {
        let inner = pipeline::call::<Encrypt>(ctx.on_behalf_of(Service::SageMaker), input).await;
        inner
            .map(Reply::read)
            .map_err(|failure: Failure| Inner(failure.message))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}

/// An operation of SageMaker that makes a data key for its caller, and fails then.
#[derive(Debug)]
struct GiveUpForCaller;

impl Operation for GiveUpForCaller {
    const SERVICE: Service = Service::SageMaker;
    const NAME: &'static str = "GiveUpForCaller";
    const ACTIONS: &'static [&'static Action] = &[&PUT_RECORD];
    const KIND: Kind = Kind::Mutating;
    type Input = GenerateDataKeyRequest;
    type Output = EncryptResponse;
    type Target = ();
    type Error = Inner;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Inner> {
        Ok((Needs::one(Need::anywhere(&PUT_RECORD)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Inner> {
        let by = ctx.on_behalf_of(Service::SageMaker);
        let made = pipeline::call::<GenerateDataKey>(by, input).await;
        made.map_err(|failure| Inner(failure.message))?;
        Err(Inner("given up".to_owned()))
    }

    fn event(_input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        EventDetail::default()
    }
}

async fn managed(world: &World) -> KeyMetadata {
    let found = world
        .call::<DescribeKey>(&world.admin(), describe(ALIAS))
        .await;
    found.unwrap().key_metadata.unwrap()
}

#[tokio::test]
async fn describing_the_predefined_alias_makes_the_key_once() {
    let world = World::new();
    let admin = world.admin();
    let (code, _) = world.failure::<Encrypt>(&admin, encrypt(ALIAS)).await;
    assert_eq!(code, "NotFoundException", "only DescribeKey makes it");
    let first = managed(&world).await;
    assert_eq!(first.key_manager.unwrap().as_str(), "AWS");
    assert_eq!(managed(&world).await, first);
    let arn = format!("arn:aws:kms:us-east-1:{HOME}:{ALIAS}");
    let found = world
        .call::<DescribeKey>(&admin, describe(&arn))
        .await
        .unwrap();
    assert_eq!(found.key_metadata.unwrap(), first);
    let listed = world
        .call::<ListKeys>(&admin, ListKeysRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.keys.unwrap()[0].key_id.as_ref(), Some(&first.key_id));
    let input = ListAliasesRequest::default();
    let aliases = world
        .call::<ListAliases>(&admin, input)
        .await
        .unwrap()
        .aliases
        .unwrap();
    assert_eq!(aliases[0].alias_name.as_deref(), Some(ALIAS));
}

#[tokio::test]
async fn what_a_failed_call_would_have_made_is_not_told() {
    let world = World::new();
    let all =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let caller = world.user(HOME, "Caller", Some(all));
    let give_up = async || {
        let input = GenerateDataKeyRequest {
            key_id: ALIAS.to_owned(),
            number_of_bytes: Some(32),
            ..Default::default()
        };
        let failure = world.failure::<GiveUpForCaller>(&caller, input).await;
        assert_eq!(failure.1, "given up");
        let records = world.records(HOME);
        let names = records.iter().map(|record| record.event_name.as_str());
        names.filter(|name| *name == "GenerateDataKey").count()
    };
    assert_eq!(give_up().await, 0, "neither key nor data key were made");
    let input = ListKeysRequest::default();
    let listed = world.call::<ListKeys>(&caller, input).await.unwrap();
    assert!(listed.keys.unwrap().is_empty());
    let key = managed(&world).await;
    assert_eq!(give_up().await, 1, "the key was used");
    let used = shapes::kms::GetKeyLastUsageRequest { key_id: key.key_id };
    let used = world.call::<kms::GetKeyLastUsage>(&caller, used).await;
    assert!(used.unwrap().key_last_usage.is_some());
}

#[tokio::test]
async fn describing_at_the_same_time_makes_one_key() {
    let world = World::new();
    let (first, second) = tokio::join!(managed(&world), managed(&world));
    assert_eq!(first, second);
    let input = ListKeysRequest::default();
    let listed = world.call::<ListKeys>(&world.admin(), input).await.unwrap();
    assert_eq!(listed.keys.unwrap().len(), 1);
}

#[tokio::test]
async fn only_who_may_describe_makes_a_managed_key_and_only_in_the_own_account() {
    let world = World::new();
    let nobody = world.user(HOME, "Nobody", None);
    let (code, message) = world.failure::<DescribeKey>(&nobody, describe(ALIAS)).await;
    assert_eq!(code, "AccessDeniedException");
    assert!(message.contains(&format!("{HOME}:{ALIAS}")), "{message}");
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let arn = format!("arn:aws:kms:us-east-1:{HOME}:{ALIAS}");
    assert!(
        world
            .call::<DescribeKey>(&stranger, describe(&arn))
            .await
            .is_err()
    );
    let admin = world.admin();
    let listed = world
        .call::<ListKeys>(&admin, ListKeysRequest::default())
        .await
        .unwrap();
    assert!(listed.keys.unwrap().is_empty());
    let unknown = world
        .failure::<DescribeKey>(&admin, describe("alias/aws/ebs"))
        .await;
    assert_eq!(unknown.0, "NotFoundException");
}

#[tokio::test]
async fn a_managed_key_encrypts_through_its_service_only() {
    let world = World::new();
    let key = managed(&world).await;
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"sagemaker:*","Resource":"*"}]}"#;
    let caller = world.user(HOME, "Scientist", Some(policy));
    assert!(
        world
            .call::<EncryptForCaller>(&caller, encrypt(&key.key_id))
            .await
            .is_ok()
    );
    let admin = world.admin();
    let (code, message) = world.failure::<Encrypt>(&admin, encrypt(&key.key_id)).await;
    assert_eq!(code, "AccessDeniedException");
    let reason = "because no resource-based policy allows the kms:Encrypt action";
    assert!(message.ends_with(reason), "{message}");
    let stranger = world.user(AWAY, "Scientist", Some(policy));
    let arn = key.arn.unwrap();
    assert!(
        world
            .call::<EncryptForCaller>(&stranger, encrypt(&arn))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_managed_key_is_looked_at_but_not_touched() {
    let world = World::new();
    let key_id = managed(&world).await.key_id;
    let admin = world.admin();
    let get = GetKeyPolicyRequest {
        key_id: key_id.clone(),
        policy_name: None,
    };
    let policy = world
        .call::<GetKeyPolicy>(&admin, get)
        .await
        .unwrap()
        .policy
        .unwrap();
    assert!(
        policy.contains("sagemaker.us-east-1.amazonaws.com"),
        "{policy}"
    );
    let input = DisableKeyRequest {
        key_id: key_id.clone(),
    };
    let disabled = world.failure::<DisableKey>(&admin, input).await;
    let alias = CreateAliasRequest {
        alias_name: "alias/mine".to_owned(),
        target_key_id: key_id.clone(),
    };
    let aliased = world.failure::<CreateAlias>(&admin, alias).await;
    let put = PutKeyPolicyRequest {
        key_id,
        policy,
        ..PutKeyPolicyRequest::default()
    };
    let replaced = world.failure::<PutKeyPolicy>(&admin, put).await;
    for (code, _) in [disabled, aliased, replaced] {
        assert_eq!(code, "AccessDeniedException");
    }
}

#[tokio::test]
async fn owned_keys_show_in_no_list() {
    let world = World::new();
    let services = &world.services;
    let keyring: &kms::Keyring = services.part().unwrap();
    let region = world.region.clone();
    let batch = keyring
        .ensure_owned_key(&world.view(), Service::SageMaker, &region)
        .unwrap();
    services.store().commit(batch.unwrap()).await.unwrap();
    // Even for an account whose number is the one that AWS owned keys are kept under.
    let odd = world.user("000000000000", "Odd", Some(ALL_OF_KMS));
    let listed = world
        .call::<ListKeys>(&odd, ListKeysRequest::default())
        .await
        .unwrap();
    assert!(listed.keys.unwrap().is_empty());
}
