//! The routes that need no signature: all of them, in one table.
//!
//! SECURITY.md shows the same table; a test compares them, and an acceptance test calls
//! everything else unsigned.

use http::Method;

/// What a route without a signature does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exempt {
    /// Whether the process answers.
    Live,
    /// Whether calls would be answered, and why not.
    Ready,
    /// Takes the passphrase of a sealed server.
    Unseal,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct ExemptRoute {
    pub(crate) route: Exempt,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// When and where it is answered, for people.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the documentation's test reads it")
    )]
    pub(crate) note: &'static str,
}

/// Every route that is answered without a signature.
pub(crate) const ROUTES: [ExemptRoute; 3] = [
    ExemptRoute {
        route: Exempt::Live,
        method: Method::GET,
        path: "/health/live",
        note: "always: the process answers",
    },
    ExemptRoute {
        route: Exempt::Ready,
        method: Method::GET,
        path: "/health/ready",
        note: "always: 200, or 503 with `sealed` or `read-only`",
    },
    ExemptRoute {
        route: Exempt::Unseal,
        method: Method::POST,
        path: "/unseal",
        note: "on a server that started sealed; on `unseal_listen` alone if that is configured",
    },
];

/// The route of a request, if it is one of the table.
pub(crate) fn find(method: &Method, path: &str) -> Option<Exempt> {
    let mut routes = ROUTES.iter();
    let found = routes.find(|it| it.path == path && it.method == *method)?;
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
        ] {
            assert_eq!(find(&method, path), None, "{method} {path}");
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
            .map(|it| format!("| `{} {}` | {} |", it.method, it.path, it.note))
            .collect();
        assert_eq!(documented, table);
    }
}
