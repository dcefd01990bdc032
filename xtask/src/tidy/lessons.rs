//! The page of lessons: every line has tests, and every test it names exists.

use std::collections::BTreeSet;
use std::path::Path;

use super::Finding;

/// The page.
const PAGE: &str = "docs/testing.md";
/// The headings of its lists, and how many lines each has.
const LISTS: [(&str, usize); 2] = [("## Lessons", 38), ("## Facts to build on", 6)];
/// What a line says when there is nothing to test.
const NOT_YET: &str = "not yet: concerns ";

/// Checks the section on the page below `root`.
pub(super) fn check(root: &Path) -> Vec<Finding> {
    match std::fs::read_to_string(root.join(PAGE)) {
        Ok(page) => check_page(&page, |file| std::fs::read_to_string(root.join(file)).ok()),
        Err(error) => vec![Finding::error(PAGE, format!("cannot be read: {error}"))],
    }
}

/// Checks the lists of `page`; `read` gives the text of a file of the checkout.
fn check_page(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let lists = LISTS.into_iter();
    lists
        .flat_map(|list| check_list(page, list, &read))
        .collect()
}

fn check_list(
    page: &str,
    (heading, length): (&str, usize),
    read: &impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut missing: BTreeSet<usize> = (1..=length).collect();
    let lines = page.lines().enumerate();
    let section = lines
        .skip_while(|(_, line)| *line != heading)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "));
    for (index, line) in section {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let Some(Ok(number)) = cells.next().map(str::parse) else {
            continue;
        };
        if !missing.remove(&number) {
            let problem = format!("{heading}: {number} is there twice, or is none");
            findings.push(Finding::error(PAGE, problem).at(index + 1));
        }
        let tests = cells.nth(1).unwrap_or_default();
        findings.extend(
            problems(tests, read)
                .into_iter()
                .map(|problem| Finding::error(PAGE, problem).at(index + 1)),
        );
    }
    for number in missing {
        let problem = format!("{heading}: {number} is missing");
        findings.push(Finding::error(PAGE, problem));
    }
    findings
}

/// What is wrong with the tests that one line names.
fn problems(tests: &str, read: &impl Fn(&str) -> Option<String>) -> Vec<String> {
    let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
    if named.is_empty() && !tests.contains(NOT_YET) {
        return vec![format!("names no test and does not say `{NOT_YET}…`")];
    }
    named
        .into_iter()
        .filter_map(|test| problem(test, read))
        .collect()
}

fn problem(test: &str, read: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let Some((file, name)) = test.split_once("::") else {
        return Some(format!("`{test}` is not `file::test`"));
    };
    let (file, keyword) = if file.starts_with("test_") {
        (format!("tests/acceptance/{file}"), "def")
    } else {
        (format!("crates/{file}"), "fn")
    };
    let Some(content) = read(&file) else {
        return Some(format!("`{file}` does not exist"));
    };
    let defined = format!("{keyword} {name}(");
    (!content.lines().any(|line| line.contains(&defined)))
        .then(|| format!("`{file}` has no test `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_line(tests: &str, expected: &[&str]) {
        let lines = |from, (heading, length): (&str, usize)| {
            let lines = (from..=length).map(|n| format!("| {n} | x | not yet: concerns y |\n"));
            (heading.to_owned(), lines.collect::<String>())
        };
        let [(lessons, rest), (facts, others)] = [lines(2, LISTS[0]), lines(1, LISTS[1])];
        let page = format!(
            "# Page\n\n{lessons}\n\n| 1 | what | {tests} |\n{rest}\n{facts}\n\n{others}\n## Next\n"
        );
        let read = |file: &str| match file {
            "crates/a/src/b.rs" => Some("    fn works() {}\n".to_owned()),
            "tests/acceptance/test_c.py" => Some("def test_d(server):\n".to_owned()),
            _ => None,
        };
        let problems: Vec<String> = check_page(&page, read)
            .into_iter()
            .map(|finding| finding.problem)
            .collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn tests_that_exist_are_in_order() {
        check_line("`a/src/b.rs::works`<br>`test_c.py::test_d`", &[]);
        check_line("not yet: concerns sessions, which do not exist", &[]);
    }

    #[test]
    fn tests_that_do_not_exist_are_found() {
        check_line(
            "`a/src/b.rs::fails`<br>`test_c.py::test`<br>`gone.rs::x`<br>`y`",
            &[
                "`crates/a/src/b.rs` has no test `fails`",
                "`tests/acceptance/test_c.py` has no test `test`",
                "`crates/gone.rs` does not exist",
                "`y` is not `file::test`",
            ],
        );
    }

    #[test]
    fn a_line_without_tests_is_found() {
        check_line(
            "soon",
            &["names no test and does not say `not yet: concerns …`"],
        );
    }

    #[test]
    fn missing_and_repeated_lines_are_found() {
        let [(lessons, all), (facts, six)] = LISTS;
        let line = "| 1 | x | not yet: concerns y |\n";
        let page = format!("{lessons}\n{line}{line}{facts}\n{line}");
        let found = check_page(&page, |_file| None);
        assert_eq!(found.len(), all + six - 1, "one twice, all but two missing");
    }
}
