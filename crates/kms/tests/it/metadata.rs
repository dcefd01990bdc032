//! Descriptions, tags, aliases that move, and the names of policies.

use kms::{
    CreateAlias, DeleteAlias, DescribeKey, Encrypt, ListAliases, ListKeyPolicies, ListResourceTags,
    TagResource, UntagResource, UpdateAlias, UpdateKeyDescription,
};
use pipeline::Caller;
use shapes::kms::{
    CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListKeyPoliciesRequest,
    ListResourceTagsRequest, Tag, TagResourceRequest, UntagResourceRequest, UpdateAliasRequest,
    UpdateKeyDescriptionRequest,
};

use crate::harness::{ALL_OF_KMS, AWAY, HOME, World};
use crate::keys::{create, describe, encrypt};

fn tag_request(key: &str, tags: &[(&str, &str)]) -> TagResourceRequest {
    let tag = |(key, value): &(&str, &str)| Tag {
        tag_key: (*key).to_owned(),
        tag_value: (*value).to_owned(),
    };
    TagResourceRequest {
        key_id: key.to_owned(),
        tags: tags.iter().map(tag).collect(),
    }
}

fn untag_request(key: &str, names: &[&str]) -> UntagResourceRequest {
    UntagResourceRequest {
        key_id: key.to_owned(),
        tag_keys: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

async fn tags(world: &World, caller: &Caller, key: &str) -> Vec<(String, String)> {
    let mut request = ListResourceTagsRequest {
        key_id: key.to_owned(),
        limit: Some(2),
        marker: None,
    };
    let mut tags = Vec::new();
    loop {
        let page = world
            .call::<ListResourceTags>(caller, request.clone())
            .await;
        let page = page.unwrap();
        let shown = page.tags.unwrap().into_iter();
        tags.extend(shown.map(|tag| (tag.tag_key, tag.tag_value)));
        assert_eq!(page.truncated, Some(page.next_marker.is_some()));
        request.marker = page.next_marker;
        if request.marker.is_none() {
            return tags;
        }
    }
}

async fn alias(world: &World, caller: &Caller, name: &str, key: &str) {
    let input = CreateAliasRequest {
        alias_name: name.to_owned(),
        target_key_id: key.to_owned(),
    };
    world.call::<CreateAlias>(caller, input).await.unwrap();
}

fn update(name: &str, key: &str) -> UpdateAliasRequest {
    UpdateAliasRequest {
        alias_name: name.to_owned(),
        target_key_id: key.to_owned(),
    }
}

fn delete(name: &str) -> DeleteAliasRequest {
    DeleteAliasRequest {
        alias_name: name.to_owned(),
    }
}

#[tokio::test]
async fn a_description_is_replaced() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = UpdateKeyDescriptionRequest {
        key_id: key.key_id.clone(),
        description: "new".to_owned(),
    };
    world
        .call::<UpdateKeyDescription>(&admin, input)
        .await
        .unwrap();
    let found = world
        .call::<DescribeKey>(&admin, describe(&key.key_id))
        .await;
    let found = found.unwrap().key_metadata.unwrap();
    assert_eq!(found.description.as_deref(), Some("new"));
    let record = world.records(HOME).remove(1);
    assert_eq!(
        record.request_parameters,
        serde_json::json!({ "keyId": key.key_id, "description": "new" })
    );
}

#[tokio::test]
async fn tags_are_added_replaced_listed_and_taken_off() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await.key_id;
    let first = tag_request(&key, &[("a", "1"), ("b", "2"), ("c", "3")]);
    world.call::<TagResource>(&admin, first).await.unwrap();
    let record = world.newest_record(HOME);
    assert_eq!(record.request_parameters["tags"][0]["tagKey"], "a");
    let second = tag_request(&key, &[("b", "4")]);
    world.call::<TagResource>(&admin, second).await.unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        tags(&world, &admin, &key).await,
        [pair("a", "1"), pair("b", "4"), pair("c", "3")]
    );
    let off = untag_request(&key, &["a", "none"]);
    world.call::<UntagResource>(&admin, off).await.unwrap();
    assert_eq!(
        tags(&world, &admin, &key).await,
        [pair("b", "4"), pair("c", "3")]
    );
}

#[tokio::test]
async fn tags_follow_the_rules_of_kms() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await.key_id;
    let names: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    world
        .call::<TagResource>(&admin, tag_request(&key, &all))
        .await
        .unwrap();
    for (tags, text) in [
        (&[("new", "v")][..], "Too many tags"),
        (&[("a", "1"), ("a", "2")], "Duplicate tag keys"),
        (&[("aws:a", "1")], "Tags beginning with aws: are reserved"),
    ] {
        let failure = world
            .failure::<TagResource>(&admin, tag_request(&key, tags))
            .await;
        assert_eq!(failure, ("TagException".to_owned(), text.to_owned()));
    }
    let same = tag_request(&key, &[("0", "other")]);
    world.call::<TagResource>(&admin, same).await.unwrap();
}

#[tokio::test]
async fn tags_decide_on_the_next_request() {
    let world = World::new();
    let admin = world.admin();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt",
        "Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"ml"}}}]}"#;
    let alice = world.user(HOME, "Alice", Some(policy));
    let key = create(&world, &admin).await.key_id;
    world
        .check_denied::<Encrypt>(&alice, encrypt(&key), "no tag yet")
        .await;
    let tag = tag_request(&key, &[("team", "ml")]);
    world.call::<TagResource>(&admin, tag).await.unwrap();
    world.call::<Encrypt>(&alice, encrypt(&key)).await.unwrap();
    let off = untag_request(&key, &["team"]);
    world.call::<UntagResource>(&admin, off).await.unwrap();
    world
        .check_denied::<Encrypt>(&alice, encrypt(&key), "the tag is gone")
        .await;
}

#[tokio::test]
async fn what_is_tagged_and_untagged_is_a_condition_key() {
    let world = World::new();
    let key = create(&world, &world.admin()).await.key_id;
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["kms:TagResource","kms:UntagResource"],"Resource":"*",
         "Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}},
        {"Effect":"Deny","Action":"kms:TagResource","Resource":"*",
         "Condition":{"StringEquals":{"aws:RequestTag/team":"secret"}}}]}"#;
    let user = world.user(HOME, "User", Some(policy));
    for (tags, allowed) in [
        (&[("team", "ml")][..], true),
        (&[("team", "secret")], false),
        (&[("team", "ml"), ("other", "x")], false),
    ] {
        let found = world
            .call::<TagResource>(&user, tag_request(&key, tags))
            .await;
        assert_eq!(found.is_ok(), allowed, "{tags:?}");
    }
    for (names, allowed) in [(&["team"][..], true), (&["team", "other"], false)] {
        let found = world
            .call::<UntagResource>(&user, untag_request(&key, names))
            .await;
        assert_eq!(found.is_ok(), allowed, "{names:?}");
    }
}

#[tokio::test]
async fn an_alias_moves_and_policies_see_it_at_once() {
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt",
        "Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/app"}}}]}"#;
    let alice = world.user(HOME, "Alice", Some(policy));
    alias(&world, &admin, "alias/app", &one.key_id).await;
    world
        .call::<Encrypt>(&alice, encrypt(&one.key_id))
        .await
        .unwrap();
    let input = update("alias/app", two.arn.as_deref().unwrap());
    world.call::<UpdateAlias>(&admin, input).await.unwrap();
    world
        .check_denied::<Encrypt>(&alice, encrypt(&one.key_id), "the alias has moved")
        .await;
    let used = world
        .call::<Encrypt>(&alice, encrypt("alias/app"))
        .await
        .unwrap();
    assert_eq!(used.key_id, two.arn);
    world
        .call::<DeleteAlias>(&admin, delete("alias/app"))
        .await
        .unwrap();
    world
        .check_denied::<Encrypt>(&alice, encrypt(&two.key_id), "the alias is gone")
        .await;
    let (code, _) = world.failure::<Encrypt>(&admin, encrypt("alias/app")).await;
    assert_eq!(code, "NotFoundException");
    let all = ListAliasesRequest::default();
    let left = world.call::<ListAliases>(&admin, all).await.unwrap();
    assert!(left.aliases.unwrap().is_empty());
}

#[tokio::test]
async fn moving_and_deleting_an_alias_needs_a_right_on_it_and_on_its_keys() {
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    alias(&world, &admin, "alias/app", &one.key_id).await;
    let name = format!("arn:aws:kms:us-east-1:{HOME}:alias/app");
    let (one_arn, two_arn) = (one.arn.unwrap(), two.arn.unwrap());
    let all = [name.as_str(), &one_arn, &two_arn];
    for left_out in all {
        let granted: Vec<_> = all.into_iter().filter(|arn| *arn != left_out).collect();
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["kms:UpdateAlias", "kms:DeleteAlias"],
            "Resource": granted }] });
        let user = world.user(HOME, "User", Some(&policy.to_string()));
        let input = update("alias/app", &two.key_id);
        world
            .check_denied::<UpdateAlias>(&user, input, left_out)
            .await;
        if left_out != two_arn {
            world
                .check_denied::<DeleteAlias>(&user, delete("alias/app"), left_out)
                .await;
        }
    }
}

#[tokio::test]
async fn aliases_that_cannot_be_moved_are_refused() {
    let world = World::new();
    let admin = world.admin();
    let (one, two) = (create(&world, &admin).await, create(&world, &admin).await);
    alias(&world, &admin, "alias/app", &one.key_id).await;
    for (input, expected) in [
        (update("alias/none", &two.key_id), "NotFoundException"),
        (update("app", &two.key_id), "ValidationException"),
        (
            update("alias/aws/s3", &two.key_id),
            "NotAuthorizedException",
        ),
        (update("alias/app", "alias/app"), "ValidationException"),
        (
            update("alias/app", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            "NotFoundException",
        ),
    ] {
        let (code, message) = world.failure::<UpdateAlias>(&admin, input).await;
        assert_eq!(code, expected, "{message}");
    }
    for (name, expected) in [
        ("alias/none", "NotFoundException"),
        ("alias/aws/s3", "NotAuthorizedException"),
    ] {
        let (code, _) = world.failure::<DeleteAlias>(&admin, delete(name)).await;
        assert_eq!(code, expected, "{name}");
    }
    for number in 0..50 {
        alias(&world, &admin, &format!("alias/{number}"), &two.key_id).await;
    }
    let (code, _) = world
        .failure::<UpdateAlias>(&admin, update("alias/app", &two.key_id))
        .await;
    assert_eq!(code, "LimitExceededException");
    let same = update("alias/7", &two.key_id);
    world.call::<UpdateAlias>(&admin, same).await.unwrap();
}

#[tokio::test]
async fn a_key_has_the_default_policy_only() {
    let world = World::new();
    let admin = world.admin();
    let key = create(&world, &admin).await;
    let input = ListKeyPoliciesRequest {
        key_id: key.key_id,
        ..ListKeyPoliciesRequest::default()
    };
    let answer = world
        .call::<ListKeyPolicies>(&admin, input.clone())
        .await
        .unwrap();
    assert_eq!(answer.policy_names, Some(vec!["default".to_owned()]));
    assert_eq!((answer.truncated, answer.next_marker), (Some(false), None));
    let marked = ListKeyPoliciesRequest {
        marker: Some("x".to_owned()),
        ..input
    };
    let (code, _) = world.failure::<ListKeyPolicies>(&admin, marked).await;
    assert_eq!(code, "InvalidMarkerException");
}

#[tokio::test]
async fn other_accounts_keys_are_out_of_reach_whatever_the_policies_say() {
    let world = World::new();
    let admin = world.admin();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"AWS":["{HOME}","{AWAY}"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let key = crate::keys::create_with_policy(&world, &admin, &policy).await;
    let arn = key.arn.unwrap();
    let away = world.user(AWAY, "Away", Some(ALL_OF_KMS));
    let denied = "AccessDeniedException";
    let input = tag_request(&arn, &[("a", "b")]);
    assert_eq!(world.failure::<TagResource>(&away, input).await.0, denied);
    let input = untag_request(&arn, &["a"]);
    assert_eq!(world.failure::<UntagResource>(&away, input).await.0, denied);
    let input = ListResourceTagsRequest {
        key_id: arn.clone(),
        ..ListResourceTagsRequest::default()
    };
    assert_eq!(
        world.failure::<ListResourceTags>(&away, input).await.0,
        denied
    );
    let input = ListKeyPoliciesRequest {
        key_id: arn.clone(),
        ..ListKeyPoliciesRequest::default()
    };
    assert_eq!(
        world.failure::<ListKeyPolicies>(&away, input).await.0,
        denied
    );
    let input = UpdateKeyDescriptionRequest {
        key_id: arn.clone(),
        description: "x".to_owned(),
    };
    assert_eq!(
        world.failure::<UpdateKeyDescription>(&away, input).await.0,
        denied
    );
    // What AWS's table lets cross accounts does.
    world.call::<Encrypt>(&away, encrypt(&arn)).await.unwrap();
}
