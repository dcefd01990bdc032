//! Members of requests: every one is read by its operation, and the audit record of a call that
//! changes something shows it.
//!
//! A member that is taken and does nothing is a wrong answer which no test of another member
//! finds. What is read is told by the member's name behind a dot, so that a member may pass for
//! read which only shares its name with something else; no member that is never read passes.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::lexer::code_lines;

/// Where the shapes are.
const SHAPES: &str = "crates/shapes/src/";

/// A member that an operation does not read itself, or does not show, and why.
#[derive(Debug, Clone, Copy)]
struct Exception {
    /// The file of the operation, from `crates/` on.
    file: &'static str,
    member: &'static str,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// Another file reads it for the operation.
    ReadIn(&'static str),
    /// Nothing depends on it, for this reason.
    Unread(&'static str),
    /// The audit record does not show it, for this reason.
    Hidden(&'static str),
}

use What::{Hidden, ReadIn, Unread};

const SECRET: What = Hidden("a secret");
const PARTS: What = Hidden("the record of the call that this is a part of shows it");

const EXCEPTIONS: &[Exception] = &[
    except(
        "featurestore/src/ops/list_resource_catalogs.rs",
        "sort_by",
        Unread("has one value, by which the list is sorted"),
    ),
    except(
        "featurestore/src/ops/list_tags.rs",
        "max_results",
        Unread("fifty tags fit the smallest page"),
    ),
    except(
        "iam/src/organizations/ops/create_account.rs",
        "iam_user_access_to_billing",
        Unread("nothing is billed"),
    ),
    except(
        "iam/src/organizations/ops/create_account.rs",
        "email",
        Hidden("shown as hidden, as at AWS"),
    ),
    except(
        "iam/src/organizations/ops/create_account.rs",
        "account_name",
        Hidden("shown as hidden, as at AWS"),
    ),
    except(
        "iam/src/organizations/ops/describe_effective_policy.rs",
        "policy_type",
        Unread("no type has an effective policy here"),
    ),
    except(
        "iam/src/sts/assume_role_with_web_identity.rs",
        "web_identity_token",
        ReadIn("iam/src/sts/web_identity.rs"),
    ),
    except(
        "iam/src/sts/assume_role_with_web_identity.rs",
        "provider_id",
        ReadIn("iam/src/sts/web_identity.rs"),
    ),
    except(
        "kms/src/ops/create_custom_key_store.rs",
        "key_store_password",
        SECRET,
    ),
    except(
        "kms/src/ops/create_custom_key_store.rs",
        "trust_anchor_certificate",
        Hidden("a certificate; the cluster that is recorded says whose"),
    ),
    except(
        "kms/src/ops/create_custom_key_store.rs",
        "xks_proxy_authentication_credential",
        SECRET,
    ),
    except(
        "kms/src/ops/update_custom_key_store.rs",
        "key_store_password",
        SECRET,
    ),
    except(
        "kms/src/ops/update_custom_key_store.rs",
        "xks_proxy_authentication_credential",
        SECRET,
    ),
    except(
        "kms/src/ops/create_key.rs",
        "key_usage",
        ReadIn("kms/src/specs.rs"),
    ),
    except(
        "kms/src/ops/create_key.rs",
        "key_spec",
        ReadIn("kms/src/specs.rs"),
    ),
    except(
        "kms/src/ops/create_key.rs",
        "customer_master_key_spec",
        ReadIn("kms/src/specs.rs"),
    ),
    except("kms/src/ops/create_grant.rs", "grant_tokens", SECRET),
    except("kms/src/ops/import_key_material.rs", "import_token", SECRET),
    except(
        "kms/src/ops/import_key_material.rs",
        "encrypted_key_material",
        SECRET,
    ),
    except("kms/src/ops/replicate_key.rs", "key_id", PARTS),
    except("kms/src/ops/replicate_key.rs", "replica_region", PARTS),
    except(
        "kms/src/ops/retire_grant.rs",
        "key_id",
        Hidden("the record has no parameters and names the grant, as at AWS"),
    ),
    except(
        "kms/src/ops/retire_grant.rs",
        "dry_run",
        Hidden("the record has no parameters and names the grant, as at AWS"),
    ),
    except("operator/src/ops/rewrap_seal.rs", "current", SECRET),
    except("operator/src/ops/rewrap_seal.rs", "new", SECRET),
    except("operator/src/ops/rotate_root_key.rs", "current", SECRET),
    except(
        "ram/src/ops/associate_resource_share_permission.rs",
        "permission_template_parameters",
        Hidden("always refused"),
    ),
    except(
        "ram/src/ops/create_resource_share.rs",
        "permission_template_parameters",
        Hidden("always refused"),
    ),
];

const fn except(file: &'static str, member: &'static str, what: What) -> Exception {
    Exception { file, member, what }
}

/// Checks all operations in `sources`, which are names of files and what they hold.
pub(super) fn check(sources: &[(String, String)]) -> Vec<Finding> {
    check_all(sources, EXCEPTIONS)
}

fn check_all(sources: &[(String, String)], exceptions: &[Exception]) -> Vec<Finding> {
    let mut files = BTreeMap::new();
    for (name, text) in sources {
        if name.starts_with("crates/") && name.contains("/src/") {
            files.insert(name.as_str(), code_lines(text).join("\n"));
        }
    }
    let shapes = shapes(&files);
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for (file, code) in &files {
        for operation in operations(code) {
            let problems = problems(file, &operation, &shapes, &files, exceptions, &mut used);
            findings.extend(
                problems
                    .into_iter()
                    .map(|problem| Finding::error(file, problem)),
            );
        }
    }
    let unused = exceptions.iter().enumerate();
    let unused = unused.filter(|(at, _)| !used.contains(at));
    findings.extend(unused.map(|(_, it)| {
        let (ReadIn(why) | Unread(why) | Hidden(why)) = it.what;
        let problem = format!("the exception for `{}` ({why}) is not needed", it.member);
        Finding::error(&format!("crates/{}", it.file), problem)
    }));
    findings
}

/// The members of the structures, by module and name.
type Shapes<'a> = BTreeMap<&'a str, Vec<(&'a str, Vec<&'a str>)>>;

fn shapes<'a>(files: &'a BTreeMap<&str, String>) -> Shapes<'a> {
    let mut shapes = Shapes::new();
    for (file, code) in files {
        let Some(path) = file.strip_prefix(SHAPES) else {
            continue;
        };
        let path = path.strip_prefix("generated/").unwrap_or(path);
        let module = path.split(['/', '.']).next().unwrap_or_default();
        for (at, found) in code.match_indices("pub struct ") {
            let rest = code.get(at + found.len()..).unwrap_or_default();
            let name = rest
                .split(|it: char| !is_word(it))
                .next()
                .unwrap_or_default();
            let begins = |with| {
                let rest = rest.get(name.len()..);
                rest.is_some_and(|rest| rest.starts_with(with))
            };
            let body = match block(rest).filter(|_| begins(" {")) {
                Some(body) => body,
                None if begins(";") => "",
                None => continue,
            };
            let members = body.lines().filter_map(|line| {
                let (name, _kind) = line.trim().strip_prefix("pub ")?.split_once(':')?;
                Some(name.strip_prefix("r#").unwrap_or(name))
            });
            let of_name: &mut Vec<_> = shapes.entry(name).or_default();
            of_name.push((module, members.collect()));
        }
    }
    shapes
}

/// An operation as its file has it.
struct Operation<'a> {
    name: &'a str,
    /// The type of its request, without what is around it.
    input: &'a str,
    mutating: bool,
    /// What makes its audit record.
    event: &'a str,
}

fn operations(code: &str) -> impl Iterator<Item = Operation<'_>> {
    let starts = code.match_indices("impl Operation for ");
    starts.filter_map(|(at, found)| {
        let rest = code.get(at + found.len()..)?;
        let body = block(rest)?;
        let (_, input) = body.split_once("type Input = ")?;
        let input = input.split(';').next()?.trim_end_matches('>');
        let (_, event) = body.split_once("fn event(")?;
        Some(Operation {
            name: rest.split(|it: char| !is_word(it)).next()?,
            input: input.rsplit([':', '<']).next()?,
            mutating: body.contains("Kind::Mutating"),
            event: block(event)?,
        })
    })
}

fn problems(
    file: &str,
    operation: &Operation<'_>,
    shapes: &Shapes<'_>,
    files: &BTreeMap<&str, String>,
    exceptions: &[Exception],
    used: &mut BTreeSet<usize>,
) -> Vec<String> {
    let (name, input) = (operation.name, operation.input);
    if input == "Empty" {
        return Vec::new();
    }
    let code = files.get(file).map_or("", String::as_str);
    let candidates = shapes.get(input).map_or(&[][..], Vec::as_slice);
    let named = |module: &str| code.contains(&format!("shapes::{module}"));
    let alone = candidates.len() == 1;
    let mut fitting = candidates
        .iter()
        .filter(|(module, _)| alone || named(module))
        .map(|(_, members)| members);
    let (Some(members), None) = (fitting.next(), fitting.next()) else {
        return vec![format!("{name}: the members of `{input}` are not known")];
    };
    let mut reading = without_events(code);
    let below = format!("{}/", file.trim_end_matches(".rs"));
    let parts = files.iter().filter(|(name, _)| name.starts_with(&below));
    reading.extend(parts.map(|(_, code)| code.as_str()));
    let showing = with_called(operation.event, code);
    let mut problems = Vec::new();
    for member in members {
        let mut excepted = |shown: bool| {
            let fits = |it: &Exception| {
                let of_file = file.strip_prefix("crates/") == Some(it.file) && it.member == *member;
                of_file
                    && match it.what {
                        ReadIn(other) => {
                            let other = files.get(&*format!("crates/{other}"));
                            !shown && other.is_some_and(|code| reads(code, member))
                        }
                        Unread(_) => !shown,
                        Hidden(_) => shown,
                    }
            };
            let at = exceptions.iter().position(fits);
            used.extend(at);
            at.is_some()
        };
        if !reads(&reading, member) && !excepted(false) {
            problems.push(format!("{name} takes `{member}` and does nothing with it"));
        }
        if operation.mutating && !reads(&showing, member) && !excepted(true) {
            problems.push(format!(
                "the audit record of {name} does not show `{member}`"
            ));
        }
    }
    problems
}

/// `code` without what makes audit records.
fn without_events(code: &str) -> String {
    let (mut text, mut rest) = (String::new(), code);
    while let Some((before, event)) = rest.split_once("fn event(") {
        text.push_str(before);
        let body = block(event).unwrap_or(event);
        rest = event.split_once(body).map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    text
}

/// `event` and the functions of its file that it calls.
fn with_called(event: &str, code: &str) -> String {
    let mut text = event.to_owned();
    for (at, found) in code.match_indices("\nfn ") {
        let Some(rest) = code.get(at + found.len()..) else {
            continue;
        };
        let name = rest
            .split(|it: char| !is_word(it))
            .next()
            .unwrap_or_default();
        let called = [format!("{name}("), format!("({name})")];
        if called.iter().any(|call| event.contains(call)) {
            text.push_str(block(rest).unwrap_or_default());
        }
    }
    text
}

/// Whether `code` has the member behind a dot.
fn reads(code: &str, member: &str) -> bool {
    [format!(".{member}"), format!(".r#{member}")]
        .iter()
        .any(|access| {
            code.match_indices(access.as_str()).any(|(at, _)| {
                let behind = code.get(at + access.len()..).unwrap_or_default();
                !behind.starts_with(is_word)
            })
        })
}

/// What stands between the first brace that opens in `code` and the one that closes it.
fn block(code: &str) -> Option<&str> {
    let start = code.find('{')?;
    let rest = code.get(start..)?;
    let mut depth = 0_usize;
    for (at, character) in rest.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return rest.get(..at);
        }
    }
    None
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATION: &str = "//! Op.\nuse shapes::a::Request;\n\
        impl Operation for Change {\n    const KIND: Kind = Kind::Mutating;\n    \
        type Input = Shared<Request>;\n    fn handle(input: Request) { READ }\n    \
        fn event(input: &Request) -> Detail { SHOWN }\n}\n\
        fn helper(input: &Request) -> Text { input.second }\n";

    fn check(read: &str, shown: &str, exceptions: &[Exception], expected: &[&str]) {
        let shapes = "//! Shapes.\npub struct Request {\n    pub first: String,\n    \
            pub r#second: Option<String>,\n}\n";
        let operation = OPERATION.replace("READ", read).replace("SHOWN", shown);
        let sources = [
            (
                "crates/shapes/src/generated/a.rs".to_owned(),
                shapes.to_owned(),
            ),
            ("crates/x/src/ops/change.rs".to_owned(), operation),
            (
                "crates/x/src/other.rs".to_owned(),
                "//! Other.\nfn f(it: It) { it.first }\n".to_owned(),
            ),
        ];
        let findings = check_all(&sources, exceptions).into_iter();
        let problems: Vec<String> = findings.map(|finding| finding.problem).collect();
        assert_eq!(problems, expected, "{read} {shown}");
    }

    #[test]
    fn a_member_that_is_read_and_shown_is_in_order() {
        let both = "input.first; input.r#second;";
        check(both, both, &[], &[]);
        check(both, "input.first; helper(input)", &[], &[]);
    }

    #[test]
    fn a_member_that_is_only_shown_is_found() {
        check(
            "input.firsts;",
            "input.first; input.second;",
            &[],
            &["Change takes `first` and does nothing with it"],
        );
    }

    #[test]
    fn a_member_that_is_not_shown_is_found() {
        check(
            "input.first;",
            "// input.first\n input.second",
            &[],
            &["the audit record of Change does not show `first`"],
        );
    }

    #[test]
    fn exceptions_are_for_their_file_and_needed() {
        let exception = |what| except("x/src/ops/change.rs", "first", what);
        let second = "input.second";
        let hidden = exception(Hidden("a secret"));
        check("input.first", second, &[hidden], &[]);
        check("", second, &[hidden, exception(Unread("why"))], &[]);
        check(
            "",
            second,
            &[hidden, exception(ReadIn("x/src/other.rs"))],
            &[],
        );
        check(
            "input.first",
            "input.first; input.second",
            &[hidden],
            &["the exception for `first` (a secret) is not needed"],
        );
        let elsewhere = [hidden, exception(ReadIn("x/src/none.rs"))];
        check(
            "",
            second,
            &elsewhere,
            &[
                "Change takes `first` and does nothing with it",
                "the exception for `first` (x/src/none.rs) is not needed",
            ],
        );
    }
}
