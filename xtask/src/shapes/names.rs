//! Rust names for AWS's names.

/// Words that a field may not be called without `r#`.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match",
    "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "try", "type", "typeof", "union", "unsafe", "use", "virtual", "where", "while", "yield",
];

/// `AWSAccountId` → `aws_account_id`, `S3Uri` → `s3_uri`; keywords get `r#`.
pub(super) fn field(name: &str) -> String {
    let snake = snake(name);
    if KEYWORDS.contains(&snake.as_str()) {
        format!("r#{snake}")
    } else {
        snake
    }
}

/// `existingUserNameType` → `EXISTING_USER_NAME_TYPE`.
pub(super) fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `statusType` → `StatusType`.
pub(super) fn type_name(name: &str) -> String {
    capitalised(name)
}

/// `SYMMETRIC_DEFAULT` → `SymmetricDefault`, `Standard_V2` → `StandardV2`, `1A` → `V1a`, `SELF` → `Self_`.
pub(super) fn variant(value: &str) -> String {
    let joined: String = value
        .split(|character: char| !character.is_ascii_alphanumeric())
        .map(|part| {
            if part.contains(|character: char| character.is_ascii_lowercase()) {
                capitalised(part)
            } else {
                capitalised(&part.to_ascii_lowercase())
            }
        })
        .collect();
    if joined.starts_with(|character: char| character.is_ascii_digit()) {
        format!("V{joined}")
    } else if joined == "Self" {
        "Self_".to_owned()
    } else {
        joined
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    match characters.next() {
        Some(first) => format!("{}{}", first.to_ascii_uppercase(), characters.as_str()),
        None => String::new(),
    }
}

fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    let mut before: Option<char> = None;
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            out.push('_');
            before = None;
            continue;
        }
        let next_is_small = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| !before.is_ascii_uppercase() || next_is_small);
        if starts_word {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
        before = Some(*letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_snake_case() {
        for (name, expected) in [
            ("KeyId", "key_id"),
            ("AWSAccountId", "aws_account_id"),
            ("S3Uri", "s3_uri"),
            ("ResolvedOutputS3Uri", "resolved_output_s3_uri"),
            ("CloudHsmClusterId", "cloud_hsm_cluster_id"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(name), expected);
        }
    }

    #[test]
    fn variants_are_camel_case() {
        for (value, expected) in [
            ("SYMMETRIC_DEFAULT", "SymmetricDefault"),
            ("Standard_V2", "StandardV2"),
            ("OnDemand", "OnDemand"),
            ("AWS", "Aws"),
            ("insight", "Insight"),
            ("ml.m4.xlarge", "MlM4Xlarge"),
            ("1_DAY", "V1Day"),
            ("SELF", "Self_"),
        ] {
            assert_eq!(variant(value), expected);
        }
    }

    #[test]
    fn types_and_constants_start_from_lower_case_too() {
        assert_eq!(type_name("statusType"), "StatusType");
        assert_eq!(constant("existingUserNameType"), "EXISTING_USER_NAME_TYPE");
    }
}
