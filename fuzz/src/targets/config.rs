//! The configuration file.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::Parser;
use server::cli::{Cli, Command};
use server::config::Config;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let name = format!("strongroom-fuzz-{}.toml", std::process::id());
    std::env::temp_dir().join(name)
});

pub(crate) fn run(data: &[u8]) -> bool {
    if std::fs::write(&*FILE, data).is_err() {
        return false;
    }
    let path = FILE.to_string_lossy();
    let line = [
        "strongroom",
        "serve",
        "--data",
        "/nowhere",
        "--config",
        &path,
    ];
    let Ok(Cli {
        command: Command::Serve(args),
    }) = Cli::try_parse_from(line)
    else {
        panic!("the command line is refused");
    };
    let read = Config::of_serve(&args);
    let _gone = std::fs::remove_file(&*FILE);
    if let Err(refused) = &read {
        assert!(!refused.to_string().is_empty());
    }
    read.is_ok()
}
