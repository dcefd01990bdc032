//! Source files: header, length, and where `unsafe` may stand.

use super::Finding;
use super::lexer::{Braces, code_lines};

/// The one module with `unsafe` code.
const UNSAFE_MODULE: &str = "crates/crypto/src/lock.rs";

/// Lines of code above which a file is refused.
const MOST_LINES: usize = 800;

/// Lines of code above which the header must say why the file is one idea.
const MANY_LINES: usize = 500;

/// Checks one source file.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(Finding::error(
            file,
            "must begin with a `//!` line that says what the file is for",
        ));
    }
    let lines = code_lines(text);
    if file != UNSAFE_MODULE {
        for (index, line) in lines.iter().enumerate() {
            if words(line).any(|word| word == "unsafe") {
                let problem = format!("`unsafe` belongs in {UNSAFE_MODULE} only");
                findings.push(Finding::error(file, problem).at(index + 1));
            }
        }
    }
    if !is_exempt_from_length(file) {
        findings.extend(check_length(file, text, &lines));
    }
    findings
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
}

/// Tests, benchmarks and generated files may be long.
fn is_exempt_from_length(file: &str) -> bool {
    let mut parts = file.split('/');
    file.ends_with("/tests.rs") || parts.any(|part| matches!(part, "tests" | "generated"))
}

fn check_length(file: &str, text: &str, lines: &[String]) -> Option<Finding> {
    let count = count_code(lines);
    if count > MOST_LINES {
        return Some(Finding::error(
            file,
            format!("{count} lines of code; {MOST_LINES} are the most"),
        ));
    }
    let mut header = text.lines().take_while(|line| line.starts_with("//!"));
    let has_reason = header.any(|line| words(line).any(|word| word == "because"));
    (count > MANY_LINES && !has_reason).then(|| {
        Finding::error(
            file,
            format!(
                "{count} lines of code; above {MANY_LINES} the `//!` header says why the file \
                 is still one idea (`… because …`)"
            ),
        )
        .into_warning()
    })
}

/// Lines with code, without the modules under `#[cfg(test)]`.
fn count_code(lines: &[String]) -> usize {
    let mut count = 0;
    let mut rest = lines.iter().map(|line| line.trim());
    let mut after_test_attribute = false;
    while let Some(line) = rest.next() {
        if line.is_empty() {
            continue;
        }
        if after_test_attribute && line.starts_with("mod ") && line.ends_with('{') {
            let mut braces = Braces::default();
            braces.add(line);
            while braces.are_open() {
                match rest.next() {
                    Some(line) => braces.add(line),
                    None => break,
                }
            }
            // The attribute was counted before the module was seen.
            count -= 1;
            after_test_attribute = false;
            continue;
        }
        after_test_attribute = line == "#[cfg(test)]";
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(file: &str, text: &str, expected: &[&str]) {
        let shown: Vec<String> = check(file, text).iter().map(Finding::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_file_without_header_is_found() {
        check_one(
            "a.rs",
            "// no\nfn f() {}\n",
            &["a.rs: must begin with a `//!` line that says what the file is for"],
        );
    }

    #[test]
    fn unsafe_code_is_found_with_its_line() {
        check_one(
            "a.rs",
            "//! A.\n\nfn f() { unsafe { g() } }\n",
            &["a.rs:3: `unsafe` belongs in crates/crypto/src/lock.rs only"],
        );
    }

    #[test]
    fn unsafe_in_comments_text_and_names_is_no_code() {
        check_one(
            "a.rs",
            "//! unsafe\n/* unsafe /* unsafe */ */\n#[expect(unsafe_code)]\n\
             const A: &str = \"unsafe \\\" unsafe\";\nconst B: &str = r#\"unsafe\" unsafe\"#;\n",
            &[],
        );
    }

    #[test]
    fn the_memory_locking_module_may_be_unsafe() {
        check_one(UNSAFE_MODULE, "//! A.\nunsafe fn f() {}\n", &[]);
    }

    fn file_of(header: &str, lines: usize) -> String {
        format!("{header}\n{}", "f();\n".repeat(lines))
    }

    #[test]
    fn long_files_need_a_reason_and_an_end() {
        check_one("a.rs", &file_of("//! A.", 500), &[]);
        check_one(
            "a.rs",
            &file_of("//! A.", 501),
            &[
                "a.rs: warning: 501 lines of code; above 500 the `//!` header says why the file \
                 is still one idea (`… because …`)",
            ],
        );
        check_one("a.rs", &file_of("//! Long because.", 800), &[]);
        check_one(
            "a.rs",
            &file_of("//! Long because.", 801),
            &["a.rs: 801 lines of code; 800 are the most"],
        );
    }

    #[test]
    fn tests_comments_and_blank_lines_do_not_count() {
        let tests = format!(
            "#[cfg(test)]\nmod tests {{\n{}}}\n",
            "f('{', \"{\");\n".repeat(900)
        );
        let text = format!("{}{tests}", file_of("//! A.", 500));
        check_one("a.rs", &text, &[]);
        check_one("a.rs", &file_of("//! A.\n\n// c\n/* d */", 500), &[]);
        check_one("crates/a/src/a/tests.rs", &file_of("//! A.", 900), &[]);
        check_one("crates/a/src/generated/a.rs", &file_of("//! A.", 900), &[]);
    }
}
