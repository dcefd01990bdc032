//! The resources of a simulation: how they are read and what results call them.

use types::{AccountId, Arn};

use super::fault::Fault;

/// The most resources of one simulation, and of one page of results.
pub(crate) const MOST: usize = 1000;

/// What stands for all resources.
pub(crate) const EVERY: &str = "*";

/// Reads the resources; none is every resource, `None`.
///
/// Fails with `InvalidInput` for one that is neither an ARN nor `*`, and for more than
/// [`MOST`].
pub(crate) fn read(names: Option<&[String]>) -> Result<Vec<Option<Arn>>, Fault> {
    let names = names.unwrap_or_default();
    if names.is_empty() {
        return Ok(vec![None]);
    }
    if names.len() > MOST {
        return Err(Fault::TooManyResources {
            count: names.len(),
            limit: MOST,
        });
    }
    let arn = |name: &String| match name.as_str() {
        EVERY => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_not_an_arn| Fault::Resource {
                name: text.to_owned(),
            }),
    };
    names.iter().map(arn).collect()
}

/// Reads the owner of resources whose ARNs name none: the ARN of an account's root user.
///
/// Fails with `InvalidInput` for anything else.
pub(crate) fn owner(text: Option<&str>) -> Result<Option<AccountId>, Fault> {
    let Some(text) = text else {
        return Ok(None);
    };
    let arn: Option<Arn> = text.parse().ok();
    let account = arn
        .filter(|arn| arn.service() == "iam" && arn.resource() == "root")
        .and_then(|arn| arn.account());
    match account {
        Some(account) => Ok(Some(account)),
        None => Err(Fault::Owner {
            owner: text.to_owned(),
        }),
    }
}

/// What the result of an action calls all of `resources` together: the only one by its name,
/// several by the form that their ARNs have in common, if this release knows it.
pub(crate) fn name_of_all(resources: &[Option<Arn>]) -> String {
    match resources {
        [Some(arn)] => arn.to_string(),
        resources => {
            let mut forms = resources.iter().map(|arn| form(arn.as_ref()?));
            let first = forms.next().flatten();
            first
                .filter(|first| forms.all(|form| form == Some(*first)))
                .unwrap_or(EVERY)
                .to_owned()
        }
    }
}

/// The form of ARNs like this one.
fn form(arn: &Arn) -> Option<&'static str> {
    let (kind, _) = arn.resource().split_once('/')?;
    Some(match (arn.service(), kind) {
        ("iam", "user") => "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}",
        ("iam", "group") => "arn:${Partition}:iam::${Account}:group/${GroupNameWithPath}",
        ("iam", "role") => "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
        ("iam", "policy") => "arn:${Partition}:iam::${Account}:policy/${PolicyNameWithPath}",
        ("kms", "key") => "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}",
        ("kms", "alias") => "arn:${Partition}:kms:${Region}:${Account}:alias/${Alias}",
        ("sagemaker", "feature-group") => {
            "arn:${Partition}:sagemaker:${Region}:${Account}:feature-group/${FeatureGroupName}"
        }
        _ => return None,
    })
}

/// Checks that the resources of a scenario are there.
///
/// Fails with `InvalidInput` for a scenario that AWS does not list, and if a resource of one
/// of its types is missing.
pub(crate) fn scenario(option: Option<&str>, resources: &[Option<Arn>]) -> Result<(), Fault> {
    const ALWAYS: [&str; 4] = ["instance", "image", "security-group", "network-interface"];
    let Some(option) = option else {
        return Ok(());
    };
    let more: &[&'static str] = match option {
        "EC2-VPC-InstanceStore" => &[],
        "EC2-VPC-InstanceStore-Subnet" => &["subnet"],
        "EC2-VPC-EBS" => &["volume"],
        "EC2-VPC-EBS-Subnet" => &["subnet", "volume"],
        _ => {
            return Err(Fault::Handling {
                option: option.to_owned(),
            });
        }
    };
    let is_there = |kind: &str| {
        let mut arns = resources.iter().flatten();
        arns.any(|arn| arn.service() == "ec2" && arn.resource_of(kind).is_some())
    };
    let mut wanted = ALWAYS.into_iter().chain(more.iter().copied());
    match wanted.find(|kind| !is_there(kind)) {
        None => Ok(()),
        Some(lacks) => Err(Fault::Scenario {
            option: option.to_owned(),
            lacks,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arns(texts: &[&str]) -> Vec<Option<Arn>> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        read(Some(&texts)).unwrap()
    }

    #[test]
    fn results_name_what_resources_have_in_common() {
        let key = |id: &str| format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
        for (resources, expected) in [
            (vec!["*"], "*".to_owned()),
            (vec![key("a").as_str()], key("a")),
            (
                vec![key("a").as_str(), &key("b")],
                "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}".to_owned(),
            ),
            (
                vec![key("a").as_str(), "arn:aws:s3:::bucket"],
                "*".to_owned(),
            ),
            (vec![key("a").as_str(), "*"], "*".to_owned()),
        ] {
            assert_eq!(name_of_all(&arns(&resources)), expected, "{resources:?}");
        }
        assert_eq!(name_of_all(&read(None).unwrap()), "*");
    }

    #[test]
    fn an_owner_is_the_arn_of_an_account() {
        let arn = "arn:aws:iam::111122223333:root";
        assert_eq!(owner(Some(arn)).unwrap().unwrap().as_str(), "111122223333");
        for text in ["111122223333", "arn:aws:iam::111122223333:user/A", "x"] {
            let refused = owner(Some(text)).unwrap_err().to_string();
            assert_eq!(
                refused,
                format!("'{text}' is not a valid as a Resource Owner.")
            );
        }
    }

    fn ec2(kinds: &[&str]) -> Vec<Option<Arn>> {
        let arn = |kind: &&str| format!("arn:aws:ec2:us-east-1:111122223333:{kind}/x");
        let texts: Vec<String> = kinds.iter().map(arn).collect();
        read(Some(&texts)).unwrap()
    }

    #[test]
    fn scenarios_have_their_resources() {
        let all = [
            "instance",
            "image",
            "security-group",
            "network-interface",
            "subnet",
            "volume",
        ];
        for option in [
            "EC2-VPC-InstanceStore",
            "EC2-VPC-InstanceStore-Subnet",
            "EC2-VPC-EBS",
            "EC2-VPC-EBS-Subnet",
        ] {
            assert!(scenario(Some(option), &ec2(&all)).is_ok(), "{option}");
            let refused = scenario(Some(option), &ec2(&all[1..])).unwrap_err();
            assert!(refused.to_string().ends_with("type instance."), "{refused}");
        }
        let refused = scenario(Some("EC2-VPC-EBS-Subnet"), &ec2(&all[..5])).unwrap_err();
        assert!(refused.to_string().ends_with("type volume."), "{refused}");
        assert!(scenario(Some("EC2-Lunar"), &ec2(&all)).is_err());
        assert!(scenario(None, &[None]).is_ok());
    }
}
