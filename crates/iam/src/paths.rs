//! Paths of users, groups and roles.

use crate::Error;

/// Where roles that are linked to a service are.
pub(crate) const OF_SERVICES: &str = "/aws-service-role/";

/// Where roles that AWS makes for its own purposes are.
const RESERVED: &str = "/aws-reserved/";

/// The path that a request asks for; its form was checked when the request was read.
pub(crate) fn read(path: Option<&str>) -> String {
    path.unwrap_or("/").to_owned()
}

/// Fails with `InvalidInput` for a path at which only services make roles: organization
/// policies do not bind what is there.
pub(crate) fn not_of_aws(path: &str) -> Result<(), Error> {
    let lower = path.to_ascii_lowercase();
    if [OF_SERVICES, RESERVED]
        .iter()
        .any(|of_aws| lower.starts_with(of_aws))
    {
        return Err(Error::ReservedPath {
            path: path.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, allowed: bool) {
        assert_eq!(not_of_aws(path).is_ok(), allowed, "{path}");
    }

    #[test]
    fn the_paths_of_service_linked_roles_are_reserved() {
        check("/", true);
        check("/team/aws-service-role/", true);
        check("/aws-service-roles/", true);
        check("/aws-service-role/", false);
        check("/aws-service-role/sagemaker.amazonaws.com/", false);
        check("/AWS-Service-Role/x/", false);
        check("/aws-reserved/sso.amazonaws.com/", false);
    }
}
