//! Where the user has toolchains: read from their own settings and folders, before the first call, and never from the
//! workspace. What is found is real folders, links resolved; what each opens is the policy's to say.
#![expect(clippy::disallowed_methods, reason = "the runner looks at its own machine on the gate's behalf")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::policy::{RustPlaces, Toolchains, is_plain_name, rustup_default};

/// The most bytes of a settings file.
const MAX_SETTINGS: u64 = 1 << 20;

/// The variables of the user's own environment that say where a toolchain is.
pub(super) const VARIABLES: [&str; 8] = [
    "HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HOME",
    "PYENV_ROOT",
    "NVM_DIR",
    "GOROOT",
    "GOMODCACHE",
];

/// Looks for toolchains. `env` holds what the user's environment says under [`VARIABLES`]; a path in it must be
/// absolute.
pub(super) fn toolchains(env: &BTreeMap<&str, String>) -> Toolchains {
    let finder = Finder { env };
    Toolchains {
        rust: finder.rust(),
        cargo_home: finder.folder("CARGO_HOME", ".cargo"),
        python: finder.python(),
        node: finder.node(),
        go: finder.go(),
        go_modules: finder.folder("GOMODCACHE", "go/pkg/mod"),
    }
}

struct Finder<'a> {
    env: &'a BTreeMap<&'a str, String>,
}

impl Finder<'_> {
    /// The folder that a variable names, or that lies in the home.
    fn folder(&self, variable: &str, in_home: &str) -> Option<PathBuf> {
        let named = self.env.get(variable).map(PathBuf::from);
        let folder = named.or_else(|| Some(Path::new(self.env.get("HOME")?).join(in_home)))?;
        real(&folder)
    }

    fn rust(&self) -> Option<RustPlaces> {
        let home = self.folder("RUSTUP_HOME", ".rustup")?;
        let own = self.env.get("RUSTUP_TOOLCHAIN").filter(|name| is_plain_name(name)).cloned();
        let name = own.or_else(|| rustup_default(&settings(&home.join("settings.toml"))?))?;
        let all = home.join("toolchains");
        // a channel stands for its toolchain for this machine
        let host = format!("{name}-{}-unknown-linux-gnu", std::env::consts::ARCH);
        let (name, folder) =
            [name, host].into_iter().find_map(|name| Some((name.clone(), real(&all.join(name))?)))?;
        folder.join("bin").is_dir().then_some(RustPlaces { name, folder })
    }

    /// The version that pyenv uses where no folder says otherwise; the system's where there is none.
    fn python(&self) -> Option<PathBuf> {
        let root = self.folder("PYENV_ROOT", ".pyenv")?;
        let text = settings(&root.join("version"))?;
        let wanted = text.split_whitespace().next()?;
        Self::newest(&root.join("versions"), wanted)
    }

    /// The version that nvm's `default` names.
    fn node(&self) -> Option<PathBuf> {
        let root = self.folder("NVM_DIR", ".nvm")?;
        let mut wanted = settings(&root.join("alias/default"))?.trim().to_owned();
        // `lts/*` leads to `lts/jod`, and that to a version
        for _ in 0..4 {
            let alias = root.join("alias").join(&wanted);
            let is_alias = wanted.split('/').all(|part| is_plain_name(part) || part == "*");
            let Some(text) = is_alias.then(|| settings(&alias)).flatten() else { break };
            text.trim().clone_into(&mut wanted);
        }
        let wanted = if wanted == "node" || wanted == "stable" { "" } else { wanted.trim_start_matches('v') };
        Self::newest(&root.join("versions/node"), wanted)
    }

    fn go(&self) -> Option<PathBuf> {
        let root = real(Path::new(self.env.get("GOROOT")?))?;
        root.join("bin/go").is_file().then_some(root)
    }

    /// The folder whose name is `wanted`, or else the newest version of those that begin with it.
    fn newest(folder: &Path, wanted: &str) -> Option<PathBuf> {
        if is_plain_name(wanted)
            && let Some(exact) = real(&folder.join(wanted))
        {
            return Some(exact);
        }
        let names =
            fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let begins = |name: &String| {
            let rest = name.trim_start_matches('v').strip_prefix(wanted);
            wanted.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let newest =
            names.filter(|name| is_plain_name(name)).filter(begins).max_by_key(|name| version(name))?;
        real(&folder.join(newest))
    }
}

/// An absolute path of a folder that is there, links resolved.
fn real(folder: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(folder).ok().filter(|_| folder.is_absolute())?;
    real.is_dir().then_some(real)
}

/// The numbers of a version, for comparing.
fn version(name: &str) -> Vec<u64> {
    name.trim_start_matches('v').split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

/// The text of a small regular file.
fn settings(path: &Path) -> Option<String> {
    let facts = fs::metadata(path).ok()?;
    (facts.is_file() && facts.len() <= MAX_SETTINGS).then(|| fs::read_to_string(path).ok())?
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn folder(&self, path: &str) -> PathBuf {
            let path = fs::canonicalize(self.0.path()).unwrap().join(path);
            fs::create_dir_all(&path).unwrap();
            path
        }

        fn file(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn find(&self, more: &[(&'static str, &str)]) -> Toolchains {
            let mut env = BTreeMap::from([("HOME", self.0.path().display().to_string())]);
            env.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            toolchains(&env)
        }
    }

    #[test]
    fn an_empty_home_has_nothing() {
        assert_eq!(Home::new().find(&[]), Toolchains::default());
        assert_eq!(toolchains(&BTreeMap::new()), Toolchains::default());
    }

    #[test]
    fn rustup_and_its_default_are_found_through_links() {
        let home = Home::new();
        let stable = home.folder(".rustup/toolchains/stable-x86_64-unknown-linux-gnu");
        home.folder(".rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin");
        symlink(&stable, stable.with_file_name("1.95.0")).unwrap();
        home.file(".rustup/settings.toml", "default_toolchain = \"1.95.0\"\n");
        let cargo = home.folder(".cargo");
        let found = home.find(&[]);
        let rust = found.rust.unwrap();
        assert_eq!((rust.name.as_str(), &rust.folder), ("1.95.0", &stable));
        assert_eq!(found.cargo_home, Some(cargo));
        let own = home.find(&[("RUSTUP_TOOLCHAIN", "../../work")]);
        assert_eq!(own.rust.unwrap().name, "1.95.0", "what is no plain name is not taken");
        assert_eq!(home.find(&[("RUSTUP_TOOLCHAIN", "nightly")]).rust, None);
    }

    #[test]
    fn pyenv_and_nvm_by_their_global_choice() {
        let home = Home::new();
        for name in ["3.9.18", "3.11.7", "3.11.12"] {
            home.folder(&format!(".pyenv/versions/{name}"));
        }
        for name in ["v20.1.0", "v22.9.0", "v22.10.0"] {
            home.folder(&format!(".nvm/versions/node/{name}"));
        }
        let found = |home: &Home| {
            let found = home.find(&[]);
            let name = |path: Option<PathBuf>| Some(path?.file_name()?.to_str()?.to_owned());
            (name(found.python), name(found.node))
        };
        assert_eq!(found(&home), (None, None));
        home.file(".pyenv/version", "3.11.7\n");
        home.file(".nvm/alias/default", "lts/*\n");
        home.file(".nvm/alias/lts/*", "lts/jod\n");
        home.file(".nvm/alias/lts/jod", "v22.9.0\n");
        assert_eq!(found(&home), (Some("3.11.7".into()), Some("v22.9.0".into())));
        home.file(".pyenv/version", "3.11\n");
        home.file(".nvm/alias/default", "22\n");
        assert_eq!(found(&home), (Some("3.11.12".into()), Some("v22.10.0".into())));
        home.file(".pyenv/version", "../../../../work\n");
        home.file(".nvm/alias/default", "../../../../work\n");
        assert_eq!(found(&home), (None, None));
    }

    #[test]
    fn variables_name_absolute_folders_or_nothing() {
        let home = Home::new();
        let elsewhere = home.folder("elsewhere");
        let variables =
            [("CARGO_HOME", elsewhere.to_str().unwrap()), ("GOMODCACHE", "go"), ("PYENV_ROOT", ".")];
        let found = home.find(&variables);
        assert_eq!(found, Toolchains { cargo_home: Some(elsewhere.clone()), ..Toolchains::default() });
    }
}
