//! What is fuzzed: each target feeds bytes to one parser and checks what must hold of the rest.
//!
//! A target fails by panicking. The same file is part of the fuzz program and of an ordinary
//! test of the server, so it uses nothing but public interfaces.

mod authorization;
mod backups;
mod cell;
mod ciphertext;
mod config;
mod events;
mod imports;
mod names;
mod policies;
mod presigned;
mod requests;
mod rows;
mod sessions;
mod shares;
mod times;
mod tokens;

/// A parser under test.
pub(crate) struct Target {
    /// Its name: of its corpus and dictionary too.
    pub(crate) name: &'static str,
    /// Feeds it and says whether it read the input; panics if something does not hold.
    pub(crate) run: fn(&[u8]) -> bool,
}

pub(crate) const ALL: &[Target] = &[
    Target {
        name: "authorization",
        run: authorization::run,
    },
    Target {
        name: "backups",
        run: backups::run,
    },
    Target {
        name: "cell",
        run: cell::run,
    },
    Target {
        name: "ciphertext",
        run: ciphertext::run,
    },
    Target {
        name: "config",
        run: config::run,
    },
    Target {
        name: "events",
        run: events::run,
    },
    Target {
        name: "imports",
        run: imports::run,
    },
    Target {
        name: "names",
        run: names::run,
    },
    Target {
        name: "policies",
        run: policies::run,
    },
    Target {
        name: "presigned",
        run: presigned::run,
    },
    Target {
        name: "requests",
        run: requests::run,
    },
    Target {
        name: "rows",
        run: rows::run,
    },
    Target {
        name: "sessions",
        run: sessions::run,
    },
    Target {
        name: "shares",
        run: shares::run,
    },
    Target {
        name: "times",
        run: times::run,
    },
    Target {
        name: "tokens",
        run: tokens::run,
    },
];
