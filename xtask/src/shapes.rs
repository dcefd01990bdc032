//! `cargo xtask shapes`: Rust types and tables from the service models in botocore.

mod emit;
mod model;
mod names;
mod pattern;
mod plan;
mod source;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use self::plan::{Choice, Plan};
use self::source::{Source, Unavailable};
use crate::say;

/// Where the generated files go, from the root of the checkout.
const GENERATED: &str = "crates/shapes/src/generated";

/// What to generate, and from where.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Compare with the committed files instead of writing them.
    #[arg(long)]
    check: bool,
    /// With --check: succeed, and say so, if the models cannot be downloaded.
    #[arg(long, requires = "check")]
    skip_if_offline: bool,
    /// The `data` directory of an installed botocore of the pinned version.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Where the download is kept.
    #[arg(long, value_name = "DIR", default_value = ".cache")]
    cache: PathBuf,
}

/// Generates or compares all files of `crates/shapes/src/generated`.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let pin = source::read_pin(root)?;
    let source = match &arguments.models {
        Some(directory) => Source::directory(directory.clone(), pin),
        None => match Source::download(root, &arguments.cache, pin) {
            Ok(source) => source,
            Err(error) if arguments.skip_if_offline && error.is::<Unavailable>() => {
                say(&format!("shapes: not compared: {error:#}"));
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error),
        },
    };
    let files = generate(root, &source)?;
    let directory = root.join(GENERATED);
    if arguments.check {
        compare(&directory, &files)
    } else {
        write(&directory, &files)
    }
}

/// The formatted files by name.
fn generate(root: &Path, source: &Source) -> Result<BTreeMap<String, String>> {
    let list = root.join("xtask/operations.toml");
    let text = std::fs::read_to_string(&list)
        .with_context(|| format!("reading {} failed", list.display()))?;
    let choices: BTreeMap<String, Choice> =
        toml::from_str(&text).with_context(|| format!("{} is not valid", list.display()))?;
    let mut files = BTreeMap::new();
    for (service, choice) in &choices {
        let mut model = source.model(root, service)?;
        choice
            .narrow(&mut model)
            .with_context(|| format!("in the model of {service}"))?;
        let plan =
            Plan::new(&model, choice).with_context(|| format!("in the model of {service}"))?;
        let code = emit::service(service, source.version(), &plan)
            .with_context(|| format!("generating {service}"))?;
        let name = format!("{}.rs", choice.module);
        files.insert(name, format_code(root, &code)?);
    }
    let index = emit::index(choices.values().map(|choice| choice.module.as_str()))?;
    files.insert("mod.rs".to_owned(), format_code(root, &index)?);
    Ok(files)
}

fn format_code(root: &Path, code: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt does not start; `rustup component add rustfmt` installs it")?;
    let mut input = rustfmt.stdin.take().context("rustfmt has no input")?;
    let text = code.to_owned();
    let feeder = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = rustfmt.wait_with_output().context("rustfmt failed")?;
    let fed = feeder.join();
    if !output.status.success() || !matches!(fed, Ok(Ok(()))) {
        bail!("rustfmt refused generated code:\n{code}");
    }
    String::from_utf8(output.stdout).context("rustfmt answered no UTF-8")
}

fn write(directory: &Path, files: &BTreeMap<String, String>) -> Result<ExitCode> {
    std::fs::create_dir_all(directory)?;
    for name in present(directory)? {
        if !files.contains_key(&name) {
            std::fs::remove_file(directory.join(&name))?;
            say(&format!("shapes: removed {name}"));
        }
    }
    for (name, text) in files {
        let path = directory.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            std::fs::write(&path, text)
                .with_context(|| format!("writing {} failed", path.display()))?;
            say(&format!("shapes: wrote {name}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(directory: &Path, files: &BTreeMap<String, String>) -> Result<ExitCode> {
    let mut findings = Vec::new();
    for name in present(directory)? {
        if !files.contains_key(&name) {
            findings.push(format!("{GENERATED}/{name}: nothing generates this file"));
        }
    }
    for (name, text) in files {
        match std::fs::read_to_string(directory.join(name)) {
            Ok(committed) if committed == *text => {}
            Ok(_) => findings.push(format!(
                "{GENERATED}/{name}: differs from the models; run `cargo xtask shapes`"
            )),
            Err(error) => findings.push(format!("{GENERATED}/{name}: {error}")),
        }
    }
    for finding in &findings {
        say(finding);
    }
    if findings.is_empty() {
        say(&format!(
            "shapes: {} files agree with the models",
            files.len()
        ));
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

/// The names of the Rust files in `directory`.
fn present(directory: &Path) -> Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
