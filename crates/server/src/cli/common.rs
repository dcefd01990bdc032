//! Flags that several subcommands take: which data directory, which server.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use types::Region;

use crate::client;

/// Where the data is and how its root key is unsealed.
#[derive(Debug, Args)]
pub struct DirectoryArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "STRONGROOM_DATA")]
    pub data: Option<PathBuf>,
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "STRONGROOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// The file with the key that seals the root key; outside the data directory
    /// [default: the data directory's name with `.key` appended].
    #[arg(long, value_name = "FILE", env = "STRONGROOM_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// A file whose first line is the passphrase that seals the root key, instead of a key
    /// file.
    #[arg(
        long,
        value_name = "FILE",
        env = "STRONGROOM_PASSPHRASE_FILE",
        conflicts_with = "key_file"
    )]
    pub passphrase_file: Option<PathBuf>,
}

/// Which server to call, and as whom.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// The server.
    #[arg(
        long,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL",
        default_value = "http://127.0.0.1:4700"
    )]
    pub endpoint: http::Uri,
    /// The server's data directory, whose `credentials` file is used if the environment has
    /// no credentials.
    #[arg(long, value_name = "DIR", env = "STRONGROOM_DATA")]
    pub data: Option<PathBuf>,
    /// Who vouches for the server.
    #[command(flatten)]
    pub authorities: AuthorityArgs,
}

/// Whose certificates a server must show.
#[derive(Debug, Args)]
pub struct AuthorityArgs {
    /// The certificates (PEM) that the server's certificate must come from [default: those of
    /// `AWS_CA_BUNDLE`, else of `SSL_CERT_FILE`, else the system's].
    #[arg(
        long,
        value_name = "FILE",
        env = "STRONGROOM_CA_FILE",
        default_value_os_t = client::authorities(),
        hide_default_value = true
    )]
    pub ca_file: PathBuf,
}

/// Which server to call, as whom, and in which region.
#[derive(Debug, Args)]
pub struct RegionalArgs {
    /// The server and the credentials.
    #[command(flatten)]
    pub client: ClientArgs,
    /// The region [default: that of `AWS_DEFAULT_REGION`, else `us-east-1`].
    #[arg(long, value_name = "NAME", env = "AWS_REGION")]
    region: Option<Region>,
}

impl RegionalArgs {
    /// The region of the flags or `AWS_REGION`, else of `AWS_DEFAULT_REGION`, which the server
    /// prints, else `us-east-1`.
    ///
    /// Fails if `AWS_DEFAULT_REGION` is none.
    pub fn region(&self) -> anyhow::Result<Region> {
        self.or_default(std::env::var("AWS_DEFAULT_REGION").ok())
    }

    fn or_default(&self, default: Option<String>) -> anyhow::Result<Region> {
        if let Some(region) = &self.region {
            return Ok(region.clone());
        }
        let default = default.filter(|name| !name.is_empty());
        let name = default.as_deref().unwrap_or(Region::GLOBAL);
        name.parse()
            .with_context(|| format!("AWS_DEFAULT_REGION: `{name}` is not a region"))
    }
}

/// What a running server is asked: where, and how the answer is printed.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The server, the credentials and the region.
    #[command(flatten)]
    pub at: RegionalArgs,
    /// Print the answer as JSON; where there are several, a line each.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        at: RegionalArgs,
    }

    fn check(flags: &[&str], default: Option<&str>, expected: &str) {
        let line = Line::try_parse_from([&["x"], flags].concat()).unwrap();
        let region = line.at.or_default(default.map(str::to_owned));
        let shown = region.map_or_else(|refused| refused.to_string(), |it| it.to_string());
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_region_is_the_flags_or_the_one_that_the_server_printed() {
        let flag = ["--region", "eu-west-1"];
        check(&flag, Some("eu-central-1"), "eu-west-1");
        check(&[], Some("eu-central-1"), "eu-central-1");
        check(&[], Some(""), "us-east-1");
        check(&[], None, "us-east-1");
        check(
            &[],
            Some("Mars"),
            "AWS_DEFAULT_REGION: `Mars` is not a region",
        );
    }
}
