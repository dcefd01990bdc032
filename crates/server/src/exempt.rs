//! The routes that need no signature: all of them, in one table.
//!
//! SECURITY.md shows the same table; a test compares them, and an acceptance test calls
//! everything else unsigned.

use http::Method;
use types::Service;

/// What a route without a signature does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exempt {
    /// Whether the process answers.
    Live,
    /// Whether calls would be answered, and why not.
    Ready,
    /// Takes the passphrase of a sealed server.
    Unseal,
    /// Gives whom an identity provider vouches for the session of a role.
    WebIdentity,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct ExemptRoute {
    pub(crate) route: Exempt,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The operation that a form names, where the path alone says nothing.
    pub(crate) operation: Option<(Service, &'static str)>,
    /// When and where it is answered, for people.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the documentation's test reads it")
    )]
    pub(crate) note: &'static str,
}

/// Every route that is answered without a signature.
pub(crate) const ROUTES: [ExemptRoute; 4] = [
    ExemptRoute {
        route: Exempt::Live,
        method: Method::GET,
        path: "/health/live",
        operation: None,
        note: "always: the process answers",
    },
    ExemptRoute {
        route: Exempt::Ready,
        method: Method::GET,
        path: "/health/ready",
        operation: None,
        note: "always: 200, or 503 with `sealed` or `read-only`",
    },
    ExemptRoute {
        route: Exempt::Unseal,
        method: Method::POST,
        path: "/unseal",
        operation: None,
        note: "on a server that started sealed, or is sealed again; on `unseal_listen` alone if that is configured",
    },
    ExemptRoute {
        route: Exempt::WebIdentity,
        method: Method::POST,
        path: "/",
        operation: Some((Service::Sts, "AssumeRoleWithWebIdentity")),
        note: "an open server: the token of an identity provider stands for the signature",
    },
];

/// The route of a request that its method and path alone make one of the table.
pub(crate) fn find(method: &Method, path: &str) -> Option<Exempt> {
    let mut routes = ROUTES.iter().filter(|it| it.operation.is_none());
    let found = routes.find(|it| it.path == path && it.method == *method)?;
    Some(found.route)
}

/// The route of an operation that a form names, if it is one of the table.
pub(crate) fn find_operation(service: Service, operation: &str) -> Option<Exempt> {
    let mut routes = ROUTES.iter();
    let found = routes.find(|it| it.operation == Some((service, operation)))?;
    Some(found.route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_method_and_path_are_exempt() {
        assert_eq!(find(&Method::GET, "/health/live"), Some(Exempt::Live));
        assert_eq!(find(&Method::POST, "/unseal"), Some(Exempt::Unseal));
        for (method, path) in [
            (Method::POST, "/health/live"),
            (Method::GET, "/health/live/"),
            (Method::GET, "/unseal"),
            (Method::GET, "/HEALTH/LIVE"),
            (Method::POST, "/"),
        ] {
            assert_eq!(find(&method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn one_operation_is_exempt_and_no_other() {
        let name = "AssumeRoleWithWebIdentity";
        assert_eq!(
            find_operation(Service::Sts, name),
            Some(Exempt::WebIdentity)
        );
        for operation in crate::router::Router::complete().operations() {
            let found = find_operation(operation.service, operation.name);
            let expected = operation.service == Service::Sts && operation.name == name;
            assert_eq!(found.is_some(), expected, "{operation:?}");
        }
    }

    #[test]
    fn the_documented_table_is_this_one() {
        let page = include_str!("../../../SECURITY.md");
        let documented: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `GET /") || line.starts_with("| `POST /"))
            .collect();
        let table: Vec<String> = ROUTES
            .iter()
            .map(|it| {
                let operation = it.operation.map(|(_, name)| format!(" Action={name}"));
                let operation = operation.unwrap_or_default();
                format!("| `{} {}{operation}` | {} |", it.method, it.path, it.note)
            })
            .collect();
        assert_eq!(documented, table);
    }
}
