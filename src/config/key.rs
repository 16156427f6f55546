//! The table of settings: every key has a kind and a class. A key whose class nobody thought about is the user's.

use super::Profile;

/// Who may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// The machine, the user, variables and flags.
    #[default]
    User,
    /// A workspace as well: it can do no harm there.
    WorkspaceSafe,
    /// A workspace as well, and there it can only lower what the others say.
    WorkspaceLowers,
    /// Variables and flags alone: it is about one run.
    OneRun,
}

/// What values a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
    /// A relative path beneath the workspace.
    Path,
    /// A whole number, at least this.
    Count(u64),
    /// A duration: `10m`.
    Time,
    /// A size: `10MiB`.
    Size,
    /// An address that begins with `http://` or `https://`.
    Address,
    /// A digest: `sha256:…`.
    Digest,
    /// A place for anchors: `git-note`, or `file:` with an absolute path.
    AnchorPlace,
}

/// A key with all that is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// `limits.wall`; its variable is `LGFLOW_LIMITS_WALL`.
    pub key: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Who may set it.
    pub class: Class,
    /// The value where nobody says anything.
    pub default: Option<&'static str>,
    /// What it is, in a line.
    pub about: &'static str,
}

/// Every key of this version.
pub const KEYS: &[KeyInfo] = &[
    KeyInfo {
        key: "graph",
        kind: Kind::Path,
        class: Class::WorkspaceSafe,
        default: None,
        about: "the graph that `run` executes; else `.lg/graph.yaml`, else the shipped one",
    },
    KeyInfo {
        key: "format",
        kind: Kind::Word(&["human", "json"]),
        class: Class::WorkspaceSafe,
        default: Some("human"),
        about: "how data is printed",
    },
    KeyInfo {
        key: "durability",
        kind: Kind::Word(&["sync", "batch", "none"]),
        class: Class::User,
        default: Some("batch"),
        about: "when a line of the trace is safe",
    },
    KeyInfo {
        key: "concurrency.max",
        kind: Kind::Count(1),
        class: Class::WorkspaceLowers,
        default: Some("8"),
        about: "leaf calls at once",
    },
    KeyInfo {
        key: "limits.wall",
        kind: Kind::Time,
        class: Class::WorkspaceLowers,
        default: None,
        about: "time on the clock that a run may take",
    },
    KeyInfo {
        key: "limits.tool_calls",
        kind: Kind::Count(0),
        class: Class::WorkspaceLowers,
        default: None,
        about: "calls of tools that a run may make",
    },
    KeyInfo {
        key: "limits.patch_bytes",
        kind: Kind::Size,
        class: Class::WorkspaceLowers,
        default: None,
        about: "bytes of patches that a run may apply",
    },
    KeyInfo {
        key: "approvals.mutations",
        kind: Kind::Word(&["policy", "ask"]),
        class: Class::User,
        default: Some("policy"),
        about: "`ask`: what a run would change is asked about, also where its policy allows it (the ceiling `builtin:ask-mutations`)",
    },
    KeyInfo {
        key: "retention.age",
        kind: Kind::Time,
        class: Class::User,
        default: None,
        about: "how long a run that has ended is kept",
    },
    KeyInfo {
        key: "retention.count",
        kind: Kind::Count(1),
        class: Class::User,
        default: None,
        about: "how many runs that have ended are kept, the newest",
    },
    KeyInfo {
        key: "retention.size",
        kind: Kind::Size,
        class: Class::User,
        default: None,
        about: "how many bytes the runs that have ended may take, the newest first",
    },
    KeyInfo {
        key: "log",
        kind: Kind::Word(&["off", "error", "warn", "info", "debug", "trace"]),
        class: Class::User,
        default: Some("off"),
        about: "how much our processes say of their work, on standard error",
    },
    KeyInfo {
        key: "log_format",
        kind: Kind::Word(&["human", "json"]),
        class: Class::User,
        default: Some("human"),
        about: "the form of what they say",
    },
    KeyInfo {
        key: "exporters.otlp.endpoint",
        kind: Kind::Address,
        class: Class::User,
        default: None,
        about: "the collector that the spans of runs are sent to while they go on, `/v1/traces` left out; else what the `OTEL_` variables say",
    },
    KeyInfo {
        key: "metrics",
        kind: Kind::Text,
        class: Class::User,
        default: None,
        about: "the file that what is counted of runs is added to, as Prometheus reads it",
    },
    KeyInfo {
        key: "store",
        kind: Kind::Text,
        class: Class::User,
        default: None,
        about: "where runs are kept: `local`, or `postgres://USER@HOST/DATABASE`",
    },
    KeyInfo {
        key: "anchor.to",
        kind: Kind::AnchorPlace,
        class: Class::User,
        default: None,
        about: "where each run is anchored at its start, at each approval and at its end: `file:/PATH` or `git-note`",
    },
    KeyInfo {
        key: "runner",
        kind: Kind::Text,
        class: Class::User,
        default: None,
        about: "the runner that makes the calls of a run: `https://HOST`, `http://127.0.0.1:PORT` or `unix:PATH`; else one of its own",
    },
    KeyInfo {
        key: "runner_token_file",
        kind: Kind::Text,
        class: Class::User,
        default: None,
        about: "the file with the token that is presented to it; else the variable LGFLOW_RUNNER_TOKEN",
    },
    KeyInfo {
        key: "runner_key",
        kind: Kind::Text,
        class: Class::User,
        default: None,
        about: "the key that it must have: `ed25519:…`, as the runner prints it",
    },
    KeyInfo {
        key: "signing_key",
        kind: Kind::Text,
        class: Class::User,
        default: None,
        about: "the file with the Ed25519 secret key that your approvals are signed with; else the installation's own key",
    },
    KeyInfo {
        key: "profile",
        kind: Kind::Text,
        class: Class::OneRun,
        default: None,
        about: "the profile in force: a built-in one, with the user's `[profile.NAME]` on top",
    },
    KeyInfo {
        key: "state_dir",
        kind: Kind::Text,
        class: Class::OneRun,
        default: None,
        about: "the folder of the store and of the record of trust",
    },
    KeyInfo {
        key: "trust",
        kind: Kind::Digest,
        class: Class::OneRun,
        default: None,
        about: "the digest of what decides, as `lgflow trust` shows it: trusts it for one run",
    },
];

/// Sections that a workspace must never have, whether or not this version reads them anywhere.
pub(super) const NEVER_IN_A_WORKSPACE: [&str; 15] = [
    "runner",
    "anchor",
    "store",
    "exporters",
    "keys",
    "approvals",
    "approve",
    "trust",
    "models",
    "network",
    "packs",
    "search_paths",
    "retention",
    "secrets",
    "profile",
];

impl KeyInfo {
    /// The key with this name.
    pub fn find(key: &str) -> Option<&'static KeyInfo> {
        KEYS.iter().find(|info| info.key == key)
    }

    /// The built-in value in this profile, written as a file would: the profile's, else the default.
    pub fn built_in(&self, profile: Option<&Profile>) -> Option<&'static str> {
        profile.and_then(|profile| profile.value(self.key)).or(self.default)
    }

    /// The variable that sets it.
    pub fn variable(&self) -> String {
        format!("LGFLOW_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_and_variables_are_unique() {
        let keys: BTreeSet<_> = KEYS.iter().map(|info| info.key).collect();
        let variables: BTreeSet<_> = KEYS.iter().map(KeyInfo::variable).collect();
        assert_eq!((keys.len(), variables.len()), (KEYS.len(), KEYS.len()));
        assert_eq!(KeyInfo::find("limits.wall").unwrap().variable(), "LGFLOW_LIMITS_WALL");
    }

    #[test]
    fn a_key_without_a_thought_is_the_users() {
        assert_eq!(Class::default(), Class::User);
    }

    #[test]
    fn only_these_keys_are_read_from_a_workspace() {
        let safe: Vec<_> = KEYS
            .iter()
            .filter(|info| matches!(info.class, Class::WorkspaceSafe | Class::WorkspaceLowers))
            .map(|info| info.key)
            .collect();
        let expected =
            ["graph", "format", "concurrency.max", "limits.wall", "limits.tool_calls", "limits.patch_bytes"];
        assert_eq!(safe, expected);
    }
}
