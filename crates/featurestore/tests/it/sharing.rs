//! Groups that an account shares with others, with every cache warm.

use std::ops::Deref;

use pipeline::Caller;
use serde_json::{Value, json};
use store::CommitError;

use crate::world::{
    Outcome, World, account, check_refused, day, delete, group_arn, group_under, read, record,
    region, text,
};

const READ_ONLY: &str = "AWSRAMPermissionSageMakerFeatureGroupReadOnly";
const READ_WRITE: &str = "AWSRAMPermissionSagemakerFeatureGroupReadWrite";
const ADMIN: &str = "AWSRAMPermissionSagemakerFeatureGroupAdmin";
const CATALOG: &str =
    "arn:aws:sagemaker:us-east-1:111122223333:sagemaker-catalog/DefaultFeatureGroupCatalog";

/// What is done to the share with this ARN.
type Change = fn(&World, &Consumer, &str);

/// The world's administrator owns the group `scores`; the others are members of its organization.
pub(crate) struct Consumer {
    pub(crate) account: String,
    pub(crate) root: Caller,
}

/// A group with a record, and a consumer.
fn owner_and_consumer() -> (World, Consumer) {
    let world = World::new();
    world.group("scores");
    let values = [("id", "a"), ("at", &*day(1))];
    world.put("scores", &values).unwrap();
    // The older account is the owner's, and not that of the lower number.
    world.wait(1);
    let consumer = consumer(&world, "consumer");
    (world, consumer)
}

pub(crate) fn consumer(world: &World, name: &str) -> Consumer {
    let input = json!({ "AccountName": name, "Email": format!("{name}@example.com") });
    let made = world.ok("organizations:CreateAccount", input);
    let account = text(&made["CreateAccountStatus"]["AccountId"]);
    let root = world.root_of(account.parse().unwrap());
    Consumer { account, root }
}

impl Consumer {
    /// A user of the account who may do this.
    pub(crate) fn user(&self, world: &World, name: &str, actions: &Value) -> Caller {
        let ok =
            |operation: &str, input: Value| world.call_as(&self.root, operation, input).unwrap();
        ok("CreateUser", json!({ "UserName": name }));
        let document = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": actions, "Resource": "*" } });
        let policy = json!({ "UserName": name, "PolicyName": "p",
            "PolicyDocument": document.to_string() });
        ok("PutUserPolicy", policy);
        let made = ok("CreateAccessKey", json!({ "UserName": name }));
        let id = text(&made["AccessKey"]["AccessKeyId"]);
        world.caller_of(&id.parse().unwrap())
    }

    /// Denies the user everything on the resource at `arn`.
    pub(crate) fn deny(&self, world: &World, name: &str, arn: &str) {
        let document = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Deny", "Action": "*", "Resource": arn } });
        let policy = json!({ "UserName": name, "PolicyName": "deny",
            "PolicyDocument": document.to_string() });
        world.call_as(&self.root, "PutUserPolicy", policy).unwrap();
    }

    /// The only invitation that the account has got.
    fn invitation(&self, world: &World) -> String {
        let got = world
            .call_as(&self.root, "ram:GetResourceShareInvitations", json!({}))
            .unwrap();
        let got = got["resourceShareInvitations"].as_array().unwrap();
        assert_eq!(got.len(), 1, "{got:?}");
        text(&got[0]["resourceShareInvitationArn"])
    }

    fn answer(&self, world: &World, operation: &str) -> Outcome {
        let input = json!({ "resourceShareInvitationArn": self.invitation(world) });
        world.call_as(&self.root, operation, input)
    }

    /// Accepts everything that the account is invited to.
    fn accept_all(&self, world: &World) {
        let got = world
            .call_as(&self.root, "ram:GetResourceShareInvitations", json!({}))
            .unwrap();
        for invitation in got["resourceShareInvitations"].as_array().unwrap() {
            let arn = &invitation["resourceShareInvitationArn"];
            let input = json!({ "resourceShareInvitationArn": arn });
            let accepted = world.call_as(&self.root, "ram:AcceptResourceShareInvitation", input);
            accepted.unwrap();
        }
    }

    pub(crate) fn accept(&self, world: &World) {
        self.answer(world, "ram:AcceptResourceShareInvitation")
            .unwrap();
    }
}

/// Shares `scores` and returns the share's ARN.
fn share(world: &World, principals: &Value, permission: &str) -> String {
    let made = world.ok(
        "ram:CreateResourceShare",
        json!({
            "name": "scores", "resourceArns": [group_arn("scores")], "principals": principals,
            "permissionArns": [permission_arn(permission)],
        }),
    );
    text(&made["resourceShare"]["resourceShareArn"])
}

/// Shares the group at `arn` for reading and returns the share's ARN.
pub(crate) fn share_of(world: &World, arn: &str, principals: &Value) -> String {
    let input = json!({ "name": "one", "resourceArns": [arn], "principals": principals });
    let made = world.ok("ram:CreateResourceShare", input);
    text(&made["resourceShare"]["resourceShareArn"])
}

fn permission_arn(name: &str) -> String {
    format!("arn:aws:ram::aws:permission/{name}")
}

/// Whether `caller` reads the record of `scores`.
fn reads(world: &World, caller: &Caller) -> bool {
    match world.call_as(caller, "GetRecord", read(&group_arn("scores"), "a")) {
        Ok(answer) => {
            assert!(answer.get("Record").is_some(), "{answer}");
            true
        }
        Err(refused) => {
            assert_eq!(refused.code, "AccessForbidden", "{refused:?}");
            false
        }
    }
}

pub(crate) fn enable_within_organization(world: &World) {
    world.ok("ram:EnableSharingWithAwsOrganization", json!({}));
}

fn organization(world: &World) -> (String, String) {
    let found = world.ok("organizations:DescribeOrganization", json!({}));
    let organization = &found["Organization"];
    (text(&organization["Arn"]), text(&organization["Id"]))
}

/// A unit below the root, with its id and its ARN.
fn unit(world: &World) -> (String, String) {
    let roots = world.ok("organizations:ListRoots", json!({}));
    let input = json!({ "ParentId": roots["Roots"][0]["Id"], "Name": "science" });
    let made = world.ok("organizations:CreateOrganizationalUnit", input);
    let unit = &made["OrganizationalUnit"];
    (text(&unit["Id"]), text(&unit["Arn"]))
}

fn move_account(world: &World, account: &str, from: &str, to: &str) {
    world.ok(
        "organizations:MoveAccount",
        json!({ "AccountId": account, "SourceParentId": from, "DestinationParentId": to }),
    );
}

/// How far the consumer is in the only share that it is in.
fn standing(world: &World, consumer: &Consumer) -> String {
    let input = json!({ "associationType": "PRINCIPAL", "principal": consumer.account });
    let listed = world.ok("ram:GetResourceShareAssociations", input);
    text(&listed["resourceShareAssociations"][0]["status"])
}

#[test]
fn a_group_is_shared_once_the_invitation_is_accepted() {
    let (world, consumer) = owner_and_consumer();
    assert!(!reads(&world, &consumer.root));
    share(&world, &json!([consumer.account]), READ_ONLY);
    assert!(!reads(&world, &consumer.root));
    consumer.accept(&world);
    for _warm in 0..3 {
        assert!(reads(&world, &consumer.root));
    }
}

#[test]
fn whoever_is_added_to_a_share_is_told_how_far_that_is() {
    let (world, consumer) = owner_and_consumer();
    let arn = share(&world, &json!([]), READ_ONLY);
    let add = |token: &str| {
        let input = json!({ "resourceShareArn": arn, "principals": [consumer.account],
            "clientToken": token });
        let added = world.ok("ram:AssociateResourceShare", input);
        text(&added["resourceShareAssociations"][0]["status"])
    };
    assert_eq!(add("one"), "ASSOCIATING");
    let event = &world.records_of("AssociateResourceShare")[0];
    let recorded = &event.response_elements["resourceShareAssociations"][0];
    assert_eq!(recorded["status"], "ASSOCIATING");
    // The same call again changes nothing, and says what has become of it.
    assert_eq!(add("one"), "ASSOCIATING");
    consumer.accept(&world);
    assert_eq!(add("one"), "ASSOCIATED");
    assert_eq!(add("two"), "ASSOCIATED");
    assert!(reads(&world, &consumer.root));
}

#[test]
fn a_rejected_invitation_shares_nothing() {
    let (world, consumer) = owner_and_consumer();
    share(&world, &json!([consumer.account]), READ_ONLY);
    consumer
        .answer(&world, "ram:RejectResourceShareInvitation")
        .unwrap();
    assert!(!reads(&world, &consumer.root));
    let refused = consumer.answer(&world, "ram:AcceptResourceShareInvitation");
    let code = "ResourceShareInvitationAlreadyRejectedException";
    check_refused(refused, code, "rejected");
}

#[test]
fn an_invitation_that_is_withdrawn_is_there_no_longer() {
    let withdraw: [Change; 2] = [
        |world, _, arn| {
            world.ok(
                "ram:DeleteResourceShare",
                json!({ "resourceShareArn": arn }),
            );
        },
        |world, consumer, arn| {
            let input = json!({ "resourceShareArn": arn, "principals": [consumer.account] });
            world.ok("ram:DisassociateResourceShare", input);
        },
    ];
    for withdraw in withdraw {
        let (world, consumer) = owner_and_consumer();
        let arn = share(&world, &json!([consumer.account]), READ_ONLY);
        let input = json!({ "resourceShareInvitationArn": consumer.invitation(&world) });
        withdraw(&world, &consumer, &arn);
        let left = world
            .call_as(&consumer.root, "ram:GetResourceShareInvitations", json!({}))
            .unwrap();
        assert_eq!(left["resourceShareInvitations"], json!([]));
        let refused = world.call_as(&consumer.root, "ram:AcceptResourceShareInvitation", input);
        let code = "ResourceShareInvitationArnNotFoundException";
        check_refused(refused, code, "could not be found");
        assert!(!reads(&world, &consumer.root));
    }
}

#[test]
fn nobody_but_the_owner_finds_a_share_by_its_tags() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let input = json!({
        "name": "s", "principals": [consumer.account],
        "tags": [{ "key": "level", "value": "secret" }],
    });
    world.ok("ram:CreateResourceShare", input);
    let found = |caller: &Caller, owner: &str| {
        let filter = json!([{ "tagKey": "level", "tagValues": ["secret"] }]);
        let input = json!({ "resourceOwner": owner, "tagFilters": filter });
        let found = world.call_as(caller, "ram:GetResourceShares", input);
        found.unwrap()["resourceShares"].as_array().unwrap().len()
    };
    assert_eq!(found(&world.administrator, "SELF"), 1);
    assert_eq!(found(&consumer.root, "OTHER-ACCOUNTS"), 0);
}

#[test]
fn an_invitation_expires_after_a_week() {
    let (world, consumer) = owner_and_consumer();
    let arn = share(&world, &json!([consumer.account]), READ_ONLY);
    world.wait(7 * 24 * 3600);
    let refused = consumer.answer(&world, "ram:AcceptResourceShareInvitation");
    check_refused(
        refused,
        "ResourceShareInvitationExpiredException",
        "expired",
    );
    assert_eq!(standing(&world, &consumer), "FAILED");
    // The owner may ask again.
    let again = json!({ "resourceShareArn": arn, "principals": [consumer.account] });
    let asked = world.ok("ram:AssociateResourceShare", again);
    let asked = &asked["resourceShareAssociations"][0];
    assert_eq!(asked["status"], "ASSOCIATING");
    assert_eq!(asked["statusMessage"], Value::Null);
    assert_eq!(standing(&world, &consumer), "ASSOCIATING");
    let got = world
        .call_as(&consumer.root, "ram:GetResourceShareInvitations", json!({}))
        .unwrap();
    let got = got["resourceShareInvitations"].as_array().unwrap().clone();
    let pending = got.iter().find(|it| it["status"] == "PENDING").unwrap();
    let input = json!({ "resourceShareInvitationArn": pending["resourceShareInvitationArn"] });
    world
        .call_as(&consumer.root, "ram:AcceptResourceShareInvitation", input)
        .unwrap();
    assert!(reads(&world, &consumer.root));
}

#[test]
fn the_consumers_own_account_must_allow_it_too() {
    let (world, consumer) = owner_and_consumer();
    share(&world, &json!([consumer.account]), READ_ONLY);
    consumer.accept(&world);
    let may = consumer.user(&world, "may", &json!("sagemaker:GetRecord"));
    let may_not = consumer.user(&world, "maynot", &json!("sagemaker:PutRecord"));
    assert!(reads(&world, &may));
    assert!(!reads(&world, &may_not));
}

#[test]
fn each_permission_lets_do_what_it_lists() {
    let group = group_arn("scores");
    let feature = json!({ "FeatureGroupName": group, "FeatureName": "note" });
    let mut described = feature.clone();
    described["Description"] = "text".into();
    let values = record(&[("id", "b"), ("at", &day(2))]);
    let put = json!({ "FeatureGroupName": group, "Record": values });
    let calls: [(&str, Value, u8); 12] = [
        ("GetRecord", read(&group, "a"), 0),
        (
            "BatchGetRecord",
            json!({ "Identifiers": [{ "FeatureGroupName": group,
                "RecordIdentifiersValueAsString": ["a"] }] }),
            0,
        ),
        (
            "DescribeFeatureGroup",
            json!({ "FeatureGroupName": group }),
            0,
        ),
        ("DescribeFeatureMetadata", feature, 0),
        ("PutRecord", put.clone(), 1),
        ("DeleteRecord", delete(&group, "c", &day(3), None), 1),
        ("UpdateFeatureMetadata", described, 2),
        (
            "UpdateFeatureGroup",
            json!({ "FeatureGroupName": group, "FeatureAdditions":
                [{ "FeatureName": "more", "FeatureType": "String" }] }),
            2,
        ),
        // What no permission has.
        ("ListRecords", json!({ "FeatureGroupName": group }), 3),
        ("BatchWriteRecord", json!({ "Entries": [put] }), 3),
        (
            "AddTags",
            json!({ "ResourceArn": group, "Tags": [{ "Key": "k", "Value": "v" }] }),
            3,
        ),
        (
            "DeleteFeatureGroup",
            json!({ "FeatureGroupName": "scores" }),
            3,
        ),
    ];
    for (level, permission) in [READ_ONLY, READ_WRITE, ADMIN].into_iter().enumerate() {
        let (world, consumer) = owner_and_consumer();
        share(&world, &json!([consumer.account]), permission);
        consumer.accept(&world);
        for (operation, input, needed) in &calls {
            let outcome = world.call_as(&consumer.root, operation, input.clone());
            let allowed = level >= usize::from(*needed);
            if *operation == "DeleteFeatureGroup" {
                // The name alone means the caller's own account.
                check_refused(outcome, "ResourceNotFound", "scores");
            } else {
                assert_eq!(
                    outcome.is_ok(),
                    allowed,
                    "{permission} {operation}: {outcome:?}"
                );
            }
        }
    }
}

#[test]
fn taking_away_counts_on_the_next_request() {
    let takes: [(&str, Change); 4] = [
        ("principal", |world, consumer, arn| {
            let input = json!({ "resourceShareArn": arn, "principals": [consumer.account] });
            world.ok("ram:DisassociateResourceShare", input);
        }),
        ("resource", |world, _, arn| {
            let input = json!({ "resourceShareArn": arn, "resourceArns": [group_arn("scores")] });
            world.ok("ram:DisassociateResourceShare", input);
        }),
        ("share", |world, _, arn| {
            world.ok(
                "ram:DeleteResourceShare",
                json!({ "resourceShareArn": arn }),
            );
        }),
        ("itself", |world, consumer, arn| {
            let input = json!({ "resourceShareArn": arn, "principals": [consumer.account] });
            world
                .call_as(&consumer.root, "ram:DisassociateResourceShare", input)
                .unwrap();
        }),
    ];
    for (what, take) in takes {
        let (world, consumer) = owner_and_consumer();
        let arn = share(&world, &json!([consumer.account]), READ_ONLY);
        consumer.accept(&world);
        assert!(reads(&world, &consumer.root), "{what}");
        take(&world, &consumer, &arn);
        assert!(!reads(&world, &consumer.root), "{what}");
    }
}

#[test]
fn a_lesser_permission_takes_writing_away() {
    let (world, consumer) = owner_and_consumer();
    let arn = share(&world, &json!([consumer.account]), READ_WRITE);
    consumer.accept(&world);
    let put = json!({ "FeatureGroupName": group_arn("scores"),
        "Record": record(&[("id", "b"), ("at", &day(2))]) });
    world
        .call_as(&consumer.root, "PutRecord", put.clone())
        .unwrap();
    let input = json!({ "resourceShareArn": arn, "permissionArn": permission_arn(READ_ONLY) });
    world.refuses(
        "ram:AssociateResourceSharePermission",
        input.clone(),
        "InvalidParameterException",
        "replace",
    );
    let mut replacing = input;
    replacing["replace"] = true.into();
    world.ok("ram:AssociateResourceSharePermission", replacing);
    let refused = world.call_as(&consumer.root, "PutRecord", put);
    check_refused(refused, "AccessForbidden", "sagemaker:PutRecord");
    assert!(reads(&world, &consumer.root));
}

#[test]
fn the_key_of_the_group_must_admit_the_other_account() {
    let (world, consumer) = owner_and_consumer();
    let own = account();
    let statement = |who: &str, what: &str| json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": what, "Resource": "*" });
    let only_own = json!([statement(own.as_str(), "kms:*")]);
    let policy = |statements: &Value| {
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    };
    let made = world.ok("CreateKey", json!({ "Policy": policy(&only_own) }));
    let key = text(&made["KeyMetadata"]["Arn"]);
    world.ok(
        "DeleteFeatureGroup",
        json!({ "FeatureGroupName": "scores" }),
    );
    world.group_under("scores", &key);
    world
        .put("scores", &[("id", "a"), ("at", &day(1))])
        .unwrap();
    share(&world, &json!([consumer.account]), READ_ONLY);
    consumer.accept(&world);
    let with_key = consumer.user(&world, "with", &json!(["sagemaker:*", "kms:Decrypt"]));
    let without = consumer.user(&world, "without", &json!("sagemaker:*"));
    assert!(!reads(&world, &with_key));
    let both = json!([
        statement(own.as_str(), "kms:*"),
        statement(&consumer.account, "kms:Decrypt"),
    ]);
    world.ok(
        "PutKeyPolicy",
        json!({ "KeyId": key, "Policy": policy(&both) }),
    );
    assert!(reads(&world, &with_key));
    assert!(!reads(&world, &without));
    world.ok(
        "PutKeyPolicy",
        json!({ "KeyId": key, "Policy": policy(&only_own) }),
    );
    assert!(!reads(&world, &with_key));
}

#[test]
fn a_later_group_of_the_same_name_is_shared_with_nobody() {
    let (world, consumer) = owner_and_consumer();
    let arn = share(&world, &json!([consumer.account]), READ_ONLY);
    consumer.accept(&world);
    assert!(reads(&world, &consumer.root));
    world.ok(
        "DeleteFeatureGroup",
        json!({ "FeatureGroupName": "scores" }),
    );
    world.group("scores");
    world
        .put("scores", &[("id", "a"), ("at", &day(1))])
        .unwrap();
    assert!(!reads(&world, &consumer.root));
    let kept = world.ok(
        "ram:GetResourceShareAssociations",
        json!({ "associationType": "RESOURCE", "resourceShareArns": [arn] }),
    );
    assert_eq!(kept["resourceShareAssociations"], json!([]));
}

#[test]
fn a_single_user_gets_what_the_account_does_not() {
    let (world, consumer) = owner_and_consumer();
    let actions = json!("sagemaker:GetRecord");
    let bob = consumer.user(&world, "Bob", &actions);
    let eve = consumer.user(&world, "Eve", &actions);
    let arn = format!("arn:aws:iam::{}:user/Bob", consumer.account);
    share(&world, &json!([arn]), READ_ONLY);
    consumer.accept(&world);
    assert!(reads(&world, &bob));
    assert!(!reads(&world, &eve));
    // Another one of the same name is another user.
    let ok =
        |operation: &str, input: Value| world.call_as(&consumer.root, operation, input).unwrap();
    let keys = ok("ListAccessKeys", json!({ "UserName": "Bob" }));
    let id = &keys["AccessKeyMetadata"][0]["AccessKeyId"];
    ok(
        "DeleteAccessKey",
        json!({ "UserName": "Bob", "AccessKeyId": id }),
    );
    ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Bob", "PolicyName": "p" }),
    );
    ok("DeleteUser", json!({ "UserName": "Bob" }));
    let again = consumer.user(&world, "Bob", &actions);
    assert!(!reads(&world, &again));
}

#[test]
fn within_the_organization_nobody_is_invited() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let arn = share(&world, &json!([consumer.account]), READ_ONLY);
    assert!(reads(&world, &consumer.root));
    let got = world
        .call_as(&consumer.root, "ram:GetResourceShareInvitations", json!({}))
        .unwrap();
    assert_eq!(got["resourceShareInvitations"], json!([]));
    let shown = world.ok(
        "ram:GetResourceShareAssociations",
        json!({ "associationType": "PRINCIPAL", "resourceShareArns": [arn] }),
    );
    let shown = &shown["resourceShareAssociations"][0];
    assert_eq!(
        (&shown["status"], &shown["external"]),
        (&json!("ASSOCIATED"), &json!(false))
    );
}

#[test]
fn an_organization_and_a_unit_need_sharing_within_the_organization() {
    let (world, _) = owner_and_consumer();
    let (organization, _) = organization(&world);
    let (_, unit) = unit(&world);
    let share_with = |principal: &str| json!({ "name": "s", "resourceArns": [group_arn("scores")], "principals": [principal] });
    for principal in [&organization, &unit] {
        world.refuses(
            "ram:CreateResourceShare",
            share_with(principal),
            "UnknownResourceException",
            "could not be found",
        );
    }
    enable_within_organization(&world);
    for principal in [&organization, &unit] {
        world.ok("ram:CreateResourceShare", share_with(principal));
    }
}

#[test]
fn an_account_that_leaves_the_unit_has_it_no_longer() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let (id, arn) = unit(&world);
    share(&world, &json!([arn]), READ_ONLY);
    assert!(!reads(&world, &consumer.root));
    let roots = world.ok("organizations:ListRoots", json!({}));
    let root = text(&roots["Roots"][0]["Id"]);
    move_account(&world, &consumer.account, &root, &id);
    assert!(reads(&world, &consumer.root));
    move_account(&world, &consumer.account, &id, &root);
    assert!(!reads(&world, &consumer.root));
}

#[test]
fn sharing_with_the_organization_gives_the_owners_own_users_nothing() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let (arn, _) = organization(&world);
    share(&world, &json!([arn]), READ_ONLY);
    let elsewhere = json!([{ "Effect": "Allow", "Action": "kms:*", "Resource": "*" }]);
    let own = world.user("own", &elsewhere);
    assert!(!reads(&world, &own));
    assert!(reads(&world, &consumer.root));
    let nobody = consumer.user(&world, "nobody", &json!("kms:*"));
    assert!(!reads(&world, &nobody));
}

#[test]
fn a_closed_account_uses_nothing_that_is_shared_with_it() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    share(&world, &json!([consumer.account]), READ_ONLY);
    assert!(reads(&world, &consumer.root));
    let input = json!({ "AccountId": consumer.account });
    world.ok("organizations:CloseAccount", input);
    let refused = world.call_as(&consumer.root, "GetRecord", read(&group_arn("scores"), "a"));
    assert!(refused.is_err());
}

#[test]
fn external_principals_are_refused_where_the_share_allows_none() {
    let (world, consumer) = owner_and_consumer();
    let input = |principal: &str| json!({ "name": "s", "principals": [principal], "allowExternalPrincipals": false });
    world.refuses(
        "ram:CreateResourceShare",
        input("999999999999"),
        "OperationNotPermittedException",
        "not in your AWS organization",
    );
    world.ok("ram:CreateResourceShare", input(&consumer.account));
    // With somebody from outside the share stays open for them.
    let made = world.ok(
        "ram:CreateResourceShare",
        json!({ "name": "s", "principals": ["999999999999"] }),
    );
    let arn = &made["resourceShare"]["resourceShareArn"];
    world.refuses(
        "ram:UpdateResourceShare",
        json!({ "resourceShareArn": arn, "allowExternalPrincipals": false }),
        "OperationNotPermittedException",
        "external",
    );
}

#[test]
fn ram_shares_a_group_only_for_those_who_may_put_its_policy() {
    let (world, consumer) = owner_and_consumer();
    let allow =
        |actions: &Value| json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
    let sharer = world.user("sharer", &allow(&json!("ram:*")));
    let input = json!({
        "name": "s", "resourceArns": [group_arn("scores")], "principals": [consumer.account],
    });
    let refused = world.call_as(&sharer, "ram:CreateResourceShare", input.clone());
    check_refused(
        refused,
        "AccessDeniedException",
        "sagemaker:PutResourcePolicy",
    );
    let actions = json!(["ram:*", "sagemaker:PutResourcePolicy"]);
    world.put_policy("sharer", &allow(&actions));
    let made = world
        .call_as(&sharer, "ram:CreateResourceShare", input)
        .unwrap();
    let arn = &made["resourceShare"]["resourceShareArn"];
    let refused = world.call_as(
        &sharer,
        "ram:DeleteResourceShare",
        json!({ "resourceShareArn": arn }),
    );
    check_refused(
        refused,
        "AccessDeniedException",
        "sagemaker:DeleteResourcePolicy",
    );
}

#[test]
fn only_what_exists_and_is_ones_own_can_be_shared() {
    let (world, consumer) = owner_and_consumer();
    let input = |arn: &str| json!({ "name": "s", "resourceArns": [arn] });
    world.refuses(
        "ram:CreateResourceShare",
        input(&group_arn("nothing")),
        "UnknownResourceException",
        "nothing",
    );
    let foreign = world.call_as(
        &consumer.root,
        "ram:CreateResourceShare",
        input(&group_arn("scores")),
    );
    check_refused(
        foreign,
        "AccessDeniedException",
        "sagemaker:PutResourcePolicy",
    );
    for (arn, code) in [
        ("arn:aws:s3:::bucket", "MalformedArnException"),
        (
            "arn:aws:kms:us-east-1:111122223333:key/1234",
            "InvalidParameterException",
        ),
        (
            "arn:aws:sagemaker:eu-north-1:111122223333:feature-group/scores",
            "InvalidParameterException",
        ),
        ("scores", "MalformedArnException"),
    ] {
        world.refuses("ram:CreateResourceShare", input(arn), code, "");
    }
}

#[test]
fn a_catalog_is_shared_with_accounts_and_not_with_single_users() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    consumer.user(&world, "Bob", &json!("sagemaker:Search"));
    let bob = format!("arn:aws:iam::{}:user/Bob", consumer.account);
    let input = |principal: &str| json!({ "name": "c", "resourceArns": [CATALOG], "principals": [principal] });
    world.refuses(
        "ram:CreateResourceShare",
        input(&bob),
        "InvalidParameterException",
        "single user",
    );
    world.ok("ram:CreateResourceShare", input(&consumer.account));
    let shared_with = |account: &str| -> Vec<String> {
        let whose = (account.parse().unwrap(), &region());
        let view = world.view();
        let arns = ram::shared_with(&view, whose, "sagemaker", "sagemaker-catalog");
        let arns = world.block_on(arns);
        arns.iter().map(ToString::to_string).collect()
    };
    assert_eq!(shared_with(&consumer.account), [CATALOG]);
    for others in [crate::world::ACCOUNT, "999988887777"] {
        assert!(shared_with(others).is_empty(), "{others}");
    }
    let policies = world.ok(
        "ram:GetResourcePolicies",
        json!({ "resourceArns": [CATALOG] }),
    );
    let policy: Value = serde_json::from_str(policies["policies"][0].as_str().unwrap()).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Action"], json!(["sagemaker:Search"]));
    assert!(statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"].is_string());
    // Being able to find groups lets nobody read them.
    assert!(!reads(&world, &consumer.root));
}

/// The ARNs of the groups that a search across accounts finds.
fn found_across(world: &World, caller: &Caller) -> Vec<String> {
    let search = json!({ "Resource": "FeatureGroup", "CrossAccountFilterOption": "CrossAccount" });
    let answer = world.call_as(caller, "Search", search).unwrap();
    let results = answer["Results"].as_array().unwrap().iter();
    let arns = results.map(|found| text(&found["FeatureGroup"]["FeatureGroupArn"]));
    arns.collect()
}

#[test]
fn a_catalog_is_searched_by_those_whom_it_is_shared_with() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let stranger = self::consumer(&world, "stranger");
    assert!(found_across(&world, &consumer.root).is_empty());
    let input = json!({
        "name": "c", "resourceArns": [CATALOG], "principals": [consumer.account],
    });
    let made = world.ok("ram:CreateResourceShare", input);
    assert!(found_across(&world, &stranger.root).is_empty());
    // The stranger's history says nothing of the catalog, and the owner's nothing of the stranger.
    let seen = world.deref().records_of(stranger.account.parse().unwrap());
    let mut seen = seen.iter().filter(|record| record.event_name == "Search");
    assert!(seen.next().unwrap().resources.is_empty());
    assert!(world.records_of("Search").is_empty());
    assert_eq!(found_across(&world, &consumer.root), [group_arn("scores")]);
    assert_eq!(world.records_of("Search").len(), 1);
    // One's own groups are not among those of others.
    assert!(found_across(&world, &world.administrator).is_empty());
    let own = json!({ "Resource": "FeatureGroup" });
    let own = world.call_as(&consumer.root, "Search", own).unwrap();
    assert_eq!(own["TotalHits"]["Value"], 0);
    // Whoever may search nothing in its own account finds nothing elsewhere.
    let bob = consumer.user(&world, "Bob", &json!("sagemaker:GetRecord"));
    let search = json!({ "Resource": "FeatureGroup", "CrossAccountFilterOption": "CrossAccount" });
    check_refused(
        world.call_as(&bob, "Search", search),
        "AccessDeniedException",
        "sagemaker:Search",
    );
    assert!(!reads(&world, &consumer.root));
    let share = text(&made["resourceShare"]["resourceShareArn"]);
    world.ok(
        "ram:DeleteResourceShare",
        json!({ "resourceShareArn": share }),
    );
    assert!(found_across(&world, &consumer.root).is_empty());
}

#[test]
fn what_is_shared_with_a_unit_is_listed_for_the_accounts_that_are_in_it() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let (id, arn) = unit(&world);
    let input = json!({ "name": "c", "resourceArns": [CATALOG], "principals": [arn] });
    let made = world.ok("ram:CreateResourceShare", input);
    let share = text(&made["resourceShare"]["resourceShareArn"]);
    let shares = |named: Value| {
        let input = json!({ "resourceOwner": "OTHER-ACCOUNTS", "resourceShareArns": named });
        let found = world.call_as(&consumer.root, "ram:GetResourceShares", input);
        found.map_or(0, |found| found["resourceShares"].as_array().unwrap().len())
    };
    let check = |expected: usize| {
        let catalogs = world.call_as(&consumer.root, "ListResourceCatalogs", json!({}));
        let catalogs = catalogs.unwrap()["ResourceCatalogs"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(catalogs, 1 + expected);
        assert_eq!(found_across(&world, &consumer.root).len(), expected);
        assert_eq!(shares(json!([])), expected);
        assert_eq!(shares(json!([share])), expected);
    };
    let roots = world.ok("organizations:ListRoots", json!({}));
    let root = text(&roots["Roots"][0]["Id"]);
    check(0);
    move_account(&world, &consumer.account, &root, &id);
    check(1);
    move_account(&world, &consumer.account, &id, &root);
    check(0);
}

#[test]
fn an_account_lists_its_own_catalog_and_those_that_are_shared_with_it() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let listed = |caller: &Caller, request: Value| {
        let answer = world
            .call_as(caller, "ListResourceCatalogs", request)
            .unwrap();
        let listed = answer["ResourceCatalogs"].as_array().unwrap().iter();
        let arns: Vec<String> = listed.map(|one| text(&one["ResourceCatalogArn"])).collect();
        (arns, answer)
    };
    let own = CATALOG.replace(crate::world::ACCOUNT, &consumer.account);
    let (arns, answer) = listed(&consumer.root, json!({}));
    assert_eq!(arns, std::slice::from_ref(&own));
    let shown = &answer["ResourceCatalogs"][0];
    assert_eq!(shown["ResourceCatalogName"], "DefaultFeatureGroupCatalog");
    assert!(shown["CreationTime"].is_number(), "{shown}");
    let input = json!({
        "name": "c", "resourceArns": [CATALOG], "principals": [consumer.account],
    });
    let made = world.ok("ram:CreateResourceShare", input);
    let (arns, first) = listed(&consumer.root, json!({ "MaxResults": 1 }));
    assert_eq!(arns, [CATALOG], "the older account's first");
    let next = json!({ "MaxResults": 1, "NextToken": first["NextToken"] });
    let (arns, last) = listed(&consumer.root, next);
    assert_eq!((arns, last.get("NextToken")), (vec![own.clone()], None));
    let (arns, _) = listed(&consumer.root, json!({ "SortOrder": "Descending" }));
    assert_eq!(arns, [own.clone(), CATALOG.to_owned()]);
    let (arns, _) = listed(&consumer.root, json!({ "NameContains": "Feature" }));
    assert_eq!(arns.len(), 2);
    let (arns, _) = listed(&consumer.root, json!({ "NameContains": "feature" }));
    assert!(arns.is_empty());
    // Sharing goes one way.
    let (arns, _) = listed(&world.administrator, json!({}));
    assert_eq!(arns, [CATALOG]);
    let share = text(&made["resourceShare"]["resourceShareArn"]);
    let gone = json!({ "resourceShareArn": share });
    world.ok("ram:DeleteResourceShare", gone);
    assert_eq!(listed(&consumer.root, json!({})).0, [own]);
    let bob = consumer.user(&world, "Bob", &json!("sagemaker:Search"));
    let refused = world.call_as(&bob, "ListResourceCatalogs", json!({}));
    check_refused(
        refused,
        "AccessDeniedException",
        "sagemaker:ListResourceCatalogs",
    );
}

#[test]
fn whoever_was_taken_from_a_share_sees_nothing_of_it_any_more() {
    let (world, consumer) = owner_and_consumer();
    let arn = share(&world, &json!([consumer.account]), READ_ONLY);
    let invitation = json!({ "resourceShareInvitationArn": consumer.invitation(&world) });
    let pending = || {
        let operation = "ram:ListPendingInvitationResources";
        let listed = world.call_as(&consumer.root, operation, invitation.clone());
        listed.unwrap()["resources"].as_array().unwrap().len()
    };
    assert_eq!(pending(), 1);
    consumer.accept(&world);
    assert_eq!(pending(), 0);
    let input = json!({ "resourceShareArn": arn, "principals": [consumer.account] });
    world.ok("ram:DisassociateResourceShare", input);
    world.group("later");
    let later = json!({ "resourceShareArn": arn, "resourceArns": [group_arn("later")] });
    world.ok("ram:AssociateResourceShare", later);
    assert_eq!(pending(), 0);
}

#[test]
fn a_user_made_again_gets_what_it_was_given_and_not_what_its_namesake_was() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let actions = json!(["sagemaker:GetRecord", "sagemaker:PutRecord"]);
    consumer.user(&world, "Bob", &actions);
    let arn = json!([format!("arn:aws:iam::{}:user/Bob", consumer.account)]);
    let old = share(&world, &arn, READ_WRITE);
    let ok =
        |operation: &str, input: Value| world.call_as(&consumer.root, operation, input).unwrap();
    let keys = ok("ListAccessKeys", json!({ "UserName": "Bob" }));
    let id = &keys["AccessKeyMetadata"][0]["AccessKeyId"];
    ok(
        "DeleteAccessKey",
        json!({ "UserName": "Bob", "AccessKeyId": id }),
    );
    ok(
        "DeleteUserPolicy",
        json!({ "UserName": "Bob", "PolicyName": "p" }),
    );
    ok("DeleteUser", json!({ "UserName": "Bob" }));
    let bob = consumer.user(&world, "Bob", &actions);
    share(&world, &arn, READ_ONLY);
    let puts = || {
        let values = record(&[("id", "b"), ("at", &day(2))]);
        let input = json!({ "FeatureGroupName": group_arn("scores"), "Record": values });
        world.call_as(&bob, "PutRecord", input).is_ok()
    };
    assert!(reads(&world, &bob) && !puts());
    // Nor does a change of the older share turn it round.
    let input = json!({ "resourceShareArn": old, "allowExternalPrincipals": true });
    world.ok("ram:UpdateResourceShare", input);
    assert!(reads(&world, &bob) && !puts());
}

#[test]
fn a_change_of_a_share_writes_the_policies_that_differ_and_no_others() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let arns: Vec<String> = (0..20)
        .map(|number| {
            let name = format!("g{number}");
            world.group(&name);
            group_arn(&name)
        })
        .collect();
    let made = world.ok(
        "ram:CreateResourceShare",
        json!({ "name": "s", "resourceArns": arns, "principals": [consumer.account] }),
    );
    let share = &made["resourceShare"]["resourceShareArn"];
    let policies = |operation: &str, input: Value| {
        world.ok(operation, input);
        let rows = world.faults.rows.lock().unwrap();
        assert!(rows.contains(&"ram_shares"), "{rows:?}");
        rows.iter().filter(|name| **name == "ram_policies").count()
    };
    let renamed = json!({ "resourceShareArn": share, "name": "other" });
    assert_eq!(policies("ram:UpdateResourceShare", renamed), 0);
    let external = json!({ "resourceShareArn": share, "allowExternalPrincipals": true });
    assert_eq!(policies("ram:UpdateResourceShare", external), 0);
    world.group("later");
    let one = json!({ "resourceShareArn": share, "resourceArns": [group_arn("later")] });
    assert_eq!(policies("ram:AssociateResourceShare", one), 1);
    let one = json!({ "resourceShareArn": share, "resourceArns": [arns[0]] });
    assert_eq!(policies("ram:DisassociateResourceShare", one), 1);
    let all = json!({ "resourceShareArn": share, "principals": [consumer.account] });
    assert_eq!(policies("ram:DisassociateResourceShare", all), 20);
}

#[test]
fn the_oldest_client_tokens_are_forgotten_beyond_256() {
    let (world, _) = owner_and_consumer();
    let made = world.ok("ram:CreateResourceShare", json!({ "name": "s" }));
    let arn = &made["resourceShare"]["resourceShareArn"];
    let update = |token: usize, name: &str| {
        let token = format!("token-{token}");
        let input = json!({ "resourceShareArn": arn, "name": name, "clientToken": token });
        world.call("ram:UpdateResourceShare", input)
    };
    for token in 0..257 {
        update(token, "name").unwrap();
        world.wait(1);
    }
    let code = "IdempotentParameterMismatchException";
    check_refused(update(256, "other"), code, "other parameters");
    check_refused(update(1, "other"), code, "other parameters");
    update(0, "other").unwrap();
}

#[test]
fn tags_of_discoverable_groups_are_neither_shown_nor_searched() {
    let (world, consumer) = owner_and_consumer();
    enable_within_organization(&world);
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    world.ok(
        "AddTags",
        json!({ "ResourceArn": group_arn("scores"), "Tags": tags }),
    );
    world.ok(
        "ram:CreateResourceShare",
        json!({ "name": "c", "resourceArns": [CATALOG], "principals": [consumer.account] }),
    );
    let finds = |caller: &Caller, across: &str, more: Value| {
        let mut input = json!({ "Resource": "FeatureGroup", "CrossAccountFilterOption": across });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let found = world.call_as(caller, "Search", input).unwrap();
        found["Results"].as_array().unwrap().clone()
    };
    let by_tag = json!({ "SearchExpression": { "Filters":
        [{ "Name": "Tags.team", "Operator": "Equals", "Value": "red" }] } });
    let visible = json!({ "VisibilityConditions": [{ "Key": "Tags.team", "Value": "red" }] });
    for more in [&by_tag, &visible] {
        let own = finds(&world.administrator, "SameAccount", more.clone());
        assert_eq!(own.len(), 1, "{more}");
    }
    assert_eq!(finds(&consumer.root, "CrossAccount", visible).len(), 0);
    let all = finds(&consumer.root, "CrossAccount", json!({}));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["FeatureGroup"]["Tags"], json!([]));
    let by = |name: &str| {
        json!({ "SearchExpression": { "SubExpressions": [{ "Filters":
            [{ "Name": name, "Operator": "Exists" }] }] } })
    };
    let nested = json!({ "SearchExpression": { "NestedFilters": [{
        "NestedPropertyName": "FeatureDefinitions",
        "Filters": [{ "Name": "FeatureDefinitions.FeatureName", "Value": "id" }] }] } });
    for refused in [
        by_tag,
        by("AllTags"),
        by("FailureReason"),
        by("LastUpdateStatus"),
        by("FeatureGroupArn"),
        by("EventTimeFeatureName"),
        by("OnlineStoreConfig.SecurityConfig.KmsKeyId"),
        by("OfflineStoreConfig.S3StorageConfig.S3Uri"),
        by("RoleArn"),
        nested,
        json!({ "SortBy": "FailureReason" }),
    ] {
        let mut input = json!({ "Resource": "FeatureGroup" });
        for (name, value) in refused.as_object().unwrap() {
            input[name] = value.clone();
        }
        input["CrossAccountFilterOption"] = "CrossAccount".into();
        let outcome = world.call_as(&consumer.root, "Search", input.clone());
        let text = "other accounts can be searched by";
        check_refused(outcome, "ValidationException", text);
        input["CrossAccountFilterOption"] = "SameAccount".into();
        world.call_as(&consumer.root, "Search", input).unwrap();
    }
    for found in [
        "FeatureGroupName",
        "FeatureGroupStatus",
        "RecordIdentifierFeatureName",
    ] {
        assert_eq!(
            finds(&consumer.root, "CrossAccount", by(found)).len(),
            1,
            "{found}"
        );
    }
    let none = finds(&consumer.root, "CrossAccount", by("OfflineStoreStatus"));
    assert_eq!(none.len(), 0, "it has no offline store");
}

#[test]
fn a_client_token_makes_one_share() {
    let (world, _) = owner_and_consumer();
    let input = json!({ "name": "s", "clientToken": "once" });
    let first = world.ok("ram:CreateResourceShare", input.clone());
    let second = world.ok("ram:CreateResourceShare", input);
    let arn = |made: &Value| text(&made["resourceShare"]["resourceShareArn"]);
    assert_eq!(arn(&first), arn(&second));
    world.refuses(
        "ram:CreateResourceShare",
        json!({ "name": "other", "clientToken": "once" }),
        "IdempotentParameterMismatchException",
        "other parameters",
    );
    let delete = json!({ "resourceShareArn": arn(&first), "clientToken": "gone" });
    world.ok("ram:DeleteResourceShare", delete.clone());
    world.ok("ram:DeleteResourceShare", delete);
    world.wait(24 * 3600);
    let later = json!({ "name": "other", "clientToken": "once" });
    world.ok("ram:CreateResourceShare", later);
}

#[test]
fn policies_see_what_is_shared_and_with_whom() {
    let (world, consumer) = owner_and_consumer();
    let check = |condition: Value, allowed: bool| {
        let statement = json!([
            { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*" },
            { "Effect": "Allow", "Action": "ram:*", "Resource": "*", "Condition": condition },
        ]);
        let name = format!("u{}", world.records().len());
        let user = world.user(&name, &statement);
        let made = world.call_as(
            &user,
            "ram:CreateResourceShare",
            json!({
                "name": "s", "resourceArns": [group_arn("scores")],
                "principals": [consumer.account], "allowExternalPrincipals": false,
            }),
        );
        assert_eq!(made.is_ok(), allowed, "{condition}: {made:?}");
    };
    let all = |key: &str, value: &str| json!({ "ForAllValues:StringEquals": { key: value } });
    check(
        all("ram:RequestedResourceType", "sagemaker:FeatureGroup"),
        true,
    );
    check(all("ram:RequestedResourceType", "ec2:Subnet"), false);
    check(all("ram:Principal", &consumer.account), true);
    check(all("ram:Principal", "999999999999"), false);
    check(all("ram:ResourceArn", &group_arn("scores")), true);
    check(all("ram:ResourceArn", &group_arn("other")), false);
    let external =
        |value: &str| json!({ "Bool": { "ram:RequestedAllowsExternalPrincipals": value } });
    check(external("false"), true);
    check(external("true"), false);
}

#[test]
fn a_listing_of_resources_tells_nobody_who_else_is_in_a_share() {
    let (world, consumer) = owner_and_consumer();
    let other = self::consumer(&world, "other");
    let user = |of: &Consumer, name: &str| {
        of.user(&world, name, &json!("sagemaker:GetRecord"));
        format!("arn:aws:iam::{}:user/{name}", of.account)
    };
    let (own, late, foreign) = (
        user(&consumer, "Bob"),
        user(&consumer, "Late"),
        user(&other, "Eve"),
    );
    let arn = share(&world, &json!([consumer.account, own, foreign]), READ_ONLY);
    other.accept(&world);
    consumer.accept_all(&world);
    let input = json!({ "resourceShareArn": arn, "principals": [late] });
    world.ok("ram:AssociateResourceShare", input);
    let found = |caller: &Caller, owner: &str, principal: &str| {
        let input = json!({ "resourceOwner": owner, "principal": principal });
        let found = world.call_as(caller, "ram:ListResources", input).unwrap();
        found["resources"].as_array().unwrap().len()
    };
    for (principal, seen) in [(&own, 1), (&late, 0), (&foreign, 0)] {
        let found = found(&consumer.root, "OTHER-ACCOUNTS", principal);
        assert_eq!(found, seen, "{principal}");
    }
    for principal in [&consumer.account, &own, &late, &foreign] {
        let found = found(&world.administrator, "SELF", principal);
        assert_eq!(found, 1, "{principal}");
    }
}

#[test]
fn shares_are_seen_by_their_owner_and_by_those_who_take_part() {
    let (world, consumer) = owner_and_consumer();
    let other = self::consumer(&world, "other");
    let arn = share(&world, &json!([consumer.account]), READ_ONLY);
    let seen = |caller: &Caller, owner: &str| {
        let input = json!({ "resourceOwner": owner });
        let seen = world
            .call_as(caller, "ram:GetResourceShares", input)
            .unwrap();
        seen["resourceShares"].as_array().unwrap().len()
    };
    assert_eq!(seen(&world.administrator, "SELF"), 1);
    assert_eq!(seen(&consumer.root, "OTHER-ACCOUNTS"), 0);
    consumer.accept(&world);
    assert_eq!(seen(&consumer.root, "OTHER-ACCOUNTS"), 1);
    assert_eq!(seen(&consumer.root, "SELF"), 0);
    assert_eq!(seen(&other.root, "OTHER-ACCOUNTS"), 0);
    let listed = |caller: &Caller, operation: &str, owner: &str| {
        let input = json!({ "resourceOwner": owner });
        world.call_as(caller, operation, input).unwrap()
    };
    let resources = listed(&consumer.root, "ram:ListResources", "OTHER-ACCOUNTS");
    assert_eq!(resources["resources"][0]["arn"], group_arn("scores"));
    assert_eq!(resources["resources"][0]["type"], "sagemaker:FeatureGroup");
    let principals = listed(&world.administrator, "ram:ListPrincipals", "SELF");
    assert_eq!(principals["principals"][0]["id"], consumer.account);
    let owners = listed(&consumer.root, "ram:ListPrincipals", "OTHER-ACCOUNTS");
    assert_eq!(owners["principals"][0]["id"], account().as_str());
    let used = json!({ "resourceShareArn": arn });
    let permissions = world
        .call_as(
            &consumer.root,
            "ram:ListResourceSharePermissions",
            used.clone(),
        )
        .unwrap();
    assert_eq!(permissions["permissions"][0]["name"], READ_ONLY);
    let refused = world.call_as(
        &other.root,
        "ram:ListResourceSharePermissions",
        used.clone(),
    );
    check_refused(refused, "AccessDeniedException", "");
    let refused = world.call_as(&consumer.root, "ram:DeleteResourceShare", used);
    check_refused(refused, "AccessDeniedException", "");
}

#[test]
fn an_invitation_is_only_for_its_receiver() {
    let (world, consumer) = owner_and_consumer();
    let other = self::consumer(&world, "other");
    share(&world, &json!([consumer.account]), READ_ONLY);
    let input = json!({ "resourceShareInvitationArn": consumer.invitation(&world) });
    for caller in [&other.root, &world.administrator] {
        let refused = world.call_as(caller, "ram:AcceptResourceShareInvitation", input.clone());
        check_refused(
            refused,
            "ResourceShareInvitationArnNotFoundException",
            "could not be found",
        );
    }
    assert!(!reads(&world, &consumer.root) && !reads(&world, &other.root));
}

#[test]
fn sharing_is_on_both_records() {
    let (world, consumer) = owner_and_consumer();
    let arn = share(&world, &json!([consumer.account]), READ_ONLY);
    consumer.accept(&world);
    let made = &world.records_of("CreateResourceShare")[0];
    assert_eq!(made.event_source, "ram.amazonaws.com");
    assert_eq!(
        made.request_parameters["principals"],
        json!([consumer.account])
    );
    assert_eq!(
        made.response_elements["resourceShare"]["resourceShareArn"],
        arn
    );
    let theirs = world.deref().records_of(consumer.account.parse().unwrap());
    let accepted = theirs
        .iter()
        .find(|it| it.event_name == "AcceptResourceShareInvitation");
    let accepted = accepted.unwrap();
    let shown = &accepted.response_elements["resourceShareInvitation"];
    assert_eq!(shown["status"], "ACCEPTED");
    // Whose share it is learns of it too.
    assert_eq!(world.records_of("AcceptResourceShareInvitation").len(), 1);
    // What is done with the group by another account is recorded for both.
    let input = json!({ "FeatureGroupName": group_arn("scores") });
    world
        .call_as(&consumer.root, "DescribeFeatureGroup", input)
        .unwrap();
    assert_eq!(world.records_of("DescribeFeatureGroup").len(), 1);
}

#[test]
fn a_group_under_another_accounts_key_serves_both_sides() {
    let (world, consumer) = owner_and_consumer();
    let own = account();
    let statement = |who: &str| json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": "kms:*", "Resource": "*" });
    let key = |statements: Value| {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let made = world
            .call_as(&consumer.root, "CreateKey", json!({ "Policy": policy }))
            .unwrap();
        text(&made["KeyMetadata"]["Arn"])
    };
    let closed = key(json!([statement(&consumer.account)]));
    let refused = world.call("CreateFeatureGroup", group_under("theirs", &closed));
    check_refused(refused, "AccessDeniedException", "kms:");
    let open = key(json!([
        statement(&consumer.account),
        statement(own.as_str())
    ]));
    world.group_under("theirs", &open);
    world
        .put("theirs", &[("id", "a"), ("at", &day(1))])
        .unwrap();
    assert!(world.get("theirs", "a").is_some());
    // A caller needs the key in its own account's policies too.
    let allow = |actions: Value| json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
    let user = world.user("reader", &allow(json!(["sagemaker:*"])));
    let reading = || world.call_as(&user, "GetRecord", read("theirs", "a"));
    check_refused(reading(), "AccessForbidden", "kms:Decrypt");
    world.put_policy("reader", &allow(json!(["sagemaker:*", "kms:Decrypt"])));
    reading().unwrap();
    let disabled = json!({ "KeyId": open });
    world
        .call_as(&consumer.root, "DisableKey", disabled)
        .unwrap();
    check_refused(reading(), "AccessForbidden", "");
}

#[test]
fn why_an_update_failed_is_told_to_the_owner_only() {
    let world = World::new();
    let key = world.key();
    world.group_under("scores", &key);
    world.wait(1);
    let consumer = consumer(&world, "consumer");
    enable_within_organization(&world);
    share(&world, &json!([consumer.account]), ADMIN);
    let catalog = json!({
        "name": "c", "resourceArns": [CATALOG], "principals": [consumer.account],
    });
    world.ok("ram:CreateResourceShare", catalog);
    // Begun, and not ended before the key was disabled.
    world.faults.skip(1);
    world.faults.add(CommitError::Busy);
    let ttl = json!({ "TtlDuration": { "Unit": "Days", "Value": 3 } });
    let update = json!({ "FeatureGroupName": "scores", "OnlineStoreConfig": ttl });
    world.ok("UpdateFeatureGroup", update);
    world.ok("DisableKey", json!({ "KeyId": key }));
    world.maintain();
    let described = |caller: &Caller| {
        let input = json!({ "FeatureGroupName": group_arn("scores") });
        world
            .call_as(caller, "DescribeFeatureGroup", input)
            .unwrap()
    };
    let found = |caller: &Caller, across: &str| {
        let search = json!({ "Resource": "FeatureGroup", "CrossAccountFilterOption": across });
        world.call_as(caller, "Search", search).unwrap()["Results"][0]["FeatureGroup"].clone()
    };
    let (owner, other) = (&world.administrator, &consumer.root);
    for own in [described(owner), found(owner, "SameAccount")] {
        let update = &own["LastUpdateStatus"];
        assert_eq!(update["Status"], "Failed");
        assert!(text(&update["FailureReason"]).contains(&key), "{own}");
        assert!(text(&own["FailureReason"]).contains(&key), "{own}");
    }
    for shared in [described(other), found(other, "CrossAccount")] {
        assert_eq!(shared["LastUpdateStatus"], json!({ "Status": "Failed" }));
        assert_eq!(shared.get("FailureReason"), None, "{shared}");
    }
    // Nor is it found by guessing.
    let filter = json!({ "Name": "FailureReason", "Operator": "Contains", "Value": "Disabled" });
    let search = json!({
        "Resource": "FeatureGroup", "CrossAccountFilterOption": "CrossAccount",
        "SearchExpression": { "Filters": [filter] },
    });
    let refused = world.call_as(other, "Search", search);
    check_refused(refused, "ValidationException", "FailureReason");
}
