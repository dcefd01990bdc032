//! Where the service models come from: the pinned wheel, or an installed botocore.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::model::Model;

/// The version and hash of the requirements file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pin {
    version: String,
    sha256: String,
}

/// A place that has the models of the pinned version.
#[derive(Debug)]
pub(super) struct Source {
    pin: Pin,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Wheel(PathBuf),
    Directory(PathBuf),
}

/// The models cannot be downloaded.
#[derive(Debug)]
pub(super) struct Unavailable(String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Reads the pin from `xtask/botocore.txt`.
pub(super) fn read_pin(root: &Path) -> Result<Pin> {
    let path = root.join("xtask/botocore.txt");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("reading {} failed", path.display()))?;
    parse_pin(&text).with_context(|| format!("{} pins no botocore", path.display()))
}

fn parse_pin(text: &str) -> Option<Pin> {
    text.lines().find_map(|line| {
        let (version, rest) = line.strip_prefix("botocore==")?.split_once(' ')?;
        let sha256 = rest.trim().strip_prefix("--hash=sha256:")?;
        Some(Pin {
            version: version.to_owned(),
            sha256: sha256.to_owned(),
        })
    })
}

impl Source {
    /// The `data` directory of an installed botocore.
    pub(super) fn directory(directory: PathBuf, pin: Pin) -> Self {
        Self {
            pin,
            place: Place::Directory(directory),
        }
    }

    /// The pinned wheel, downloaded into `cache` if it is not there yet.
    ///
    /// Fails with [`Unavailable`] if it cannot be downloaded.
    pub(super) fn download(root: &Path, cache: &Path, pin: Pin) -> Result<Self> {
        let cache = root.join(cache);
        let wheel = cache.join(format!("botocore-{}-py3-none-any.whl", pin.version));
        if !wheel.exists() {
            std::fs::create_dir_all(&cache)?;
            fetch(root, &cache)?;
        }
        Ok(Self {
            pin,
            place: Place::Wheel(wheel),
        })
    }

    /// The version of botocore.
    pub(super) fn version(&self) -> &str {
        &self.pin.version
    }

    /// The newest model of `service`.
    pub(super) fn model(&self, root: &Path, service: &str) -> Result<Model> {
        let (kind, place, proof) = match &self.place {
            Place::Wheel(file) => ("wheel", file, &self.pin.sha256),
            Place::Directory(directory) => ("dir", directory, &self.pin.version),
        };
        let output = Command::new("python3")
            .arg(root.join("xtask/read_model.py"))
            .arg(kind)
            .arg(place)
            .args([proof, service])
            .stderr(Stdio::inherit())
            .output()
            .context("python3 does not start")?;
        if !output.status.success() {
            bail!("the model of {service} could not be read");
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the model of {service} is not understood"))
    }
}

fn fetch(root: &Path, cache: &Path) -> Result<()> {
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--require-hashes", "--only-binary", ":all:"])
        .arg("--requirement")
        .arg(root.join("xtask/botocore.txt"))
        .arg("--dest")
        .arg(cache)
        .output();
    let problem = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("python3 does not start: {error}"),
    };
    let last = problem.lines().last().unwrap_or_default();
    Err(Unavailable(format!(
        "botocore cannot be downloaded ({last}); --models DIR names an installed one"
    ))
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_is_found_among_comments() {
        let pin = parse_pin("# why\nbotocore==1.2.3 --hash=sha256:abc\n").unwrap();
        assert_eq!(
            (pin.version.as_str(), pin.sha256.as_str()),
            ("1.2.3", "abc")
        );
    }

    #[test]
    fn a_version_without_a_hash_is_no_pin() {
        assert_eq!(parse_pin("botocore==1.2.3\n"), None);
    }
}
