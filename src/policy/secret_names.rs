//! Names of files that hold secrets by convention. `builtin:contained` denies to read them, and no file of ours may
//! be one.

use std::sync::LazyLock;

use globset::{GlobSet, GlobSetBuilder};

use super::paths::{path_glob, with_folders};

/// The patterns, as `builtin:contained` has them under `paths.read.deny`.
pub const SECRET_NAMES: [&str; 32] = [
    "**/.env*",
    "**/*.env",
    "**/*.pem",
    "**/*.key",
    "**/*.p12",
    "**/*.pfx",
    "**/*.jks",
    "**/*.keystore",
    "**/*.kdbx",
    "**/id_rsa*",
    "**/id_dsa*",
    "**/id_ecdsa*",
    "**/id_ed25519*",
    "**/.ssh",
    "**/.gnupg",
    "**/.aws",
    "**/.kube",
    "**/.docker",
    "**/.netrc",
    "**/_netrc",
    "**/.npmrc",
    "**/.yarnrc*",
    "**/.pypirc",
    "**/pip.conf",
    "**/.git-credentials",
    "**/credentials",
    "**/credentials.{json,toml,xml,csv,yaml,yml}",
    "**/secrets.{json,toml,yaml,yml}",
    "**/.htpasswd",
    "**/.pgpass",
    "**/.vault-token",
    "**/.git",
];

static SET: LazyLock<Option<GlobSet>> = LazyLock::new(|| {
    let mut set = GlobSetBuilder::new();
    for name in SECRET_NAMES {
        set.add(path_glob(name).ok()?);
    }
    set.build().ok()
});

/// Is this, by its name or that of a folder above it, a file that holds secrets? The path is `/`-separated.
pub fn is_secret_name(path: &str) -> bool {
    let path = path.trim_start_matches("./").trim_start_matches('/').to_ascii_lowercase();
    SET.as_ref().is_none_or(|set| with_folders(&path).any(|path| set.is_match(path)))
}

/// The same of the path alone, which is in lower case: for a walk that has asked about the folders above it.
pub fn is_secret_name_itself(path: &str) -> bool {
    SET.as_ref().is_none_or(|set| set.is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_by_name() {
        for path in [
            ".env",
            "a/.ENV.local",
            "k.pem",
            "x/id_rsa",
            "/home/u/.ssh/known",
            ".git/config",
            ".netrc",
            "a/credentials.json",
        ] {
            assert!(is_secret_name(path), "{path}");
        }
        for path in [
            "src/main.rs",
            "environment.md",
            ".gitignore",
            "docs/secrets",
            "keys.rs",
            "src/secrets.rs",
            "credentials.py",
            ".github/x.yml",
            "prompts/plan.md",
        ] {
            assert!(!is_secret_name(path), "{path}");
        }
    }
}
