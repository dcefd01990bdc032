//! Tokens of `SoftHSM` in a scratch directory.
//!
//! The module reads its configuration from the environment of its process, once. So a test that
//! uses one runs its body in a process of its own: the test binary again, with that test only.

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// Names the test that a child process is for.
const TEST: &str = "STRONGROOM_TEST_WITH_TOKENS";

/// Where `SoftHSM` reads the place of its configuration.
const CONFIGURATION: &str = "SOFTHSM2_CONF";

/// Where Debian's packages put the module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// How long a test waits for its tokens, of whose calls some may hang on purpose.
const PATIENCE: Duration = Duration::from_mins(2);

/// A directory of tokens, and the module that reads it.
#[derive(Debug)]
pub struct SoftHsm {
    directory: PathBuf,
}

impl SoftHsm {
    /// Runs `body`, a closure in the very function that is the test, in a process of its own.
    pub fn in_own_process<F: FnOnce(&Self)>(body: F) {
        let name = type_name::<F>();
        // `crate::module::test::{{closure}}`
        let name = name.split_once("::").unwrap().1;
        let name = name.strip_suffix("::{{closure}}").unwrap();
        if std::env::var(TEST).is_ok_and(|test| test == name) {
            let configuration = PathBuf::from(std::env::var_os(CONFIGURATION).unwrap());
            let directory = configuration.parent().unwrap().to_path_buf();
            body(&Self { directory });
            assert!(token::settle(PATIENCE), "a token is still at work");
            return;
        }
        let scratch = TempDir::new().unwrap();
        let hsm = Self::create(scratch.path());
        let child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(TEST, name)
            .env(CONFIGURATION, hsm.configuration())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&child.stdout), text(&child.stderr));
        // A test that was not found succeeds too.
        let ran = child.status.success() && out.contains("1 passed");
        assert!(ran, "{name} failed\n{out}\n{err}");
    }

    /// An empty directory of tokens in `directory`, for processes with
    /// [`SoftHsm::configuration`] in their environment.
    pub fn create(directory: &Path) -> Self {
        assert!(
            Path::new(MODULE).exists(),
            "SoftHSM is missing: run scripts/debian-packages.sh softhsm2"
        );
        let hsm = Self {
            directory: directory.to_path_buf(),
        };
        std::fs::create_dir(hsm.tokens()).unwrap();
        let tokens = hsm.tokens();
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        std::fs::write(hsm.configuration(), settings).unwrap();
        hsm
    }

    /// The PKCS#11 module.
    pub fn module(&self) -> PathBuf {
        PathBuf::from(MODULE)
    }

    /// What `SOFTHSM2_CONF` must say.
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("softhsm2.conf")
    }

    /// Where the tokens are.
    pub fn tokens(&self) -> PathBuf {
        self.directory.join("tokens")
    }

    /// Makes a token of this label whose user has this PIN.
    pub fn make_token(&self, label: &str, pin: &str) {
        self.tool(&[
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "so-pin-1234",
            "--pin",
            pin,
        ]);
    }

    /// Destroys the token of this label, as its owner may at any time.
    pub fn delete_token(&self, label: &str) {
        self.tool(&["--delete-token", "--token", label]);
    }

    fn tool(&self, arguments: &[&str]) {
        let run = Command::new("softhsm2-util")
            .args(arguments)
            .env(CONFIGURATION, self.configuration())
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}
