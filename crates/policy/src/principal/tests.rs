//! Which texts are principals, and whom they name.

use super::*;

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn user() -> Principal {
    Principal::User {
        account: account(),
        arn: "arn:aws:iam::111122223333:user/team/Alice".parse().unwrap(),
        id: "AIDAALICE00000000001A".parse().unwrap(),
        name: "Alice".to_owned(),
    }
}

fn session() -> Principal {
    Principal::AssumedRole {
        account: account(),
        role_arn: "arn:aws:iam::111122223333:role/path/R".parse().unwrap(),
        role_id: "AROAROLE000000000001A".parse().unwrap(),
        role_name: "R".to_owned(),
        session: "s1".to_owned(),
    }
}

fn federated() -> Principal {
    Principal::FederatedUser {
        account: account(),
        name: "Carol".to_owned(),
    }
}

const SERVICE: Principal = Principal::Service {
    name: "sagemaker.amazonaws.com",
};

fn check(value: &str, caller: &Principal, expected: Option<Naming>) {
    let pattern = PrincipalPattern::parse_aws(value).unwrap();
    assert_eq!(pattern.names(caller), expected, "{value} and {caller:?}");
}

fn refused(value: &str) {
    assert!(PrincipalPattern::parse_aws(value).is_err(), "{value}");
}

#[test]
fn accounts_name_all_their_principals() {
    for value in ["111122223333", "arn:aws:iam::111122223333:root"] {
        check(value, &user(), Some(Naming::Account));
        check(value, &session(), Some(Naming::Account));
        check(value, &federated(), Some(Naming::Account));
        check(
            value,
            &Principal::Root { account: account() },
            Some(Naming::Account),
        );
        check(value, &SERVICE, None);
    }
    check("444455556666", &user(), None);
}

#[test]
fn users_are_named_with_path_and_case() {
    check(
        "arn:aws:iam::111122223333:user/team/Alice",
        &user(),
        Some(Naming::User),
    );
    check("arn:aws:iam::111122223333:user/Alice", &user(), None);
    check("arn:aws:iam::111122223333:user/team/alice", &user(), None);
    check("arn:aws:iam::444455556666:user/team/Alice", &user(), None);
    check("arn:aws:iam::111122223333:role/team/Alice", &user(), None);
}

#[test]
fn a_path_may_have_colons_and_what_else_iam_lets_it_have_but_wildcards() {
    for path in ["x:y", ":", "a:b/c:d", "x{y}", "a//b", "!\"#$%&'()"] {
        let user = |account: &str| format!("arn:aws:iam::{account}:user/{path}/Alice");
        let caller = Principal::User {
            account: account(),
            arn: user("111122223333").parse().unwrap(),
            id: "AIDAALICE00000000001A".parse().unwrap(),
            name: "Alice".to_owned(),
        };
        check(&user("111122223333"), &caller, Some(Naming::User));
        check(&user("444455556666"), &caller, None);
        check("arn:aws:iam::111122223333:user/Alice", &caller, None);
        let role = format!("arn:aws:iam::111122223333:role/{path}/R");
        assert!(PrincipalPattern::can_name(&role.parse().unwrap()), "{role}");
    }
    // Names have none.
    refused("arn:aws:iam::111122223333:user/x/Al:ice");
    refused("arn:aws:sts::111122223333:assumed-role/x:y/s1");
    for not in ["role/a*b/R", "role/a?/R", "root", "group/G"] {
        let arn = format!("arn:aws:iam::111122223333:{not}");
        assert!(!PrincipalPattern::can_name(&arn.parse().unwrap()), "{arn}");
    }
}

#[test]
fn sessions_are_named_by_role_or_by_themselves() {
    check(
        "arn:aws:iam::111122223333:role/path/R",
        &session(),
        Some(Naming::Role),
    );
    check("arn:aws:iam::111122223333:role/R", &session(), None);
    check(
        "arn:aws:sts::111122223333:assumed-role/R/s1",
        &session(),
        Some(Naming::RoleSession),
    );
    check(
        "arn:aws:sts::111122223333:assumed-role/R/s2",
        &session(),
        None,
    );
    // Bound to a role, it is a session of that role only, whatever another one is called.
    let bound = |id: &str| PrincipalPattern::RoleSession {
        account: "111122223333".parse().unwrap(),
        role: "R".into(),
        session: "s1".into(),
        id: Some(id.parse().unwrap()),
    };
    let Principal::AssumedRole { role_id, .. } = session() else {
        panic!("a session of a role");
    };
    let named = bound(role_id.as_str()).names(&session());
    assert_eq!(named, Some(Naming::RoleSession));
    assert_eq!(bound("AROAANOTHERROLE000000").names(&session()), None);
    check(
        "arn:aws:sts::444455556666:assumed-role/R/s1",
        &session(),
        None,
    );
    check(
        "arn:aws:sts::111122223333:federated-user/Carol",
        &federated(),
        Some(Naming::FederatedUser),
    );
    check(
        "arn:aws:sts::111122223333:federated-user/Dan",
        &federated(),
        None,
    );
}

#[test]
fn unique_ids_name_users_and_roles() {
    check("AIDAALICE00000000001A", &user(), Some(Naming::User));
    check("AROAROLE000000000001A", &session(), Some(Naming::Role));
    check("AROAROLE000000000001B", &session(), None);
}

#[test]
fn a_bound_pattern_compares_ids_not_arns() {
    let arn: Arn = "arn:aws:iam::111122223333:user/team/Alice".parse().unwrap();
    let bound = |id: &str| PrincipalPattern::User {
        arn: arn.clone(),
        id: id.parse().ok(),
    };
    assert_eq!(
        bound("AIDAALICE00000000001A").names(&user()),
        Some(Naming::User)
    );
    assert_eq!(bound("AIDAALICE00000000002B").names(&user()), None);
}

#[test]
fn a_root_arn_needs_twelve_digits() {
    refused("arn:aws:iam::123456789:root");
    refused("arn:aws:iam::1234567890123:root");
    refused("123456789");
}

#[test]
fn partial_wildcards_are_not_principals() {
    refused("arn:aws:iam::*:root");
    refused("arn:aws:iam::111122223333:user/*");
    refused("arn:aws:iam::111122223333:role/a*/R");
    refused("arn:aws:sts::111122223333:assumed-role/R/*");
    refused("arn:aws:sts::111122223333:federated-user/*");
    refused("**");
}

#[test]
fn other_identities_are_not_principals() {
    refused("arn:aws:iam::111122223333:group/Admins");
    refused("arn:aws:iam::111122223333:user/");
    refused("arn:aws:iam::111122223333:Root");
    refused("arn:aws:iam::111122223333:root ");
    refused("arn:aws:iam:us-east-1:111122223333:root");
    refused("arn:aws-cn:iam::111122223333:root");
    refused("arn:aws:sts::111122223333:assumed-role/R");
    refused("arn:aws:sts::111122223333:assumed-role/path/R/s");
    refused("arn:aws:s3:::bucket");
    refused("Alice");
    refused("");
}

#[test]
fn services_are_named_exactly() {
    let pattern = PrincipalPattern::parse_service("sagemaker.amazonaws.com").unwrap();
    assert_eq!(pattern.names(&SERVICE), Some(Naming::Service));
    assert_eq!(pattern.names(&user()), None);
    for value in [
        "",
        "*",
        "sagemaker",
        "*.amazonaws.com",
        ".amazonaws.com",
        "a b.com",
    ] {
        assert!(PrincipalPattern::parse_service(value).is_err(), "{value}");
    }
}

fn not_principal(listed: &[&str], caller: &Principal, bounded: bool) -> bool {
    let patterns = listed
        .iter()
        .map(|value| PrincipalPattern::parse_aws(value).unwrap());
    let principals = Principals {
        inverted: true,
        patterns: patterns.collect(),
    };
    let caller = Caller {
        principal: caller,
        issuer: None,
    };
    !principals.name(caller, bounded).is_empty()
}

#[test]
fn not_principal_spares_only_who_is_listed_with_account_and_role() {
    let user_arn = "arn:aws:iam::111122223333:user/team/Alice";
    let role = "arn:aws:iam::111122223333:role/path/R";
    let one = "arn:aws:sts::111122223333:assumed-role/R/s1";
    assert!(!not_principal(&[user_arn, "111122223333"], &user(), false));
    assert!(not_principal(&[user_arn], &user(), false));
    assert!(not_principal(&["111122223333"], &user(), false));
    assert!(!not_principal(
        &[one, role, "111122223333"],
        &session(),
        false
    ));
    assert!(not_principal(&[one, "111122223333"], &session(), false));
    assert!(!not_principal(&["*"], &user(), false));
    assert!(not_principal(&[user_arn], &SERVICE, false));
}

#[test]
fn not_principal_always_hits_a_caller_with_a_boundary() {
    let user_arn = "arn:aws:iam::111122223333:user/team/Alice";
    assert!(not_principal(&[user_arn, "111122223333"], &user(), true));
    assert!(not_principal(&["*"], &user(), true));
}
