//! Aliases: made, listed, used, and seen by policies.

use kms::{CreateAlias, DescribeKey, DisableKey, Encrypt, ListAliases};
use pipeline::Caller;
use shapes::kms::{CreateAliasRequest, DisableKeyRequest, ListAliasesRequest};

use crate::harness::{ALL_OF_KMS, AWAY, HOME, World};
use crate::keys::{create, create_with_policy, describe, encrypt};

fn alias(name: &str, key: &str) -> CreateAliasRequest {
    CreateAliasRequest {
        alias_name: name.to_owned(),
        target_key_id: key.to_owned(),
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:kms:us-east-1:{HOME}:{name}")
}

async fn names(world: &World, caller: &Caller, key: Option<&str>, limit: i32) -> Vec<Vec<String>> {
    let (mut pages, mut marker) = (Vec::new(), None);
    loop {
        let key_id = key.map(str::to_owned);
        let input = ListAliasesRequest {
            key_id,
            limit: Some(limit),
            marker,
        };
        let page = world.call::<ListAliases>(caller, input).await.unwrap();
        let aliases = page.aliases.unwrap();
        pages.push(
            aliases
                .into_iter()
                .map(|alias| alias.alias_name.unwrap())
                .collect(),
        );
        assert_eq!(page.truncated, Some(page.next_marker.is_some()));
        marker = page.next_marker;
        if marker.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn aliases_are_listed_for_the_account_and_for_one_key() {
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    for (name, key) in [("alias/c", &one), ("alias/a", &two), ("alias/b", &one)] {
        world
            .call::<CreateAlias>(&admin, alias(name, &key.key_id))
            .await
            .unwrap();
    }
    assert_eq!(
        names(&world, &admin, None, 2).await,
        [vec!["alias/a", "alias/b"], vec!["alias/c"]]
    );
    let arn = one.arn.as_deref();
    assert_eq!(
        names(&world, &admin, arn, 1).await,
        [["alias/b"], ["alias/c"]]
    );
    let all = ListAliasesRequest::default();
    let found = world
        .call::<ListAliases>(&admin, all)
        .await
        .unwrap()
        .aliases
        .unwrap();
    assert_eq!(found[1].target_key_id.as_ref(), Some(&one.key_id));
    assert_eq!(
        found[1].alias_arn.as_deref(),
        Some(self::arn("alias/b").as_str())
    );
    assert_eq!(
        found[1].creation_date.map(types::Timestamp::seconds),
        Some(1_795_466_820)
    );
}

#[tokio::test]
async fn lists_do_not_show_other_accounts_keys() {
    let world = World::new();
    let key = create(&world, &world.admin()).await;
    let stranger = world.user(AWAY, "Stranger", Some(ALL_OF_KMS));
    let input = ListAliasesRequest {
        key_id: key.arn,
        ..ListAliasesRequest::default()
    };
    assert_eq!(
        world.failure::<ListAliases>(&stranger, input).await.0,
        "NotFoundException"
    );
}

#[tokio::test]
async fn the_limit_of_this_list_is_100() {
    let world = World::new();
    let input = ListAliasesRequest {
        limit: Some(101),
        ..ListAliasesRequest::default()
    };
    let (code, _) = world.failure::<ListAliases>(&world.admin(), input).await;
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn an_alias_exists_once() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    world
        .call::<CreateAlias>(&admin, alias("alias/app", &key.key_id))
        .await
        .unwrap();
    let failure = world
        .failure::<CreateAlias>(&admin, alias("alias/app", &key.key_id))
        .await;
    let text = format!("An alias with the name {} already exists", arn("alias/app"));
    assert_eq!(failure, ("AlreadyExistsException".to_owned(), text));
}

#[tokio::test]
async fn an_alias_of_an_alias_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    world
        .call::<CreateAlias>(&admin, alias("alias/app", &key.key_id))
        .await
        .unwrap();
    for target in ["alias/app", &arn("alias/app"), "alias/none"] {
        let failure = world
            .failure::<CreateAlias>(&admin, alias("alias/other", target))
            .await;
        let text = "Aliases must refer to keys. Not aliases".to_owned();
        assert_eq!(
            failure,
            ("ValidationException".to_owned(), text),
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_key_has_at_most_50_aliases() {
    let world = World::new();
    let admin = world.admin();
    let (key, other) = (create(&world, &admin).await, create(&world, &admin).await);
    for number in 0..50 {
        let input = alias(&format!("alias/{number}"), &key.key_id);
        world.call::<CreateAlias>(&admin, input).await.unwrap();
    }
    let (code, _) = world
        .failure::<CreateAlias>(&admin, alias("alias/50", &key.key_id))
        .await;
    assert_eq!(code, "LimitExceededException");
    assert!(
        world
            .call::<CreateAlias>(&admin, alias("alias/50", &other.key_id))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn making_an_alias_needs_a_right_on_the_alias_and_on_the_key() {
    let world = World::new();
    let key = create(&world, &world.admin()).await;
    let only = |resources: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
                "Action":"kms:CreateAlias","Resource":{resources}}}]}}"#
        )
    };
    for (resources, denied_on) in [
        (format!(r#""{}""#, arn("key/*")), Some(arn("alias/app"))),
        (format!(r#""{}""#, arn("alias/*")), key.arn.clone()),
        (
            format!(r#"["{}","{}"]"#, arn("key/*"), arn("alias/app")),
            None,
        ),
    ] {
        let caller = world.user(HOME, "Creator", Some(&only(&resources)));
        let found = world
            .call::<CreateAlias>(&caller, alias("alias/app", &key.key_id))
            .await;
        let denied = found.err().map(|failure| failure.denial.unwrap().resource);
        assert_eq!(denied, denied_on, "{resources}");
    }
}

#[tokio::test]
async fn an_alias_stands_for_its_key_only_where_aliases_are_allowed() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    world
        .call::<CreateAlias>(&admin, alias("alias/app", &key.key_id))
        .await
        .unwrap();
    let output = world
        .call::<Encrypt>(&admin, encrypt("alias/app"))
        .await
        .unwrap();
    assert_eq!(output.key_id, key.arn);
    let input = DisableKeyRequest {
        key_id: "alias/app".to_owned(),
    };
    let text = "Key Aliases are not supported for this operation.";
    let expected = ("InvalidArnException".to_owned(), text.to_owned());
    assert_eq!(world.failure::<DisableKey>(&admin, input).await, expected);
    let (view, region) = (world.view(), world.region.clone());
    let resolved = kms::resolve_key_arn(&view, HOME.parse().unwrap(), &region, "alias/app");
    assert_eq!(Some(resolved.unwrap().to_string()), key.arn);
}

#[tokio::test]
async fn the_alias_in_the_request_is_a_condition_key() {
    let world = World::new();
    let alice = world.user(HOME, "Alice", None);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{HOME}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{HOME}:user/Alice"}},
              "Action":"kms:Encrypt","Resource":"*",
              "Condition":{{"StringEquals":{{"kms:RequestAlias":"alias/app"}}}}}}]}}"#
    );
    let admin = world.admin();
    let key = create_with_policy(&world, &admin, &policy).await;
    world
        .call::<CreateAlias>(&admin, alias("alias/app", &key.key_id))
        .await
        .unwrap();
    for (id, allowed) in [
        ("alias/app", true),
        (arn("alias/app").as_str(), true),
        (key.key_id.as_str(), false),
        (key.arn.as_deref().unwrap(), false),
    ] {
        assert_eq!(
            world.call::<Encrypt>(&alice, encrypt(id)).await.is_ok(),
            allowed,
            "{id}"
        );
    }
}

#[tokio::test]
async fn the_aliases_of_the_key_are_a_condition_key() {
    let world = World::new();
    let admin = world.admin();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt",
        "Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/ml-*"}}}]}"#;
    let alice = world.user(HOME, "Alice", Some(policy));
    let key = create(&world, &admin).await;
    assert!(
        world
            .call::<Encrypt>(&alice, encrypt(&key.key_id))
            .await
            .is_err()
    );
    world
        .call::<CreateAlias>(&admin, alias("alias/web", &key.key_id))
        .await
        .unwrap();
    assert!(
        world
            .call::<Encrypt>(&alice, encrypt(&key.key_id))
            .await
            .is_err()
    );
    world
        .call::<CreateAlias>(&admin, alias("alias/ml-1", &key.key_id))
        .await
        .unwrap();
    assert!(
        world
            .call::<Encrypt>(&alice, encrypt(&key.key_id))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_denial_does_not_tell_whether_an_alias_exists() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    world
        .call::<CreateAlias>(&admin, alias("alias/app", &key.key_id))
        .await
        .unwrap();
    for nobody in [
        world.user(HOME, "Nobody", None),
        world.user(AWAY, "Stranger", Some(ALL_OF_KMS)),
    ] {
        let (there, missing) = (arn("alias/app"), arn("alias/none"));
        let first = world
            .failure::<DescribeKey>(&nobody, describe(&there))
            .await;
        let second = world
            .failure::<DescribeKey>(&nobody, describe(&missing))
            .await;
        assert_eq!(first.0, "AccessDeniedException");
        assert_eq!(first.1.replace(&there, ""), second.1.replace(&missing, ""));
        assert!(!first.1.contains(&key.key_id), "{}", first.1);
    }
}
