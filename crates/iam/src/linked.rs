//! Roles that are linked to a service: which services have one, and what it is called.

use crate::Error;
use crate::paths::OF_SERVICES;

/// A service with a role of its own.
struct Linked {
    service: &'static str,
    name: &'static str,
    /// Whether there may be several, told apart by a suffix.
    takes_suffix: bool,
}

/// The services of this deployment that have one at AWS, by AWS's names, and `EC2 Auto
/// Scaling`, whose role is the documented example of a grantee without policies.
const LINKED: [Linked; 6] = [
    Linked {
        service: "autoscaling.amazonaws.com",
        name: "AWSServiceRoleForAutoScaling",
        takes_suffix: true,
    },
    Linked {
        service: "cks.kms.amazonaws.com",
        name: "AWSServiceRoleForKeyManagementServiceCustomKeyStores",
        takes_suffix: false,
    },
    Linked {
        service: "cloudtrail.amazonaws.com",
        name: "AWSServiceRoleForCloudTrail",
        takes_suffix: false,
    },
    Linked {
        service: "mrk.kms.amazonaws.com",
        name: "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
        takes_suffix: false,
    },
    Linked {
        service: "organizations.amazonaws.com",
        name: "AWSServiceRoleForOrganizations",
        takes_suffix: false,
    },
    Linked {
        service: "ram.amazonaws.com",
        name: "AWSServiceRoleForResourceAccessManager",
        takes_suffix: false,
    },
];

/// The name of the role of `service`.
///
/// Fails with `InvalidInput` if the service has none here, and for a suffix where it takes
/// none.
pub(crate) fn name_of(service: &str, suffix: Option<&str>) -> Result<String, Error> {
    let Some(linked) = LINKED.iter().find(|linked| linked.service == service) else {
        return Err(Error::NoLinkedRole {
            service: service.to_owned(),
        });
    };
    match suffix {
        None => Ok(linked.name.to_owned()),
        Some(suffix) if linked.takes_suffix => Ok(format!("{}_{suffix}", linked.name)),
        Some(_) => Err(Error::NoSuffix {
            service: service.to_owned(),
        }),
    }
}

/// The path of the role of `service`.
pub(crate) fn path_of(service: &str) -> String {
    format!("{OF_SERVICES}{service}/")
}

/// Its trust policy: the service alone.
pub(crate) fn trust_of(service: &str) -> String {
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
        }],
    });
    policy.to_string()
}

/// The same policy as `CreateServiceLinkedRole` answers it: AWS writes lists there, and the plain
/// form everywhere else.
pub(crate) fn answered_trust_of(service: &str) -> String {
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Action": ["sts:AssumeRole"],
            "Principal": { "Service": [service] },
            "Effect": "Allow",
        }],
    });
    policy.to_string()
}

/// The id of a deletion.
pub(crate) fn task_of(service: &str, role: &str, number: &str) -> String {
    format!("task{}{role}/{number}", path_of(service))
}

/// The path and name of the role whose deletion has this id.
///
/// Fails with `InvalidInput` if no deletion can have it.
pub(crate) fn role_of(task: &str) -> Result<(&str, &str), Error> {
    let split = || {
        let (role, _number) = task.strip_prefix("task")?.rsplit_once('/')?;
        let (path, name) = role.split_at_checked(role.rfind('/')?.checked_add(1)?)?;
        (path.starts_with(OF_SERVICES) && !name.is_empty()).then_some((path, name))
    };
    split().ok_or_else(|| Error::InvalidTask {
        id: task.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(service: &str, suffix: Option<&str>, expected: Option<&str>) {
        assert_eq!(name_of(service, suffix).ok().as_deref(), expected);
    }

    #[test]
    fn a_service_has_one_role_or_several_with_suffixes() {
        let ram = "AWSServiceRoleForResourceAccessManager";
        check("ram.amazonaws.com", None, Some(ram));
        check("ram.amazonaws.com", Some("x"), None);
        check("nobody.amazonaws.com", None, None);
        let scaling = "AWSServiceRoleForAutoScaling_x";
        check("autoscaling.amazonaws.com", Some("x"), Some(scaling));
    }

    #[test]
    fn a_deletion_names_its_role() {
        let task = task_of("ram.amazonaws.com", "R", "1234");
        assert_eq!(task, "task/aws-service-role/ram.amazonaws.com/R/1234");
        let role = role_of(&task).unwrap();
        assert_eq!(role, ("/aws-service-role/ram.amazonaws.com/", "R"));
        for made_up in [
            "",
            "task",
            "task/",
            "task/x/R/1",
            "task/aws-service-role/1",
            "R/1",
        ] {
            assert!(role_of(made_up).is_err(), "{made_up}");
        }
    }

    #[test]
    fn every_trust_policy_is_one() {
        for linked in &LINKED {
            let trust = trust_of(linked.service);
            policy::Document::parse(&trust, policy::DocumentKind::Trust).unwrap();
        }
    }
}
