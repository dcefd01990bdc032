//! What files are accepted, and what the reference says of them.

use super::*;
use crate::cli::DirectoryArgs;

fn refusal(text: &str) -> String {
    parse("c.toml", text).unwrap_err().to_string()
}

fn args(data: &str, key: Option<&str>) -> DirectoryArgs {
    DirectoryArgs {
        data: Some(data.into()),
        config: None,
        key_file: key.map(Into::into),
        passphrase_file: None,
    }
}

#[test]
fn unknown_settings_are_refused_with_their_line() {
    let text = refusal("listen = \"127.0.0.1:1\"\n\nlisten_adress = \"x\"\n");
    assert!(
        text.starts_with("c.toml:3: unknown field `listen_adress`"),
        "{text}"
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_their_line() {
    let text = refusal("regions = [\"us-east-1\"]\nlisten = \"nowhere\"\n");
    assert!(text.starts_with("c.toml:2: "), "{text}");
    let text = refusal("\nregions = []\n");
    assert_eq!(text, "c.toml:2: `regions` names no region");
}

#[test]
fn limits_that_no_server_could_work_with_are_refused() {
    let reason = "`limits.connections` must be between 1 and 1000000";
    for (text, line) in [
        ("[limits]\nconnections = 0\n", 2),
        (
            "# connections\n\nlimits = { body_seconds = 1, connections=0 }\n",
            3,
        ),
        ("log.json = true\nlimits.connections = 2000000\n", 2),
    ] {
        assert!(
            refusal(text).ends_with(&format!(":{line}: {reason}")),
            "{text}"
        );
    }
}

#[test]
fn the_history_is_kept_for_at_least_as_long_as_records_are_explained() {
    let days = |days: u64| std::time::Duration::from_hours(24 * days);
    let history = |text: &str| parse("c.toml", text).unwrap().limits.history();
    let usual = history("");
    assert_eq!((usual.least, usual.most), (days(92), None));
    assert_eq!(usual.versions, None);
    let other = history("limits = { history_days = 92, history_versions = 100 }\n");
    assert_eq!((other.most, other.versions), (Some(days(92)), Some(100)));
    assert_eq!(history("limits.history_days = 400\n").most, Some(days(400)));
    let text = refusal("limits.history_days = 91\n");
    let reason = "`limits.history_days` must be between 92 and 3650";
    assert_eq!(text, format!("c.toml:1: {reason}"));
}

#[test]
fn quotas_of_the_feature_store_are_refused_with_their_line() {
    let text = refusal("[feature_store]\nprovisioned_units_per_group = 1\nfeatures = 0\n");
    let reason = "`feature_store.features` must be between 1 and 10000";
    assert_eq!(text, format!("c.toml:3: {reason}"));
    let file = parse("c.toml", "feature_store.features = 3000\n").unwrap();
    let quotas = file.feature_store.read().unwrap();
    let aws = featurestore::Quotas::default();
    assert_eq!(quotas.features, 3000);
    assert_eq!(quotas.units_per_group, aws.units_per_group);
}

#[test]
fn extensions_are_off_unless_they_are_named() {
    let file = parse("c.toml", "").unwrap();
    assert_eq!(file.extensions.read(), featurestore::Extensions::default());
    let file = parse("c.toml", "[extensions]\nin_memory_cmk = true\n").unwrap();
    let extensions = file.extensions.read();
    assert!(extensions.in_memory_cmk && !extensions.in_memory_offline);
    assert!(refusal("[extensions]\nin_memory = true\n").contains("unknown field"));
}

#[test]
fn a_log_filter_that_is_none_is_refused_with_its_line() {
    let text = refusal("[log]\nfilter = \"==\"\n");
    assert!(text.contains(":2: `==` is not a log filter"), "{text}");
    let text = refusal("[log]\nfilter = \"inof\"\n");
    assert!(text.contains(":2: `inof` is not a log filter"), "{text}");
}

#[test]
fn regions_are_those_of_the_partition() {
    for region in [
        "us-east-1",
        "eu-central-2",
        "ap-southeast-7",
        "mx-central-1",
    ] {
        assert!(is_of_partition(&region.parse().unwrap()), "{region}");
    }
    for region in [
        "us-gov-west-1",
        "cn-north-1",
        "us-east",
        "us-east-1a",
        "local",
        "us--1",
        "us-east-0",
    ] {
        assert!(!is_of_partition(&region.parse().unwrap()), "{region}");
    }
    let text = refusal("\nregions = [\"us-east-1\", \"mars-1\"]\n");
    assert!(
        text.starts_with("c.toml:2: `mars-1` is not a region"),
        "{text}"
    );
}

/// A file with one issuer of these settings.
fn issuer(url: &str, settings: &str) -> String {
    format!("\n[[issuers]]\nurl = \"{url}\"\n{settings}\n")
}

#[test]
fn issuers_have_keys_in_a_file_or_at_an_address_that_a_certificate_vouches_for() {
    let one = issuer("https://a.example.com/x", "keys_file = \"k\"");
    let address = "keys_url = \"https://10.0.0.1:6443/k?v=1\"\nca_file = \"ca\"";
    let two = issuer("https://b.example.com", address);
    let file = parse("c.toml", &format!("{one}{two}")).unwrap();
    let issuers = issuers(&file.issuers).unwrap();
    assert_eq!(issuers[0].url, "a.example.com/x");
    assert_eq!(issuers[0].keys, KeysFrom::File("k".into()));
    let KeysFrom::Address { url, ca_file } = &issuers[1].keys else {
        panic!("{issuers:?}");
    };
    assert_eq!(url, "https://10.0.0.1:6443/k?v=1");
    assert_eq!(ca_file, Path::new("ca"));
    let text = refusal(&format!("{one}{one}"));
    let expected = "c.toml:6: the issuer `https://a.example.com/x` is there already";
    assert_eq!(text, expected);
}

#[test]
fn issuers_whose_keys_cannot_be_trusted_are_refused() {
    for settings in [
        "",
        "keys_url = \"https://a.example.com/k\"",
        "ca_file = \"ca\"",
        "keys_file = \"k\"\nca_file = \"ca\"",
        "keys_file = \"k\"\nkeys_url = \"https://a.example.com/k\"\nca_file = \"ca\"",
        "keys_url = \"http://a.example.com/k\"\nca_file = \"ca\"",
        "keys_url = \"https://u:p@a.example.com/k\"\nca_file = \"ca\"",
        "keys_url = \"/k\"\nca_file = \"ca\"",
    ] {
        let text = refusal(&issuer("https://a.example.com", settings));
        assert!(text.starts_with("c.toml:2: "), "{text}");
    }
    let text = refusal(&issuer("http://a.example.com", "keys_file = \"k\""));
    let expected = "c.toml:2: `http://a.example.com` is no issuer: https://, a host, and \
                    perhaps a path";
    assert_eq!(text, expected);
}

#[test]
fn two_seals_are_refused() {
    let text = refusal("[seal]\nkey_file = \"a\"\npassphrase_file = \"b\"\n");
    assert!(
        text.starts_with("c.toml:3: `seal` has more than one"),
        "{text}"
    );
}

#[test]
fn the_key_file_is_beside_the_data_directory_by_default() {
    let directory = DirectoryConfig::of(&args("/srv/strongroom", None)).unwrap();
    assert_eq!(
        directory.seal,
        SealConfig::Unnamed {
            key_file: "/srv/strongroom.key".into()
        }
    );
}

#[test]
fn a_key_file_inside_the_data_directory_is_refused() {
    let refused = DirectoryConfig::of(&args("/srv/strongroom", Some("/srv/strongroom/sub/k")));
    assert!(matches!(refused, Err(ConfigError::SecretInsideData { .. })));
}

#[test]
fn whatever_opens_the_seal_is_refused_inside_the_data_directory() {
    let refused_inside = |args: &DirectoryArgs| {
        let refused = DirectoryConfig::of(args);
        matches!(refused, Err(ConfigError::SecretInsideData { .. }))
    };
    let phrase = |path: &str| DirectoryArgs {
        passphrase_file: Some(path.into()),
        ..args("/srv/strongroom", None)
    };
    assert!(refused_inside(&phrase("/srv/strongroom/phrase")));
    assert!(!refused_inside(&phrase("/srv/phrase")));
    // Beside a directory that is named by what is above it is within it.
    assert!(refused_inside(&args("/srv/strongroom/..", None)));
    let scratch = tempfile::tempdir().unwrap();
    let configured = |seal: &str| {
        let path = scratch.path().join("c.toml");
        std::fs::write(&path, seal).unwrap();
        DirectoryArgs {
            config: Some(path),
            ..args("/srv/strongroom", None)
        }
    };
    for (place, refused) in [("/srv/strongroom/sub", true), ("/srv", false)] {
        let kms = format!(
            "[seal.kms]\nendpoint = \"https://kms.example.com\"\nregion = \"us-east-1\"\n\
             key = \"k\"\ncredentials_file = \"{place}/c\"\n"
        );
        let token = format!(
            "[seal.token]\nmodule = \"/m.so\"\ntoken = \"t\"\npin_file = \"{place}/pin\"\n"
        );
        let passphrase = format!("[seal]\npassphrase_file = \"{place}/p\"\n");
        let key = format!("[seal]\nkey_file = \"{place}/k\"\n");
        for seal in [kms, token, passphrase, key] {
            assert_eq!(refused_inside(&configured(&seal)), refused, "{seal}");
        }
    }
}

#[test]
fn without_a_data_directory_nothing_starts() {
    let args = DirectoryArgs {
        data: None,
        config: None,
        key_file: None,
        passphrase_file: None,
    };
    assert!(matches!(
        DirectoryConfig::of(&args),
        Err(ConfigError::NoData)
    ));
}

/// The settings that a table of the file may have, as its reader lists them.
fn settings_of(table: &str) -> Vec<String> {
    let text = match table {
        "" => "no_such_setting = 1".to_owned(),
        "issuers" | "tokens" | "external_key_stores" => {
            format!("[[{table}]]\nno_such_setting = 1")
        }
        table => format!("[{table}]\nno_such_setting = 1"),
    };
    let refused = refusal(&text);
    let expected = refused.split_once("expected").unwrap().1;
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|name| match table {
            "" => name.to_owned(),
            _ => format!("{table}.{name}"),
        })
        .collect()
}

#[test]
fn every_setting_of_the_file_is_in_the_reference() {
    const TABLES: [&str; 15] = [
        "seal",
        "seal.kms",
        "seal.token",
        "tls",
        "limits",
        "log",
        "metrics",
        "backup",
        "proxy",
        "issuers",
        "kms",
        "tokens",
        "external_key_stores",
        "feature_store",
        "extensions",
    ];
    let mut settings = settings_of("");
    settings.extend(TABLES.into_iter().flat_map(settings_of));
    settings.retain(|name| !TABLES.contains(&name.as_str()));
    let mut documented: Vec<String> = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|names| names.split('`').map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect();
    settings.sort();
    documented.sort();
    assert_eq!(settings, documented);
}

#[test]
fn every_flag_and_variable_of_serve_is_in_the_reference() {
    use clap::CommandFactory;
    let cli = crate::cli::Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    for flag in serve.get_arguments() {
        let long = flag.get_long().unwrap();
        assert!(REFERENCE.contains(&format!("`--{long} ")), "--{long}");
        let variable = flag.get_env().unwrap().to_str().unwrap();
        assert!(REFERENCE.contains(&format!("`{variable}`")), "{variable}");
    }
}

#[test]
fn the_limits_have_the_defaults_of_the_reference() {
    // `Limits { connections: 4096, … }`
    let debug = format!("{:?}", Limits::default());
    let fields = debug
        .split_once('{')
        .unwrap()
        .1
        .trim_end_matches([' ', '}']);
    for field in fields.split(", ") {
        let (name, value) = field.trim().split_once(": ").unwrap();
        let value = match (name, value) {
            ("cache_memory", "None") => "an eighth of the memory",
            ("outbox_account_bytes", "None") => "half of `outbox_bytes`",
            (_, value) => value,
        };
        let (begin, default) = (format!("| `limits.{name}` |"), format!(" | {value} | "));
        let mut rows = REFERENCE.lines().filter(|row| row.starts_with(&begin));
        assert!(rows.any(|row| row.contains(&default)), "{begin}…{default}");
    }
}
