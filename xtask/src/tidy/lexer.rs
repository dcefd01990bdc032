//! Rust source without comments and without the contents of text.

/// The lines of `source` with comments, text and characters blanked out.
pub(super) fn code_lines(source: &str) -> Vec<String> {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let length = skipped(rest, before).unwrap_or(0);
        let (gone, left) = rest.split_at(length);
        if length > 0 {
            // Line breaks stay, so that lines keep their numbers.
            code.extend(gone.chars().filter(|character| *character == '\n'));
            before = ' ';
            rest = left;
        } else {
            code.push(next);
            before = next;
            rest = left.strip_prefix(next).unwrap_or("");
        }
    }
    code.lines().map(str::to_owned).collect()
}

/// The length of the comment, text or character that `rest` begins with.
fn skipped(rest: &str, before: char) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(text(rest));
    }
    let in_word = before.is_alphanumeric() || before == '_';
    if !in_word && let Some(length) = raw_text(rest) {
        return Some(length);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    None
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(left) = rest.get(at..).filter(|left| !left.is_empty()) {
        let step = if left.starts_with("/*") {
            depth += 1;
            2
        } else if left.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            left.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#`, `cr"…"`.
fn raw_text(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inner = body.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - inner.len();
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(start + length)
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next();
        return characters
            .find(|(_, character)| *character == '\'')
            .map(|(at, _)| at + 1);
    }
    match characters.next() {
        Some((at, '\'')) => Some(at + 1),
        _ => None,
    }
}

/// Counts braces in code lines.
#[derive(Debug, Default)]
pub(super) struct Braces(usize);

impl Braces {
    /// Counts the braces of `line`.
    pub(super) fn add(&mut self, line: &str) {
        for character in line.chars() {
            match character {
                '{' => self.0 += 1,
                '}' => self.0 = self.0.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether a brace is still open.
    pub(super) fn are_open(&self) -> bool {
        self.0 > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[&str]) {
        assert_eq!(code_lines(source), expected, "{source}");
    }

    #[test]
    fn comments_are_blanked() {
        check("a // b\nc", &["a ", "c"]);
        check("a /* b /* c */ d\n */ e", &["a ", " e"]);
    }

    #[test]
    fn text_is_blanked() {
        check("f(\"a // \\\" b\");", &["f();"]);
        check("f(r#\"a \" b\"#, br\"c\\\");", &["f(, );"]);
        check("bar\"a\"", &["bar"]);
    }

    #[test]
    fn characters_are_blanked_and_lifetimes_are_not() {
        check("f('\"', '\\'', '\\u{41}', 'ä')", &["f(, , , )"]);
        check("fn f<'a>(x: &'a str) {}", &["fn f<'a>(x: &'a str) {}"]);
    }

    #[test]
    fn raw_identifiers_are_code() {
        check("r#type r#\"x\"#", &["r#type "]);
    }
}
