//! What a toolchain's name opens: folders of programs, read-only subtrees, and the variables that fix the choice. Exact
//! subtrees, so that no folder of the home and no file with a credential is among them. Where they lie on this machine
//! is told by the runner; nothing is looked up here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the toolchains of this machine lie, as the user has them. A workspace has no say in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toolchains {
    /// Of rustup; a system's own needs no mention.
    pub rust: Option<RustPlaces>,
    /// Cargo's home, for the packages that were fetched.
    pub cargo_home: Option<PathBuf>,
    /// Folders with `bin` and `lib` of a Python that is not the system's.
    pub python: Option<PathBuf>,
    /// The same of Node.
    pub node: Option<PathBuf>,
    /// The root of a Go that is not the system's.
    pub go: Option<PathBuf>,
    /// Where Go keeps fetched modules.
    pub go_modules: Option<PathBuf>,
}

/// One toolchain of rustup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustPlaces {
    /// Its name, as rustup has it.
    pub name: String,
    /// Its folder; no link.
    pub folder: PathBuf,
}

/// What one toolchain opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Folders of programs, in order.
    pub(super) search: Vec<PathBuf>,
    /// Subtrees and files that are seen, read-only, where they are.
    pub(super) visible: Vec<PathBuf>,
    /// Variables by which the programs find themselves.
    pub(super) env: BTreeMap<String, String>,
}

impl Manifest {
    /// The built-in manifest of a toolchain.
    pub(super) fn of(toolchain: &str, places: &Toolchains) -> Self {
        let mut manifest = Self::default();
        match toolchain {
            "rust" => manifest.rust(places),
            "python" => {
                manifest.prefix(places.python.as_deref());
                // there is no such folder, and none is looked for
                manifest.set("PYTHONNOUSERSITE", Path::new("1"));
            }
            "node" => manifest.prefix(places.node.as_deref()),
            "go" => manifest.go(places),
            _ => {}
        }
        manifest
    }

    /// The folders of a toolchain itself: those of fetched packages are not among them.
    pub(super) fn own(toolchain: &str, places: &Toolchains) -> Vec<PathBuf> {
        let mut manifest = Self::default();
        match toolchain {
            "rust" => return places.rust.iter().map(|rust| rust.folder.clone()).collect(),
            "python" => manifest.prefix(places.python.as_deref()),
            "node" => manifest.prefix(places.node.as_deref()),
            "go" => return places.go.iter().cloned().collect(),
            _ => {}
        }
        manifest.visible
    }

    /// The toolchain itself, without rustup, which would choose and install; packages, without `credentials.toml` and
    /// `config.toml` beside them.
    fn rust(&mut self, places: &Toolchains) {
        if let Some(RustPlaces { name, folder }) = &places.rust {
            self.search.push(folder.join("bin"));
            self.visible.push(folder.clone());
            self.set("RUSTUP_TOOLCHAIN", Path::new(name));
        }
        if let Some(home) = &places.cargo_home {
            let parts = ["registry/index", "registry/cache", "registry/src", "git/db", "git/checkouts"];
            self.visible.extend(parts.map(|part| home.join(part)));
            // the path stays the user's, which is part of what a build folder remembers; nothing else is there
            self.set("CARGO_HOME", home);
        }
    }

    /// A folder with the usual parts, without the settings (`etc`, `pip.conf`) that can lie beside them.
    fn prefix(&mut self, prefix: Option<&Path>) {
        let Some(prefix) = prefix else { return };
        self.search.push(prefix.join("bin"));
        self.visible.extend(["bin", "lib", "lib64", "include", "share"].map(|part| prefix.join(part)));
    }

    fn go(&mut self, places: &Toolchains) {
        if let Some(root) = &places.go {
            self.search.push(root.join("bin"));
            self.visible.push(root.clone());
        }
        self.search.extend(["/usr/local/go/bin", "/usr/lib/go/bin"].map(PathBuf::from));
        if let Some(modules) = &places.go_modules {
            self.visible.push(modules.clone());
            self.set("GOMODCACHE", modules);
        }
        for (name, value) in
            [("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOENV", "off"), ("GOTELEMETRY", "off")]
        {
            self.set(name, Path::new(value));
        }
    }

    fn set(&mut self, name: &str, value: &Path) {
        self.env.insert(name.to_owned(), value.to_string_lossy().into_owned());
    }
}

/// The default toolchain that the text of rustup's `settings.toml` names.
pub fn rustup_default(settings: &str) -> Option<String> {
    let line = settings.lines().find_map(|line| line.trim().strip_prefix("default_toolchain"))?;
    let name = line.trim_start().strip_prefix('=')?.trim().trim_matches('"');
    is_plain_name(name).then(|| name.to_owned())
}

/// Is this one name of a folder, and nothing that leads elsewhere?
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Toolchains {
        Toolchains {
            rust: Some(RustPlaces {
                name: "stable".into(),
                folder: "/home/u/.rustup/toolchains/stable".into(),
            }),
            cargo_home: Some("/home/u/.cargo".into()),
            python: Some("/home/u/.pyenv/versions/3.12.1".into()),
            node: Some("/home/u/.nvm/versions/node/v22.1.0".into()),
            go: Some("/home/u/sdk/go".into()),
            go_modules: Some("/home/u/go/pkg/mod".into()),
        }
    }

    #[test]
    fn the_rust_manifest_fixes_the_toolchain() {
        let settings =
            "profile = \"minimal\"\ndefault_toolchain = \"1.95.0-x86_64-unknown-linux-gnu\"\n[overrides]\n";
        assert_eq!(rustup_default(settings).as_deref(), Some("1.95.0-x86_64-unknown-linux-gnu"));
        assert_eq!(rustup_default("default_toolchain = \"../evil\""), None);
        let manifest = Manifest::of("rust", &places());
        assert_eq!(manifest.search, [PathBuf::from("/home/u/.rustup/toolchains/stable/bin")]);
        assert_eq!(manifest.env["RUSTUP_TOOLCHAIN"], "stable");
        assert_eq!(manifest.env["CARGO_HOME"], "/home/u/.cargo");
    }

    #[test]
    fn no_manifest_opens_a_home_or_a_file_with_a_credential() {
        let credentials = [
            ".cargo/credentials.toml",
            ".cargo/credentials",
            ".cargo/config.toml",
            ".npmrc",
            ".netrc",
            ".nvm/versions/node/v22.1.0/etc/npmrc",
            ".pyenv/versions/3.12.1/pip.conf",
            ".config/pip/pip.conf",
            ".pypirc",
            ".config/go/env",
            ".rustup/settings.toml",
            ".ssh/id_ed25519",
        ];
        for toolchain in ["rust", "python", "node", "go"] {
            for visible in Manifest::of(toolchain, &places()).visible {
                for credential in credentials {
                    let credential = Path::new("/home/u").join(credential);
                    assert!(!credential.starts_with(&visible), "{toolchain}: {}", visible.display());
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_opens_nothing() {
        for toolchain in ["rust", "python", "node", "zig"] {
            let manifest = Manifest::of(toolchain, &Toolchains::default());
            assert!(manifest.search.is_empty() && manifest.visible.is_empty(), "{toolchain}");
        }
    }
}
